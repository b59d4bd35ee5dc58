"""What the API takes and tells of observations, leads, classes and notices."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictBool, StringConstraints

from app.cases.actions import ReportedPhoto
from app.cases.command import CodeText, OptionalWords, Position
from app.moment import Moment

#: A photo of the service by its id, or a web address of the source's own.
Picture = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=r"^[^\x00-\x1f]+$")
]
_EXAMPLE: dict[str, JsonValue] = {
    "own_id": "cam-17/20260302T090003/4",
    "label": "exposed_rubbish",
    "confidence": 0.91,
    "seen_at": "2026-03-02T09:00:03+08:00",
    "position": {"x": 122.0712, "y": 41.1198, "datum": "gcj02"},
    "device": "cam-17",
    "picture": "https://video.example/p/4711.jpg",
}


class _Given(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NewObservation(_Given):
    """感知记录: one thing a sensor or camera says it saw."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    own_id: CodeText = Field(description="The source's own number: a repeat is answered as the first.")
    label: CodeText = Field(description="识别类别, a class that is mapped for this source.")
    confidence: float = Field(ge=0, le=1, strict=True, allow_inf_nan=False)
    seen_at: Moment
    position: Position
    device: CodeText | None = None
    picture: Picture | None = None


class NewObservations(_Given):
    """一批感知记录: each is answered by itself, in the same order."""

    observations: tuple[NewObservation, ...] = Field(min_length=1, max_length=200)


class Outcome(StrEnum):
    """结果 of an observation."""

    OPENED = "opened"  # a new lead
    JOINED = "joined"  # one more sighting of a lead
    UNSURE = "unsure"  # below the class's confidence: kept, no lead
    MUTED = "muted"  # the class is muted: kept, no lead
    REFUSED = "refused"  # not kept; `reason` says what to do


class ObservationReply(BaseModel):
    """What became of one observation. `repeated`: it had come before."""

    own_id: str
    outcome: Outcome
    lead: UUID | None = None
    repeated: bool = False
    reason: str | None = None


class ObservationsReply(BaseModel):
    observations: list[ObservationReply]


class LeadState(StrEnum):
    """线索状态."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"


class LeadReply(BaseModel):
    """线索. `late`: nobody has been there in time. `probe`: let through although its class is muted."""

    id: UUID
    state: LeadState
    late: bool
    category: str
    category_name: str | None
    condition: str | None
    source: str
    probe: bool
    area_code: str
    lon: float
    lat: float
    sightings: int
    confidence: float = Field(description="The highest of its sightings.")
    picture: str | None = Field(description="Of the sighting with the highest confidence.")
    first_seen_at: datetime
    last_seen_at: datetime
    opened_at: datetime
    due_at: datetime
    inspector_id: UUID | None
    inspector_name: str | None
    decided_at: datetime | None
    case_id: UUID | None


class LeadEvent(BaseModel):
    """线索日志条目."""

    at: datetime
    kind: str
    actor_id: UUID
    actor_name: str
    data: dict[str, Any]


class LeadWithEvents(LeadReply):
    events: list[LeadEvent]


class Verification(_Given):
    """现场核验 of a lead: real, with what was seen; or not, with the reason."""

    real: StrictBool
    note: OptionalWords = Field("", description="What is there. Needed where nothing is.")
    address: Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")] = ""
    position: Position | None = Field(None, description="Where it really is; the lead's place unless given.")
    condition: CodeText | None = Field(None, description="立案条件 seen; the class's unless given.")
    photos: tuple[ReportedPhoto, ...] = Field(
        (), max_length=12, description="照片 uploaded before, attached to the case."
    )


class GiveLead(_Given):
    """指派: to the inspector named, or to whom of those on duty there has the fewest."""

    username: CodeText | None = None


class ClassRule(_Given):
    """识别类别对照: what a class of a source means here, and how its sightings are put together."""

    category: CodeText = Field(description="小类 of the rulebook.")
    condition: CodeText | None = Field(None, description="立案条件, where the class tells it.")
    source: CodeText = Field("sensor", description="问题来源 of the cases, a code of the set `source`.")
    radius_m: float = Field(50, gt=0, le=1000, strict=True, description="Sightings this near are one thing.")
    window_minutes: int = Field(
        240,
        ge=1,
        le=43_200,
        strict=True,
        description="So long after a rejection, sightings there are the same false alarm.",
    )
    min_confidence: float = Field(
        0.5, ge=0, le=1, strict=True, description="Below it a sighting makes no lead."
    )


class ClassReply(ClassRule):
    """识别类别 with its precision over the settable number of days."""

    client_id: UUID
    client_name: str
    label: str
    muted_at: datetime | None
    confirmed: int
    decided: int
    precision: float | None
    interval: tuple[float, float] | None = Field(description="Of the true precision, 95 %.")


class Unmute(_Given):
    """恢复: the class is heard again, and its precision counted anew."""

    note: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=r"^[^\x00]+$")
    ]


class Notice(BaseModel):
    """静默通知."""

    at: datetime
    client_id: UUID
    client_name: str
    label: str
    kind: Literal["muted", "unmuted"]
    confirmed: int
    decided: int
    actor_name: str
    note: str
