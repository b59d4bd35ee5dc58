"""拓扑检查: whether a district's layers fit together. Pure: layers in, report out.

Everything is measured in metres on a plane around the district on which straight borders stay straight. Parts
smaller or thinner than the tolerance are slivers of drawing and ignored.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from app.errors import InvalidInput
from app.geo import LocalMetric
from app.grid.codes import CODE_LENGTH, COMPONENT_CODE_LENGTH, AreaLevel, is_code
from app.grid.findings import Finding, FindingKind, SizeUnit, TopologyReport, spot
from app.grid.layers import Layer, Layers, Objects, present, repaired
from app.grid.loading import Progress
from app.grid.manifest import AREA_LAYERS, LAYER_LABELS, LayerKind, Tolerance

_LAYER_OF = {level: kind for kind, level in AREA_LAYERS.items()}


def check(layers: Layers, tolerance: Tolerance, progress: Progress = lambda _: None) -> TopologyReport:
    """Every finding in the layers that are there; what would need a layer that is absent is not checked.

    Errors: `InvalidInput` when no layer has a geometry at all.
    """
    checker = _Checker(layers, tolerance, _metric_around(layers))
    findings: list[Finding] = []
    for kind in LayerKind:
        if kind in layers.layers:
            progress(f"检查 checking {LAYER_LABELS[kind]}")
            findings.extend(checker.layer(kind))
    return TopologyReport(tuple(findings), tolerance)


def _metric_around(layers: Layers) -> LocalMetric:
    bounds = [layer.geometries for layer in layers.layers.values() if layer.kind is not LayerKind.CHIEFS]
    west, south, east, north = shapely.total_bounds(np.concatenate(bounds)) if bounds else (np.nan,) * 4
    if not np.isfinite(west):
        if set(layers.layers) == {LayerKind.CHIEFS}:
            return LocalMetric(0, 0)
        raise InvalidInput("no layer holds any geometry")
    return LocalMetric((west + east) / 2, (south + north) / 2)


@dataclass(frozen=True)
class _Surface:
    """Areas of one level that have a geometry: valid polygons in metres."""

    codes: Objects
    parents: Objects
    shapes: Objects


class _Checker:
    def __init__(self, layers: Layers, tolerance: Tolerance, metric: LocalMetric) -> None:
        self._layers = layers
        self._tolerance = tolerance
        self._metric = metric
        self._surfaces = {level: self._surface(layer) for level, layer in layers.areas().items()}

    def layer(self, kind: LayerKind) -> Iterator[Finding]:
        """The findings of one layer: in itself, and against the layers above it."""
        layer = self._layers.layers[kind]
        if kind in self._layers.imported():
            yield from self._alone(layer)
        yield from self._against_above(layer)

    def _alone(self, layer: Layer) -> Iterator[Finding]:
        if layer.kind is LayerKind.CHIEFS:
            yield from self._term_overlaps(layer)
            return
        yield from self._duplicate_codes(layer)
        yield from self._empty_geometries(layer)
        if level := AREA_LAYERS.get(layer.kind):
            yield from self._wrong_parents(layer, level)
            yield from self._invalid_rings(layer)
            yield from self._overlaps(layer.kind, self._surfaces[level])
        elif layer.kind is LayerKind.ROADS:
            yield from self._foreign_codes(layer, "street_code", CODE_LENGTH[AreaLevel.STREET])
        elif layer.kind is LayerKind.COMPONENTS:
            yield from self._foreign_codes(layer, "code", COMPONENT_CODE_LENGTH)

    def _against_above(self, layer: Layer) -> Iterator[Finding]:
        """The pairs of layers of which at least one came with the import."""
        imported = self._layers.imported()

        def paired(above: LayerKind) -> bool:
            return above in self._layers.layers and not imported.isdisjoint((layer.kind, above))

        if level := AREA_LAYERS.get(layer.kind):
            if level.parent is None:
                if self._layers.derived_district:
                    yield from self._holes(self._surfaces[level])
            elif paired(above := _LAYER_OF[level.parent]):
                surface, parents = self._surfaces[level], self._surfaces[level.parent]
                yield from self._missing_parents(layer, "parent_code", above)
                yield from self._crossings(layer.kind, surface, parents)
                yield from self._gaps(layer.kind, surface, parents)
        elif layer.kind is LayerKind.CHIEFS:
            if paired(LayerKind.ROADS):
                yield from self._missing_parents(layer, "segment_code", LayerKind.ROADS)
        else:
            if layer.kind is LayerKind.ROADS and paired(LayerKind.STREETS):
                yield from self._missing_parents(layer, "street_code", LayerKind.STREETS)
            if paired(LayerKind.DISTRICT):
                yield from self._outside_district(layer)

    # Codes

    def _duplicate_codes(self, layer: Layer) -> Iterator[Finding]:
        rows_of: dict[str, list[int]] = defaultdict(list)
        for row, code in enumerate(layer.codes):
            rows_of[code].append(row)
        for code, rows in rows_of.items():
            if len(rows) > 1:
                place = spot(layer.geometries[rows[1]])
                yield self._found(FindingKind.DUPLICATE_CODE, layer, (code,), place, len(rows), SizeUnit.ROW)

    def _wrong_parents(self, layer: Layer, level: AreaLevel) -> Iterator[Finding]:
        length = self._layers.code_length[level]
        district = self._layers.district_code
        for row, (code, parent) in enumerate(zip(layer.codes, layer.columns["parent_code"], strict=True)):
            if not is_code(code, length):
                note = f"{code!r} must be {length} digits"
            elif not code.startswith(district):
                note = f"{code} does not begin with the district's {district}"
            elif level.parent and parent != code[: CODE_LENGTH[level.parent]]:
                note = f"{code} does not begin with its parent's {parent}"
            else:
                continue
            yield self._row(FindingKind.WRONG_PARENT, layer, row, code, note)

    def _foreign_codes(self, layer: Layer, column: str, length: int) -> Iterator[Finding]:
        district = self._layers.district_code
        for row, value in enumerate(layer.columns[column]):
            if value is not None and not (is_code(value, length) and value.startswith(district)):
                note = f"{column} {value!r} must be {length} digits and begin with {district}"
                yield self._row(FindingKind.WRONG_PARENT, layer, row, layer.codes[row], note)

    def _missing_parents(self, layer: Layer, column: str, above: LayerKind) -> Iterator[Finding]:
        known = set(self._layers.layers[above].codes)
        own = layer.columns.get("code", layer.columns[column])
        for row, parent in enumerate(layer.columns[column]):
            if parent is not None and parent not in known:
                note = f"{parent} is not among the {above}"
                yield self._row(FindingKind.MISSING_PARENT, layer, row, own[row], note)

    # Shapes

    def _empty_geometries(self, layer: Layer) -> Iterator[Finding]:
        for row in np.flatnonzero(~present(layer.geometries)):
            code = layer.codes[row]
            yield self._found(FindingKind.EMPTY_GEOMETRY, layer, (code,), None, 1, SizeUnit.ROW)

    def _invalid_rings(self, layer: Layer) -> Iterator[Finding]:
        usable = present(layer.geometries)
        for row in np.flatnonzero(usable & ~shapely.is_valid(layer.geometries)):
            shape = layer.geometries[row]
            reason = shapely.is_valid_reason(shape)
            size = abs(self._metric.to_metres(shape).area)
            kind, unit = FindingKind.INVALID_RING, SizeUnit.SQUARE_METRE
            yield self._found(kind, layer, (layer.codes[row],), _told_place(reason), size, unit, reason)

    def _overlaps(self, kind: LayerKind, surface: _Surface) -> Iterator[Finding]:
        shapely.prepare(surface.shapes)
        left, right = shapely.STRtree(surface.shapes).query(surface.shapes)
        once = left < right
        left, right = left[once], right[once]
        # Neighbours only touch: asking that first is four times quicker than intersecting them all.
        crossed = ~shapely.touches(surface.shapes[left], surface.shapes[right])
        left, right = left[crossed], right[crossed]
        common = shapely.intersection(surface.shapes[left], surface.shapes[right])
        for piece, pair in self._pieces(common):
            codes = (surface.codes[left[pair]], surface.codes[right[pair]])
            yield self._piece(FindingKind.OVERLAP, kind, codes, piece)

    def _crossings(self, kind: LayerKind, surface: _Surface, above: _Surface) -> Iterator[Finding]:
        """Parts of areas outside the parent they name."""
        row_of = {code: row for row, code in enumerate(above.codes)}
        parent = np.array([row_of.get(code, -1) for code in surface.parents], dtype=np.intp)
        shapely.prepare(above.shapes)
        suspects = np.flatnonzero(parent >= 0)
        inside = shapely.covers(above.shapes[parent[suspects]], surface.shapes[suspects])
        suspects = suspects[~inside]
        outside = shapely.difference(surface.shapes[suspects], above.shapes[parent[suspects]])
        for piece, suspect in self._pieces(outside):
            row = suspects[suspect]
            codes = (surface.codes[row], surface.parents[row])
            yield self._piece(FindingKind.CROSSES_BORDER, kind, codes, piece)

    def _gaps(self, kind: LayerKind, surface: _Surface, above: _Surface) -> Iterator[Finding]:
        """Parts of a parent that none of its children covers."""
        children: dict[str, list[int]] = defaultdict(list)
        for row, code in enumerate(surface.parents):
            children[code].append(row)
        covered = np.array(
            [shapely.union_all(surface.shapes[children[code]]) for code in above.codes], dtype=object
        )
        open_ = np.flatnonzero(~shapely.covers(covered, above.shapes))
        uncovered = shapely.difference(above.shapes[open_], covered[open_])
        for piece, row in self._pieces(uncovered):
            yield self._piece(FindingKind.GAP, kind, (above.codes[open_[row]],), piece)

    def _holes(self, district: _Surface) -> Iterator[Finding]:
        """Where a district that was made of its streets has holes, the streets leave a gap."""
        parts = shapely.get_parts(district.shapes)
        holes = shapely.polygons(shapely.get_rings(parts)[_is_hole(parts)])
        for piece, _ in self._pieces(holes):
            yield self._piece(FindingKind.GAP, LayerKind.STREETS, tuple(district.codes), piece)

    def _outside_district(self, layer: Layer) -> Iterator[Finding]:
        district = self._surfaces[AreaLevel.DISTRICT]
        rows = np.flatnonzero(present(layer.geometries))
        shapes = self._metric.to_metres(layer.geometries[rows])
        whole = shapely.union_all(district.shapes)
        shapely.prepare(whole)
        away = ~shapely.covers(whole, shapes)
        rows, shapes = rows[away], shapes[away]
        outside = shapely.difference(shapes, whole)
        sizes = shapely.length(outside)
        points = shapely.get_dimensions(outside) == 0
        sizes[points] = shapely.distance(outside[points], whole)
        for row, part, size in zip(rows, outside, sizes, strict=True):
            if size > self._tolerance.length_m:
                place = self._metric.to_degrees(part)
                kind, unit = FindingKind.OUTSIDE_DISTRICT, SizeUnit.METRE
                yield self._found(kind, layer, (layer.codes[row],), place, size, unit)

    # Terms

    def _term_overlaps(self, layer: Layer) -> Iterator[Finding]:
        column = layer.columns
        posts: dict[tuple[str, str, int], list[int]] = defaultdict(list)
        for row, post in enumerate(
            zip(column["segment_code"], column["level"], column["deputy"], strict=True)
        ):
            posts[post].append(row)
        roads = self._layers.get(LayerKind.ROADS)
        shape_of = dict(zip(roads.codes, roads.geometries, strict=True)) if roads else {}
        for (segment, level, deputy), rows in posts.items():
            rows.sort(key=lambda row: column["valid_from"][row])
            longest = rows[0]
            for row in rows[1:]:
                start, end = column["valid_from"][row], column["valid_to"][row]
                earlier, until = longest, column["valid_to"][longest]
                if until is not None and (end is None or end > until):
                    longest = row
                if until is not None and until <= start:
                    continue
                until = min((one for one in (until, end) if one is not None), default=None)
                days = (until - start).total_seconds() / 86_400 if until else math.inf
                names = f"{column['name'][earlier]} / {column['name'][row]}"
                note = f"{level} {deputy}: {names} from {start.date()}" + ("" if until else ", no end")
                yield self._found(
                    FindingKind.TERM_OVERLAP,
                    layer,
                    (segment,),
                    spot(shape_of.get(segment)),
                    days,
                    SizeUnit.DAY,
                    note,
                )

    # Measures

    def _surface(self, layer: Layer) -> _Surface:
        rows = present(layer.geometries)
        shapes = repaired(self._metric.to_metres(layer.geometries[rows]))
        return _Surface(layer.codes[rows], layer.columns["parent_code"][rows], shapes)

    def _pieces(self, shapes: Objects) -> Iterator[tuple[BaseGeometry, int]]:
        """The polygons among the shapes' parts that are no slivers, each with the index of its shape.

        A sliver's width is twice its area over its perimeter.
        """
        parts, owner = shapely.get_parts(shapes, return_index=True)
        area, perimeter = shapely.area(parts), shapely.length(parts)
        wide = 2 * area > self._tolerance.width_m * perimeter
        for row in np.flatnonzero(wide & (area > self._tolerance.area_m2)):
            yield parts[row], int(owner[row])

    def _piece(
        self, kind: FindingKind, layer: LayerKind, codes: tuple[str, ...], piece: BaseGeometry
    ) -> Finding:
        place = self._metric.to_degrees(piece)
        return Finding(kind, layer, codes, place, piece.area, SizeUnit.SQUARE_METRE)

    def _row(self, kind: FindingKind, layer: Layer, row: int, code: str, note: str) -> Finding:
        return self._found(kind, layer, (code,), spot(layer.geometries[row]), 1, SizeUnit.ROW, note)

    def _found(
        self,
        kind: FindingKind,
        layer: Layer,
        codes: tuple[str, ...],
        place: BaseGeometry | None,
        size: float,
        unit: SizeUnit,
        note: str = "",
    ) -> Finding:
        return Finding(kind, layer.kind, codes, place, float(size), unit, note)


def _is_hole(polygons: Objects) -> NDArray[np.bool_]:
    """Which of the polygons' rings, as `get_rings` lists them, are holes: all but the first of each."""
    _, owner = shapely.get_rings(polygons, return_index=True)
    holes: NDArray[np.bool_] = np.diff(owner, prepend=-1) == 0
    return holes


def _told_place(reason: str) -> BaseGeometry | None:
    """The point in GEOS's words, `Self-intersection[114.05 22.53]`."""
    told = re.search(r"\[(\S+) (\S+)\]", reason)
    return shapely.Point(float(told[1]), float(told[2])) if told else None
