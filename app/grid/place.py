"""What is known of a point at a moment: the answer of the look-up, as other packages see it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SegmentNear:
    """路段: a road segment whose visible range holds the point. `distance_m` in metres."""

    code: str
    name: str
    distance_m: float


@dataclass(frozen=True, slots=True)
class ChiefNear:
    """街长 in office on a near segment at the moment. `deputy` is 0 for the chief, 1… for deputies."""

    name: str
    level: str
    deputy: int
    account: str | None
    unit: str | None
    segment_code: str
    distance_m: float


@dataclass(frozen=True, slots=True)
class NearestCell:
    """The cell nearest to a point outside. `distance_m` in metres."""

    code: str
    distance_m: float


@dataclass(frozen=True, slots=True)
class Place:
    """位置: where a point lies (CGCS2000 degrees) and who is in office there.

    The area codes are None outside the district; `nearest` is then the nearest cell. `chiefs` are
    sorted by distance of their segment, then level, then deputy rank.
    """

    lon: float
    lat: float
    cell_code: str | None = None
    community_code: str | None = None
    community_name: str | None = None
    street_code: str | None = None
    street_name: str | None = None
    district_code: str | None = None
    district_name: str | None = None
    area_class: str | None = None
    segments: tuple[SegmentNear, ...] = ()
    chiefs: tuple[ChiefNear, ...] = ()
    nearest: NearestCell | None = None


@dataclass(frozen=True, slots=True)
class ComponentFact:
    """部件: what a decision needs to know of a component (GB/T 30428.2). Units are unit codes."""

    code: str
    category: str
    name: str
    owner_unit: str | None
    maintainer_unit: str | None
    state: str


@dataclass(frozen=True, slots=True)
class AreaSaid:
    """A district, street or community as somebody named it, with a point inside that stands for it."""

    code: str
    lon: float
    lat: float
