"""A town grown from the plan: roads, blocks between them, and cells cut along roads and the river.

Pure and seeded. Metres around the plan's origin; every vertex lies on a grid of `GRID_M`, and shared
borders have the same vertices on both sides, so cells neither overlap nor leave gaps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

import shapely
from shapely import LineString, MultiLineString, Polygon
from shapely.ops import split

from app.demo import plan
from app.demo.plan import Point, RoadClass

GRID_M = 0.1
#: Cell size aimed at by area class, m²: GB/T 30428.1 asks for about 10,000 in the built-up core.
CELL_M2 = {"A": 10_000.0, "B": 23_000.0, "C": 58_000.0}
#: Size of a block enclosed by roads, m².
BLOCK_M2 = {"A": 44_000.0, "B": 105_000.0, "C": 240_000.0}
#: A face smaller than this share of its class's cell size is joined to a neighbour.
SCRAP = 0.25
#: An end of a new line this near to a junction moves onto it, metres.
SNAP_M = 28.0
LANE_CHANCE = {"A": 0.22, "B": 0.12, "C": 0.0}


@dataclass(frozen=True, slots=True)
class Road:
    """A road's middle line; unnamed ones get their names from their place in the town."""

    name: str | None
    road_class: RoadClass
    line: LineString


@dataclass(frozen=True, slots=True)
class Face:
    """A cell to be: its shape, area class, and the block and superblock it is part of."""

    shape: Polygon
    area_class: str
    block: int
    superblock: int


@dataclass(frozen=True, slots=True)
class _Block:
    """An area enclosed by roads. `wet` blocks lie between the river and its riverside road."""

    shape: Polygon
    area_class: str
    superblock: int
    wet: bool


@dataclass(frozen=True, slots=True)
class Town:
    """The town before it is dealt out to street offices and communities."""

    outline: Polygon
    river: LineString
    roads: tuple[Road, ...]
    faces: tuple[Face, ...]


def curve(points: Sequence[Point], *, closed: bool = False, step: int = 10) -> LineString:
    """The Catmull-Rom curve through the points, in `step` or fewer pieces between two of them."""
    around = [points[-1], *points, *points[:2]] if closed else [points[0], *points, points[-1]]
    drawn: list[Point] = []
    for a, b, c, d in zip(around, around[1:], around[2:], around[3:], strict=False):
        shares = [i / step for i in range(step + 1)]
        piece = [(_cubic(a[0], b[0], c[0], d[0], t), _cubic(a[1], b[1], c[1], d[1], t)) for t in shares]
        drawn.extend(shapely.simplify(LineString(piece), 1.0).coords[:-1])
    drawn.append(points[0] if closed else points[-1])
    return LineString(drawn)


def _cubic(a: float, b: float, c: float, d: float, t: float) -> float:
    return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))


def area_class(at: shapely.Point) -> str:
    """区域类别 by distance from the centre: A core, B built-up, C edge."""
    far = math.hypot((at.x - plan.CENTRE[0]) / 1.12, at.y - plan.CENTRE[1] - 40)
    return "A" if far < 1560 else "B" if far < 2120 else "C"


def grow(rng: Random) -> Town:
    """The town of that random stream."""
    outline = Polygon(curve(plan.OUTLINE, closed=True, step=4))
    river = curve(plan.RIVER)
    planned, banks = _noded(
        _planned_roads(outline, river), [outline.exterior, shapely.intersection(river, outline)]
    )
    frame = [*banks, *(road.line for road in planned)]
    superblocks = _faces(frame)
    builder = _Builder(rng, frame)
    blocks: list[_Block] = []
    for number, superblock in enumerate(superblocks):
        zone = area_class(superblock.centroid)
        wet = superblock.distance(river) < GRID_M
        parted = [superblock] if wet else builder.blocks(superblock, zone)
        blocks.extend(_Block(block, zone, number, wet) for block in parted)
    for block in blocks:
        builder.cut_cells(block.shape, block.area_class, LANE_CHANCE[block.area_class] * (not block.wet))
    faces = _joined(_in_blocks(_faces([*frame, *builder.lines()]), blocks))
    return Town(outline, river, (*planned, *builder.roads), faces)


def _planned_roads(outline: Polygon, river: LineString) -> list[Road]:
    roads = [Road(road.name, road.road_class, curve(road.through)) for road in plan.ROADS]
    roads.append(Road("环城路", RoadClass.MAIN, curve(plan.RING, closed=True)))
    for name, side in (("滨河北路", plan.BANK_M), ("滨河南路", -plan.BANK_M)):
        roads.append(
            Road(name, RoadClass.SECONDARY, shapely.simplify(shapely.offset_curve(river, side), 1.0))
        )
    return [
        replace(road, line=part)
        for road in roads
        for part in _parts(shapely.intersection(road.line, outline))
    ]


def _noded(roads: Sequence[Road], banks: Sequence[shapely.Geometry]) -> tuple[list[Road], list[LineString]]:
    """Roads and other lines parted where they meet, on the grid: new lines then end exactly on them."""
    lines = [*(road.line for road in roads), *banks]
    edges = list(shapely.get_parts(shapely.unary_union(lines, grid_size=GRID_M)))
    source = shapely.STRtree(lines).nearest([edge.interpolate(0.5, normalized=True) for edge in edges])
    parted: list[Road] = []
    rest: list[LineString] = []
    for edge, number in zip(edges, source, strict=True):
        if number < len(roads):
            parted.append(replace(roads[number], line=edge))
        else:
            rest.append(edge)
    return parted, rest


def _parts(geometry: shapely.Geometry) -> list[LineString]:
    merged = shapely.line_merge(geometry) if isinstance(geometry, MultiLineString) else geometry
    return [part for part in shapely.get_parts(merged) if isinstance(part, LineString) and part.length > 1]


def _faces(lines: Sequence[shapely.Geometry]) -> list[Polygon]:
    noded = shapely.unary_union(list(lines), grid_size=GRID_M)
    return sorted(
        (face for face in shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))),
        key=lambda face: (round(face.centroid.x), round(face.centroid.y)),
    )


class _Builder:
    """Cuts blocks and cells, remembering every line and junction so that later cuts meet them."""

    def __init__(self, rng: Random, frame: Sequence[shapely.Geometry]) -> None:
        self._rng = rng
        self.roads: list[Road] = []
        self._borders: list[LineString] = []
        self._junctions: dict[tuple[int, int], list[Point]] = {}
        noded = shapely.unary_union(list(frame), grid_size=GRID_M)
        for edge in shapely.get_parts(noded):
            self._remember(edge.coords[0])
            self._remember(edge.coords[-1])

    def lines(self) -> Iterator[LineString]:
        yield from (road.line for road in self.roads)
        yield from self._borders

    def blocks(self, area: Polygon, zone: str) -> list[Polygon]:
        """The blocks of an area, parted by new branch roads."""
        if area.area < BLOCK_M2[zone] * 1.45:
            return [area]
        cut = self._best_cut(area)
        if cut is None:
            return [area]
        line, halves = cut
        self.roads.append(Road(None, RoadClass.BRANCH, line))
        return [block for half in halves for block in self.blocks(half, zone)]

    def cut_cells(self, area: Polygon, zone: str, lane_chance: float) -> None:
        """Cut a block until its pieces are near the cell size; some of the first cuts are lanes."""
        if area.area < CELL_M2[zone] * 1.42:
            return
        cut = self._best_cut(area)
        if cut is None:
            return
        line, halves = cut
        if area.area > CELL_M2[zone] * 2.6 and self._rng.random() < lane_chance:
            self.roads.append(Road(None, RoadClass.LANE, line))
        else:
            self._borders.append(line)
        for half in halves:
            self.cut_cells(half, zone, lane_chance)

    def _best_cut(self, area: Polygon) -> tuple[LineString, list[Polygon]] | None:
        best: tuple[float, LineString, list[Polygon]] | None = None
        for line in self._candidates(area):
            halves = [part for part in split(area, _lengthened(line)).geoms if isinstance(part, Polygon)]
            if len(halves) != 2:
                continue
            smaller = min(half.area for half in halves) / area.area
            shape = min(_compactness(half) for half in halves)
            score = shape * min(1.0, smaller / 0.42)
            if best is None or score > best[0]:
                best = (score, line, halves)
        if best is None or best[0] < 0.12:
            return None
        _, line, halves = best
        self._remember(line.coords[0])
        self._remember(line.coords[-1])
        return line, halves

    def _candidates(self, area: Polygon) -> Iterator[LineString]:
        """Lines across the area, crosswise to its long and its short side, with jitter."""
        box = shapely.oriented_envelope(area)
        corners = box.exterior.coords
        a, b, c = corners[0], corners[1], corners[2]
        sides = [(a, b, c), (b, c, corners[3])]
        sides.sort(key=lambda side: -math.dist(side[0], side[1]))
        for (start, end, far), tries in zip(sides, (5, 2), strict=True):
            across = (far[0] - end[0], far[1] - end[1])
            for _ in range(tries):
                share = self._rng.uniform(0.42, 0.58)
                tilt = self._rng.uniform(-0.06, 0.06)
                bend = self._rng.uniform(-0.035, 0.035)
                foot = (start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1]))
                skew = (tilt * (end[0] - start[0]), tilt * (end[1] - start[1]))
                head = (foot[0] + across[0] + skew[0], foot[1] + across[1] + skew[1])
                ray = LineString([_beyond(head, foot, 5), _beyond(foot, head, 5)])
                inside = _parts(shapely.intersection(ray, area))
                if len(inside) != 1:
                    continue
                yield self._between(area, inside[0].coords[0], inside[0].coords[-1], bend)

    def _between(self, area: Polygon, tail: Point, head: Point, bend: float) -> LineString:
        """A line between two border points, moved onto near junctions, slightly bent."""
        tail, head = self._junction_near(area, tail), self._junction_near(area, head)
        dx, dy = head[0] - tail[0], head[1] - tail[1]
        middle = [
            (tail[0] + t * dx - s * dy, tail[1] + t * dy + s * dx) for t, s in ((1 / 3, bend), (2 / 3, bend))
        ]
        return LineString([tail, *middle, head])

    def _junction_near(self, area: Polygon, point: Point) -> Point:
        i, j = int(point[0] // SNAP_M), int(point[1] // SNAP_M)
        near = [
            junction
            for di in (-1, 0, 1)
            for dj in (-1, 0, 1)
            for junction in self._junctions.get((i + di, j + dj), ())
            if math.dist(junction, point) < SNAP_M
        ]
        for junction in sorted(near, key=lambda junction: math.dist(junction, point)):
            if area.exterior.distance(shapely.Point(junction)) < 0.5:
                return junction
        return point

    def _remember(self, point: Sequence[float]) -> None:
        x, y = point[0], point[1]
        self._junctions.setdefault((int(x // SNAP_M), int(y // SNAP_M)), []).append((x, y))


def _lengthened(line: LineString) -> LineString:
    """The line a little too long at both ends, so that it parts an area whose border it just meets."""
    first, second, *_, before, last = line.coords
    return LineString([_beyond(second, first, 0.3), *line.coords[1:-1], _beyond(before, last, 0.3)])


def _beyond(start: Point, end: Point, by: float) -> Point:
    """The point `by` metres past the end of a line from start to end."""
    length = math.dist(start, end) or 1.0
    return (end[0] + (end[0] - start[0]) * by / length, end[1] + (end[1] - start[1]) * by / length)


def _compactness(shape: Polygon) -> float:
    """1 for a circle, 0.785 for a square, towards 0 for a sliver."""
    return float(4 * math.pi * shape.area / shape.length**2)


def _in_blocks(shapes: list[Polygon], blocks: list[_Block]) -> list[Face]:
    """Each final shape with the block it lies in."""
    tree = shapely.STRtree([block.shape for block in blocks])
    found = tree.nearest([shape.representative_point() for shape in shapes])
    return [
        Face(shape, blocks[number].area_class, int(number), blocks[number].superblock)
        for shape, number in zip(shapes, found, strict=True)
    ]


def _joined(faces: list[Face]) -> tuple[Face, ...]:
    """The faces, with each scrap joined to the neighbour it shares the longest border with."""
    kept = list(faces)
    while scraps := [face for face in kept if face.shape.area < SCRAP * CELL_M2[face.area_class]]:
        scrap = min(scraps, key=lambda face: face.shape.area)
        kept.remove(scrap)
        host = max(
            kept, key=lambda face: (face.superblock == scrap.superblock, _border(face.shape, scrap.shape))
        )
        kept[kept.index(host)] = replace(host, shape=shapely.coverage_union(host.shape, scrap.shape))
    return tuple(kept)


def _border(one: Polygon, other: Polygon) -> float:
    """Length of the border two shapes share, metres."""
    return float(shapely.intersection(one, other).length) if one.intersects(other) else 0.0
