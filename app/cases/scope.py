"""可见范围: which cases a caller may see, as one condition every read and write goes through."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlalchemy import ColumnElement, Text, and_, false, func, or_, true
from sqlalchemy.dialects.postgresql import ARRAY

from app.cases.case import Case
from app.cases.tables import CaseRow
from app.cases.workflow import BY_ACTION, Action
from app.dispatch.rulebook import Rulebook
from app.identity.principal import CENTRE_ROLES, Principal, Role

_CASE = CaseRow.__table__


#: The roles the transition table lets report. Others have no own reports to look for.
_REPORTERS = [role for role in BY_ACTION[Action.REPORT].roles if isinstance(role, Role)]


def visible(actor: Principal, rulebook: Rulebook) -> ColumnElement[bool]:
    """The centre sees its areas, a unit what it leads or assists there, an inspector the areas and own tasks,
    a street chief the own segments there; whoever may report the own reports."""
    if actor.has(Role.SYSTEM):
        return true()
    here = within(actor.areas)
    seen = [_CASE.c.reporter_id == actor.id] if actor.has(*_REPORTERS) else []
    if actor.has(*CENTRE_ROLES, Role.INSPECTOR):
        seen.append(here)
    if actor.has(Role.INSPECTOR):
        seen.append(_CASE.c.inspector_id == actor.id)
    if actor.has(Role.UNIT_OFFICER) and actor.unit is not None:
        seen.append(and_(here, of_units(rulebook.unit_and_below(actor.unit))))
    if actor.has(Role.STREET_CHIEF) and actor.username is not None:
        seen.append(and_(here, _CASE.c.chief_account == actor.username))
    return or_(false(), *seen)


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


def of_units(units: frozenset[str]) -> ColumnElement[bool]:
    """Cases that one of the units leads or assists; in the words of the index on both."""
    both = func.array_append(_CASE.c.assisting_units, _CASE.c.lead_unit, type_=ARRAY(Text))
    found: ColumnElement[bool] = both.overlap(sorted(units))
    return found


def within(areas: Iterable[str]) -> ColumnElement[bool]:
    """Cases in one of the areas or any area below it: codes are digits, and `:` is the sign after 9."""
    code = _CASE.c.area_code
    below = [and_(code.op("~>=~")(area), code.op("~<~")(f"{area}:")) for area in areas if area.isdigit()]
    return or_(false(), *below)
