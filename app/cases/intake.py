"""受理上报: taking in a report: its place, cell, chief, component, number and first clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from app import geo
from app.cases import duplicates, store
from app.cases.actions import Attach, Report
from app.cases.advance import begin
from app.cases.case import Case
from app.cases.command import CodeText, Line
from app.cases.duplicates import Near
from app.cases.effects import component_fields
from app.cases.lookups import check_codes, there_is, unknown
from app.cases.offline import Offline
from app.cases.permission import Situation
from app.cases.placing import Placed, cell_of, fields_of, fields_of_area, outside_areas
from app.cases.service import carry_out
from app.cases.workflow import BY_ACTION, Action
from app.db import new_id
from app.dispatch.active import RulebookVersion, found_in_force
from app.dispatch.rulebook import Rulebook
from app.errors import Forbidden, InvalidInput
from app.grid import lookup
from app.grid.place import ComponentFact, Place
from app.identity.principal import Principal


class Spoken(Report):
    """上报（地点以文字描述）: a report as a channel takes it in whose place was said in words.

    `found_as` is what the words were found to mean, with the `score` of that; or `within` is the area that
    was named, and the place is not known yet: `position` then only stands for that area.
    """

    found_as: Line = ""
    score: float | None = None
    within: CodeText | None = None
    caller_known: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a report: the case, near duplicates, and whether the order was known already."""

    situation: Situation
    near: list[Near]
    known: bool = False


async def report(
    connection: AsyncConnection,
    command: Report,
    actor: Principal,
    now: datetime,
    *,
    verified: bool | None = None,
    offline: Offline | None = None,
) -> Taken:
    """Takes in a report: place, cell, chief, component, number, first clock. `verified`: the reporter went
    there to see whether it is so (核实).

    Errors: `Forbidden` (role, or a place outside the caller's areas), `OutsideDistrict`, `InvalidInput`.
    """
    in_force, serial = await store.opening(connection, now)
    version = await found_in_force(connection, in_force, now)
    rulebook = version.rulebook
    check_allowed(command, actor, rulebook)
    if command.external_number is not None:
        known = await store.id_of_external_number(connection, actor.id, command.external_number)
        if known is not None:
            loaded = await store.load(connection, known, now)
            assert loaded is not None
            folded, _ = loaded
            return Taken(Situation(folded, actor, now, rulebook, version.id), [], known=True)
    check_codes(command, rulebook)
    lon, lat = geo.to_storage(command.position.x, command.position.y, command.position.datum)
    place, part = await lookup.locate_with_component(
        connection, lon, lat, now, code=command.component_code, snap_m=rulebook.policy.snap_m, asker=actor
    )
    fields = known_of(command, actor, place, part, version, now)
    fields |= {"number": number_of(serial, now, rulebook), "verified": verified}
    folded = await begin(connection, command, fields, actor, rulebook, offline)
    situation = Situation(folded, actor, now, rulebook, version.id, offline)
    for one in command.photos:
        situation = await carry_out(
            connection, Attach(action=Action.ATTACH, photo=one.photo, kind=one.kind), situation
        )
    near = await near_of(connection, folded.case, rulebook, actor)
    return Taken(situation, near)


def check_allowed(command: Report, actor: Principal, rulebook: Rulebook) -> None:
    """Errors: `Forbidden` when the caller's roles may not report this way."""
    row = BY_ACTION[command.action]
    if not row.allows(actor.roles, rulebook.policy):
        raise Forbidden(f"您的岗位不能{row.label} / your roles may not {row.label_en}")


def known_of(
    command: Report,
    actor: Principal,
    place: Place,
    part: ComponentFact | None,
    version: RulebookVersion,
    now: datetime,
) -> dict[str, Any]:
    """The fields of a new case but its number: what the report says, and what is found at its place.

    Errors: `OutsideDistrict`, `Forbidden` for a place outside the caller's areas, `InvalidInput`.
    """
    rulebook = version.rulebook
    where = _where(place, command)
    area = where["area_code"]
    if not actor.covers(area):
        raise outside_areas(area)
    part = there_is(command.component_code, part)
    return {
        "id": new_id(),
        "district_code": rulebook.district_code,
        "source": command.source,
        "category": _category(command, rulebook),
        "condition": command.condition,
        "description": command.description,
        "address": command.address,
        "reporter_id": actor.id,
        "reporter_name": actor.name,
        "external_number": command.external_number,
        "caller_known": isinstance(command, Spoken) and command.caller_known,
        "rulebook_id": version.id,
        "reported_at": now,
        "self_handled": command.action is Action.REPORT_HANDLED,
        **where,
        **(component_fields(part) if part else {}),
    }


def _where(place: Place, command: Report) -> dict[str, Any]:
    """Errors: `OutsideDistrict`, unless only the area is said to be known."""
    placed = Placed(command.position, place)
    if isinstance(command, Spoken) and command.within is not None:
        return fields_of_area(placed, command.within)
    cell_of(place, command.position.datum)
    return fields_of(placed)


def number_of(serial: int, now: datetime, rulebook: Rulebook) -> str:
    """案卷编号: district, the city's date `YYYYMMDD`, and the serial in seven digits."""
    day = now.astimezone(ZoneInfo(rulebook.calendar.timezone))
    return f"{rulebook.district_code}-{day:%Y%m%d}-{serial:07d}"


def _category(command: Report, rulebook: Rulebook) -> str | None:
    """The minor of the report: that of the condition, if one is named."""
    if command.condition is not None:
        condition = rulebook.condition_by_code.get(command.condition)
        if condition is None:
            raise unknown("condition", command.condition)
        if command.category not in (None, condition.category):
            raise InvalidInput(
                f"立案条件 {condition.code} 属于小类 {condition.category} / it is of another minor",
                fields={"category": "does not match the condition"},
            )
        return condition.category
    if command.category is not None:
        category = rulebook.category_by_code.get(command.category)
        if category is None or category.parent is None:
            raise unknown("category", command.category)
    return command.category


async def near_of(
    connection: AsyncConnection, case: Case, rulebook: Rulebook, asker: Principal
) -> list[Near]:
    """Near duplicates in the asker's areas, whosever work they are: the hint is for who reports."""
    return await duplicates.near(connection, case, rulebook, asker.areas)
