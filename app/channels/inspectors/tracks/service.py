"""巡查轨迹 taken in, and the record made of it: attendance and coverage, by inspector and day."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from app.channels.inspectors.beats import store as beats
from app.channels.inspectors.beats.service import holds
from app.channels.inspectors.duty import store as duty
from app.channels.inspectors.duty.service import SKEW
from app.channels.inspectors.tracks import partitions, patrol, store
from app.channels.inspectors.tracks.patrol import LocalDay
from app.channels.inspectors.tracks.schemas import (
    REFUSAL_WORDS,
    BeatCovered,
    Patrol,
    Refusal,
    RefusedPoint,
    ShiftWorked,
    Track,
    TrackReply,
)
from app.channels.inspectors.tracks.store import Fix
from app.dispatch.active import active_rulebook
from app.errors import Forbidden, InvalidInput
from app.geo import many_to_storage
from app.grid.store import AnyRow, Rows
from app.identity import store as identity
from app.identity.account import Account
from app.identity.principal import Principal, Role
from app.settings import InspectorSettings

#: The longest period one may ask the own record of, in days.
_LONGEST = 31


async def zone(connection: AsyncConnection, now: datetime) -> ZoneInfo:
    """The city's time zone: a day is the city's."""
    return ZoneInfo((await active_rulebook(connection, now)).rulebook.calendar.timezone)


# -- the track comes in ----------------------------------------------------------------------------------


async def take_in(
    connection: AsyncConnection,
    inspector: Principal,
    track: Track,
    now: datetime,
    settings: InspectorSettings,
) -> TrackReply:
    """Stores the points that can be kept, and tells which cannot. A point known before changes nothing."""
    points = track.points
    placed = many_to_storage(
        np.array([(point.x, point.y) for point in points], dtype=np.float64), track.datum
    )
    places: list[list[float]] = placed.tolist()
    moments = [point.at for point in points]
    on_duty = await store.duty_times(connection, inspector.id, min(moments), max(moments))
    oldest = now - timedelta(days=settings.track_days)
    refused: list[RefusedPoint] = []
    kept: dict[datetime, tuple[float, float, float]] = {}
    for index, (point, (lon, lat)) in enumerate(zip(points, places, strict=True)):
        reason = _refusal(point.at, now, oldest, on_duty) or (Refusal.NO_PLACE if math.isnan(lon) else None)
        if reason is not None:
            refused.append(RefusedPoint(index=index, reason=reason, words=REFUSAL_WORDS[reason]))
        else:
            kept.setdefault(point.at, (lon, lat, point.accuracy_m))
    stored = await _keep(connection, inspector.id, kept, now, settings) if kept else 0
    return TrackReply(stored=stored, known=len(points) - len(refused) - stored, refused=refused)


def _refusal(
    at: datetime, now: datetime, oldest: datetime, on_duty: Sequence[tuple[datetime, datetime | None]]
) -> Refusal | None:
    if at > now + SKEW:
        return Refusal.FUTURE
    if at < oldest:
        return Refusal.TOO_OLD
    if not any(start <= at and (end is None or at <= end) for start, end in on_duty):
        return Refusal.OFF_DUTY
    return None


async def _keep(
    connection: AsyncConnection,
    account: UUID,
    kept: dict[datetime, tuple[float, float, float]],
    now: datetime,
    settings: InspectorSettings,
) -> int:
    here = await zone(connection, now)
    fixes: list[Fix] = []
    minutes: dict[date, int] = defaultdict(int)
    day = LocalDay.holding(now, here)
    for at, (lon, lat, accuracy_m) in sorted(kept.items()):
        if not day.start <= at < day.end:
            day = LocalDay.holding(at, here)
        fixes.append(Fix(at, lon, lat, accuracy_m, day.day))
        minutes[day.day] |= patrol.bit(day.minute(at))
    await partitions.make(connection, partitions.days_of(kept))
    return await store.keep(connection, account, fixes, minutes, accuracy_m=settings.accuracy_m)


# -- the record ------------------------------------------------------------------------------------------


async def own_record(
    connection: AsyncConnection,
    inspector: Principal,
    since: date | None,
    until: date | None,
    now: datetime,
    settings: InspectorSettings,
) -> list[Patrol]:
    """The inspector's own days, the newest first; the last seven, if not told.

    Errors: `InvalidInput` for a period that is none, or too long.
    """
    here = await zone(connection, now)
    last = until or now.astimezone(here).date()
    first = since or max(last - timedelta(days=6), date(2, 1, 1))
    if not 0 <= (last - first).days < _LONGEST:
        raise InvalidInput(
            f"请给出不超过 {_LONGEST} 天的起止日期 / give a period of at most {_LONGEST} days",
            fields={"since": f"from 0 to {_LONGEST - 1} days before until"},
        )
    me = await identity.account_within(connection, inspector.id, [""])
    if me is None:
        raise Forbidden("只有账号可以巡查 / only people patrol: log in with an account")
    days = [LocalDay.of(last - timedelta(days=back), here) for back in range((last - first).days + 1)]
    return await _record(connection, [me], days, now, settings)


async def record(
    connection: AsyncConnection, accounts: Sequence[Account], day: LocalDay, now: datetime,
    settings: InspectorSettings,
) -> list[Patrol]:  # fmt: skip
    """The inspectors' records of one day."""
    return await _record(connection, accounts, [day], now, settings)


async def inspectors(
    connection: AsyncConnection, actor: Principal, *, after: str, limit: int
) -> list[Account]:
    """The active inspectors whose areas all lie within the caller's, by username."""
    return await identity.accounts_within(
        connection, actor.areas, role=Role.INSPECTOR, after=after, limit=limit
    )


async def _record(
    connection: AsyncConnection,
    accounts: Sequence[Account],
    days: Sequence[LocalDay],
    now: datetime,
    settings: InspectorSettings,
) -> list[Patrol]:
    """`days` without a gap, the newest first."""
    ids = [account.id for account in accounts]
    first, last = days[-1], days[0]
    shifts: dict[UUID, list[AnyRow]] = defaultdict(list)
    for shift in await duty.shifts_between(connection, ids, first.start, last.end):
        shifts[shift.account_id].append(shift)
    kept = await store.days(connection, ids, first.day, last.day)
    visits = await store.visits(connection, ids, first.day, last.day)
    versions = await beats.between(connection, ids, first.start, last.end)
    return [
        _patrol(
            account, day, shifts[account.id], kept.get((account.id, day.day)),
            visits.get((account.id, day.day), {}), versions, now, settings,
        )
        for account in accounts
        for day in days
    ]  # fmt: skip


def _patrol(
    account: Account,
    day: LocalDay,
    shifts: Rows,
    kept: AnyRow | None,
    visits: dict[str, int],
    versions: Rows,
    now: datetime,
    settings: InspectorSettings,
) -> Patrol:
    worked = [(shift, (shift.started_at, _end(shift, now))) for shift in shifts]
    in_day = [(shift, period) for shift, period in worked if day.within(*period)]
    minutes = int(kept.minutes, 2) if kept else 0
    attended = patrol.attendance(day, [period for _, period in in_day], minutes, settings.evidence_minutes)
    # A beat is judged as it was when the day ended, or is now.
    judged_at = min(day.end - timedelta(microseconds=1), now)
    return Patrol(
        account_id=account.id,
        username=account.username,
        name=account.display_name,
        day=day.day,
        shifts=[_worked(shift, now) for shift, _ in in_day],
        on_duty_minutes=attended.on_duty_minutes,
        evidenced_minutes=attended.evidenced_minutes,
        points=kept.points if kept else 0,
        first_point_at=kept.first_at if kept else None,
        last_point_at=kept.last_at if kept else None,
        beats=[
            _covered(beat, visits, settings.visit_points)
            for beat in versions
            if account.id in beat.inspectors and holds(beat, judged_at)
        ],
    )


def _end(shift: AnyRow, now: datetime) -> datetime:
    """When the shift ended, or now while it goes on."""
    ended: datetime = min(end for end in (shift.ended_at, shift.until, now) if end is not None)
    return ended


def _worked(shift: AnyRow, now: datetime) -> ShiftWorked:
    over = shift.until is not None and shift.until <= now
    ended_at = shift.ended_at or (shift.until if over else None)
    return ShiftWorked(
        started_at=shift.started_at,
        ended_at=ended_at,
        forgotten=over and ended_at == shift.until,
        begun_in_beat=shift.begun_in_beat,
    )


def _covered(beat: AnyRow, visits: dict[str, int], least: int) -> BeatCovered:
    found = patrol.coverage(beat.cells, visits, least)
    return BeatCovered(
        beat=beat.code,
        name=beat.name,
        cells=len(found.cells),
        covered=len(found.cells) - len(found.missed),
        rate=found.rate,
        missed=list(found.missed),
    )
