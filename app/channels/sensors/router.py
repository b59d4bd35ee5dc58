"""The API of sensors: observations in; leads to be verified; classes, their precision, and notices."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
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
from app.identity.access import (
    AdministratorAsking,
    Asked,
    CentreAsking,
    CentreOrInspectorAsking,
    InspectorAsking,
    asking,
)
from app.identity.principal import Role
from app.paging import Page, PageDep, PageRequest, cut
from app.problems import problem_responses

router = APIRouter(prefix="/sensors")

SourceAsking = Annotated[Asked, asking(Role.INTEGRATION)]
GivesLeads = Annotated[Asked, asking(Role.INTAKE_CLERK, Role.SHIFT_LEADER)]
Unmutes = Annotated[Asked, asking(Role.ADMINISTRATOR, Role.SHIFT_LEADER)]
LabelInPath = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f/]+$")]


# -- observations ----------------------------------------------------------------------------------------


@router.post("/observations", summary="上传感知记录 Observations")
async def observe(ask: SourceAsking, new: NewObservations) -> ObservationsReply:
    """Each is answered by itself, in the same order; a repeat of an `own_id` as the first time."""
    replies = await intake.take(
        ask.connection, new.observations, ask.principal, ask.now, ask.parts.settings.sensors
    )
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
async def list_leads(ask: CentreOrInspectorAsking, query: Annotated[_LeadQuery, Query()]) -> Page[LeadReply]:
    """Open ones with the most urgent first; the others with the newest first."""
    rows = await store.list_leads(
        ask.connection,
        leads.seen_by(ask.principal),
        query.state,
        inspector=ask.principal.id if query.mine else None,
        late=query.late,
        now=ask.now,
        after=PageRequest(query.limit, query.cursor).after(datetime, UUID),
        limit=query.limit + 1,
    )
    shown, next_cursor = cut(rows, query.limit, lambda lead: (lead.due_at, lead.id))
    rulebook = (await active_rulebook(ask.connection, ask.now)).rulebook
    return Page(
        items=[LeadReply(**leads.told(lead, rulebook, ask.now)) for lead in shown], next_cursor=next_cursor
    )


@router.get("/leads/{lead}", summary="查看线索 A lead", responses=problem_responses(NotFound))
async def read_lead(ask: CentreOrInspectorAsking, lead: UUID) -> LeadWithEvents:
    """With everything that happened to it, oldest first."""
    return await _whole(ask, await leads.find(ask.connection, lead, ask.principal))


@router.post(
    "/leads/{lead}/verification",
    summary="现场核验 Verify on the spot",
    responses=problem_responses(NotFound, Conflict, InvalidInput, OutsideDistrict),
)
async def verify_lead(ask: InspectorAsking, lead: UUID, verification: Verification) -> LeadWithEvents:
    """Real: a case that needs no second verification. Not real: the end of the lead."""
    found = await leads.verify(
        ask.connection, lead, verification, ask.principal, ask.now, ask.parts.settings.sensors
    )
    return await _whole(ask, found)


@router.post(
    "/leads/{lead}/inspector",
    summary="指派线索 Give a lead",
    responses=problem_responses(NotFound, Conflict),
)
async def give_lead(ask: GivesLeads, lead: UUID, given: GiveLead) -> LeadWithEvents:
    """To the inspector named, or to one on duty in its cell."""
    return await _whole(ask, await leads.give_again(ask.connection, lead, given, ask.principal, ask.now))


async def _whole(ask: Asked, lead: Lead) -> LeadWithEvents:
    rulebook = (await active_rulebook(ask.connection, ask.now)).rulebook
    happened = [LeadEvent(**event) for event in await store.events(ask.connection, lead.id)]
    return LeadWithEvents(**leads.told(lead, rulebook, ask.now), events=happened)


# -- classes, their precision, and notices ---------------------------------------------------------------


@router.get("/classes", summary="识别类别与准确率 Classes and their precision")
async def list_classes(ask: CentreAsking, page: PageDep) -> Page[ClassReply]:
    """Of the sources that see something of the caller's areas."""
    found = await sources.standings(
        ask.connection,
        ask.principal,
        ask.now,
        ask.parts.settings.sensors,
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
    ask: AdministratorAsking, client_id: UUID, label: LabelInPath, rule: ClassRule
) -> ClassReply:
    """Counts from the next observation on; leads that are open stay as they are."""
    return await sources.put(
        ask.connection, client_id, label, rule, ask.principal, ask.now, ask.parts.settings.sensors
    )


@router.post(
    "/sources/{client_id}/classes/{label}/unmute",
    summary="解除静默 Hear a class again",
    status_code=204,
    responses=problem_responses(NotFound, Conflict),
)
async def unmute_class(ask: Unmutes, client_id: UUID, label: LabelInPath, said: Unmute) -> None:
    """Its precision is counted anew from now on."""
    await muting.unmute(
        ask.connection, client_id, label, ask.principal, said.note, ask.now, ask.parts.settings.sensors
    )


@router.get("/notices", summary="静默通知 Notices")
async def list_notices(ask: CentreAsking, page: PageDep) -> Page[Notice]:
    """Which classes were muted and heard again, and why; the newest first."""
    found = await classes.notices(
        ask.connection, ask.principal.areas, after=page.after(datetime, UUID), limit=page.limit + 1
    )
    shown, next_cursor = cut(found, page.limit, lambda one: (one["at"], one["id"]))
    return Page(items=[Notice(**one) for one in shown], next_cursor=next_cursor)
