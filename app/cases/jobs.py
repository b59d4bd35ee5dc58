"""后台任务 of cases: overruns, suspensions that are over, tasks nobody has yet, and seals.

Each case is its own transaction, so a job that is stopped half-way has done half the work and no more,
and the next run does the rest, however long the worker was down.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases import journal, service, store
from app.cases.actions import AssignInspector, Command, RecordOverrun, Resume
from app.cases.workflow import Action
from app.dispatch.active import active_rulebook
from app.dispatch.rulebook import ClockKind
from app.errors import ActionNotAllowed, NotFound, NotReady, VersionConflict
from app.grid.store import on_duty
from app.identity.principal import SYSTEM
from app.requests import Services

_BATCH = 500


async def sweep(services: Services) -> int:
    """Records each overrun once and resumes cases whose suspension is over; gives how many cases."""
    return await _for_each(services, store.with_overdue_clocks, _sweep_one)


async def assign_tasks(services: Services) -> int:
    """Gives tasks that found no inspector to those who came on duty since; gives how many."""
    async with services.database.transaction() as connection:
        try:
            await active_rulebook(connection, services.clock.now())
        except NotReady:
            return 0

    async def waiting(connection: AsyncConnection, _now: datetime, limit: int) -> list[UUID]:
        return await store.without_inspector(connection, limit)

    return await _for_each(services, waiting, _assign_one)


async def seal(services: Services) -> int:
    """Seals the journal; gives how many entries."""
    async with services.database.transaction() as connection:
        end = await journal.boundary(connection)
    async with services.database.transaction() as connection:
        return await journal.seal(connection, end, services.clock.now())


_Find = Callable[[AsyncConnection, datetime, int], Awaitable[list[UUID]]]
_One = Callable[[AsyncConnection, UUID, datetime], Awaitable[bool]]


async def _for_each(services: Services, find: _Find, one: _One) -> int:
    """Goes through what `find` gives, a batch at a time, until nothing new turns up."""
    done = 0
    seen: set[UUID] = set()
    now = services.clock.now()
    while True:
        async with services.database.transaction() as connection:
            found = await find(connection, now, len(seen) + _BATCH)
        batch = [case_id for case_id in found if case_id not in seen]
        if not batch:
            return done
        for case_id in batch:
            seen.add(case_id)
            async with services.database.transaction() as connection:
                done += await one(connection, case_id, now)


async def _sweep_one(connection: AsyncConnection, case_id: UUID, now: datetime) -> bool:
    """Resumes or records, whichever the case needs; another worker may have been quicker."""
    try:
        situation = await service.see(connection, case_id, SYSTEM, now)
    except (NotFound, NotReady):
        return False
    late = [c for c in situation.folded.open_clocks() if c.overdue(now) and c.overran_at is None]
    command: Command
    if any(clock.kind is ClockKind.SUSPENSION for clock in late):
        command = Resume(action=Action.RESUME, note="挂账期满，自动恢复")
    elif late:
        command = RecordOverrun(found_at=now)
    else:
        return False
    return await _act(connection, case_id, command, now, situation.folded.case.version)


async def _assign_one(connection: AsyncConnection, case_id: UUID, now: datetime) -> bool:
    situation = await service.see(connection, case_id, SYSTEM, now)
    case = situation.folded.case
    if not await on_duty(connection, case.area_code, now):
        return False
    if await service.inspector_for(connection, situation) is None:
        return False
    return await _act(connection, case_id, AssignInspector(action=Action.ASSIGN_INSPECTOR), now, case.version)


async def _act(
    connection: AsyncConnection, case_id: UUID, command: Command, now: datetime, version: int
) -> bool:
    try:
        await service.act(connection, case_id, command, SYSTEM, now, expected_version=version)
    except (ActionNotAllowed, NotFound, NotReady, VersionConflict):
        return False  # somebody was quicker, or it no longer applies: the next run looks again
    return True
