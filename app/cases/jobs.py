"""后台任务 of cases: overruns, suspensions that are over, tasks nobody has, answers to merged reports, seals.

A few cases are one transaction, so a job that is stopped half-way has done half the work and no more, and
the next run does the rest, however long the worker was down.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases import duplicates, journal, service, store, stream, tasks
from app.cases.actions import AssignInspector, RecordOverrun, Resume
from app.cases.command import Command
from app.cases.permission import Situation
from app.cases.workflow import Action, Stage
from app.dispatch.active import active_rulebook
from app.dispatch.rulebook import ClockKind
from app.errors import ActionNotAllowed, NotFound, NotReady
from app.identity.principal import SYSTEM
from app.requests import Services

_BATCH = 500
_PORTION = 20


async def sweep(services: Services) -> int:
    """Records each overrun once and resumes cases whose suspension is over; gives how many cases."""
    return await _for_each(services, store.with_overdue_clocks, _late)


async def assign_tasks(services: Services) -> int:
    """Gives tasks that found no inspector to those who came on duty since; gives how many."""
    async with services.database.transaction() as connection:
        try:
            await active_rulebook(connection, services.clock.now())
        except NotReady:
            return 0

    async def waiting(connection: AsyncConnection, _now: datetime, limit: int) -> list[UUID]:
        return await store.without_inspector(connection, limit)

    return await _for_each(services, waiting, _waiting)


async def tell_outcomes(services: Services) -> int:
    """Tells merged cases what came of the case they were merged into; gives how many."""

    async def waiting(connection: AsyncConnection, _now: datetime, limit: int) -> list[UUID]:
        return await duplicates.untold(connection, limit)

    return await _for_each(services, waiting, _untold)


async def seal(services: Services) -> int:
    """Seals the journal; gives how many entries."""
    async with services.database.transaction() as connection:
        end = await journal.boundary(connection)
    async with services.database.transaction() as connection:
        await stream.settle(connection, end)
        return await journal.seal(connection, end, services.clock.now())


_Find = Callable[[AsyncConnection, datetime, int], Awaitable[list[UUID]]]
_Decide = Callable[[AsyncConnection, Situation], Awaitable[Command | None]]


async def _for_each(services: Services, find: _Find, decide: _Decide) -> int:
    """Goes through what `find` gives, a batch at a time, until nothing new turns up, and carries out what
    `decide` says of each case."""
    done = 0
    seen: set[UUID] = set()
    now = services.clock.now()
    while True:
        async with services.database.transaction() as connection:
            found = await find(connection, now, len(seen) + _BATCH)
        batch = [case_id for case_id in found if case_id not in seen]
        if not batch:
            return done
        seen.update(batch)
        for few in _portions(batch):
            async with services.database.transaction() as connection:
                for case_id in few:
                    done += await _one(connection, case_id, now, decide)


def _portions(batch: list[UUID]) -> Iterator[list[UUID]]:
    """A few cases a transaction, so that a commit is paid for once and nobody waits long for a case; in the
    order of their ids, as all take them who lock several."""
    for start in range(0, len(batch), _PORTION):
        yield sorted(batch[start : start + _PORTION])


async def _one(connection: AsyncConnection, case_id: UUID, now: datetime, decide: _Decide) -> bool:
    try:
        situation = await service.locked(connection, case_id, SYSTEM, now)
        if (command := await decide(connection, situation)) is None:
            return False
        await service.carry_out(connection, command, situation)
    except (ActionNotAllowed, NotFound, NotReady):
        return False  # it no longer applies: the next run looks again
    return True


async def _late(_connection: AsyncConnection, situation: Situation) -> Command | None:
    """Resume or record, whichever the case needs; another worker may have been quicker."""
    late = [
        clock
        for clock in situation.folded.open_clocks()
        if clock.overdue(situation.now) and clock.overran_at is None
    ]
    if any(clock.kind is ClockKind.SUSPENSION for clock in late):
        return Resume(action=Action.RESUME, note="挂账期满，自动恢复")
    return RecordOverrun(found_at=situation.now) if late else None


async def _waiting(connection: AsyncConnection, situation: Situation) -> Command | None:
    """Give the task, where there is somebody for it."""
    task = tasks.task_of(Action.ASSIGN_INSPECTOR, situation.folded.case.stage)
    if not await tasks.somebody_is_free(connection, situation, task):
        return None
    return AssignInspector(action=Action.ASSIGN_INSPECTOR)


async def _untold(connection: AsyncConnection, situation: Situation) -> Command | None:
    """What there is to tell, unless the case was unmerged, or told, meanwhile."""
    case = situation.folded.case
    if case.stage is not Stage.MERGED or case.outcome is not None:
        return None
    primary = await duplicates.primary_of(connection, case.id)
    if primary.stage not in duplicates.ANSWERS:
        return None
    return await service.told_of(connection, primary, situation.rulebook)
