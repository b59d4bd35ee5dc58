"""Rulebooks cast by dice, for the service and for the oracle alike, and cases at the edges of their rules.

Codes are few, so that rules meet, shadow and tie with one another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import TypeVar
from zoneinfo import ZoneInfo

from app.dispatch.matrix import Facts
from app.dispatch.rulebook import Category, Condition, Policy, Rulebook, Unit, UnitKind
from tests.dispatch.lanxi import CALENDAR, rulebook
from tests.dispatch.oracle import DISTRICT, TAXONOMY, Day, Oracle, Rule

Item = TypeVar("Item")

HARBOUR, MARKET = DISTRICT + "001", DISTRICT + "002"
AREAS = [
    DISTRICT, HARBOUR, MARKET, HARBOUR + "001", HARBOUR + "002", MARKET + "001",
    HARBOUR + "001001", HARBOUR + "001002", MARKET + "001001",
]  # fmt: skip
#: Cell, community, street, district; the last lie in no cell, in no street, outside.
PLACES = [
    *((area, area[:12], area[:9], DISTRICT) for area in AREAS if len(area) == 15),
    *((None, area, area[:9], DISTRICT) for area in AREAS if len(area) == 12),
    (None, None, MARKET, DISTRICT),
    (None, None, None, DISTRICT),
    (None, None, None, None),
]
CODES = [f"U{number}" for number in range(1, 8)]
SOURCES = ["hotline", "inspector"]
REFERENCES = [
    *CODES, "GONE", "@owner", "@maintainer", "@street_office", "@community", "@street_chief", "@principle",
    "@fallback", "@local:enforcement", "@local:cleaning",
]  # fmt: skip
#: What no row may say, by field: such a row takes no part.
SPOILT = [
    ("hours", "25:00-26:00"), ("weekdays", "8"), ("dates", "02-30"), ("dates", "2026-05-01..2026-03-01"),
    ("lead", "@nobody"), ("lead", "U1 >"), ("assisting", ("@local:",)), ("category", "E99"),
]  # fmt: skip
ZONES = ["Asia/Shanghai", "Asia/Urumqi", "America/New_York"]
STARTS, ENDS = [0, 360, 481, 1080, 1320, 1439], [1, 360, 480, 1080, 1320, 1440]
YEARLY = [(1, 1), (2, 28), (2, 29), (3, 1), (10, 1), (11, 30), (12, 31)]


@dataclass(frozen=True)
class City:
    """A rulebook as the service has it, and the oracle that was told the same."""

    book: Rulebook
    oracle: Oracle


def city_of(dice: Random, most: int = 12) -> City:
    """A rulebook of up to `most` rows and seven units."""
    units, fallback, zone = _units(dice), dice.choice(CODES), dice.choice(ZONES)
    rules = tuple(_rule(dice, f"R{number}") for number in range(dice.randint(1, most)))
    if dice.random() < 0.5:
        rules += (Rule("ALL"),)
    book = rulebook(
        *(rule.row() for rule in rules),
        units=units,
        categories=CATEGORIES,
        conditions=CONDITIONS,
        policy=Policy(fallback_unit=fallback),
        calendar=CALENDAR.model_copy(update={"timezone": zone}),
        limits=(),
    )
    return City(book, Oracle(rules, units, fallback, ZoneInfo(zone)))


def case_of(dice: Random, city: City) -> Facts:
    """A case that one of the rules may speak of, most often at the very edge of its times."""
    rule = dice.choice(city.oracle.rules)
    about = [code for code, above in TAXONOMY.items() if rule.category in ("", code, *above)]
    places = [place for place in PLACES if rule.area in ("", *place)]
    cell, community, street, district = dice.choice(places if dice.random() < 0.8 else PLACES)
    return Facts(
        condition=dice.choice(about or list(TAXONOMY)),
        at=_moment(dice, rule, city.oracle.zone),
        source=rule.source if rule.source and dice.random() < 0.8 else dice.choice([*SOURCES, "sensor"]),
        cell_code=cell,
        community_code=community,
        street_code=street,
        district_code=district,
        component_owner=rule.owner if rule.owner and dice.random() < 0.8 else _somebody(dice),
        component_maintainer=_somebody(dice),
        chief_unit=_somebody(dice),
    )


def _rule(dice: Random, code: str) -> Rule:
    return Rule(
        code=code,
        category=dice.choice(_SPOKEN_OF),
        area=_rarely(dice, "", lambda: dice.choice(AREAS)),
        ownership=_rarely(dice, "any", lambda: dice.choice(["owned", "unowned"])),
        owner=_rarely(dice, "", lambda: dice.choice(CODES[:2])),
        hours=_rarely(dice, (), lambda: _few(dice, _span)),
        weekdays=_rarely(dice, (), lambda: _few(dice, _weekdays)),
        dates=_rarely(dice, (), lambda: _few(dice, _dates)),
        source=_rarely(dice, "", lambda: dice.choice(SOURCES)),
        lead=tuple(dice.choices(REFERENCES, k=dice.randint(1, 3))),
        assisting=tuple(dice.choices(REFERENCES, k=dice.randint(0, 4))),
        spoilt=dice.choice(SPOILT) if dice.random() < 0.05 else None,
    )


def _rarely(dice: Random, default: Item, other: Callable[[], Item]) -> Item:
    return other() if dice.random() < 0.25 else default


def _few(dice: Random, one: Callable[[Random], Item]) -> tuple[Item, ...]:
    return tuple(one(dice) for _ in range(dice.randint(1, 2)))


def _span(dice: Random) -> tuple[int, int]:
    start = dice.choice(STARTS)
    return start, dice.choice([end for end in ENDS if end != start])


def _weekdays(dice: Random) -> tuple[int, int]:
    return dice.randint(1, 7), dice.randint(1, 7)


def _dates(dice: Random) -> tuple[Day, Day]:
    if dice.random() < 0.5:
        (m1, d1), (m2, d2) = dice.choices(YEARLY, k=2)
        return (None, m1, d1), (None, m2, d2)
    first = date(2024, 2, 26) + timedelta(days=dice.randint(0, 8))
    last = first + timedelta(days=dice.choice([0, 1, 3, 400]))
    return (first.year, first.month, first.day), (last.year, last.month, last.day)


def _units(dice: Random) -> tuple[Unit, ...]:
    """Some of the codes; which of them are offices of what, and what they do, is open."""
    return tuple(
        Unit(
            code=code,
            name=f"单位{code}",
            kind=dice.choice(list(UnitKind)),
            areas=tuple(dice.sample(AREAS, dice.randint(0, 2))),
            duties=tuple(dice.sample(["enforcement", "cleaning"], dice.randint(0, 2))),
        )
        for code in dice.sample(CODES, dice.randint(0, len(CODES)))
    )


def _somebody(dice: Random) -> str | None:
    return dice.choice([None, None, *CODES, "VANISHED"])


def _moment(dice: Random, rule: Rule, zone: ZoneInfo) -> datetime:
    year, month, day = dice.choice([day for pair in rule.dates for day in pair] or [(None, 3, 2)])
    minute = dice.choice([minute for span in rule.hours for minute in span] or [0, 540])
    local = datetime(year or dice.choice([2024, 2028]), month, day) + timedelta(
        days=dice.choice([-1, 0, 0, 0, 1, 2, 3, 4, 5, 6]),
        minutes=minute + dice.choice([-1, 0, 0, 1]),
        microseconds=dice.choice([0, 0, -1]),
    )
    # By way of UTC: where summer time leaves an hour out, no clock ever shows it.
    at = local.replace(tzinfo=zone).astimezone(UTC)
    return dice.choice([at, at.astimezone(zone), at.astimezone(ZoneInfo("Asia/Tokyo"))])


def _categories(taxonomy: dict[str, tuple[str, str, str]]) -> tuple[Category, ...]:
    rows: Sequence[dict[str, str | None]] = [
        row
        for kind, major, minor in taxonomy.values()
        for row in (
            {"code": major, "name": major, "kind": kind, "parent": None},
            {"code": minor, "name": minor, "kind": kind, "parent": major},
        )
    ]
    return tuple(Category.model_validate(row) for row in {row["code"]: row for row in rows}.values())


CATEGORIES = _categories(TAXONOMY)
CONDITIONS = tuple(
    Condition(code=code, category=minor, text="问题", closing="解决")
    for code, (_, _, minor) in TAXONOMY.items()
)
_SPOKEN_OF = ["", "", "component", "event", *(category.code for category in CATEGORIES), *TAXONOMY]
