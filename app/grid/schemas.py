"""What the grid's routes take and give."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.geo import Datum
from app.grid.addressing import PlaceKind
from app.grid.codes import AreaLevel, ComponentState
from app.grid.targets import DEFAULT_VISIBLE_RANGE_M, MAX_VISIBLE_RANGE_M
from app.moment import Moment

Range = Annotated[float, Field(ge=0, le=MAX_VISIBLE_RANGE_M, description="可视范围, metres to both sides.")]
Word = Annotated[str, Field(min_length=1, max_length=100)]
AreaCode = Annotated[str, Field(pattern=r"^\d{6,18}$", examples=["440304005909001"])]


class _Reply(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class RawPair(_Reply):
    """The coordinates as they were sent."""

    x: float
    y: float
    datum: Datum


class SegmentNearReply(_Reply):
    """路段 near the point."""

    code: str
    name: str
    distance_m: float


class ChiefNearReply(_Reply):
    """街长 in office there."""

    name: str
    level: str
    deputy: int
    account: str | None
    unit: str | None
    segment_code: str
    distance_m: float


class NearestCellReply(_Reply):
    """The cell nearest to a point outside."""

    code: str
    distance_m: float


class PlaceReply(_Reply):
    """位置: what lies at a point. Outside every cell `cell_code` is null and `nearest` is given."""

    raw: RawPair
    lon: float = Field(description="CGCS2000 degrees.")
    lat: float
    cell_code: str | None
    community_code: str | None
    community_name: str | None
    street_code: str | None
    street_name: str | None
    district_code: str | None
    district_name: str | None
    area_class: str | None
    segments: list[SegmentNearReply]
    chiefs: list[ChiefNearReply]
    nearest: NearestCellReply | None


class AreaReply(_Reply):
    """区域: one version of a district, street, community or cell."""

    level: AreaLevel
    code: str
    name: str
    parent_code: str | None
    area_class: str | None
    management_grade: str | None
    responsible_subject: str | None
    note: str | None
    area_m2: float
    predecessors: list[str]
    void_reason: str | None
    valid_from: datetime
    valid_to: datetime | None


class AreaWithGeometry(AreaReply):
    """The same with its border."""

    geometry: dict[str, Any] = Field(description="GeoJSON MultiPolygon, CGCS2000.")


class SegmentReply(_Reply):
    """路段."""

    code: str
    name: str
    road_class: str | None
    street_code: str | None
    length_m: float
    geometry: dict[str, Any] = Field(description="GeoJSON MultiLineString, CGCS2000.")
    valid_from: datetime
    valid_to: datetime | None


class ChiefReply(_Reply):
    """街长: one term of office on a segment."""

    id: UUID
    segment_code: str
    level: str
    deputy: int
    name: str
    account: str | None
    unit: str | None
    phone: str | None
    visible_range_m: float
    valid_from: datetime
    valid_to: datetime | None


class NewChief(_Request):
    """A term of office to begin."""

    segment_code: Word
    level: Word = Field(description="A `chief_levels` code of the rulebook.")
    deputy: int = Field(0, ge=0, le=99, description="0 the chief, 1… deputies.")
    name: Word
    account: Word | None = Field(None, description="User name.")
    unit: Word | None = Field(None, description="Unit code of the rulebook.")
    phone: Word | None = None
    visible_range_m: Range = DEFAULT_VISIBLE_RANGE_M
    valid_from: Moment | None = Field(None, description="Now, when not given.")
    valid_to: Moment | None = None


class ChiefChanges(_Request):
    """What to correct of a term; `valid_to` ends it. What is not sent stays."""

    name: Word = Field(default_factory=str)  # left out: the empty text is no name to show as a default
    account: Word | None = None
    unit: Word | None = None
    phone: Word | None = None
    visible_range_m: Range = DEFAULT_VISIBLE_RANGE_M
    valid_to: Moment | None = None


class ComponentReply(_Reply):
    """部件."""

    code: str
    category: str
    name: str
    owner_unit: str | None
    maintainer_unit: str | None
    supervisor_unit: str | None
    state: ComponentState
    cell_code: str | None
    geometry: dict[str, Any] = Field(description="GeoJSON, CGCS2000.")
    initial_date: date | None
    changed_date: date | None
    data_source: str | None
    accuracy: str | None
    note: str | None
    valid_from: datetime
    valid_to: datetime | None


class ComponentChange(_Request):
    """What was seen of a component."""

    state: ComponentState


class PlaceFoundReply(_Reply):
    """地名: a place that words may mean."""

    name: str
    kind: PlaceKind
    code: str = Field(description="Of the area or point of interest; of a road or crossing, a segment's.")
    lon: float = Field(description="CGCS2000 degrees.")
    lat: float
    area_code: str = Field(description="The smallest area known that it lies in.")
    score: float = Field(ge=0, le=1, description="How surely the words mean it.")
    precise: bool = Field(description="Whether it is small enough to be taken for a position.")
    sure: bool = Field(description="Precise, and the score high enough to take it without asking.")


class NewShift(_Request):
    """上岗. `area_codes` are the areas of the beat (责任网格), each within the inspector's own areas."""

    area_codes: list[AreaCode] = Field(min_length=1, max_length=500)
    until: Moment | None = Field(None, description="Off duty by itself then; only when told, if left out.")


class ShiftReply(_Reply):
    """值班."""

    id: UUID
    account_id: UUID
    username: str
    area_codes: list[str]
    started_at: datetime
    ended_at: datetime | None
    until: datetime | None
