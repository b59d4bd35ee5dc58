"""海棠区: a small invented town as map files, clean until a test spoils it.

Cells are squares of 0.001° (about 100 m) from 120.000° E, 30.000° N. Two streets, 西街 and 东街, of two
communities each; a community is a row of two cells. Along the middle of each street runs a road segment,
each with a chief; a manhole stands in the middle of the first cell.

    y=30.002 ┌─────────┬─────────┐
             │ W 002   │ E 002   │   W: 330199001, E: 330199002
        R-W  ├─────────┼─────────┤ R-E
             │ W 001   │ E 001   │
    y=30.000 └─────────┴─────────┘
           120.000              120.004
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import shapely
from shapely import LineString, Point, box
from shapely.geometry.base import BaseGeometry

from app.grid.layers import Layers
from app.grid.loading import load
from app.grid.manifest import Manifest, read_manifest

DISTRICT = "330199"
WEST = DISTRICT + "001"
EAST = DISTRICT + "002"
SIDE = 0.001
#: Square metres of a cell, and metres of its sides: 96.5 m along the parallel, 110.9 m along the meridian.
CELL_M2 = 10_694.0
MANHOLE = DISTRICT + "0102000001"


@dataclass
class Feature:
    """One row of a layer."""

    shape: BaseGeometry | None
    fields: dict[str, Any]


def square(column: float, row: float, width: float = 1, height: float = 1) -> BaseGeometry:
    """A rectangle measured in cells from the town's south-western corner."""
    west, south = 120 + column * SIDE, 30 + row * SIDE
    return box(west, south, west + width * SIDE, south + height * SIDE)


@dataclass
class Town:
    """The layers by name, as features, and the chiefs as rows of a table."""

    layers: dict[str, list[Feature]]
    chiefs: list[dict[str, Any]]
    head: dict[str, Any] = field(default_factory=dict)

    def one(self, layer: str, code: str) -> Feature:
        """The row of that code."""
        return next(row for row in self.layers[layer] if row.fields["code"] == code)

    def add(self, layer: str, shape: BaseGeometry | None, **fields: Any) -> None:
        self.layers[layer].append(Feature(shape, fields))

    def write(self, folder: Path) -> Path:
        """Writes GeoJSON files, the chiefs' CSV and the manifest; returns the manifest's path."""
        folder.mkdir(parents=True, exist_ok=True)
        lines = [f"{key} = {json.dumps(value)}" for key, value in self.head.items()]
        lines += ["valid_from = 2026-01-01", "[district]", f'code = "{DISTRICT}"', 'name = "海棠区"']
        for name, rows in self.layers.items():
            (folder / f"{name}.geojson").write_text(json.dumps(_collection(rows)), "utf-8")
            lines += [f"[{name}]", f'file = "{name}.geojson"']
        if self.chiefs:
            with (folder / "chiefs.csv").open("w", newline="", encoding="utf-8") as file:
                table = csv.DictWriter(file, sorted({key for chief in self.chiefs for key in chief}))
                table.writeheader()
                table.writerows(self.chiefs)
            lines += ["[chiefs]", 'file = "chiefs.csv"']
        manifest = folder / "town.toml"
        manifest.write_text("\n".join(lines), "utf-8")
        return manifest

    def read(self, folder: Path) -> tuple[Layers, Manifest]:
        """What an import of the town reads."""
        manifest = read_manifest(self.write(folder))
        return load(manifest), manifest


def clean_town() -> Town:
    """The town as its surveyors meant it."""
    streets, communities, cells = [], [], []
    for code, name, column in ((WEST, "西街", 0), (EAST, "东街", 2)):
        streets.append(Feature(square(column, 0, 2, 2), {"code": code, "name": name}))
        for row in (0, 1):
            community = f"{code}00{row + 1}"
            fields = {"code": community, "name": f"{name}{row + 1}社区"}
            communities.append(Feature(square(column, row, 2, 1), fields))
            for place in (0, 1):
                fields = {"code": f"{community}00{place + 1}", "area_class": "A" if code == WEST else None}
                cells.append(Feature(square(column + place, row), fields))
    roads = [
        Feature(LineString([(120, 30.001), (120.002, 30.001)]), {"code": "R-W", "name": "中心路"}),
        Feature(LineString([(120.002, 30.001), (120.004, 30.001)]), {"code": "R-E", "name": "中心路"}),
    ]
    manhole = {"code": MANHOLE, "name": "污水井盖", "owner_unit": "water", "state": "完好"}
    return Town(
        layers={
            "streets": streets,
            "communities": communities,
            "cells": cells,
            "roads": roads,
            "components": [Feature(Point(120.0005, 30.0005), manhole)],
        },
        chiefs=[
            {"segment_code": "R-W", "level": "street", "name": "陈街长", "visible_range_m": 60},
            {"segment_code": "R-E", "level": "street", "name": "林街长"},
        ],
    )


def _collection(rows: list[Feature]) -> dict[str, Any]:
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": None if row.shape is None else json.loads(shapely.to_geojson(row.shape)),
                "properties": row.fields,
            }
            for row in rows
        ],
    }
