"""The API of sensors: observations in; leads to be verified; classes, their precision, and notices."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from app.channels.sensors import classes, intake, leads, muting, sources, store
from app.channels.sensors.schemas import (
    ClassReply,
    ClassRule,
    GiveLead,
    LeadEvent,
    LeadReply,
    LeadState,
    LeadWithEvents,
    NewObservations,
    Notice,
    ObservationsReply,
    Unmute,
    Verification,
)
from app.channels.sensors.store import Lead
from app.dispatch.active import active_rulebook
from app.errors import Conflict, InvalidInput, NotFound, OutsideDistrict
from app.identity.access import AdministratorOnly, CentreOnly, CentreOrInspector, InspectorOnly, require
from app.identity.principal import Principal, Role
from app.paging import Page, PageDep, PageRequest, cut
from app.problems import problem_responses
from app.requests import ClockDep, Conn, ServicesDep

router = APIRouter(prefix="/sensors")

SourceOnly = Annotated[Principal, Depends(require(Role.INTEGRATION))]
GivesLeads = Annotated[Principal, Depends(require(Role.INTAKE_CLERK, Role.SHIFT_LEADER))]
Unmutes = Annotated[Principal, Depends(require(Role.ADMINISTRATOR, Role.SHIFT_LEADER))]
LabelInPath = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f/]+$")]


# -- observations ----------------------------------------------------------------------------------------


@router.post("/observations", summary="上传感知记录 Observations")
async def observe(
    source: SourceOnly, connection: Conn, clock: ClockDep, parts: ServicesDep, new: NewObservations
) -> ObservationsReply:
    """Each is answered by itself, in the same order; a repeat of an `own_id` as the first time."""
    replies = await intake.take(connection, new.observations, source, clock.now(), parts.settings.sensors)
    return ObservationsReply(observations=replies)


# -- leads -----------------------------------------------------------------------------------------------


class _LeadQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    state: LeadState = LeadState.OPEN
    mine: bool = Field(False, description="Only those given to the caller.")
    late: bool | None = Field(None, description="Past the time to verify them, or not yet.")
    limit: int = Field(50, ge=1, le=200, description="Leads on a page at most.")
    cursor: str | None = Field(None, max_length=1000, description="`next_cursor` of the page before.")


@router.get("/leads", summary="线索列表 Leads")
async def list_leads(
    reader: CentreOrInspector, connection: Conn, clock: ClockDep, query: Annotated[_LeadQuery, Query()]
) -> Page[LeadReply]:
    """Open ones with the most urgent first; the others with the newest first."""
    now = clock.now()
    rows = await store.list_leads(
        connection,
        leads.seen_by(reader),
        query.state,
        inspector=reader.id if query.mine else None,
        late=query.late,
        now=now,
        after=PageRequest(query.limit, query.cursor).after(datetime, UUID),
        limit=query.limit + 1,
    )
    shown, next_cursor = cut(rows, query.limit, lambda lead: (lead.due_at, lead.id))
    rulebook = (await active_rulebook(connection, now)).rulebook
    return Page(
        items=[LeadReply(**leads.told(lead, rulebook, now)) for lead in shown], next_cursor=next_cursor
    )


@router.get("/leads/{lead}", summary="查看线索 A lead", responses=problem_responses(NotFound))
async def read_lead(
    reader: CentreOrInspector, connection: Conn, clock: ClockDep, lead: UUID
) -> LeadWithEvents:
    """With everything that happened to it, oldest first."""
    return await _whole(connection, await leads.find(connection, lead, reader), clock.now())


@router.post(
    "/leads/{lead}/verification",
    summary="现场核验 Verify on the spot",
    responses=problem_responses(NotFound, Conflict, InvalidInput, OutsideDistrict),
)
async def verify_lead(
    inspector: InspectorOnly,
    connection: Conn,
    clock: ClockDep,
    parts: ServicesDep,
    lead: UUID,
    verification: Verification,
) -> LeadWithEvents:
    """Real: a case that needs no second verification. Not real: the end of the lead."""
    now = clock.now()
    found = await leads.verify(connection, lead, verification, inspector, now, parts.settings.sensors)
    return await _whole(connection, found, now)


@router.post(
    "/leads/{lead}/inspector",
    summary="指派线索 Give a lead",
    responses=problem_responses(NotFound, Conflict),
)
async def give_lead(
    giver: GivesLeads, connection: Conn, clock: ClockDep, lead: UUID, given: GiveLead
) -> LeadWithEvents:
    """To the inspector named, or to one on duty in its cell."""
    now = clock.now()
    return await _whole(connection, await leads.give_again(connection, lead, given, giver, now), now)


async def _whole(connection: Conn, lead: Lead, now: datetime) -> LeadWithEvents:
    rulebook = (await active_rulebook(connection, now)).rulebook
    happened = [LeadEvent(**event) for event in await store.events(connection, lead.id)]
    return LeadWithEvents(**leads.told(lead, rulebook, now), events=happened)


# -- classes, their precision, and notices ---------------------------------------------------------------


@router.get("/classes", summary="识别类别与准确率 Classes and their precision")
async def list_classes(
    reader: CentreOnly, connection: Conn, clock: ClockDep, parts: ServicesDep, page: PageDep
) -> Page[ClassReply]:
    """Of the sources that see something of the caller's areas."""
    found = await sources.standings(
        connection,
        reader,
        clock.now(),
        parts.settings.sensors,
        after=page.after(UUID, str),
        limit=page.limit + 1,
    )
    shown, next_cursor = cut(found, page.limit, lambda one: (one.rule.client_id, one.rule.label))
    return Page(items=[sources.told(one) for one in shown], next_cursor=next_cursor)


@router.put(
    "/sources/{client_id}/classes/{label}",
    summary="设置识别类别 What a class means",
    responses=problem_responses(NotFound),
)
async def put_class(
    administrator: AdministratorOnly,
    connection: Conn,
    clock: ClockDep,
    parts: ServicesDep,
    client_id: UUID,
    label: LabelInPath,
    rule: ClassRule,
) -> ClassReply:
    """Counts from the next observation on; leads that are open stay as they are."""
    return await sources.put(
        connection, client_id, label, rule, administrator, clock.now(), parts.settings.sensors
    )


@router.post(
    "/sources/{client_id}/classes/{label}/unmute",
    summary="解除静默 Hear a class again",
    status_code=204,
    responses=problem_responses(NotFound, Conflict),
)
async def unmute_class(
    actor: Unmutes,
    connection: Conn,
    clock: ClockDep,
    parts: ServicesDep,
    client_id: UUID,
    label: LabelInPath,
    said: Unmute,
) -> None:
    """Its precision is counted anew from now on."""
    await muting.unmute(connection, client_id, label, actor, said.note, clock.now(), parts.settings.sensors)


@router.get("/notices", summary="静默通知 Notices")
async def list_notices(reader: CentreOnly, connection: Conn, page: PageDep) -> Page[Notice]:
    """Which classes were muted and heard again, and why; the newest first."""
    found = await classes.notices(
        connection, reader.areas, after=page.after(datetime, UUID), limit=page.limit + 1
    )
    shown, next_cursor = cut(found, page.limit, lambda one: (one["at"], one["id"]))
    return Page(items=[Notice(**one) for one in shown], next_cursor=next_cursor)
