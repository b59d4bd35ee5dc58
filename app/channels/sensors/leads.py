"""线索: given to somebody, verified on the spot, and then a case or nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases import intake as cases
from app.cases.actions import Report
from app.cases.command import Position
from app.channels.sensors import classes, muting, store
from app.channels.sensors.schemas import GiveLead, LeadState, Verification
from app.channels.sensors.store import Lead
from app.dispatch.active import active_rulebook
from app.dispatch.rulebook import Rulebook
from app.errors import Conflict, Forbidden, InvalidInput, NotFound
from app.geo import Datum
from app.grid.store import on_duty
from app.identity.principal import CENTRE_ROLES, SYSTEM, Principal, Role
from app.settings import SensorSettings


def seen_by(actor: Principal) -> ColumnElement[bool]:
    """The centre and inspectors see the leads of their areas, an inspector the own ones anywhere."""
    areas = actor.areas if actor.has(*CENTRE_ROLES, Role.INSPECTOR) else ()
    return store.seen_by(areas, actor.id if actor.has(Role.INSPECTOR) else None)


async def find(connection: AsyncConnection, lead_id: UUID, actor: Principal, *, lock: bool = False) -> Lead:
    """Errors: `NotFound`."""
    found = await store.find_lead(connection, lead_id, seen_by(actor), lock=lock)
    if found is None:
        raise NotFound("没有这条线索，或不在您的可见范围内 / no such lead, or not within your scope")
    return found


async def give(
    connection: AsyncConnection,
    lead: Lead,
    now: datetime,
    *,
    username: str | None = None,
    actor: Principal = SYSTEM,
) -> Lead:
    """Gives an open lead to the inspector named, or to one on duty in its cell; nobody there: it waits.

    Errors: `InvalidInput` when the one named is no inspector who may work there.
    """
    there = [] if username else [row.account_id for row in await on_duty(connection, lead.area_code, now)]
    chosen = await store.fewest_leads(connection, there, lead.area_code, username=username)
    if chosen is None:
        if username is not None:
            raise InvalidInput(
                f"{username} 不是本网格可用的监督员 / not an inspector who may work there",
                fields={"username": "not eligible"},
            )
        return lead
    inspector_id, name = chosen
    await store.change_lead(connection, lead.id, inspector_id=inspector_id, inspector_name=name)
    await store.add_event(connection, lead.id, now, "given", actor, inspector=str(inspector_id), name=name)
    return replace(lead, inspector_id=inspector_id, inspector_name=name)


async def give_again(
    connection: AsyncConnection, lead_id: UUID, command: GiveLead, actor: Principal, now: datetime
) -> Lead:
    """Errors: `NotFound`, `Conflict` for a decided one, `InvalidInput`."""
    lead = _still_open(await find(connection, lead_id, actor, lock=True))
    return await give(connection, lead, now, username=command.username, actor=actor)


async def verify(
    connection: AsyncConnection,
    lead_id: UUID,
    command: Verification,
    inspector: Principal,
    now: datetime,
    settings: SensorSettings,
) -> Lead:
    """What the inspector found there: a case that needs no second verification, or the end of the lead. The
    same again changes nothing.

    Errors: `NotFound`, `Forbidden` for another's lead, `Conflict` for a decided one, `InvalidInput`.
    """
    lead = await find(connection, lead_id, inspector, lock=True)
    if lead.inspector_id != inspector.id:
        raise Forbidden("线索须由受指派的监督员核验 / this lead was given to somebody else")
    state = LeadState.CONFIRMED if command.real else LeadState.REJECTED
    if lead.state is state:
        return lead  # said again
    _still_open(lead)
    if not command.real and not command.note:
        raise InvalidInput("请说明现场情况 / say what you found", fields={"note": "missing"})
    case_id = await _case(connection, lead, command, inspector, now) if command.real else None
    await store.change_lead(connection, lead.id, state=state.value, decided_at=now, case_id=case_id)
    told = command.model_dump(mode="json", exclude_defaults=True)
    await store.add_event(connection, lead.id, now, state.value, inspector, **told)
    for client, label in await classes.contributors(connection, lead.id):
        await muting.review(connection, client, label, now, settings)
    return replace(lead, state=state, decided_at=now, case_id=case_id)


async def _case(
    connection: AsyncConnection, lead: Lead, command: Verification, inspector: Principal, now: datetime
) -> UUID:
    """The case that a lead becomes: reported and verified by who has been there."""
    rulebook = (await active_rulebook(connection, now)).rulebook
    position = command.position or Position(x=lead.lon, y=lead.lat, datum=Datum.CGCS2000)
    report = Report(
        source=lead.source,
        position=position,
        address=command.address,
        description=command.note or f"{_named(lead, rulebook)}，感知发现，现场核验属实",
        category=lead.category,
        condition=command.condition or lead.condition,
        external_number=f"lead {lead.id}",
        photos=command.photos,
    )
    taken = await cases.report(connection, report, inspector, now, verified=True)
    return taken.situation.folded.case.id


def _named(lead: Lead, rulebook: Rulebook) -> str:
    category = rulebook.category_by_code.get(lead.category)
    return category.name if category else lead.category


def _still_open(lead: Lead) -> Lead:
    if lead.state is not LeadState.OPEN:
        raise Conflict(
            "线索已有结论 / this lead has been decided",
            current={"state": lead.state.value, "case_id": str(lead.case_id) if lead.case_id else None},
        )
    return lead


def told(lead: Lead, rulebook: Rulebook, now: datetime) -> dict[str, Any]:
    """The fields of a `LeadReply`."""
    category = rulebook.category_by_code.get(lead.category)
    shown = {name: getattr(lead, name) for name in Lead.__slots__ if name != "district_code"}
    return shown | {
        "late": lead.state is LeadState.OPEN and now > lead.due_at,
        "category_name": category.name if category else None,
    }
