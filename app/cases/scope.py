"""可见范围: which cases a caller may see, as one condition every read and write goes through."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Text, and_, bindparam, false, func, literal, literal_column, or_, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine

from app.cases.case import Case
from app.cases.tables import CaseRow
from app.cases.workflow import BY_ACTION, Action
from app.dispatch.rulebook import Rulebook
from app.grid.codes import CODE_LENGTH, AreaLevel
from app.identity.principal import CENTRE_ROLES, Principal, Role

_CASE = CaseRow.__table__
_STREET = CODE_LENGTH[AreaLevel.STREET]

#: The roles the transition table lets report. Others have no own reports to look for.
_REPORTERS = [role for role in BY_ACTION[Action.REPORT].roles if isinstance(role, Role)]


def visible(actor: Principal, rulebook: Rulebook) -> ColumnElement[bool]:
    """The centre sees its areas, a unit what it leads or assists there, an inspector the areas and own tasks,
    a street chief the own segments there; whoever may report the own reports."""
    kind, values = _kind_of(actor, rulebook)
    return _seen(kind, lambda name, of: literal(values[name], of))


class Sight(NamedTuple):
    """The same, apart: a condition, made once for all callers of a kind, and this caller's values for it.
    `narrow`: it tells of areas smaller than a street only."""

    condition: ColumnElement[bool]
    values: dict[str, Any]
    narrow: bool


def sight(actor: Principal, rulebook: Rulebook, area: str | None = None) -> Sight:
    """What the caller sees. Of the cases of an `area`: whoever sees them all needs no further condition, so
    that an index is enough."""
    kind, values = _kind_of(actor, rulebook)
    if area is not None and kind.all_there and actor.covers(area):
        kind = replace(kind, everything=True)
    there = actor.areas if kind.all_there and area is None else (area or "",)
    return Sight(_seen_by_kind(kind), values, narrow=all(len(code) > _STREET for code in there))


@dataclass(frozen=True, slots=True)
class _Kind:
    """Which rules hold for a caller, and of how many areas."""

    areas: int
    everything: bool
    all_there: bool
    reports: bool
    tasks: bool
    unit: bool
    segments: bool


def _kind_of(actor: Principal, rulebook: Rulebook) -> tuple[_Kind, dict[str, Any]]:
    areas = [area for area in actor.areas if area.isdigit()]
    kind = _Kind(
        areas=len(areas),
        everything=actor.has(Role.SYSTEM),
        all_there=actor.has(*CENTRE_ROLES, Role.INSPECTOR),
        reports=actor.has(*_REPORTERS),
        tasks=actor.has(Role.INSPECTOR),
        unit=actor.has(Role.UNIT_OFFICER) and actor.unit is not None,
        segments=actor.has(Role.STREET_CHIEF) and actor.username is not None,
    )
    units = sorted(rulebook.unit_and_below(actor.unit)) if kind.unit and actor.unit else []
    values = {"seen_account": actor.id, "seen_username": actor.username, "seen_units": units}
    return kind, values | {f"seen_area_{n}": area for n, area in enumerate(areas)}


def _seen(kind: _Kind, value: Callable[[str, TypeEngine[Any]], ColumnElement[Any]]) -> ColumnElement[bool]:
    if kind.everything:
        return true()
    account, username = value("seen_account", _CASE.c.reporter_id.type), value("seen_username", Text())
    here = or_(false(), *(below(value(f"seen_area_{n}", Text())) for n in range(kind.areas)))
    rules = (
        (kind.reports, _CASE.c.reporter_id == account),
        (kind.all_there, here),
        (kind.tasks, _CASE.c.inspector_id == account),
        (kind.unit, and_(here, of_units(value("seen_units", ARRAY(Text))))),
        (kind.segments, and_(here, _CASE.c.chief_account == username)),
    )
    return or_(false(), *(rule for holds, rule in rules if holds))


@lru_cache
def _seen_by_kind(kind: _Kind) -> ColumnElement[bool]:
    return _seen(kind, lambda name, of: bindparam(name, type_=of))


def sees(actor: Principal, rulebook: Rulebook) -> Callable[[Case], bool]:
    """The same rule for a case at hand. A test holds the two together."""
    units = (
        rulebook.unit_and_below(actor.unit)
        if actor.has(Role.UNIT_OFFICER) and actor.unit is not None
        else frozenset()
    )

    def seen(case: Case) -> bool:
        if actor.has(Role.SYSTEM):
            return True
        if actor.has(*_REPORTERS) and case.reporter_id == actor.id:
            return True
        if actor.has(Role.INSPECTOR) and case.inspector_id == actor.id:
            return True
        if not actor.covers(case.area_code):
            return False
        return (
            actor.has(*CENTRE_ROLES, Role.INSPECTOR)
            or not units.isdisjoint((case.lead_unit, *case.assisting_units))
            or (
                actor.has(Role.STREET_CHIEF)
                and case.chief_account is not None
                and case.chief_account == actor.username
            )
        )

    return seen


def of_units(units: ColumnElement[Any]) -> ColumnElement[bool]:
    """Cases that one of the units leads or assists; in the words of the index on both."""
    both = func.array_append(_CASE.c.assisting_units, _CASE.c.lead_unit, type_=ARRAY(Text))
    found: ColumnElement[bool] = both.overlap(units)
    return found


def within(areas: Iterable[str]) -> ColumnElement[bool]:
    """Cases in one of the areas or any area below it."""
    return or_(false(), *(below(literal(area)) for area in areas if area.isdigit()))


def below(area: ColumnElement[str]) -> ColumnElement[bool]:
    """Cases in the area or any area below it: codes are digits, and `:` is the sign after 9."""
    code = _CASE.c.area_code
    return and_(code.op("~>=~")(area), code.op("~<~", precedence=10)(area.concat(literal_column("':'"))))
