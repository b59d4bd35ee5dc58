"""测速区: an invented district of about 50,000 cells, written as the map files `chengguan grid import` takes.

It bears the demo district's code and street codes, so that the demo's rulebook fits it. A lattice with moved
corners: cells are four-sided, neighbours share their corners, and every level is a block of the one below.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

DISTRICT = "211103"
#: The lattice's south-west corner and the size of a cell, CGCS2000 degrees: about 100 m each way.
WEST, SOUTH = 121.9, 41.0
CELL_LON, CELL_LAT = 0.0012, 0.0009
#: How far a corner is moved, as a share of the cell's size.
MOVED = 0.12
#: Streets, across and down.
STREETS = (2, 4)
VALID_FROM = "2020-01-01"
MANIFEST = "district.toml"

Corner = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a street is divided: communities, and in each of them cells, across and down.

    `code` begins all codes; `shift` moves the whole district east, in cells.
    """

    communities: tuple[int, int] = (5, 10)
    cells: tuple[int, int] = (25, 5)
    code: str = DISTRICT
    shift: int = 0

    @property
    def across(self) -> int:
        """Cells from west to east."""
        return STREETS[0] * self.communities[0] * self.cells[0]

    @property
    def down(self) -> int:
        """Cells from south to north."""
        return STREETS[1] * self.communities[1] * self.cells[1]

    @property
    def street_codes(self) -> list[str]:
        return [f"{self.code}{street + 1:03d}" for street in range(STREETS[0] * STREETS[1])]

    def code_at(self, column: int, row: int) -> str:
        """The code of the cell of that column and row."""
        parts = []
        width, height = self.across, self.down
        for across, down in (STREETS, self.communities, self.cells):
            width, height = width // across, height // down
            parts.append((row // height % down) * across + column // width % across + 1)
        return f"{self.code}{parts[0]:03d}{parts[1]:03d}{parts[2]:03d}"

    def middle(self, column: int, row: int) -> Corner:
        """A point well inside that cell."""
        return (
            round(WEST + (self.shift + column + 0.5) * CELL_LON, 7),
            round(SOUTH + (row + 0.5) * CELL_LAT, 7),
        )

    def anywhere(self, rng: Random) -> tuple[int, int]:
        """Column and row of some cell."""
        return rng.randrange(self.across), rng.randrange(self.down)


CITY = Plan()
#: For a run that only has to show that everything still works.
VILLAGE = Plan(communities=(2, 2), cells=(5, 4))


def generate(folder: Path, plan: Plan) -> Path:
    """Writes the layers into the folder, made if missing; gives the manifest's path."""
    folder.mkdir(parents=True, exist_ok=True)
    corners = _corners(plan)
    levels = {
        "district": ((1, 1), 6),
        "streets": (STREETS, 9),
        "communities": ((STREETS[0] * plan.communities[0], STREETS[1] * plan.communities[1]), 12),
        "cells": ((plan.across, plan.down), 15),
    }
    for name, (division, digits) in levels.items():
        _write(folder / f"{name}.geojson", _areas(plan, corners, division, digits))
    roads = list(_roads(plan, corners))
    _write(folder / "roads.geojson", roads)
    _write_chiefs(folder / "chiefs.csv", (properties["code"] for properties, _ in roads))
    (folder / MANIFEST).write_text(_manifest(plan))
    return folder / MANIFEST


def _corners(plan: Plan) -> NDArray[np.float64]:
    """Longitude and latitude of each corner, by column and row."""
    columns, rows = np.meshgrid(np.arange(plan.across + 1), np.arange(plan.down + 1), indexing="ij")
    moved = np.random.default_rng(30428).uniform(-MOVED, MOVED, (2, *columns.shape))
    lon = WEST + (plan.shift + columns + moved[0]) * CELL_LON
    lat = SOUTH + (rows + moved[1]) * CELL_LAT
    return np.stack([lon, lat], axis=-1).round(7)


def _areas(
    plan: Plan, corners: NDArray[np.float64], division: tuple[int, int], digits: int
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    width, height = plan.across // division[0], plan.down // division[1]
    for west in range(0, plan.across, width):
        for south in range(0, plan.down, height):
            block = corners[west : west + width + 1, south : south + height + 1]
            ring = [*block[:-1, 0], *block[-1, :-1], *block[:0:-1, -1], *block[0, ::-1]]
            properties: dict[str, Any] = {"code": plan.code_at(west, south)[:digits]}
            if digits == 15:
                properties["area_class"] = "AB"[south % 2]
            yield properties, {"type": "Polygon", "coordinates": [[corner.tolist() for corner in ring]]}


def _roads(plan: Plan, corners: NDArray[np.float64]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Along the borders of blocks of five cells each way, parted at every junction."""
    step = plan.cells[1]
    serial = 0
    for column in range(0, plan.across, step):
        for row in range(0, plan.down, step):
            for lines in (corners[column : column + step + 1, row], corners[column, row : row + step + 1]):
                serial += 1
                properties = {"code": f"{plan.code}{serial:06d}", "name": f"第{serial}路"}
                yield properties, {"type": "LineString", "coordinates": lines.tolist()}


def _write(path: Path, features: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> None:
    lines = ",\n".join(
        json.dumps({"type": "Feature", "properties": properties, "geometry": geometry})
        for properties, geometry in features
    )
    path.write_text(f'{{"type":"FeatureCollection","features":[\n{lines}\n]}}\n')


def _write_chiefs(path: Path, segments: Iterable[str]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["segment_code", "level", "name", "visible_range_m", "valid_from"])
        writer.writerows([code, "segment", f"街长{number % 500}", 30, VALID_FROM]
                         for number, code in enumerate(segments))  # fmt: skip


def _manifest(plan: Plan) -> str:
    layers = ("streets", "communities", "cells", "roads")
    return "\n".join(
        [
            f"valid_from = {VALID_FROM}",
            "[district]",
            f'code = "{plan.code}"',
            'name = "测速区"',
            'file = "district.geojson"',
            *(line for layer in layers for line in (f"[{layer}]", f'file = "{layer}.geojson"')),
            "[chiefs]",
            'file = "chiefs.csv"',
            "",
        ]
    )
