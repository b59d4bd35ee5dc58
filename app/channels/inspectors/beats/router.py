"""Routes of beats."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

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
from app.identity.access import CentreOrInspector, InspectorOnly, require
from app.identity.principal import Principal, Role
from app.paging import Page, PageDep, cut
from app.problems import problem_responses
from app.requests import ClockDep, Conn, MomentDep, ServicesDep

router = APIRouter()

KeepsBeats = Annotated[Principal, Depends(require(Role.ADMINISTRATOR, Role.SHIFT_LEADER))]
CodeInPath = Annotated[BeatCode, Path()]
DrawnIn = Annotated[Datum, Query(description="What the map is drawn in.")]


@router.get("/inspectors/me/beat", summary="我的责任网格 My beat on the map")
async def read_own(
    inspector: InspectorOnly, connection: Conn, at: MomentDep, datum: DrawnIn = Datum.CGCS2000
) -> BeatMap:
    """GeoJSON of the cells of all beats the caller patrols."""
    return await service.drawn(connection, await store.of_inspector(connection, inspector.id, at), datum, at)


@router.get("/beats", summary="责任网格列表 Beats")
async def list_beats(
    caller: CentreOrInspector, connection: Conn, at: MomentDep, page: PageDep
) -> Page[BeatReply]:
    """Those that lie within the caller's areas, by code."""
    (after,) = page.after(str) or ("",)
    rows = await store.in_force(connection, caller.areas, at=at, after=after, limit=page.limit + 1)
    shown, next_cursor = cut(rows, page.limit, lambda row: (row.code,))
    return Page(items=await service.replies(connection, shown), next_cursor=next_cursor)


@router.put("/beats", summary="导入责任网格 Set many beats", responses=problem_responses(NotFound, Conflict))
async def put_beats(keeper: KeepsBeats, connection: Conn, parts: ServicesDep, wanted: BeatList) -> BeatCounts:
    """All or none. Beats that are not listed stay; a list sent again changes nothing."""
    shared = parts.settings.inspectors.shared_cells
    return await service.put(connection, keeper, wanted.beats, parts.clock.now(), shared_cells=shared)


@router.get("/beats/{code}", summary="查看责任网格 A beat on the map", responses=problem_responses(NotFound))
async def read_beat(
    caller: CentreOrInspector,
    connection: Conn,
    at: MomentDep,
    code: CodeInPath,
    datum: DrawnIn = Datum.CGCS2000,
) -> BeatMap:
    """GeoJSON of its cells."""
    return await service.drawn(connection, [await service.beat(connection, caller, code, at)], datum, at)


@router.put(
    "/beats/{code}", summary="设置责任网格 Set a beat", responses=problem_responses(NotFound, Conflict)
)
async def put_beat(
    keeper: KeepsBeats, connection: Conn, parts: ServicesDep, code: CodeInPath, wanted: NewBeat
) -> BeatReply:
    """Makes it, or changes it from `valid_from` on; what was before stays on record."""
    now = parts.clock.now()
    listed = ListedBeat(code=code, **dict(wanted))
    shared = parts.settings.inspectors.shared_cells
    await service.put(connection, keeper, [listed], now, shared_cells=shared)
    last = await store.newest(connection, [code])
    return (await service.replies(connection, [last[code]]))[0]


@router.delete(
    "/beats/{code}",
    summary="撤销责任网格 End a beat",
    status_code=204,
    responses=problem_responses(NotFound),
)
async def retire_beat(keeper: KeepsBeats, connection: Conn, clock: ClockDep, code: CodeInPath) -> None:
    """What it was stays on record."""
    await service.retire(connection, keeper, code, clock.now())
