"""街长 of the demo town, with invented names.

Each named road has within each community one chief of its segments (路段街长), on main roads a deputy too,
and each street office a chief of its main roads (街道街长).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from random import Random

import shapely

from app.demo import names, plan
from app.demo.areas import Areas
from app.demo.plan import RoadClass
from app.demo.roads import Segment

TERMS_FROM = date(2026, 1, 1)
#: Share of stretches whose chief changes in the course of the year, and the days on which it does.
CHANGES = 0.06
CHANGE_DAYS = (date(2026, 5, 18), date(2026, 7, 1), date(2026, 9, 1))
#: Visible range (街面可视范围) by road class, metres.
VISIBLE_M = {RoadClass.MAIN: 40, RoadClass.SECONDARY: 30, RoadClass.BRANCH: 25, RoadClass.LANE: 20}
#: The rulebook's unit of each street office, by the street's code.
OFFICE_UNIT = {office.code: office.unit for office in plan.OFFICES}


@dataclass(frozen=True, slots=True)
class Chief:
    """A term of office on one segment. `level` is a code of the rulebook; `valid_to` None: still."""

    segment_code: str
    level: str
    deputy: int
    name: str
    account: str
    unit: str
    visible_range_m: int
    valid_from: date
    valid_to: date | None


@dataclass(frozen=True, slots=True)
class _Post:
    """What a person holds: a named road within one community, or all main roads of a street office."""

    segments: tuple[Segment, ...]
    level: str
    deputy: int
    unit: str
    account: str = ""


def chiefs(areas: Areas, roads: Sequence[Segment], rng: Random) -> tuple[Chief, ...]:
    """All terms, by segment, level, rank and beginning."""
    terms = [term for post in _posts(areas, roads) for term in _terms(post, rng)]
    return tuple(
        sorted(terms, key=lambda term: (term.segment_code, term.level, term.deputy, term.valid_from))
    )


def _posts(areas: Areas, roads: Sequence[Segment]) -> Iterator[_Post]:
    named = [road for road in roads if road.name]
    middles = [road.line.interpolate(0.5, normalized=True) for road in named]
    nearest = shapely.STRtree([area.shape for area in areas.communities]).nearest(middles)
    stretches: dict[tuple[str, str], list[Segment]] = defaultdict(list)
    main: dict[str, list[Segment]] = defaultdict(list)
    for road, number in zip(named, nearest, strict=True):
        community = areas.communities[number].code
        stretches[road.name, community].append(road)
        if road.road_class is RoadClass.MAIN:
            main[community[:9]].append(road)
    for (_, community), stretch in stretches.items():
        ranks = (0, 1) if stretch[0].road_class is RoadClass.MAIN else (0,)
        for deputy in ranks:
            yield _Post(tuple(stretch), "segment", deputy, OFFICE_UNIT[community[:9]])
    for street, stretch in sorted(main.items()):
        unit = OFFICE_UNIT[street]
        yield _Post(tuple(stretch), "street", 0, unit, account=unit.replace("street_", "chief."))


def _terms(post: _Post, rng: Random) -> Iterator[Chief]:
    """The terms of the post's holder, or of two who follow one another."""
    change = rng.choice(CHANGE_DAYS) if rng.random() < CHANGES and not post.account else None
    spans = [(TERMS_FROM, change), (change, None)] if change else [(TERMS_FROM, None)]
    for valid_from, valid_to in spans:
        assert valid_from is not None
        name = names.person(rng)
        for segment in post.segments:
            yield Chief(
                segment_code=segment.code,
                level=post.level,
                deputy=post.deputy,
                name=name,
                account=post.account,
                unit=post.unit,
                visible_range_m=VISIBLE_M[segment.road_class],
                valid_from=valid_from,
                valid_to=valid_to,
            )
