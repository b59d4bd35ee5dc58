"""拓扑报告: what is wrong with a district's layers, where and how big, before anything is stored."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from app import geo
from app.errors import GridRefused, InvalidInput
from app.grid.manifest import LayerKind, Tolerance


class FindingKind(StrEnum):
    """问题类型. What accepting a kind does to the rows concerned stands in `docs/grid.md`."""

    EMPTY_GEOMETRY = "empty_geometry"
    INVALID_RING = "invalid_ring"
    OVERLAP = "overlap"
    GAP = "gap"
    CROSSES_BORDER = "crosses_border"
    OUTSIDE_DISTRICT = "outside_district"
    DUPLICATE_CODE = "duplicate_code"
    REUSED_CODE = "reused_code"
    WRONG_PARENT = "wrong_parent"
    MISSING_PARENT = "missing_parent"
    TERM_OVERLAP = "term_overlap"


FINDING_LABELS: dict[FindingKind, str] = {
    FindingKind.EMPTY_GEOMETRY: "没有图形 no geometry",
    FindingKind.INVALID_RING: "边界无效 invalid ring",
    FindingKind.OVERLAP: "重叠 overlap",
    FindingKind.GAP: "缝隙 gap",
    FindingKind.CROSSES_BORDER: "越界 crosses its parent's border",
    FindingKind.OUTSIDE_DISTRICT: "区外 outside the district",
    FindingKind.DUPLICATE_CODE: "编码重复 duplicate code",
    FindingKind.REUSED_CODE: "已废止编码再用 code voided before",
    FindingKind.WRONG_PARENT: "编码与上级不符 code does not match its parent",
    FindingKind.MISSING_PARENT: "上级不存在 parent missing",
    FindingKind.TERM_OVERLAP: "任期重叠 terms overlap",
}


class SizeUnit(StrEnum):
    """What a finding's size is measured in."""

    SQUARE_METRE = "m2"
    METRE = "m"
    DAY = "d"
    ROW = "rows"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `place` is in CGCS2000 degrees, None where nothing can be shown; the size of
    overlapping terms without an end is infinite, and null in GeoJSON."""

    kind: FindingKind
    layer: LayerKind
    codes: tuple[str, ...]
    place: BaseGeometry | None
    size: float
    unit: SizeUnit
    note: str = ""

    def feature(self) -> dict[str, Any]:
        """A GeoJSON feature to look at."""
        return {
            "type": "Feature",
            "geometry": None if self.place is None else geo.geojson(self.place),
            "properties": {
                "kind": self.kind,
                "label": FINDING_LABELS[self.kind],
                "layer": self.layer,
                "codes": list(self.codes),
                "size": round(self.size, 3) if math.isfinite(self.size) else None,
                "unit": self.unit,
                "note": self.note,
            },
        }


@dataclass(frozen=True, slots=True)
class TopologyReport:
    """All findings, and the tolerance they were judged by."""

    findings: tuple[Finding, ...]
    tolerance: Tolerance

    @property
    def counts(self) -> dict[FindingKind, int]:
        """Findings by kind, in the kinds' order, those without any left out."""
        found = Counter(finding.kind for finding in self.findings)
        return {kind: found[kind] for kind in FindingKind if found[kind]}

    def extended(self, more: Collection[Finding]) -> TopologyReport:
        return TopologyReport((*self.findings, *more), self.tolerance)

    def geojson(self) -> dict[str, Any]:
        """A GeoJSON FeatureCollection, the largest finding of each kind first."""
        order = list(FindingKind)
        ranked = sorted(self.findings, key=lambda one: (order.index(one.kind), -one.size, one.codes))
        return {
            "type": "FeatureCollection",
            "tolerance": self.tolerance.model_dump(),
            "counts": self.counts,
            "features": [finding.feature() for finding in ranked],
        }

    def refuse_unless(self, accepted: Collection[FindingKind]) -> None:
        """Errors: `GridRefused` when there are findings of a kind not accepted, with the counts."""
        refused = {kind: count for kind, count in self.counts.items() if kind not in accepted}
        if refused:
            listed = ", ".join(f"{kind} {count}" for kind, count in refused.items())
            raise GridRefused(
                f"the layers were refused: {listed}; mend them, or accept with --accept {','.join(refused)}",
                counts=refused,
            )


def parse_kinds(names: str) -> frozenset[FindingKind]:
    """The kinds named with commas between. Errors: `InvalidInput` for an unknown one."""
    try:
        return frozenset(FindingKind(name.strip()) for name in names.split(",") if name.strip())
    except ValueError as error:
        raise InvalidInput(f"{error}; the kinds are {', '.join(FindingKind)}") from error


def spot(geometry: BaseGeometry | None) -> BaseGeometry | None:
    """A point on the geometry, to show where it is."""
    if geometry is None or geometry.is_empty:
        return None
    return shapely.point_on_surface(geometry)
