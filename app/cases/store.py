"""The case's SQL: loading and locking a case with its clocks, writing what changed, counting."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import (
    ColumnElement,
    Integer,
    Text,
    and_,
    any_,
    bindparam,
    cast,
    column,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, Insert, aggregate_order_by
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alone import alone_with
from app.cases.case import FIELDS, Case, ClockState, Folded
from app.cases.journal import APPEND, DATA, Entry
from app.cases.likeness import pairs
from app.cases.tables import CaseRow, ClockRow, JournalRow, case_serial
from app.cases.workflow import OPEN, Stage
from app.db import driver_of, json_text, table_of
from app.dispatch.active import IN_FORCE
from app.prepared import Prepared

_CASE = table_of(CaseRow)
_CLOCK = table_of(ClockRow)
_JOURNAL = table_of(JournalRow)

CASE_COLUMNS = [_CASE.c[name] for name in FIELDS]
_TOLD = _CLOCK.alias("told")
_NEWEST = _CASE.alias("newest")
#: A case with its clocks, and the rulebook in force, in one statement. Of a case that others changed while
#: one waited for it the row is the new one, but what is looked up beside it is of before: `seen` tells.
_ONE_CASE = select(
    *CASE_COLUMNS,
    select(
        cast(func.json_agg(aggregate_order_by(literal_column("told"), _TOLD.c.started_at, _TOLD.c.id)), Text)
    )
    .where(_TOLD.c.case_id == _CASE.c.id)
    .scalar_subquery()
    .label("clocks"),
    select(_NEWEST.c.version).where(_NEWEST.c.id == _CASE.c.id).scalar_subquery().label("seen"),
    IN_FORCE.label("in_force"),
).where(_CASE.c.id == bindparam("id"))
_READ = Prepared(_ONE_CASE)
_LOCK = Prepared(_ONE_CASE.with_for_update(of=_CASE))
_SEVERAL = Prepared(select(*CASE_COLUMNS).where(_CASE.c.id == any_(bindparam("ids", type_=ARRAY(PG_UUID)))))


_PLANNING = """
    SET LOCAL plan_cache_mode = force_custom_plan;
    SET LOCAL random_page_cost = 0.1;
    SET LOCAL seq_page_cost = 0.1;
"""


async def plan_for_these_values(connection: AsyncConnection) -> None:
    """Until the transaction ends, statements are planned for the values they come with, and for tables that
    lie in memory: one plan for any area, words or time is for most of them a thousand times too slow."""
    await driver_of(connection).execute(_PLANNING)


# -- one case ------------------------------------------------------------------------------------------


async def load(
    connection: AsyncConnection, case_id: UUID, at: datetime, *, lock: bool = False
) -> tuple[Folded, UUID | None] | None:
    """The case with its clocks, or None; and which rulebook is in force (`dispatch.active.found_in_force`).

    With `lock` it is kept from others until the transaction ends.
    """
    row = await (_LOCK if lock else _READ).row(connection, id=case_id, at=at)
    if row is not None and row["seen"] != row["version"]:
        row = await _READ.row(connection, id=case_id, at=at)
    if row is None:
        return None
    found = dict(row)
    clocks, in_force = found.pop("clocks"), found.pop("in_force")
    return Folded(Case.model_validate(found), _clocks_of(clocks)), in_force


_CLOCKS_TOLD = TypeAdapter(tuple[ClockState, ...])


def _clocks_of(told: str | None) -> tuple[ClockState, ...]:
    return () if told is None else _CLOCKS_TOLD.validate_json(told)


async def cases_of(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, Case]:
    """The cases of these ids, as they are now."""
    found = await _SEVERAL.rows(connection, ids=list(ids))
    return {row["id"]: Case.model_validate(dict(row)) for row in found}


async def lock_in_order(connection: AsyncConnection, ids: Iterable[UUID]) -> None:
    """Locks several cases, always in the same order, so that two who merge never block each other."""
    await connection.execute(
        select(_CASE.c.id).where(_CASE.c.id.in_(sorted(ids))).order_by(_CASE.c.id).with_for_update()
    )


_ID_OF_NUMBER = Prepared(select(_CASE.c.id).where(_CASE.c.number == bindparam("number")))
_ID_OF_ORDER = Prepared(
    select(_CASE.c.id).where(
        _CASE.c.reporter_id == bindparam("reporter_id"),
        _CASE.c.external_number == bindparam("external_number"),
    )
)
_SERIALS = Prepared(
    select(case_serial.next_value().label("serial")).select_from(
        # Of how many the planner does not know: it makes one plan, and keeps it.
        func.generate_series(1, select(bindparam("many", type_=Integer)).scalar_subquery())
    )
)
_KNOWN_ORDERS = Prepared(
    select(_CASE.c.external_number, _CASE.c.number).where(
        _CASE.c.reporter_id == bindparam("reporter_id"),
        _CASE.c.external_number == any_(bindparam("orders", type_=ARRAY(Text))),
    )
)


async def id_of_number(connection: AsyncConnection, number: str) -> UUID | None:
    """The case of that case number."""
    found: UUID | None = await _ID_OF_NUMBER.value(connection, number=number)
    return found


async def id_of_external_number(
    connection: AsyncConnection, reporter_id: UUID, external_number: str
) -> UUID | None:
    """The case made from that order of that sender. Others with the same order wait until we commit."""
    await alone_with(connection, f"{reporter_id} {external_number}")
    found: UUID | None = await _ID_OF_ORDER.value(
        connection, reporter_id=reporter_id, external_number=external_number
    )
    return found


_OPENING = Prepared(select(IN_FORCE.label("in_force"), case_serial.next_value().label("serial")))


async def opening(connection: AsyncConnection, at: datetime) -> tuple[UUID | None, int]:
    """What a new case begins with: the rulebook in force (`dispatch.active.found_in_force`), and a serial."""
    found = await _OPENING.row(connection, at=at)
    assert found is not None
    return found["in_force"], found["serial"]


async def next_serials(connection: AsyncConnection, many: int) -> list[int]:
    """Serials from the database's sequence. They are not without gaps: who is refused had one, too."""
    return [row["serial"] for row in await _SERIALS.rows(connection, many=many)]


def pairs_of(case: Case) -> list[str]:
    """What the text search looks up: every two neighbouring characters of description and address,
    lower-cased, and, each as a whole, the case number and its serial."""
    return [case.number, case.number.rsplit("-", 1)[-1], *sorted(pairs(case))]


def _clocks_written() -> Insert:
    """The clocks an entry tells of, new or changed, in its order: one is stopped before its like starts."""
    names = tuple(ClockState.model_fields)
    told = func.jsonb_populate_recordset(
        literal_column("CAST(NULL AS case_clock)"), DATA.op("->")(literal_column("'clocks'"))
    ).table_valued(*(column(name, _CLOCK.c[name].type) for name in names), name="told")
    of_the_case = bindparam("entry_case_id", type_=PG_UUID())
    written = upsert(_CLOCK).from_select([*names, "case_id"], select(*told.c, of_the_case))
    changed = {name: written.excluded[name] for name in names if name != "id"}
    return written.on_conflict_do_update(index_elements=["id"], set_=changed)


_BESIDE = (APPEND.cte("entry"), _clocks_written().cte("clocks"))
_BEGIN = Prepared(
    insert(_CASE).values({name: bindparam(name) for name in (*FIELDS, "pairs")}).add_cte(*_BESIDE)
)


@lru_cache
def _change_of(columns: tuple[str, ...]) -> Prepared:
    """Actions change few sets of columns, each again and again."""
    changed = update(_CASE).where(_CASE.c.id == bindparam("entry_case_id", type_=PG_UUID()))
    return Prepared(changed.values({name: bindparam(name) for name in columns}).add_cte(*_BESIDE))


async def begin_case(connection: AsyncConnection, case: Case, entry: Entry) -> None:
    """Writes a new case, its first entry and the clocks the entry tells of."""
    await _BEGIN.rows(connection, **case.model_dump(), pairs=pairs_of(case), **entry.parameters())


async def known_orders(
    connection: AsyncConnection, reporter_id: UUID, orders: Sequence[str]
) -> dict[str, str]:
    """The case numbers of those orders of that sender that are known."""
    found = await _KNOWN_ORDERS.rows(connection, reporter_id=reporter_id, orders=orders)
    return {row["external_number"]: row["number"] for row in found}


async def begin_cases(connection: AsyncConnection, begun: Sequence[tuple[Folded, Entry]]) -> None:
    """`begin_case` for many, by COPY.

    Errors: the driver's `UniqueViolationError` when another request took one of their orders meanwhile.
    """
    cases = [{**f.case.model_dump(), "pairs": pairs_of(f.case)} for f, _ in begun]
    told = [{**entry.parameters(), "entry_data": json_text(entry.data)} for _, entry in begun]
    clocks = [
        {**clock.model_dump(), "case_id": f.case.id, "pauses": "[]"}  # none has been paused yet
        for f, _ in begun
        for clock in f.clocks
    ]
    for table, rows, prefix in ((_CASE, cases, ""), (_JOURNAL, told, "entry_"), (_CLOCK, clocks, "")):
        if rows:
            await driver_of(connection).copy_records_to_table(
                table.name,
                records=[tuple(row.values()) for row in rows],
                columns=[name.removeprefix(prefix) for name in rows[0]],
            )


async def change_case(connection: AsyncConnection, changes: dict[str, Any], entry: Entry) -> None:
    """Writes the fields that changed, the entry, and the clocks it tells of."""
    await _change_of(tuple(sorted(changes))).rows(connection, **changes, **entry.parameters())


# -- for the background jobs -----------------------------------------------------------------------------


async def with_overdue_clocks(connection: AsyncConnection, now: datetime, limit: int) -> list[UUID]:
    """Cases with a clock that ran out and is not recorded yet, or a suspension that is over."""
    ran_out = (
        select(_CLOCK.c.case_id, func.min(_CLOCK.c.due_at).label("first"))
        .where(_CLOCK.c.stopped_at.is_(None), _CLOCK.c.overran_at.is_(None), _CLOCK.c.due_at < now)
        .group_by(_CLOCK.c.case_id)
        .order_by(func.min(_CLOCK.c.due_at))
        .limit(limit)
    )
    return [row.case_id for row in await connection.execute(ran_out)]


async def without_inspector(connection: AsyncConnection, limit: int) -> list[UUID]:
    """Cases that wait for an inspector to be found."""
    waiting = (
        select(_CASE.c.id)
        .where(_CASE.c.stage.in_(["verifying", "checking"]), _CASE.c.inspector_id.is_(None))
        .order_by(_CASE.c.due_at)
        .limit(limit)
    )
    return [row.id for row in await connection.execute(waiting)]


# -- figures -------------------------------------------------------------------------------------------


async def figures(
    connection: AsyncConnection, visible: ColumnElement[bool], since: datetime, until: datetime
) -> dict[str, Any]:
    """Counts over the cases reported in [since, until) that may be seen."""
    c = _CASE.c

    def count(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return func.count().filter(condition)

    judged = and_(c.overdue.is_not(None), c.exempt.is_(False))
    wanted = select(
        func.count().label("reported"),
        count(c.filed_at.is_not(None)).label("filed"),
        count(c.stage.in_(sorted(OPEN))).label("open"),
        *(count(c.stage == stage).label(stage.value) for stage in sorted(set(Stage) - OPEN)),
        count(c.self_handled & (c.stage == Stage.CLOSED)).label("self_handled"),
        count(judged).label("judged"),
        count(judged & c.overdue.is_(False)).label("on_time"),
        func.coalesce(func.sum(c.declines), 0).label("declines"),
        func.coalesce(func.sum(c.extensions), 0).label("extensions"),
        func.coalesce(func.sum(c.suspensions), 0).label("suspensions"),
        func.coalesce(func.sum(c.reworks), 0).label("reworks"),
        count(c.listed).label("listed"),
    ).where(c.reported_at >= since, c.reported_at < until, visible)
    await plan_for_these_values(connection)
    return dict((await connection.execute(wanted)).one()._asdict())
