"""相似度: how likely two reports tell of the same problem, as a score with its reasons. Pure.

The score is 100 times a product: how near, how soon after, how much of one kind, with the words counting
most where the kind is not known. How well it tells is measured in `docs/duplicates.md`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class Told(Protocol):
    """What is compared of a report."""

    @property
    def category(self) -> str | None: ...
    @property
    def condition(self) -> str | None: ...
    @property
    def component_code(self) -> str | None: ...
    @property
    def description(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def reported_at(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Likeness:
    """0 to 100, and what it comes from."""

    score: int
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reach:
    """How far and how long apart two tellings of one problem may be, and each minor's major (大类)."""

    radius_m: float
    hours: float
    major_of: Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class _Kind:
    """What two categories are to each other: `base` without a common word, `base` + `lift` with many."""

    label: str
    base: float
    lift: float


_COMPONENT = _Kind("同一部件", 1.0, 0.0)
_CONDITION = _Kind("同一立案条件", 0.7, 0.3)
_MINOR = _Kind("同一小类", 0.6, 0.4)
_UNKNOWN = _Kind("小类未定", 0.35, 0.5)
_MAJOR = _Kind("同一大类", 0.3, 0.3)
_OTHER_COMPONENT = _Kind("另一部件", 0.25, 0.0)
_OTHER = _Kind("类别不同", 0.1, 0.2)

#: What is left of the score at the edge of the radius, and at the end of the hours.
_FAR, _LATE = 0.6, 0.7
#: This share of the shorter text's pairs in common is as good as all: people put things differently.
_MUCH = 0.7


def likeness(one: Told, other: Told, distance_m: float, reach: Reach) -> Likeness:
    """How likely both tell of the same problem; 0 beyond the reach."""
    hours = abs((one.reported_at - other.reported_at).total_seconds()) / 3600
    if distance_m > reach.radius_m or hours > reach.hours:
        return Likeness(0, ())
    kind = _kind(one, other, reach)
    common = _common(pairs(one), pairs(other))
    place = 1.0 if kind is _COMPONENT else 1 - (1 - _FAR) * (distance_m / reach.radius_m) ** 2
    time = 1 - (1 - _LATE) * hours / reach.hours
    score = round(100 * place * time * (kind.base + kind.lift * min(1.0, common / _MUCH)))
    why = (f"相距 {distance_m:.0f} 米", f"相隔 {_span(hours)}", kind.label, f"文字相同 {common:.0%}")
    return Likeness(score, why)


def pairs(told: Told) -> frozenset[str]:
    """Every two neighbouring characters of what was said: Chinese is compared by pairs."""
    return frozenset(
        text[at : at + 2]
        for text in (told.description.lower(), told.address.lower())
        for at in range(len(text) - 1)
    )


def _kind(one: Told, other: Told, reach: Reach) -> _Kind:
    if one.component_code is not None and other.component_code is not None:
        if one.component_code == other.component_code:
            return _COMPONENT
        if one.category == other.category:
            return _OTHER_COMPONENT
    if one.category is None or other.category is None:
        return _UNKNOWN
    if one.category == other.category:
        return _CONDITION if one.condition is not None and one.condition == other.condition else _MINOR
    major = reach.major_of(one.category)
    return _MAJOR if major is not None and major == reach.major_of(other.category) else _OTHER


def _common(one: frozenset[str], other: frozenset[str]) -> float:
    """The share of the shorter text that stands in the other, too."""
    shorter = min(len(one), len(other))
    return len(one & other) / shorter if shorter else 0.0


def _span(hours: float) -> str:
    if hours < 1:
        return f"{hours * 60:.0f} 分钟"
    return f"{hours:.0f} 小时" if hours < 48 else f"{hours / 24:.0f} 天"
