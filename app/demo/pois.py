"""兴趣点 of the demo town: the landmarks, and what a community has: its office, a school, a market."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

import shapely
from shapely import Point

from app.demo import plan
from app.demo.areas import Area, Areas
from app.demo.components import WIDTH_M
from app.demo.roads import Segment, heading

#: What a community may have: its category, the ending of its name, and how many communities have one.
KINDS = (
    ("居委会", "社区居委会", 1.0),
    ("学校", "小学", 0.6),
    ("学校", "幼儿园", 0.5),
    ("市场", "农贸市场", 0.4),
    ("医疗", "社区卫生服务站", 0.4),
    ("公园", "公园", 0.3),
)
#: How far behind the edge of the road a building stands, metres.
SETBACK_M = 15.0


@dataclass(frozen=True, slots=True)
class Poi:
    """A place people name, in metres around the plan's origin. Its address (振兴街12号) is an alias."""

    name: str
    category: str
    at: Point
    road: str = field(default="", compare=False)


def pois(areas: Areas, segments: Sequence[Segment], rng: Random) -> tuple[tuple[Poi, str], ...]:
    """Every point with its address, empty for one at no road; by name."""
    found = sorted([*_landmarks(segments), *_of_communities(areas, segments, rng)], key=lambda poi: poi.name)
    by_road: dict[str, list[Poi]] = defaultdict(list)
    for poi in found:
        by_road[poi.road].append(poi)
    address = {
        poi.name: f"{road}{number}号"
        for road, beside in by_road.items()
        if road
        for number, poi in enumerate(sorted(beside, key=lambda poi: (poi.at.x, -poi.at.y)), start=1)
    }
    return tuple((poi, address.get(poi.name, "")) for poi in found)


def _landmarks(segments: Sequence[Segment]) -> Iterator[Poi]:
    roads = {segment.name for segment in segments}
    for spot in plan.LANDMARKS:
        if spot.name not in roads:  # 中兴步行街 is a road, and found as one
            yield Poi(spot.name, "地标", Point(spot.at))


def _of_communities(areas: Areas, segments: Sequence[Segment], rng: Random) -> Iterator[Poi]:
    named = [segment for segment in segments if segment.name]
    tree = shapely.STRtree([segment.line.interpolate(0.5, normalized=True) for segment in named])
    for community in areas.communities:
        inside = sorted(int(row) for row in tree.query(community.shape, predicate="contains"))
        for category, ending, share in KINDS:
            if rng.random() >= share:
                continue
            name = community.name.removesuffix("社区") + ending
            yield (
                _beside(named[rng.choice(inside)], community, name, category, rng)
                if inside
                else Poi(name, category, community.shape.representative_point())
            )


def _beside(segment: Segment, community: Area, name: str, category: str, rng: Random) -> Poi:
    """Behind the edge of the road; on the road itself where that is another community's ground."""
    along = segment.line.length * rng.uniform(0.2, 0.8)
    (dx, dy), middle = heading(segment.line, along), segment.line.interpolate(along)
    aside = rng.choice((-1, 1)) * (WIDTH_M[segment.road_class] + SETBACK_M)
    at = Point(middle.x - dy * aside, middle.y + dx * aside)
    return Poi(name, category, at if community.shape.contains(at) else middle, segment.name)
