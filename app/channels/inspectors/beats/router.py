"""Routes of beats."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from app.channels.inspectors.beats import service, store
from app.channels.inspectors.beats.schemas import (
    BeatCode,
    BeatCounts,
    BeatList,
    BeatMap,
    BeatReply,
    ListedBeat,
    NewBeat,
)
from app.errors import Conflict, NotFound
from app.geo import Datum
from app.identity.access import Asked, CentreOrInspectorAsking, InspectorAsking, asking
from app.identity.principal import Role
from app.paging import Page, PageDep, cut
from app.problems import problem_responses
from app.requests import At

router = APIRouter()

KeepsBeats = Annotated[Asked, asking(Role.ADMINISTRATOR, Role.SHIFT_LEADER)]
CodeInPath = Annotated[BeatCode, Path()]
DrawnIn = Annotated[Datum, Query(description="What the map is drawn in.")]


@router.get("/inspectors/me/beat", summary="我的责任网格 My beat on the map")
async def read_own(ask: InspectorAsking, datum: DrawnIn = Datum.CGCS2000, at: At = None) -> BeatMap:
    """GeoJSON of the cells of all beats the caller patrols."""
    moment = at or ask.now
    beats = await store.of_inspector(ask.connection, ask.principal.id, moment)
    return await service.drawn(ask.connection, beats, datum, moment)


@router.get("/beats", summary="责任网格列表 Beats")
async def list_beats(ask: CentreOrInspectorAsking, page: PageDep, at: At = None) -> Page[BeatReply]:
    """Those that lie within the caller's areas, by code."""
    (after,) = page.after(str) or ("",)
    rows = await store.in_force(
        ask.connection, ask.principal.areas, at=at or ask.now, after=after, limit=page.limit + 1
    )
    shown, next_cursor = cut(rows, page.limit, lambda row: (row.code,))
    return Page(items=await service.replies(ask.connection, shown), next_cursor=next_cursor)


@router.put("/beats", summary="导入责任网格 Set many beats", responses=problem_responses(NotFound, Conflict))
async def put_beats(ask: KeepsBeats, wanted: BeatList) -> BeatCounts:
    """All or none. Beats that are not listed stay; a list sent again changes nothing."""
    shared = ask.parts.settings.inspectors.shared_cells
    return await service.put(ask.connection, ask.principal, wanted.beats, ask.now, shared_cells=shared)


@router.get("/beats/{code}", summary="查看责任网格 A beat on the map", responses=problem_responses(NotFound))
async def read_beat(
    ask: CentreOrInspectorAsking,
    code: CodeInPath,
    datum: DrawnIn = Datum.CGCS2000,
    at: At = None,
) -> BeatMap:
    """GeoJSON of its cells."""
    moment = at or ask.now
    beat = await service.beat(ask.connection, ask.principal, code, moment)
    return await service.drawn(ask.connection, [beat], datum, moment)


@router.put(
    "/beats/{code}", summary="设置责任网格 Set a beat", responses=problem_responses(NotFound, Conflict)
)
async def put_beat(ask: KeepsBeats, code: CodeInPath, wanted: NewBeat) -> BeatReply:
    """Makes it, or changes it from `valid_from` on; what was before stays on record."""
    listed = ListedBeat(code=code, **dict(wanted))
    shared = ask.parts.settings.inspectors.shared_cells
    await service.put(ask.connection, ask.principal, [listed], ask.now, shared_cells=shared)
    last = await store.newest(ask.connection, [code])
    return (await service.replies(ask.connection, [last[code]]))[0]


@router.delete(
    "/beats/{code}",
    summary="撤销责任网格 End a beat",
    status_code=204,
    responses=problem_responses(NotFound),
)
async def retire_beat(ask: KeepsBeats, code: CodeInPath) -> None:
    """What it was stays on record."""
    await service.retire(ask.connection, ask.principal, code, ask.now)
