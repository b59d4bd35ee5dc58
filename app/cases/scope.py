"""可见范围: which cases a caller may see, as one condition every read and write goes through."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, and_, false, or_, true

from app.cases.tables import CaseRow
from app.dispatch.rulebook import Rulebook
from app.identity.principal import CENTRE_ROLES, Principal, Role

_CASE = CaseRow.__table__


def visible(actor: Principal, rulebook: Rulebook) -> ColumnElement[bool]:
    """The centre sees its areas, a unit what it leads or assists there, an inspector the areas and own tasks,
    a street chief the own segments there; everybody the own reports."""
    if actor.has(Role.SYSTEM):
        return true()
    here = within(actor.areas)
    seen = [_CASE.c.reporter_id == actor.id, _CASE.c.inspector_id == actor.id]
    if actor.has(*CENTRE_ROLES, Role.INSPECTOR):
        seen.append(here)
    if actor.has(Role.UNIT_OFFICER) and actor.unit is not None:
        seen.append(and_(here, of_units(rulebook.unit_and_below(actor.unit))))
    if actor.has(Role.STREET_CHIEF) and actor.username is not None:
        seen.append(and_(here, _CASE.c.chief_account == actor.username))
    return or_(*seen)


def of_units(units: frozenset[str]) -> ColumnElement[bool]:
    """Cases that one of the units leads or assists."""
    codes = sorted(units)
    return or_(_CASE.c.lead_unit.in_(codes), _CASE.c.assisting_units.overlap(codes))


def within(areas: Iterable[str]) -> ColumnElement[bool]:
    """Cases in one of the areas or any area below it."""
    codes = [area for area in areas if area.isdigit()]
    return or_(false(), *(_CASE.c.area_code.like(f"{code}%") for code in codes))
