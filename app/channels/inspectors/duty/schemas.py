"""What the duty routes take and give."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator

from app.cases.command import Position
from app.grid.schemas import AreaCode, ShiftReply
from app.moment import Moment


class DutyChange(BaseModel):
    """勤务报备: on duty or off, at the phone's moment `at`, from where."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "on": True,
                    "at": "2026-03-02T08:30:00+08:00",
                    "position": {"x": 122.0712, "y": 41.1198, "datum": "gcj02"},
                }
            ]
        },
    )

    on: StrictBool
    at: Moment = Field(description="When, by the phone. The same again is a repeat and changes nothing.")
    position: Position | None = Field(None, description="Needed to go on duty.")
    area_codes: list[AreaCode] | None = Field(
        None, min_length=1, max_length=500, description="Where today; the own beats, if left out."
    )

    @model_validator(mode="after")
    def _position_to_begin(self) -> Self:
        if self.on and self.position is None:
            raise ValueError("上岗须报位置 / going on duty needs your position")
        return self


class DutyReply(BaseModel):
    """勤务状态: whether the caller is on duty, and the newest shift."""

    on: bool
    shift: ShiftReply | None
