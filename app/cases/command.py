"""操作的样子: what all commands are made of: the base, and the texts, codes and positions they hold."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.cases.workflow import Action
from app.dispatch.rulebook import CodeSet
from app.geo import Datum

Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=r"^[^\x00]*$")]
Words = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000, pattern=r"^[^\x00]*$")
]
OptionalWords = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=2000, pattern=r"^[^\x00]*$")
]
CodeText = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64, pattern=r"^[^\x00]+$")
]


class Command(BaseModel):
    """Base of all commands."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Action

    #: Fields whose value is a code of a code set of the rulebook.
    def coded(self) -> dict[str, CodeSet]:
        return {}

    def words(self) -> dict[str, Any]:
        """What the journal keeps of the command."""
        return self.model_dump(mode="json", exclude={"action"}, exclude_defaults=True)


class Position(BaseModel):
    """位置 as the device measured it: `x` longitude or easting, `y` latitude or northing, in `datum`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    x: float = Field(strict=True, allow_inf_nan=False, examples=[122.0712])
    y: float = Field(strict=True, allow_inf_nan=False, examples=[41.1198])
    datum: Datum = Field(Datum.GCJ02, description="What phones' maps give is `gcj02`.")
