"""What the track and patrol routes take and give."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.geo import Datum
from app.moment import Moment

MOST_POINTS = 2_000


class Refusal(StrEnum):
    """Why a point is not kept."""

    FUTURE = "future"
    TOO_OLD = "too_old"
    OFF_DUTY = "off_duty"
    NO_PLACE = "no_place"


REFUSAL_WORDS: dict[Refusal, str] = {
    Refusal.FUTURE: "晚于当前时间 / ahead of now: set the phone's clock",
    Refusal.TOO_OLD: "早于轨迹保存期限 / older than tracks are kept",
    Refusal.OFF_DUTY: "当时不在岗 / not on duty then: report duty first",
    Refusal.NO_PLACE: "坐标无效 / no place on earth in this datum",
}


class Point(BaseModel):
    """轨迹点 as the phone measured it."""

    model_config = ConfigDict(extra="forbid")

    at: Moment
    x: float = Field(allow_inf_nan=False)
    y: float = Field(allow_inf_nan=False)
    accuracy_m: float = Field(ge=0, le=100_000, allow_inf_nan=False, description="Radius of the error.")


class Track(BaseModel):
    """轨迹: a batch of points, in any order."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "datum": "gcj02",
                    "points": [
                        {"at": "2026-03-02T09:00:10+08:00", "x": 122.0712, "y": 41.1198, "accuracy_m": 8}
                    ],
                }
            ]
        },
    )

    datum: Datum = Datum.GCJ02
    points: list[Point] = Field(min_length=1, max_length=MOST_POINTS)


class RefusedPoint(BaseModel):
    """A point that is not kept; `index` counts from 0 in the batch."""

    index: int
    reason: Refusal
    words: str


class TrackReply(BaseModel):
    """What became of the batch: stored now, known before, refused. Nothing of it need be sent again."""

    stored: int
    known: int
    refused: list[RefusedPoint]


class ShiftWorked(BaseModel):
    """A shift of the day. `forgotten`: it ended by itself. `begun_in_beat` is null where nobody told."""

    started_at: datetime
    ended_at: datetime | None
    forgotten: bool
    begun_in_beat: bool | None


class BeatCovered(BaseModel):
    """覆盖率 of a beat."""

    beat: str
    name: str
    cells: int
    covered: int
    rate: float = Field(description="From 0 to 1.")
    missed: list[str] = Field(description="Cells not visited.")


class Patrol(BaseModel):
    """巡查考勤: an inspector's day."""

    account_id: UUID
    username: str
    name: str
    day: date
    shifts: list[ShiftWorked]
    on_duty_minutes: int
    evidenced_minutes: int = Field(description="Minutes on duty that track points are evidence for.")
    points: int
    first_point_at: datetime | None
    last_point_at: datetime | None
    beats: list[BeatCovered]
