"""Where in the demo town a problem is, and what people call the place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import shapely
from shapely import Point

from app.demo import plan
from app.demo.components import WIDTH_M, Component
from app.demo.district import District
from app.demo.plan import RoadClass
from app.demo.roads import Segment, heading

#: How much busier a metre of a road of that class is, and how much a preferred kind of hot spot attracts.
BUSY = {RoadClass.MAIN: 1.6, RoadClass.SECONDARY: 1.3, RoadClass.BRANCH: 1.0, RoadClass.LANE: 0.8}
ATTRACTION = 6.0
#: Hot-spot reports lie within this many spreads of the landmark.
REACH = 2.0
#: Distance from the centre at which a road is half as busy as there, metres.
HALF_BUSY_M = 900.0
RIVERSIDE = "滨河"


@dataclass(frozen=True, slots=True)
class Called:
    """What people call a place: `where` within a sentence, `address` in full."""

    where: str
    address: str


class Sites:
    """The places of one district. Points are metres around the plan's origin."""

    def __init__(self, district: District) -> None:
        self._area = district.areas.district
        shapely.prepare(self._area)
        self._roads = [road for road in district.segments if road.name]
        self._busy = [_busyness(road) for road in self._roads]
        self._riverside = [road for road in self._roads if road.name.startswith(RIVERSIDE)]
        self._tree = shapely.STRtree([road.line for road in self._roads])
        self._communities = district.areas.communities
        self._community_tree = shapely.STRtree([area.shape for area in self._communities])
        self._street_name = {area.code: area.name for area in district.areas.streets}
        self._components: dict[str, list[Component]] = defaultdict(list)
        for component in district.components:
            self._components[component.category].append(component)
        self._names_at: dict[tuple[float, ...], set[str]] = defaultdict(set)
        for road in self._roads:
            self._names_at[road.line.coords[0]].add(road.name)
            self._names_at[road.line.coords[-1]].add(road.name)

    def component(self, category: str, rng: Random) -> Component:
        """One of the components of that category."""
        return rng.choice(self._components[category])

    def hot_spot(self, near: Sequence[str], rng: Random) -> Point:
        """A point at one of the landmarks, rather at those of the preferred kinds."""
        weights = [
            spot.weight * (1.0 if spot.kinds.isdisjoint(near) else ATTRACTION) for spot in plan.LANDMARKS
        ]
        spot = rng.choices(plan.LANDMARKS, weights)[0]
        while True:
            dx, dy = rng.gauss(0, spot.spread_m), rng.gauss(0, spot.spread_m)
            if dx * dx + dy * dy <= (REACH * spot.spread_m) ** 2:
                return Point(spot.at[0] + dx, spot.at[1] + dy)

    def beside_road(self, rng: Random, *, river: bool = False) -> Point:
        """A point at the side of some road, or of the roads along the river."""
        while True:
            road = rng.choice(self._riverside) if river else rng.choices(self._roads, self._busy)[0]
            along = rng.uniform(0, road.line.length)
            (dx, dy), middle = heading(road.line, along), road.line.interpolate(along)
            aside = rng.choice((-1, 1)) * (WIDTH_M[road.road_class] + rng.uniform(0, 8))
            point = Point(middle.x - dy * aside, middle.y + dx * aside)
            if self.holds(point):
                return point

    def near(self, point: Point, within_m: float, rng: Random) -> Point:
        """Another point of the district within that distance."""
        while True:
            dx, dy = rng.uniform(-within_m, within_m), rng.uniform(-within_m, within_m)
            if dx * dx + dy * dy <= within_m * within_m:
                other = Point(point.x + dx, point.y + dy)
                if self.holds(other):
                    return other

    def holds(self, point: Point) -> bool:
        """Whether the point lies inside the district."""
        return bool(self._area.contains(point))

    def called(self, point: Point, rng: Random) -> Called:
        """What people call the place: by a landmark, a crossing near by, or the side of the road."""
        where = rng.choice(self._ways_to_say(point))
        community = self._communities[int(self._community_tree.nearest(point))]
        return Called(where, f"{self._street_name[community.code[:9]]}{community.name}{where}")

    def _ways_to_say(self, point: Point) -> list[str]:
        road = self._roads[int(self._tree.nearest(point))]
        foot = road.line.interpolate(road.line.project(point))
        ways = [f"{road.name}路{_compass(foot, point)}"]
        for end in (road.line.coords[0], road.line.coords[-1]):
            corner = Point(end)
            for other in sorted(self._names_at[end] - {road.name}):
                metres = round(corner.distance(point), -1)
                if metres < 30:
                    ways.append(f"{road.name}与{other}路口")
                elif metres < 300:
                    ways.append(f"{road.name}{other}路口往{_compass(corner, point)}{metres:.0f}米")
        for landmark in plan.LANDMARKS:
            if Point(landmark.at).distance(point) < landmark.spread_m * REACH:
                ways += [f"{landmark.name}附近", f"{road.name}{landmark.name}旁", f"{landmark.name}周边"]
        return ways


def _busyness(road: Segment) -> float:
    far = road.line.distance(Point(plan.CENTRE)) / HALF_BUSY_M
    return float(road.line.length * BUSY[road.road_class] / (1 + far * far))


def _compass(start: Point, end: Point) -> str:
    dx, dy = end.x - start.x, end.y - start.y
    if abs(dx) > abs(dy):
        return "东" if dx > 0 else "西"
    return "北" if dy > 0 else "南"
