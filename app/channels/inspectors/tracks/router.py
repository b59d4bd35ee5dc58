"""Routes of tracks and of the record made of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from app.channels.inspectors.tracks import service
from app.channels.inspectors.tracks.patrol import LocalDay
from app.channels.inspectors.tracks.schemas import Patrol, Track, TrackReply
from app.identity.access import CentreAsking, InspectorAsking
from app.moment import Day
from app.paging import Page, PageDep, cut

router = APIRouter(prefix="/inspectors")


@router.post("/me/track", summary="上传巡查轨迹 Hand in track points")
async def hand_in(ask: InspectorAsking, track: Track) -> TrackReply:
    """Points of the times on duty, in any order, late or twice: each is kept once."""
    return await service.take_in(ask.connection, ask.principal, track, ask.now, ask.parts.settings.inspectors)


@router.get("/me/patrols", summary="我的巡查考勤 My attendance and coverage")
async def read_own(
    ask: InspectorAsking,
    since: Annotated[Day | None, Query(description="First day; six before `until` when absent.")] = None,
    until: Annotated[Day | None, Query(description="Last day; today when absent.")] = None,
) -> list[Patrol]:
    """By day, the newest first."""
    return await service.own_record(
        ask.connection, ask.principal, since, until, ask.now, ask.parts.settings.inspectors
    )


@router.get("/patrols", summary="巡查考勤 Attendance and coverage")
async def list_patrols(
    ask: CentreAsking,
    page: PageDep,
    day: Annotated[Day | None, Query(description="Today when absent.")] = None,
) -> Page[Patrol]:
    """A day of every inspector whose areas all lie within the caller's, by username."""
    zone = await service.zone(ask.connection, ask.now)
    (after,) = page.after(str) or ("",)
    found = await service.inspectors(ask.connection, ask.principal, after=after, limit=page.limit + 1)
    shown, next_cursor = cut(found, page.limit, lambda account: (account.username,))
    of_day = LocalDay.of(day, zone) if day else LocalDay.holding(ask.now, zone)
    items = await service.record(ask.connection, shown, of_day, ask.now, ask.parts.settings.inspectors)
    return Page(items=items, next_cursor=next_cursor)
