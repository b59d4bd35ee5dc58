"""The demo district: an invented town for 兴隆台区, written as the map files `chengguan grid import` takes.

Pure and seeded: the same seed gives the same bytes. Its geometry is fiction and says so in every layer.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import shapely

from app.demo import plan
from app.demo.areas import Areas, deal
from app.demo.components import Component, placed
from app.demo.people import TERMS_FROM, Chief, chiefs
from app.demo.pois import Poi, pois
from app.demo.roads import Segment, segments
from app.demo.town import Town, grow
from app.geo import LocalMetric, geojson

DEFAULT_SEED = 211103
NOTE = "几何为虚构，仅供演示 Invented geometry, for demonstration only"
MANIFEST = "district.toml"
#: Decimals of a degree written: 1 cm, a tenth of the plan's grid, so no two vertices fall together.
DECIMALS = 7
_METRIC = LocalMetric(*plan.ORIGIN)

_README = f"""# {plan.DISTRICT_NAME}（演示） Demo district

几何为虚构，仅供演示。街道办事处、部分道路和场所名称取自公开文件，其位置、边界、社区、人员、部件均为虚构。

Invented geometry, for demonstration only. The street offices and some roads and places bear real names; where
they lie, every border, community, person and component is fiction. `chengguan grid import {MANIFEST}`.
"""


@dataclass(frozen=True, slots=True)
class District:
    """The whole demo district, in metres around the plan's origin."""

    town: Town
    areas: Areas
    segments: tuple[Segment, ...]
    chiefs: tuple[Chief, ...]
    components: tuple[Component, ...]
    #: Each with its address, empty for one at no road.
    pois: tuple[tuple[Poi, str], ...]


@cache
def build(seed: int) -> District:
    """The district of that seed. Each part draws from a random stream of its own."""
    town = grow(Random(f"{seed}/town"))
    areas = deal(town, Random(f"{seed}/areas"))
    roads = segments(town, Random(f"{seed}/roads"))
    return District(
        town,
        areas,
        roads,
        chiefs(areas, roads, Random(f"{seed}/chiefs")),
        placed(areas, roads, Random(f"{seed}/components")),
        pois(areas, roads, Random(f"{seed}/pois")),
    )


def generate(folder: Path, seed: int = DEFAULT_SEED) -> Path:
    """Writes the district's layers into the folder, made if missing; returns the manifest's path."""
    district = build(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in _files(district).items():
        (folder / name).write_text(content, encoding="utf-8", newline="\n")
    return folder / MANIFEST


def to_degrees(geometries: Any) -> Any:
    """Geometries (one or an array) from the plan's metres to CGCS2000 degrees, rounded to `DECIMALS`."""
    return shapely.transform(_METRIC.to_degrees(geometries), lambda degrees: np.round(degrees, DECIMALS))


def _files(district: District) -> dict[str, str]:
    areas = district.areas
    return {
        "README.md": _README,
        MANIFEST: _manifest(),
        "district.geojson": _layer(
            [({"code": plan.DISTRICT_CODE, "name": plan.DISTRICT_NAME}, areas.district)]
        ),
        "streets.geojson": _layer(
            ({"code": area.code, "name": area.name}, area.shape) for area in areas.streets
        ),
        "communities.geojson": _layer(
            ({"code": area.code, "name": area.name}, area.shape) for area in areas.communities
        ),
        "cells.geojson": _layer(
            ({"code": cell.code, "area_class": cell.area_class}, cell.shape) for cell in areas.cells
        ),
        "roads.geojson": _layer(
            ({"code": road.code, "name": road.name, "road_class": road.road_class}, road.line)
            for road in district.segments
        ),
        "components.geojson": _layer((thing.attributes(), thing.at) for thing in district.components),
        "pois.geojson": _layer(
            (
                {
                    "code": f"{plan.DISTRICT_CODE}P{serial:04d}",
                    "name": poi.name,
                    "category": poi.category,
                    "aliases": address,
                },
                poi.at,
            )
            for serial, (poi, address) in enumerate(district.pois, start=1)
        ),
        "chiefs.csv": _csv(district.chiefs),
    }


def _layer(rows: Iterable[tuple[Mapping[str, Any], Any]]) -> str:
    """A GeoJSON FeatureCollection (RFC 7946), a feature a line."""
    attributes, shapes = zip(*rows, strict=True)
    features = [
        {"type": "Feature", "properties": {**row, "note": NOTE}, "geometry": geojson(shape)}
        for row, shape in zip(attributes, to_degrees(list(shapes)), strict=True)
    ]
    lines = ",\n".join(json.dumps(feature, ensure_ascii=False, separators=(",", ":")) for feature in features)
    return f'{{"type":"FeatureCollection","features":[\n{lines}\n]}}\n'


def _csv(rows: Iterable[Chief]) -> str:
    output = io.StringIO()
    columns = [field.name for field in fields(Chief)]
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([getattr(row, column) for column in columns] for row in rows)
    return output.getvalue()


def _manifest() -> str:
    layers = ("streets", "communities", "cells", "roads", "components", "pois")
    return "\n".join(
        [
            f"# {plan.DISTRICT_NAME}（演示）: {NOTE}",
            f"valid_from = {TERMS_FROM}",
            "",
            "[district]",
            f'code = "{plan.DISTRICT_CODE}"',
            f'name = "{plan.DISTRICT_NAME}"',
            'file = "district.geojson"',
            *(line for layer in layers for line in ("", f"[{layer}]", f'file = "{layer}.geojson"')),
            "",
            "[chiefs]",
            'file = "chiefs.csv"',
            "",
        ]
    )
