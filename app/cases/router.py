"""The API of cases: report, act, look up, list."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request, Response

from app.cases import candidates, intake, journal, queue, schemas, service, store
from app.cases.actions import CaseCommand, Report
from app.cases.candidates import Candidate
from app.cases.draw import DrawTold
from app.cases.duplicates import ReportTold
from app.cases.explanation import Explanation, explain
from app.cases.permission import Situation
from app.cases.schemas import (
    CaseReply,
    Figures,
    JournalEntry,
    NearReply,
    QueueCount,
    QueuePageQuery,
    QueueQuery,
    ReportReply,
    Workflow,
)
from app.cases.scope import sight, visible
from app.cases.summary import CaseSummary, listed
from app.cases.workflow import BY_ACTION, Action, Stage
from app.db import json_text
from app.dispatch.active import active_rulebook
from app.errors import (
    ActionNotAllowed,
    IdempotencyConflict,
    InvalidInput,
    NotFound,
    OutsideDistrict,
    VersionConflict,
    VersionRequired,
)
from app.etag import IfMatch, etag, parse_if_match
from app.idempotency import IdempotencyKey, Reply, fingerprint, once
from app.identity.access import Asked, Asking
from app.paging import Page, PageRequest
from app.problems import problem_responses

router = APIRouter(tags=["案卷 Cases"])

_REPORT_EXAMPLES: dict[str, Any] = {
    "inspector": {
        "summary": "监督员上报",
        "value": {
            "action": "report",
            "source": "inspector",
            "position": {"x": 122.0712, "y": 41.1198, "datum": "gcj02"},
            "address": "兴隆台街与石油大街路口东北角",
            "description": "污水井盖缺失，未设警示",
            "category": "C0102",
        },
    }
}
_ACTION_EXAMPLES: dict[str, Any] = {
    "file": {"summary": "立案", "value": {"action": "file", "condition": "E0405-1"}},
    "dispatch": {"summary": "派遣（按规则库）", "value": {"action": "dispatch"}},
    "hand_back": {"summary": "处置反馈", "value": {"action": "hand_back", "result": "已清理，恢复原状"}},
}


@router.post(
    "/cases",
    status_code=201,
    response_model=ReportReply,
    summary="上报问题",
    responses=problem_responses(InvalidInput, OutsideDistrict, IdempotencyConflict)
    | {200: {"model": ReportReply, "description": "The order was known: its case."}},
)
async def report(
    request: Request,
    command: Annotated[Report, Body(openapi_examples=_REPORT_EXAMPLES)],
    ask: Asking,
    key: IdempotencyKey = None,
) -> Response:
    """Takes in a report and opens a case. `near` lists earlier cases it may be a duplicate of, ranked."""

    async def act() -> Reply:
        taken = await intake.report(ask.connection, command, ask.principal, ask.now)
        case = taken.situation.folded.case
        near = [schemas.near_reply(found) for found in taken.near]
        body = {"case": schemas.reply(taken.situation), "near": near}
        headers = {"Location": f"/api/v1/cases/{case.id}", "ETag": etag(case.version)}
        return Reply(200 if taken.known else 201, json_text(body), headers)

    return await _once(request, ask, key, act)


@router.post(
    "/cases/{case}/actions",
    response_model=CaseReply,
    summary="办理案卷",
    responses=problem_responses(
        NotFound,
        ActionNotAllowed,
        InvalidInput,
        OutsideDistrict,
        IdempotencyConflict,
        VersionConflict,
        VersionRequired,
    ),
)
async def act(
    request: Request,
    case: str,
    command: Annotated[CaseCommand, Body(openapi_examples=_ACTION_EXAMPLES)],
    ask: Asking,
    if_match: IfMatch = None,
    key: IdempotencyKey = None,
) -> Response:
    """Carries out one action of the workflow on the version named in `If-Match`."""
    expected = parse_if_match(if_match)

    async def carry_out() -> Reply:
        case_id = await service.resolve_id(ask.connection, case)
        situation = await service.act(
            ask.connection, case_id, command, ask.principal, ask.now, expected_version=expected
        )
        body = json_text(schemas.reply(situation))
        return Reply(200, body, {"ETag": etag(situation.folded.case.version)})

    return await _once(request, ask, key, carry_out)


@router.get("/cases", response_model=Page[CaseSummary], summary="待办列表")
async def queue_page(query: Annotated[QueuePageQuery, Query()], ask: Asking) -> Response:
    """The cases the caller may see that pass the filters, in pages."""
    rulebook = (await active_rulebook(ask.connection, ask.now)).rulebook
    rows, cursor = await queue.page(
        ask.connection,
        query.filters(rulebook, ask.principal.id),
        sight(ask.principal, rulebook, query.area),
        query.sort,
        PageRequest(query.limit, query.cursor),
        ask.now,
    )
    return _written({"items": [listed(row, rulebook, ask.now) for row in rows], "next_cursor": cursor})


@router.get("/cases/count", summary="待办件数")
async def queue_count(query: Annotated[QueueQuery, Query()], ask: Asking) -> QueueCount:
    """How many cases the same filters find, counted up to a cap."""
    rulebook = (await active_rulebook(ask.connection, ask.now)).rulebook
    found = await queue.count(
        ask.connection,
        query.filters(rulebook, ask.principal.id),
        sight(ask.principal, rulebook, query.area),
        ask.now,
    )
    return QueueCount(count=min(found, queue.COUNT_CAP), capped=found > queue.COUNT_CAP)


@router.get("/cases/figures", summary="统计")
async def figures(query: Annotated[schemas.Period, Query()], ask: Asking) -> Figures:
    """Counts over the cases the caller may see that were reported in a period."""
    rulebook = (await active_rulebook(ask.connection, ask.now)).rulebook
    counted = await store.figures(ask.connection, visible(ask.principal, rulebook), query.since, query.until)
    rate = counted["on_time"] / counted["judged"] if counted["judged"] else None
    return Figures(**counted, on_time_rate=rate)


@router.get(
    "/cases/{case}", response_model=CaseReply, summary="案卷详情", responses=problem_responses(NotFound)
)
async def get_case(case: str, ask: Asking) -> Response:
    """A case by its id or case number, with clocks and the actions open to the caller."""
    situation = await _seen(case, ask)
    return _written(schemas.reply(situation), ETag=etag(situation.folded.case.version))


@router.get("/cases/{case}/journal", summary="案卷日志", responses=problem_responses(NotFound))
async def case_journal(case: str, ask: Asking) -> list[JournalEntry]:
    """Everything that happened to the case, oldest first."""
    situation = await _seen(case, ask)
    return [
        JournalEntry(
            version=entry.version,
            at=entry.at,
            action=entry.action,
            label=BY_ACTION[Action(entry.action)].label,
            actor_id=entry.actor_id,
            actor_name=entry.actor_name,
            from_stage=entry.from_stage,
            to_stage=Stage(entry.to_stage),
            command=entry.data["command"],
            changes=entry.data["changes"],
            evidence=entry.data.get("evidence"),
            offline=entry.data.get("offline"),
            hash=entry.hash,
        )
        for entry in await journal.entries(ask.connection, situation.folded.case.id)
    ]


@router.get("/cases/{case}/explanation", summary="派遣与时限说明", responses=problem_responses(NotFound))
async def case_explanation(case: str, ask: Asking) -> Explanation:
    """Why this unit, why until then and why this inspector, in words."""
    situation = await _seen(case, ask)
    return explain(situation, await service.draws(ask.connection, situation.folded.case.id))


@router.get("/cases/{case}/duplicates", summary="疑似重复", responses=problem_responses(NotFound))
async def case_duplicates(case: str, ask: Asking) -> list[NearReply]:
    """Earlier cases that may tell of the same problem, the likeliest first."""
    situation = await _seen(case, ask)
    near = await intake.near_of(ask.connection, situation.folded.case, situation.rulebook, ask.principal)
    return [schemas.near_reply(found) for found in near]


@router.get("/cases/{case}/place-candidates", summary="候选地点", responses=problem_responses(NotFound))
async def place_candidates(case: str, ask: Asking) -> list[Candidate]:
    """The places that the words of the report may mean, the likeliest first; `locate` takes one of them."""
    situation = await _seen(case, ask)
    return await candidates.of_case(ask.connection, situation.folded.case.id)


@router.get("/cases/{case}/reports", summary="全部上报", responses=problem_responses(NotFound))
async def case_reports(case: str, ask: Asking) -> list[ReportTold]:
    """Every report of the problem: the case's own, then those merged into it that the caller may see."""
    seen = (await _seen(case, ask)).folded.case
    told = await service.reports_of(ask.connection, seen, ask.principal, ask.now)
    return [ReportTold.model_validate(one, from_attributes=True) for one in told]


@router.get("/cases/{case}/draws", summary="抽取记录", responses=problem_responses(NotFound))
async def case_draws(case: str, ask: Asking) -> list[DrawTold]:
    """How each verification and check found its inspector, drawn again from the recorded seed."""
    return await service.draws(ask.connection, (await _seen(case, ask)).folded.case.id)


@router.get("/workflow", summary="办理流程")
async def workflow(ask: Asking) -> Workflow:
    """The stages and the transition table, with the roles the policy in force gives each action."""
    return schemas.workflow((await active_rulebook(ask.connection, ask.now)).rulebook.policy)


async def _seen(case: str, ask: Asked) -> Situation:
    case_id = await service.resolve_id(ask.connection, case)
    return await service.see(ask.connection, case_id, ask.principal, ask.now)


def _written(body: dict[str, Any], **headers: str) -> Response:
    """A reply of plain values, in the words of the model that the route declares."""
    return Response(json_text(body), headers=headers, media_type="application/json")


async def _once(
    request: Request, ask: Asked, key: str | None, act: Callable[[], Awaitable[Reply]]
) -> Response:
    if key is None:
        return (await act()).response()
    done = await once(
        ask.connection,
        principal=ask.principal.id,
        key=key,
        fingerprint=await fingerprint(request),
        now=ask.now,
        act=act,
    )
    return done.response()
