"""Addresses of 福田 as people write them, each with the point meant: what the gazetteer is measured on.

Roads and where they meet are real. Points of interest bear names made of real communities' names, at invented
points of their street. Some roads and points are left out of what is imported: addresses name what the
gazetteer cannot know.
"""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import shapely

from app.geo import LocalMetric
from app.grid.layers import Layer, Layers
from app.grid.manifest import LayerKind
from tests.conftest import shared_file
from tests.futian import futian_manifest

CENTRE = (114.05, 22.545)
METRIC = LocalMetric(*CENTRE)
#: Share of names that the import lacks, and of addresses with a slip, without an ending, in other digits.
UNKNOWN, SLIPS, ENDLESS, DIGITS = 0.15, 0.2, 0.1, 0.3
_PREFIXES = ("", "", "深圳市福田区", "福田区{street}", "广东省深圳市福田区{street}", "我在", "{street}")
_TAILS = ("", "", "附近", "旁边", "东北角", "人行道上", "，有人占道经营", "对面公交站", "（靠近地铁口）")
_CROSSINGS = (
    "{a}与{b}路口", "{a}{b}交叉口", "{a}和{b}交汇处", "{a}近{b}", "{a}/{b}", "{a}、{b}十字路口",
    "{a}（{b}口）", "{a}{b}路口往{way}{metres}米",
)  # fmt: skip
_POIS = ("{poi}", "{by}{poi}", "{poi}门口", "{poi}后门", "{by}{poi}对面", "{poi}往{way}{metres}米")
_ROADS = ("{a}", "{a}东侧", "{a}中段", "{a}{number}号")
_WAYS = {"东": (1, 0), "南": (0, -1), "西": (-1, 0), "北": (0, 1), "东北": (0.707, 0.707)}
_ENDINGS = (
    "小学",
    "幼儿园",
    "公园",
    "菜市场",
    "花园",
    "大厦",
    "社区健康服务中心",
    "工作站",
    "广场",
    "酒店",
    "文化广场",
)


@dataclass(frozen=True)
class Address:
    """Words and what they mean: a point (metres), or of a road its name; `known`: whether it can be found."""

    words: str
    kind: str
    at: shapely.Point | None
    road: str
    known: bool
    slip: bool


@dataclass(frozen=True)
class _Poi:
    code: str
    name: str
    road: str
    street: str
    at: shapely.Point


class Futian:
    """The district's roads and points, known and unknown, and an endless supply of addresses."""

    def __init__(self, layers: Layers, seed: int) -> None:
        self._rng = Random(seed)
        roads = layers.layers[LayerKind.ROADS]
        self._lines: dict[str, list[shapely.Geometry]] = defaultdict(list)
        for name, line in zip(roads.columns["name"], METRIC.to_metres(roads.geometries), strict=True):
            if name:
                self._lines[name].append(line)
        streets = layers.layers[LayerKind.STREETS]
        self._streets = dict(zip(streets.columns["name"], METRIC.to_metres(streets.geometries), strict=True))
        self._crossings = list(self._meetings())
        self._pois = list(self._invented())
        names = sorted(self._lines)
        self.unknown = {name for name in names if self._rng.random() < UNKNOWN}
        self._unknown_pois = {poi.name for poi in self._pois if self._rng.random() < UNKNOWN}
        self._glyphs = sorted({glyph for name in names for glyph in name if "一" <= glyph <= "龥"})

    def _meetings(self) -> Iterator[tuple[str, str, shapely.Point]]:
        names = sorted(self._lines)
        whole = [shapely.union_all(self._lines[name]) for name in names]
        left, right = shapely.STRtree(whole).query(whole, predicate="dwithin", distance=1)
        for a, b in zip(left.tolist(), right.tolist(), strict=True):
            common = shapely.intersection(whole[a], whole[b])
            if a < b and not common.is_empty:
                place = common.centroid
                if shapely.distance(place, common) < 60 and common.envelope.length < 400:
                    yield names[a], names[b], place

    def _invented(self) -> Iterator[_Poi]:
        with shared_file("data/futian/community_codes.csv").open(encoding="utf-8") as rows:
            communities = [
                (row["name"].removesuffix("社区居委会"), row["street"]) for row in csv.DictReader(rows)
            ]
        named = sorted(self._lines)
        tree = shapely.STRtree([shapely.union_all(self._lines[name]) for name in named])
        serial = 0
        for stem, street in (one for one in communities if one[1] in self._streets):
            for ending in self._rng.sample(_ENDINGS, 4):
                ground = self._streets[street]
                west, south, east, north = ground.bounds
                while not ground.contains(
                    at := shapely.Point(self._rng.uniform(west, east), self._rng.uniform(south, north))
                ):
                    pass
                serial += 1
                yield _Poi(f"P{serial:04d}", stem + ending, named[int(tree.nearest(at))], street, at)

    def known(self, layers: Layers) -> Layers:
        """What is imported: without the roads and points that are unknown."""
        roads = layers.layers[LayerKind.ROADS]
        kept = roads.rows(np.array([name not in self.unknown for name in roads.columns["name"]]))
        points = [poi for poi in self._pois if poi.name not in self._unknown_pois]
        return Layers(
            layers.district_code, layers.effective_from, layers.code_length,
            {**layers.layers, LayerKind.ROADS: kept, LayerKind.POIS: _layer(points, layers)},
        )  # fmt: skip

    def addresses(self, number: int) -> Iterator[Address]:
        for _ in range(number):
            draw = self._rng.random()
            yield self._crossing() if draw < 0.45 else self._poi() if draw < 0.85 else self._road()

    def _crossing(self) -> Address:
        a, b, at = self._rng.choice(self._crossings)
        if self._rng.random() < 0.5:
            a, b = b, a
        known = a not in self.unknown and b not in self.unknown
        (wa, wb), slip = self._written(a, b)
        return self._told("crossing", self._rng.choice(_CROSSINGS), at, "", known, slip, a=wa, b=wb)

    def _poi(self) -> Address:
        poi = self._rng.choice(self._pois)
        (name,), slip = self._written(poi.name)
        form = self._rng.choice(_POIS)
        known = poi.name not in self._unknown_pois
        return self._told("poi", form, poi.at, "", known, slip, poi=name, by=poi.road, street=poi.street)

    def _road(self) -> Address:
        road = self._rng.choice(sorted(self._lines))
        (name,), slip = self._written(road)
        number = str(self._rng.randint(1, 3000))
        form = self._rng.choice(_ROADS)
        return self._told("road", form, None, road, road not in self.unknown, slip, a=name, number=number)

    def _told(
        self, kind: str, form: str, at: shapely.Point | None, road: str, known: bool, slip: bool, **names: str
    ) -> Address:
        street = names.pop("street", "") or self._street_of(at, road)
        way, metres = self._rng.choice(list(_WAYS)), self._rng.choice((30, 50, 100, 200))
        prefix, tail = self._rng.choice(_PREFIXES), self._rng.choice(_TAILS)
        words = (prefix + form + tail).format(street=street, way=way, metres=metres, **names)
        if at is not None and "{metres}" in form:
            dx, dy = _WAYS[way]
            at = shapely.Point(at.x + dx * metres, at.y + dy * metres)
        return Address(words, kind, at, road, known, slip)

    def _street_of(self, at: shapely.Point | None, road: str) -> str:
        at = at or self._lines[road][0].interpolate(0.5, normalized=True)
        return min(self._streets, key=lambda name: shapely.distance(self._streets[name], at))

    def _written(self, *names: str) -> tuple[tuple[str, ...], bool]:
        """The names as a hurried hand writes them, and whether one has a slip or lacks its ending."""
        written, slip = list(names), False
        one = self._rng.randrange(len(written))
        draw = self._rng.random()
        if draw < SLIPS:
            at = self._rng.randrange(len(written[one]))
            written[one] = written[one][:at] + self._rng.choice(self._glyphs) + written[one][at + 1 :]
            slip = True
        elif draw < SLIPS + ENDLESS and written[one][-1] in "路街道" and len(written[one]) > 2:
            written[one] = written[one][:-1]
            slip = True
        if self._rng.random() < DIGITS:
            written = [name.translate(str.maketrans("一二三四五六七八九", "123456789")) for name in written]
        return tuple(written), slip


def _layer(points: list[_Poi], layers: Layers) -> Layer:
    def column(values: list[object]) -> np.ndarray:
        found = np.empty(len(values), dtype=object)
        found[:] = values
        return found

    columns = {
        "code": column([poi.code for poi in points]),
        "name": column([poi.name for poi in points]),
        "category": column([None] * len(points)),
        "aliases": column([[] for _ in points]),
        "valid_from": column([layers.effective_from] * len(points)),
    }
    return Layer(LayerKind.POIS, METRIC.to_degrees(column([poi.at for poi in points])), columns)


def manifest(folder: Path) -> Path:
    return futian_manifest(folder)


def metres_off(lon: float, lat: float, at: shapely.Point) -> float:
    """Metres between a place found and the point that was meant."""
    found = METRIC.to_metres(shapely.Point(lon, lat))
    return math.hypot(found.x - at.x, found.y - at.y)
