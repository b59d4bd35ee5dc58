"""图层: the map layers of a district in memory, column by column, and the targets each one has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray

from app.errors import InvalidInput
from app.grid.codes import AreaLevel
from app.grid.manifest import AREA_LAYERS, LayerKind

Objects: TypeAlias = NDArray[np.object_]

_POLYGONS = (int(shapely.GeometryType.POLYGON), int(shapely.GeometryType.MULTIPOLYGON))
_LINES = (int(shapely.GeometryType.LINESTRING), int(shapely.GeometryType.MULTILINESTRING))


@dataclass(frozen=True)
class Layer:
    """One layer: `geometries` (n,) in CGCS2000 degrees (None where a row has none, and for chiefs) and
    the targets' `columns`, each (n,)."""

    kind: LayerKind
    geometries: Objects
    columns: Mapping[str, Objects]

    def __len__(self) -> int:
        return len(self.geometries)

    @property
    def codes(self) -> Objects:
        return self.columns["code"]

    def rows(self, keep: NDArray[Any]) -> Layer:
        """The layer with only these rows: a mask or indices."""
        columns = {name: values[keep] for name, values in self.columns.items()}
        return Layer(self.kind, self.geometries[keep], columns)


@dataclass(frozen=True)
class Layers:
    """A district's layers as read. `stored` names those that did not come with the import but from the
    database, to check the others against; `derived_district` is true when streets make it up."""

    district_code: str
    effective_from: datetime
    code_length: Mapping[AreaLevel, int]
    layers: Mapping[LayerKind, Layer]
    derived_district: bool = False
    stored: frozenset[LayerKind] = frozenset()

    def get(self, kind: LayerKind) -> Layer | None:
        return self.layers.get(kind)

    def areas(self) -> dict[AreaLevel, Layer]:
        """The layers of areas that there are, district first."""
        return {level: self.layers[kind] for kind, level in AREA_LAYERS.items() if kind in self.layers}

    def imported(self) -> frozenset[LayerKind]:
        """The layers that came with the import."""
        return frozenset(self.layers) - self.stored

    def absent(self) -> frozenset[LayerKind]:
        """The layers that are not there."""
        return frozenset(LayerKind) - frozenset(self.layers)

    def with_stored(self, stored: Mapping[LayerKind, Layer]) -> Layers:
        """The same with layers from the database beside those imported."""
        return replace(self, layers={**self.layers, **stored}, stored=frozenset(stored))


def present(geometries: Objects) -> NDArray[np.bool_]:
    """Which rows have a geometry with at least a point, (n,)."""
    found: NDArray[np.bool_] = ~(shapely.is_missing(geometries) | shapely.is_empty(geometries))
    return found


def repaired(polygons: Objects) -> Objects:
    """The polygons, each invalid one made valid by GEOS's structure method, (n,)."""
    found = polygons.copy()
    invalid = ~shapely.is_valid(found)
    found[invalid] = shapely.make_valid(found[invalid], method="structure", keep_collapsed=False)
    return found


def shaped(kind: LayerKind, geometries: Objects) -> Objects:
    """Areas as MultiPolygons, their rings in one order whatever the file's, so that an unchanged shape is
    seen to be unchanged; roads as MultiLineStrings; of points of interest a point inside; components as they
    are.

    Errors: `InvalidInput` for a geometry of another type, naming its row.
    """
    if kind in (LayerKind.CHIEFS, LayerKind.COMPONENTS):
        return geometries
    if kind is LayerKind.POIS:
        return np.asarray(shapely.point_on_surface(geometries), dtype=object)
    lines = kind is LayerKind.ROADS
    usable = present(geometries)
    allowed = np.isin(shapely.get_type_id(geometries), _LINES if lines else _POLYGONS)
    wrong = np.flatnonzero(usable & ~allowed)
    if len(wrong):
        row = int(wrong[0])
        noun = "lines" if lines else "polygons"
        raise InvalidInput(f"row {row + 1} is a {geometries[row].geom_type}: {kind} are {noun}")
    parts, owner = shapely.get_parts(geometries[usable], return_index=True)
    found = np.full(len(geometries), None, dtype=object)
    if lines:
        found[usable] = shapely.multilinestrings(parts, indices=owner)
    else:
        found[usable] = shapely.normalize(shapely.multipolygons(parts, indices=owner))
    return found
