"""部件 of the demo town: a few hundred things along its roads, with owners, maintainers and states."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

import shapely

from app.demo import plan
from app.demo.areas import Areas
from app.demo.plan import RoadClass
from app.demo.roads import Segment, heading

#: Share of components by state (GB/T 30428.2 ObjState).
STATES = {"intact": 0.955, "damaged": 0.03, "missing": 0.005, "abandoned": 0.005, "occupied": 0.005}
#: Half widths of roads, metres.
WIDTH_M = {RoadClass.MAIN: 15.0, RoadClass.SECONDARY: 10.0, RoadClass.BRANCH: 6.0, RoadClass.LANE: 3.0}


_STREETS = (RoadClass.MAIN, RoadClass.SECONDARY)
_ROADS = (RoadClass.MAIN, RoadClass.SECONDARY, RoadClass.BRANCH)


@dataclass(frozen=True, slots=True)
class Kind:
    """A minor of the demo rulebook: how many there are, who owns and maintains them (unit codes; empty:
    nobody known), how far from the road's middle they stand in half road widths, and along which roads."""

    category: str
    name: str
    count: int
    owner: str
    maintainer: str
    beside: float
    roads: tuple[RoadClass, ...] = _ROADS


KINDS = (
    Kind("C0101", "上水井盖", 40, "water_supply", "water_supply", 0.7),
    Kind("C0102", "污水井盖", 45, "urban_services", "urban_services", 0.4),
    Kind("C0103", "雨水井盖", 50, "urban_services", "urban_services", 0.6),
    Kind("C0104", "雨水箅子", 55, "urban_services", "urban_services", 0.95),
    Kind("C0105", "电力井盖", 25, "power_supply", "power_supply", 1.2),
    Kind("C0106", "路灯井盖", 25, "urban_services", "urban_services", 1.2, _STREETS),
    Kind("C0107", "通信井盖", 35, "telecom", "telecom", 1.3),
    Kind("C0110", "热力井盖", 25, "heat_supply", "heat_supply", 0.5),
    Kind("C0111", "燃气井盖", 20, "gas_supply", "gas_supply", 0.8),
    Kind("C0114", "消防设施", 28, "water_supply", "water_supply", 1.3),
    Kind("C0115", "无主井盖", 14, "", "", 0.5),
    Kind("C0116", "通信交接箱", 16, "telecom", "telecom", 1.6),
    Kind("C0119", "路灯", 95, "urban_services", "urban_services", 1.1),
    Kind("C0127", "健身设施", 12, "urban_services", "urban_services", 2.2, (RoadClass.BRANCH,)),
    Kind("C0132", "监控电子眼", 18, "police", "police", 1.2, _STREETS),
    Kind("C0203", "公交站亭", 40, "public_transport", "public_transport", 1.2, _STREETS),
    Kind("C0210", "交通标志牌", 30, "traffic_police", "traffic_police", 1.1, _STREETS),
    Kind("C0211", "交通信号灯", 24, "traffic_police", "traffic_police", 1.0, _STREETS),
    Kind("C0214", "交通护栏", 16, "traffic_police", "traffic_police", 0.1, _STREETS),
    Kind("C0215", "路名牌", 30, "civil_affairs", "urban_services", 1.2),
    Kind("C0301", "公共厕所", 12, "urban_services", "urban_services", 2.4),
    Kind("C0305", "垃圾箱", 60, "urban_services", "urban_services", 1.4),
    Kind("C0402", "行道树", 75, "urban_services", "urban_services", 1.25),
    Kind("C0407", "街头座椅", 30, "urban_services", "urban_services", 1.5),
    Kind("C0506", "宣传栏", 12, "civility", "civility", 1.8),
)  # fmt: skip


_CENTRE = shapely.Point(plan.CENTRE)


@dataclass(frozen=True, slots=True)
class Component:
    """部件 at a point in metres."""

    code: str
    category: str
    name: str
    owner_unit: str
    maintainer_unit: str
    state: str
    initial_date: date
    at: shapely.Point
    road: str

    def attributes(self) -> dict[str, Any]:
        """Its row in the map layer."""
        return {
            "code": self.code,
            "name": self.name,
            "category": self.category,
            "owner_unit": self.owner_unit,
            "maintainer_unit": self.maintainer_unit,
            "state": self.state,
            "initial_date": self.initial_date.isoformat(),
            "accuracy": "A",
            "data_source": "演示",
        }


def placed(areas: Areas, roads: Sequence[Segment], rng: Random) -> tuple[Component, ...]:
    """All components, by code."""
    shapely.prepare(areas.district)
    return tuple(component for kind in KINDS for component in _of_kind(kind, areas, roads, rng))


def _of_kind(kind: Kind, areas: Areas, roads: Sequence[Segment], rng: Random) -> Iterator[Component]:
    along = [road for road in roads if road.road_class in kind.roads]
    # Denser towards the centre, as the town is.
    weights = [road.line.length / (1200 + road.line.distance(_CENTRE)) for road in along]
    for serial in range(1, kind.count + 1):
        at = None
        while at is None or not areas.district.contains(at):
            road = rng.choices(along, weights)[0]
            at = _beside(road, kind.beside * WIDTH_M[road.road_class], rng)
        yield Component(
            code=f"{plan.DISTRICT_CODE}{kind.category[1:]}{serial:06d}",
            category=kind.category,
            name=kind.name,
            owner_unit=kind.owner,
            maintainer_unit=kind.maintainer,
            state=rng.choices(list(STATES), list(STATES.values()))[0],
            initial_date=date(2019, 1, 1) + timedelta(days=rng.randrange(2400)),
            at=at,
            road=road.name,
        )


def _beside(road: Segment, offset: float, rng: Random) -> shapely.Point:
    """A point beside the road, away from its junctions, on either hand."""
    along = road.line.length * rng.uniform(0.1, 0.9)
    (dx, dy), side = heading(road.line, along), rng.choice((-1, 1))
    middle = road.line.interpolate(along)
    return shapely.Point(middle.x - dy * offset * side, middle.y + dx * offset * side)
