"""Routes of tracks and of the record made of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from app.channels.inspectors.tracks import service
from app.channels.inspectors.tracks.patrol import LocalDay
from app.channels.inspectors.tracks.schemas import Patrol, Track, TrackReply
from app.identity.access import Asking, CentreOnly, InspectorOnly, require
from app.identity.principal import Role
from app.moment import Day
from app.paging import Page, PageDep, cut
from app.requests import Conn, ServicesDep

router = APIRouter(prefix="/inspectors")

_inspector_only = require(Role.INSPECTOR)


@router.post("/me/track", summary="上传巡查轨迹 Hand in track points")
async def hand_in(ask: Asking, parts: ServicesDep, track: Track) -> TrackReply:
    """Points of the times on duty, in any order, late or twice: each is kept once."""
    await _inspector_only(ask.principal)
    return await service.take_in(ask.connection, ask.principal, track, ask.now, parts.settings.inspectors)


@router.get("/me/patrols", summary="我的巡查考勤 My attendance and coverage")
async def read_own(
    inspector: InspectorOnly,
    connection: Conn,
    parts: ServicesDep,
    since: Annotated[Day | None, Query(description="First day; six before `until` when absent.")] = None,
    until: Annotated[Day | None, Query(description="Last day; today when absent.")] = None,
) -> list[Patrol]:
    """By day, the newest first."""
    return await service.own_record(
        connection, inspector, since, until, parts.clock.now(), parts.settings.inspectors
    )


@router.get("/patrols", summary="巡查考勤 Attendance and coverage")
async def list_patrols(
    caller: CentreOnly,
    connection: Conn,
    parts: ServicesDep,
    page: PageDep,
    day: Annotated[Day | None, Query(description="Today when absent.")] = None,
) -> Page[Patrol]:
    """A day of every inspector whose areas all lie within the caller's, by username."""
    now = parts.clock.now()
    zone = await service.zone(connection, now)
    (after,) = page.after(str) or ("",)
    found = await service.inspectors(connection, caller, after=after, limit=page.limit + 1)
    shown, next_cursor = cut(found, page.limit, lambda account: (account.username,))
    asked = LocalDay.of(day, zone) if day else LocalDay.holding(now, zone)
    items = await service.record(connection, shown, asked, now, parts.settings.inspectors)
    return Page(items=items, next_cursor=next_cursor)
