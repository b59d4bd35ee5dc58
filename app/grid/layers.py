"""图层: the map layers of a district in memory, column by column, and the targets each one has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.grid.codes import AreaLevel
from app.grid.manifest import AREA_LAYERS, LayerKind

Objects: TypeAlias = NDArray[np.object_]


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
    stored: frozenset[LayerKind] = field(default_factory=frozenset)

    def get(self, kind: LayerKind) -> Layer | None:
        return self.layers.get(kind)

    def areas(self) -> dict[AreaLevel, Layer]:
        """The layers of areas that there are, district first."""
        return {level: self.layers[kind] for kind, level in AREA_LAYERS.items() if kind in self.layers}

    def imported(self) -> dict[LayerKind, Layer]:
        """The layers that came with the import, in order."""
        return {
            kind: self.layers[kind] for kind in LayerKind if kind in self.layers and kind not in self.stored
        }
