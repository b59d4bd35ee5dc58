"""SQL of an inspector's tasks and of the cases around."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, Double, and_, case, cast, false, func, null, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases.case import Case
from app.cases.scope import within
from app.cases.store import CASE_COLUMNS, plan_for_these_values
from app.cases.tables import CaseRow
from app.cases.workflow import OPEN, Stage
from app.db import table_of
from app.geo import SRID
from app.identity.principal import Principal

_CASE = table_of(CaseRow)
#: How long an own report that ended is something to report back.
_TOLD_FOR = timedelta(days=7)

Here = tuple[float, float]


class TaskKind(StrEnum):
    """任务类型."""

    VERIFY = "verify"  # 核实: is it there?
    CHECK = "check"  # 核查: is it done?
    REPORT_BACK = "report_back"  # 回访: how an own report ended, for those on the spot


class TaskSort(StrEnum):
    """排序: the most urgent first, or the nearest."""

    DUE = "due"
    DISTANCE = "distance"


def kind_of(found: Case) -> TaskKind:
    """Which kind of task a case in `tasks` is."""
    kinds = {Stage.VERIFYING: TaskKind.VERIFY, Stage.CHECKING: TaskKind.CHECK}
    return kinds.get(found.stage, TaskKind.REPORT_BACK)


def tasks(actor: Principal, kinds: Sequence[TaskKind], now: datetime) -> ColumnElement[bool]:
    """The cases that are tasks of these kinds for the caller."""
    c = _CASE.c
    given = {
        TaskKind.VERIFY: and_(c.inspector_id == actor.id, c.stage == Stage.VERIFYING.value),
        TaskKind.CHECK: and_(c.inspector_id == actor.id, c.stage == Stage.CHECKING.value),
        TaskKind.REPORT_BACK: and_(
            c.reporter_id == actor.id, c.stage.not_in(sorted(OPEN)), c.ended_at >= now - _TOLD_FOR
        ),
    }
    return or_(false(), *(given[kind] for kind in kinds))


def open_in(cell: str) -> ColumnElement[bool]:
    """The cases of the cell that are not over."""
    return and_(within((cell,)), _CASE.c.stage.in_(sorted(OPEN)))


async def find(
    connection: AsyncConnection,
    wanted: ColumnElement[bool],
    visible: ColumnElement[bool],
    *,
    here: Here | None,
    sort: TaskSort,
    limit: int,
) -> list[tuple[Case, float | None]]:
    """Cases that may be seen, each with its distance in metres from here."""
    distance = _metres_from(here).label("distance_m")
    first = distance.asc() if sort is TaskSort.DISTANCE else _CASE.c.due_at.asc()
    statement = (
        select(*CASE_COLUMNS, distance)
        .where(visible, wanted)
        .order_by(first.nulls_last(), _CASE.c.id)
        .limit(limit)
    )
    await plan_for_these_values(connection)
    found = await connection.execute(statement)
    return [(Case.model_validate(row._asdict()), row.distance_m) for row in found]


def _metres_from(here: Here | None) -> ColumnElement[float | None]:
    if here is None:
        return cast(null(), Double)
    point = func.ST_SetSRID(func.ST_MakePoint(*here), SRID)
    metres: ColumnElement[float | None] = func.ST_Distance(
        func.geography(_CASE.c.geom), func.geography(point), type_=Double()
    )
    return case((_CASE.c.placed, metres))  # a place that is still to be found is at no distance
