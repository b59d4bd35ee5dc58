"""Deals the town's faces out to street offices, communities and numbered cells.

Areas grow evenly from their seeds over neighbouring blocks and cross the river last, so a street is a union
of superblocks, a community of blocks, and borders follow roads.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

import shapely
from shapely import Polygon

from app.demo import names, plan
from app.demo.plan import Point
from app.demo.town import Face, Town

#: Cells a community is aimed to have, and how many communities a street may have.
CELLS_PER_COMMUNITY = 36
COMMUNITIES = (3, 6)
#: What crossing the river adds to a distance while areas grow, metres.
RIVER_PENALTY_M = 700.0

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Area:
    """A street office's area or a community, in metres; the code's beginning is its parent's."""

    code: str
    name: str
    shape: Polygon


@dataclass(frozen=True, slots=True)
class Cell:
    """单元网格 in metres, with its 15-digit code."""

    code: str
    area_class: str
    shape: Polygon


@dataclass(frozen=True, slots=True)
class Areas:
    """The district's tree of areas, each level sorted by code."""

    district: Polygon
    streets: tuple[Area, ...]
    communities: tuple[Area, ...]
    cells: tuple[Cell, ...]


def deal(town: Town, rng: Random) -> Areas:
    """Streets, communities and cells of the town."""
    streets = _streets(town)
    free = list(names.COMMUNITIES)
    rng.shuffle(free)
    areas: list[Area] = []
    communities: list[Area] = []
    cells: list[Cell] = []
    for office in plan.OFFICES:
        faces = [face for face in town.faces if streets[face.superblock] == office.code]
        areas.append(Area(office.code, office.name, _union(face.shape for face in faces)))
        for number, members in enumerate(_communities(faces, town, rng), start=1):
            code = f"{office.code}{number:03d}"
            communities.append(Area(code, f"{free.pop()}社区", _union(face.shape for face in members)))
            cells.extend(
                Cell(f"{code}{sequence:03d}", face.area_class, face.shape)
                for sequence, face in enumerate(_reading_order(members), start=1)
            )
    return Areas(_union(face.shape for face in town.faces), tuple(areas), tuple(communities), tuple(cells))


def _union(shapes: Iterable[Polygon]) -> Polygon:
    found = shapely.coverage_union_all(list(shapes))
    if not isinstance(found, Polygon):
        raise ValueError("an area fell apart into several pieces; choose another seed")
    return shapely.orient_polygons(found)


def _streets(town: Town) -> dict[int, str]:
    """The street code of each superblock."""
    members = _grouped(town.faces, lambda face: face.superblock)
    return _grown(members, {office.code: office.seed for office in plan.OFFICES}, town)


def _communities(faces: Sequence[Face], town: Town, rng: Random) -> list[list[Face]]:
    """The street's faces dealt to communities, in reading order of these."""
    fewest, most = COMMUNITIES
    count = min(most, max(fewest, round(len(faces) / CELLS_PER_COMMUNITY)))
    blocks = _grouped(faces, lambda face: face.block)
    seeds = _spread([_middle(members) for members in blocks.values()], count, rng)
    for _ in range(4):  # settles, as in k-means
        found = _dealt(faces, _grown(blocks, dict(enumerate(seeds)), town))
        seeds = [_middle(members) for members in found]
    return sorted(found, key=lambda members: _reading_key(_middle(members), 500))


def _dealt(faces: Sequence[Face], owner: Mapping[int, int]) -> list[list[Face]]:
    """The faces of each numbered community."""
    grouped = _grouped(faces, lambda face: owner[face.block])
    return [grouped[number] for number in sorted(grouped)]


def _grouped(faces: Iterable[Face], key: Callable[[Face], Key]) -> dict[Key, list[Face]]:
    grouped: dict[Key, list[Face]] = defaultdict(list)
    for face in faces:
        grouped[key(face)].append(face)
    return dict(grouped)


def _middle(faces: Sequence[Face]) -> Point:
    """The mean of the faces' middles: dense parts weigh more."""
    return (
        sum(face.shape.centroid.x for face in faces) / len(faces),
        sum(face.shape.centroid.y for face in faces) / len(faces),
    )


def _spread(points: Sequence[Point], count: int, rng: Random) -> list[Point]:
    """Some of the points, far from one another."""
    chosen = [rng.choice(points)]
    while len(chosen) < count:
        chosen.append(max(points, key=lambda point: min(math.dist(point, other) for other in chosen)))
    return chosen


def _grown(pieces: Mapping[int, list[Face]], seeds: Mapping[Key, Point], town: Town) -> dict[int, Key]:
    """Each piece's region. The region with the fewest cells takes the piece beside it nearest its seed."""
    beside = _neighbours(pieces)
    middle = {number: _middle(faces) for number, faces in pieces.items()}
    owner: dict[int, Key] = {}
    size: dict[Key, int] = {}

    def distance(region: Key, number: int) -> float:
        seed = seeds[region]
        wet = shapely.LineString([seed, middle[number]]).intersects(town.river)
        return math.dist(seed, middle[number]) + (RIVER_PENALTY_M if wet else 0.0)

    for region in seeds:
        first = min(
            (number for number in pieces if number not in owner), key=lambda number: distance(region, number)
        )
        owner[first], size[region] = region, len(pieces[first])
    while len(owner) < len(pieces):
        for region in sorted(size, key=lambda region: size[region]):
            mine = (number for number, of in owner.items() if of == region)
            edge = {other for number in mine for other in beside[number]} - owner.keys()
            if edge:
                taken = min(sorted(edge), key=lambda number: distance(region, number))
                owner[taken] = region
                size[region] += len(pieces[taken])
                break
        else:
            raise ValueError("some blocks have no neighbour; the town is not in one piece")
    return owner


def _neighbours(pieces: Mapping[int, list[Face]]) -> dict[int, set[int]]:
    """Which pieces share a border of some length."""
    numbers = list(pieces)
    shapes = [shapely.coverage_union_all([face.shape for face in pieces[number]]) for number in numbers]
    beside: dict[int, set[int]] = {number: set() for number in numbers}
    for one, other in shapely.STRtree(shapes).query(shapes, predicate="intersects").T:
        if one < other and shapely.intersection(shapes[one], shapes[other]).length > 5:
            beside[numbers[one]].add(numbers[other])
            beside[numbers[other]].add(numbers[one])
    return beside


def _reading_order(faces: Sequence[Face]) -> list[Face]:
    """West to east, row by row from north to south (GB/T 30428.1)."""
    row = math.sqrt(sum(face.shape.area for face in faces) / len(faces))
    return sorted(faces, key=lambda face: _reading_key((face.shape.centroid.x, face.shape.centroid.y), row))


def _reading_key(point: Point, row_m: float) -> tuple[int, float]:
    return (-math.floor(point[1] / row_m), point[0])
