"""路段: the town's roads parted at their junctions, named, and coded."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

import shapely
from shapely import LineString

from app.demo import plan
from app.demo.names import ROAD_STEMS
from app.demo.plan import RoadClass
from app.demo.town import GRID_M, Road, Town

#: A dead end shorter than this is an overhang of the drawing and is dropped, metres.
STUB_M = 70.0
#: A piece between two junctions shorter than this is part of one crossing, metres.
SHORTEST_M = 5.0
#: Share of lanes that have a name.
NAMED_LANES = 0.6


@dataclass(frozen=True, slots=True)
class Segment:
    """A road between two junctions, in metres. `name` is empty for some lanes."""

    code: str
    name: str
    road_class: RoadClass
    line: LineString


def segments(town: Town, rng: Random) -> tuple[Segment, ...]:
    """Every segment, by road and then from west to east."""
    names = _names(town.roads, rng)
    first = {name: number for number, name in reversed(list(enumerate(names)))}
    lines = [road.line for road in town.roads]
    edges = _without_stubs(town, list(shapely.get_parts(shapely.unary_union(lines, grid_size=GRID_M))))
    middles = [edge.interpolate(0.5, normalized=True) for edge in edges]
    source = [int(number) for number in shapely.STRtree(lines).nearest(middles)]
    found = sorted(
        zip(source, middles, edges, strict=True),
        key=lambda item: (first[names[item[0]]], item[1].x, -item[1].y),
    )
    return tuple(
        Segment(f"{plan.DISTRICT_CODE}R{serial:04d}", names[number], town.roads[number].road_class, edge)
        for serial, (number, _, edge) in enumerate(found, start=1)
    )


def _without_stubs(town: Town, edges: list[LineString]) -> list[LineString]:
    edges = [edge for edge in edges if edge.length > SHORTEST_M]
    while True:
        ends = Counter(end for edge in edges for end in _ends(edge))
        kept = [edge for edge in edges if edge.length > STUB_M or not _hangs(edge, ends, town)]
        if len(kept) == len(edges):
            return kept
        edges = kept


def _hangs(edge: LineString, ends: Counter[tuple[float, ...]], town: Town) -> bool:
    return any(
        ends[end] == 1 and town.outline.exterior.distance(shapely.Point(end)) > 1 for end in _ends(edge)
    )


def _ends(edge: LineString) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return edge.coords[0], edge.coords[-1]


def _names(roads: Sequence[Road], rng: Random) -> list[str]:
    """A name for each road: roads running west to east are 街, north to south 路, lanes 巷."""
    stems = {suffix: _shuffled(ROAD_STEMS, rng) for suffix in ("街", "路", "巷")}
    return [road.name if road.name is not None else _invented(road, stems, rng) for road in roads]


def _invented(road: Road, stems: dict[str, Iterator[str]], rng: Random) -> str:
    (x, y), (u, v) = road.line.coords[0], road.line.coords[-1]
    if road.road_class is RoadClass.LANE:
        if rng.random() > NAMED_LANES:
            return ""
        suffix = "巷"
    else:
        suffix = "街" if abs(u - x) > abs(v - y) else "路"
    return f"{next(stems[suffix])}{suffix}"


def _shuffled(stems: Sequence[str], rng: Random) -> Iterator[str]:
    order = list(stems)
    rng.shuffle(order)
    return iter(order)


def heading(line: LineString, at: float) -> tuple[float, float]:
    """Unit vector of the line's direction `at` metres from its beginning."""
    a, b = line.interpolate(max(at - 1, 0)), line.interpolate(min(at + 1, line.length))
    length = math.hypot(b.x - a.x, b.y - a.y) or 1.0
    return (b.x - a.x) / length, (b.y - a.y) / length
