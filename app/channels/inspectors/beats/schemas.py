"""What the beat routes take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from app.grid.schemas import AreaCode
from app.moment import Moment

MOST_CELLS = 500
MOST_BEATS = 1_000

BeatCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
_Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$"),
]
_Username = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._@-]{1,63}$")]


def _each_once(values: list[str]) -> list[str]:
    return sorted(set(values))


class NewBeat(BaseModel):
    """责任网格 as it shall be: its unit grids and who patrols them."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "西街一号", "cells": ["990101001001001"], "inspectors": ["wei"]}]
        },
    )

    name: _Name
    cells: Annotated[
        list[AreaCode], AfterValidator(_each_once), Field(min_length=1, max_length=MOST_CELLS)
    ] = Field(description="单元网格 codes.")
    inspectors: Annotated[list[_Username], AfterValidator(_each_once), Field(max_length=100)] = Field(
        default_factory=list, description="User names of the 监督员; none yet, if empty."
    )
    valid_from: Moment | None = Field(None, description="Now, when not given.")
    valid_to: Moment | None = Field(None, description="For good, when not given.")


class ListedBeat(NewBeat):
    """The same with its code, as one of many."""

    code: BeatCode


class BeatList(BaseModel):
    """Beats to make or change, all or none."""

    model_config = ConfigDict(extra="forbid")

    beats: list[ListedBeat] = Field(min_length=1, max_length=MOST_BEATS)


class BeatCounts(BaseModel):
    """What a list of beats changed."""

    added: int
    changed: int
    unchanged: int


class InspectorOf(BaseModel):
    """监督员 of a beat."""

    account_id: UUID
    username: str
    name: str


class BeatReply(BaseModel):
    """责任网格."""

    code: str
    name: str
    cells: list[str]
    inspectors: list[InspectorOf]
    valid_from: datetime
    valid_to: datetime | None


class CellProperties(BaseModel):
    """A unit grid of a beat."""

    code: str
    name: str
    beat: str
    beat_name: str


class CellFeature(BaseModel):
    """GeoJSON Feature (RFC 7946)."""

    type: Literal["Feature"] = "Feature"
    id: str
    geometry: dict[str, Any] = Field(description="MultiPolygon in the datum asked for.")
    properties: CellProperties


class BeatMap(BaseModel):
    """GeoJSON FeatureCollection of the cells, with the beats they belong to as a foreign member."""

    type: Literal["FeatureCollection"] = "FeatureCollection"
    features: list[CellFeature]
    beats: list[BeatReply]
