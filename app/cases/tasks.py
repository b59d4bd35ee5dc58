"""核实、核查任务: to whom a task goes, by lot or by name, and what the lot has to know of those on duty."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import TIMESTAMP, BigInteger, ScalarSelect, Text, and_, any_, bindparam, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from app.cases import draw
from app.cases.draw import Because, Draw, Person, Task
from app.cases.permission import Situation
from app.cases.tables import CaseRow
from app.cases.workflow import Action, Stage
from app.db import table_of
from app.errors import InvalidInput
from app.grid.store import on_duty
from app.identity.principal import Role
from app.identity.store import active_accounts
from app.identity.tables import AccountTable
from app.prepared import Prepared

_CASE = table_of(CaseRow)
_ACCOUNT = table_of(AccountTable)


def _unseen(name: str, kind: TypeEngine[Any]) -> ScalarSelect[Any]:
    """A parameter whose value the planner does not look at, so that one plan does for all and is kept: it
    took as long to make as to carry out."""
    return select(bindparam(name, type_=kind)).scalar_subquery()


#: An inspector with more is told to have so many. A limit that the planner does not know has it read the
#: index in order, which forgets its dead entries as it goes; a bitmap would go through them anew each time.
_MOST_TASKS = 10_000

# Whoever has an inspector waits for that one: a case loses its inspector with the task.
_MINE = (
    select(_CASE.c.inspector_id)
    .where(_CASE.c.inspector_id == _ACCOUNT.c.id)
    .correlate(_ACCOUNT)
    .limit(_unseen("most", BigInteger()))
    .subquery()
)
_OPEN_TASKS = select(func.count()).select_from(_MINE).scalar_subquery()
_CHECKS_OF_THE_UNIT = (
    select(func.count())
    .select_from(_CASE)
    .where(
        _CASE.c.checker_id == _ACCOUNT.c.id,
        _CASE.c.lead_unit == _unseen("other", Text()),
        _CASE.c.handed_back_at > _unseen("since", TIMESTAMP(timezone=True)),
    )
    .scalar_subquery()
)
_VERIFICATIONS_OF_THE_REPORTER = (
    select(func.count())
    .select_from(_CASE)
    .where(
        _CASE.c.verifier_id == _ACCOUNT.c.id,
        _CASE.c.reporter_id == _unseen("other", PG_UUID()),
        _CASE.c.reported_at > _unseen("since", TIMESTAMP(timezone=True)),
    )
    .scalar_subquery()
)


def _people(met: ScalarSelect[int]) -> Prepared:
    c = _ACCOUNT.c
    fit = and_(c.active, c.roles.contains([Role.INSPECTOR.value]))
    return Prepared(
        select(
            c.id, c.username, c.display_name, c.unit, fit.label("fit"), _OPEN_TASKS.label("tasks"),
            met.label("met"),
        ).where(c.id == any_(cast(_unseen("people", ARRAY(PG_UUID)), ARRAY(PG_UUID))))
    )  # fmt: skip


_PEOPLE = {
    Task.CHECK: _people(_CHECKS_OF_THE_UNIT),
    Task.VERIFY: _people(_VERIFICATIONS_OF_THE_REPORTER),
}


def task_of(action: Action, stage: Stage) -> Task:
    """Which task an action gives on a case at the stage."""
    if action is Action.REQUEST_VERIFICATION or (
        action is Action.ASSIGN_INSPECTOR and stage is Stage.VERIFYING
    ):
        return Task.VERIFY
    return Task.CHECK


async def drawn(connection: AsyncConnection, s: Situation, task: Task) -> Draw:
    """Draws among those on duty for the cell, with a seed of this moment."""
    policy = s.rulebook.policy
    return draw.draw(
        task,
        await _on_duty(connection, s, task),
        pair_days=policy.pair_days,
        pair_percent=policy.pair_percent,
        seed=draw.fresh_seed(),
    )


async def somebody_is_free(connection: AsyncConnection, s: Situation, task: Task) -> bool:
    """Whether a draw would find somebody; draws nothing."""
    return any(person.barred is None for person in await _on_duty(connection, s, task))


async def named(connection: AsyncConnection, s: Situation, task: Task, username: str) -> Draw:
    """指派 to the one named: an inspector of the cell's area, on duty or not. Errors: `InvalidInput`."""
    known = await active_accounts(connection, Role.INSPECTOR, s.folded.case.area_code)
    wanted = [account.id for account in known if account.username == username]
    for person in await _known_of(connection, s, task, wanted):
        if person.barred is None:
            policy = s.rulebook.policy
            return draw.named(
                task, person.id, person.name, pair_days=policy.pair_days, pair_percent=policy.pair_percent
            )
    raise InvalidInput(
        f"{username} 不是本网格可用的监督员，或为上报人、处置单位人员 / not an inspector free to do this",
        fields={"username": "not eligible"},
    )


async def _on_duty(connection: AsyncConnection, s: Situation, task: Task) -> list[Person]:
    shifts = await on_duty(connection, s.folded.case.area_code, s.now)
    return await _known_of(connection, s, task, {shift.account_id for shift in shifts})


async def _known_of(
    connection: AsyncConnection, s: Situation, task: Task, ids: Iterable[UUID]
) -> list[Person]:
    """These people as the lot sees them."""
    case = s.folded.case
    rows = await _PEOPLE[task].rows(
        connection,
        people=sorted(ids),
        other=case.lead_unit if task is Task.CHECK else case.reporter_id,
        since=s.now - timedelta(days=s.rulebook.policy.pair_days),
        most=_MOST_TASKS,
    )
    units: frozenset[str] = frozenset()
    for unit in (case.lead_unit, *case.assisting_units):
        if unit is not None:
            units |= s.rulebook.unit_and_below(unit)

    def barred(row: Mapping[str, Any]) -> Because | None:
        if not row["fit"]:
            return Because.UNFIT
        if row["id"] == case.reporter_id:
            return Because.REPORTER
        return Because.UNIT if row["unit"] in units else None

    return [
        Person(row["id"], row["username"], row["display_name"], row["tasks"], row["met"], barred(row))
        for row in rows
    ]
