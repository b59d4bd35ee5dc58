"""问题习性: which problems the demo town has, how often, when, and what people say of them."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.dispatch.rulebook import CategoryKind, Condition, Rulebook

#: What becomes of the weight of a category with hours inside them and outside, and outside its months.
IN_HOURS, OFF_HOURS, OFF_SEASON = 3.0, 0.06, 0.03
#: Share of an event's reports that lie at hot spots, where `habits.toml` says nothing else.
HOT = 0.35

_ALWAYS = frozenset(range(24))
_ALL_YEAR = frozenset(range(1, 13))


@dataclass(frozen=True, slots=True)
class Habit:
    """A category's share of all problems (`weight`), its hours and months, and where it is found."""

    category: str
    weight: float
    hours: frozenset[int] = _ALWAYS
    months: frozenset[int] = _ALL_YEAR
    hot: float = HOT
    near: tuple[str, ...] = ()
    river: bool = False
    says: dict[str, list[str]] = field(default_factory=dict)

    def weight_at(self, hour: int, month: int) -> float:
        """The weight in an hour (0…23) of a month (1…12), local time."""
        by_month = 1.0 if month in self.months else OFF_SEASON
        if self.hours == _ALWAYS:
            return self.weight * by_month
        return self.weight * by_month * (IN_HOURS if hour in self.hours else OFF_HOURS)

    def phrases(self, condition: Condition) -> list[str]:
        """What people may say of the condition, to follow the words for a place."""
        return self.says.get(condition.code) or [condition.text]


def habits(rulebook: Rulebook, components: Collection[str]) -> tuple[Habit, ...]:
    """A habit for each minor, commonest first; of components only the categories the town has."""
    told = _told()
    rest = [
        category.code
        for category in rulebook.categories
        if category.parent and category.code not in told
        if category.kind is CategoryKind.EVENT or category.code in components
    ]
    ranked: list[dict[str, Any]] = [*told.values(), *({"category": code} for code in rest)]
    return tuple(_habit(row, rank) for rank, row in enumerate(ranked, start=1))


def _told() -> dict[str, dict[str, Any]]:
    content = (Path(__file__).parent / "habits.toml").read_text(encoding="utf-8")
    return {row["category"]: row for row in tomllib.loads(content)["habit"]}


def _habit(row: dict[str, Any], rank: int) -> Habit:
    given: dict[str, Any] = {name: row[name] for name in ("category", "hot", "river", "says") if name in row}
    if "hours" in row:
        given["hours"] = _hours(row["hours"].split(","))
    if "months" in row:
        given["months"] = frozenset(row["months"])
    return Habit(weight=1 / (rank + 2), near=tuple(row.get("near", ())), **given)


def _hours(windows: Iterable[str]) -> frozenset[int]:
    """The hours of windows like `7-9`: from the first on, before the second."""
    spans = (tuple(map(int, window.split("-"))) for window in windows)
    return frozenset(hour for first, end in spans for hour in range(first, end))
