"""The hotline's SQL: orders beside their cases, what changed of them, the three rates, the feed's cursor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    Float,
    and_,
    bindparam,
    case,
    cast,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases import stream
from app.cases.store import cases_of
from app.cases.stream import Cursor, Page
from app.cases.tables import CaseRow, JournalRow
from app.cases.workflow import Stage
from app.channels.hotline.standing import Kept
from app.channels.hotline.tables import HotlineFeed, HotlineOrder, HotlineRefusal
from app.db import table_of
from app.prepared import Prepared

_ORDER = table_of(HotlineOrder)
_FEED = table_of(HotlineFeed)
_REFUSAL = table_of(HotlineRefusal)
_CASE = table_of(CaseRow)
_JOURNAL = table_of(JournalRow)
_PRIMARY = _CASE.alias("primary_case")

# -- orders ----------------------------------------------------------------------------------------------

_ADD = Prepared(insert(_ORDER).values({column.name: bindparam(column.name) for column in _ORDER.c}))
_LOCKED = Prepared(select(_ORDER).where(_ORDER.c.case_id == bindparam("case_id")).with_for_update())


async def add(connection: AsyncConnection, **values: Any) -> None:
    """Writes a new order; what is not named is empty."""
    empty = dict.fromkeys(column.name for column in _ORDER.c) | {"answer": ""}
    await _ADD.rows(connection, **{**empty, **values})


async def locked(connection: AsyncConnection, case_id: UUID) -> Any:
    """The order of the case, kept from others until the transaction ends; None when it is no order's."""
    return await _LOCKED.row(connection, case_id=case_id)


async def change(connection: AsyncConnection, case_id: UUID, **values: Any) -> None:
    await connection.execute(update(_ORDER).where(_ORDER.c.case_id == case_id).values(**values))


async def case_of(
    connection: AsyncConnection, number: str, asker: UUID, visible: ColumnElement[bool]
) -> UUID | None:
    """The case of the order of that number that may be seen: the asker's own, else the newest."""
    found = await connection.execute(
        select(_ORDER.c.case_id)
        .join(_CASE, _CASE.c.id == _ORDER.c.case_id)
        .where(_ORDER.c.number == number, visible)
        .order_by((_ORDER.c.client_id == asker).desc(), _ORDER.c.received_at.desc())
        .limit(1)
    )
    return found.scalar()


# What an order's own case and the one that goes on for it tell. Few orders at a time are asked for.
_TOLD = Prepared(
    text(
        """
    SELECT o.case_id, last.id AS last_id, taken.at AS taken_at, taken.to_stage AS taken_to,
           first.unit AS first_unit, handed.result AS handed_back, refusal.command AS refusal
    FROM hotline_order o
    CROSS JOIN LATERAL (
        WITH RECURSIVE up AS (
            SELECT c.id, c.merged_into FROM case_file c WHERE c.id = o.case_id
            UNION SELECT c.id, c.merged_into FROM up JOIN case_file c ON c.id = up.merged_into
        )
        SELECT id FROM up WHERE merged_into IS NULL
    ) AS last
    LEFT JOIN LATERAL (
        SELECT at, to_stage FROM journal j
        WHERE j.case_id = o.case_id AND j.from_stage = 'reported' AND j.to_stage <> 'reported'
        ORDER BY version LIMIT 1
    ) AS taken ON true
    LEFT JOIN LATERAL (
        SELECT data -> 'changes' ->> 'lead_unit' AS unit FROM journal j
        WHERE j.case_id = last.id AND j.action = 'dispatch' ORDER BY version LIMIT 1
    ) AS first ON true
    LEFT JOIN LATERAL (
        SELECT data -> 'command' ->> 'result' AS result FROM journal j
        WHERE j.case_id = last.id AND j.action = 'hand_back' ORDER BY version DESC LIMIT 1
    ) AS handed ON true
    LEFT JOIN LATERAL (
        SELECT data -> 'command' AS command FROM journal j
        WHERE j.case_id = last.id AND j.action = 'refuse' ORDER BY version DESC LIMIT 1
    ) AS refusal ON true
    WHERE o.case_id = ANY(:case_ids)
    """
    ).bindparams(bindparam("case_ids", type_=ARRAY(_ORDER.c.case_id.type)))
)


async def kept(connection: AsyncConnection, case_ids: Sequence[UUID]) -> list[Kept]:
    """Those orders with what is told of them, in the order of the cases named."""
    told = {row["case_id"]: row for row in await _TOLD.rows(connection, case_ids=list(case_ids))}
    orders = await connection.execute(select(_ORDER).where(_ORDER.c.case_id.in_(told)))
    order = {row.case_id: row for row in orders}
    wanted = {*told, *(row["last_id"] for row in told.values())}
    cases = await cases_of(connection, wanted)
    return [
        Kept(
            order=order[case_id],
            own=cases[case_id],
            case=cases[row["last_id"]],
            taken_up=None if row["taken_at"] is None else (row["taken_at"], Stage(row["taken_to"])),
            first_unit=row["first_unit"],
            handed_back=row["handed_back"] or "",
            refusal=row["refusal"],
        )
        for case_id in case_ids
        if (row := told.get(case_id)) is not None
    ]


# -- what changed ----------------------------------------------------------------------------------------


async def changed(
    connection: AsyncConnection, visible: ColumnElement[bool], cursor: Cursor, limit: int
) -> tuple[list[UUID], Page]:
    """Cases of the orders told of by the next entries, of the own case or of the one that goes on for it;
    each once, in the order of what came last. Errors: those of `stream.read`."""
    told = or_(_CASE.c.id == _JOURNAL.c.case_id, _CASE.c.merged_into == _JOURNAL.c.case_id)
    orders = select(_ORDER.c.case_id, _CASE.c.merged_into).join(_CASE, _CASE.c.id == _ORDER.c.case_id)
    page = await stream.page(
        connection, cursor, orders.where(visible, told).correlate(_JOURNAL).exists(), limit
    )
    last = {entry.case_id: turn for turn, entry in enumerate(page.entries)}
    of_these = or_(_CASE.c.id.in_(last), _CASE.c.merged_into.in_(last))
    found = (await connection.execute(orders.where(visible, of_these))).all() if last else []
    found = sorted(found, key=lambda row: max(last.get(row.case_id, -1), last.get(row.merged_into, -1)))
    return [row.case_id for row in found], page


# -- callers ---------------------------------------------------------------------------------------------


async def forget_callers(
    connection: AsyncConnection, ended_before: datetime, now: datetime, limit: int
) -> int:
    """Deletes some callers' data of cases that ended before the moment; returns how many."""
    old = (
        select(_ORDER.c.case_id)
        .join(_CASE, _CASE.c.id == _ORDER.c.case_id)
        .where(_ORDER.c.caller.is_not(None), _CASE.c.ended_at < ended_before)
        .limit(limit)
    )
    gone = {"caller": None, "caller_name": "", "caller_phone": "", "caller_deleted_at": now}
    done = await connection.execute(update(_ORDER).where(_ORDER.c.case_id.in_(old)).values(**gone))
    return done.rowcount


async def renew_callers(
    connection: AsyncConnection, renew: Callable[[bytes], bytes], after: UUID, limit: int
) -> tuple[int, UUID]:
    """Writes some callers' data anew, by their cases' ids; returns how many, and the last id."""
    some = (
        select(_ORDER.c.case_id, _ORDER.c.caller)
        .where(_ORDER.c.caller.is_not(None), _ORDER.c.case_id > after)
        .order_by(_ORDER.c.case_id)
        .limit(limit)
        .with_for_update()
    )
    rows = list(await connection.execute(some))
    for row in rows:
        await change(connection, row.case_id, caller=renew(row.caller))
    return len(rows), rows[-1].case_id if rows else after


# -- the three rates -------------------------------------------------------------------------------------


def _flag(name: str) -> ColumnElement[bool]:
    return cast(_CASE.c.call_back[name].astext, Boolean)


async def rates(
    connection: AsyncConnection,
    visible: ColumnElement[bool],
    since: datetime,
    until: datetime,
    *,
    partly: float,
    fair: float,
) -> list[dict[str, Any]]:
    """By lead unit (None: not dispatched), over the orders received in the period: how many, and over their
    valid call-backs how many were asked each question and what the answers add up to."""
    responded = (
        select(func.min(_JOURNAL.c.at) <= _ORDER.c.respond_by)
        .where(_JOURNAL.c.case_id == _ORDER.c.case_id, _JOURNAL.c.from_stage == "reported")
        .where(_JOURNAL.c.to_stage != "reported")
        .correlate(_ORDER)
        .scalar_subquery()
    )
    solved, satisfied = _CASE.c.call_back["solved"].astext, _CASE.c.call_back["satisfaction"].astext
    each = (
        select(
            func.coalesce(_CASE.c.lead_unit, _PRIMARY.c.lead_unit).label("unit"),
            and_(_CASE.c.stage == Stage.REFUSED, _CASE.c.ended_at <= _ORDER.c.return_by).label("returned"),
            func.coalesce(_flag("reached"), False).label("valid"),
            func.coalesce(_flag("contacted"), responded, False).label("responded"),
            case((solved == "solved", 1.0), (solved == "partly", partly), (solved == "unsolved", 0.0)).label(
                "solved"
            ),
            case(
                (satisfied.in_(["very_satisfied", "satisfied"]), 1.0),
                (satisfied == "fair", fair),
                (satisfied == "dissatisfied", 0.0),
            ).label("satisfied"),
        )
        .select_from(_ORDER)
        .join(_CASE, _CASE.c.id == _ORDER.c.case_id)
        .outerjoin(_PRIMARY, _PRIMARY.c.id == _CASE.c.merged_into)
        .where(_ORDER.c.received_at >= since, _ORDER.c.received_at < until, visible)
        .subquery()
    )
    valid = each.c.valid

    def total(value: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.coalesce(func.sum(value).filter(valid), 0.0)

    counted = select(
        each.c.unit,
        func.count().label("orders"),
        func.count().filter(each.c.returned).label("returned"),
        func.count().filter(valid).label("called_back"),
        func.count().filter(valid, each.c.responded).label("responded"),
        func.count(each.c.solved).filter(valid).label("asked_solved"),
        total(cast(each.c.solved, Float)).label("solved"),
        func.count(each.c.satisfied).filter(valid).label("asked_satisfied"),
        total(cast(each.c.satisfied, Float)).label("satisfied"),
    ).group_by(each.c.unit)
    found = await connection.execute(counted.order_by(each.c.unit.nulls_last()))
    return [dict(row._asdict()) for row in found]


# -- the feed --------------------------------------------------------------------------------------------


async def cursor(connection: AsyncConnection, feed: str) -> str:
    """The cursor of the feed's next page; empty at its beginning."""
    found = await connection.execute(select(_FEED.c.cursor).where(_FEED.c.feed == feed))
    return found.scalar() or ""


async def move(connection: AsyncConnection, feed: str, to: str, now: datetime) -> None:
    written = upsert(_FEED).values(feed=feed, cursor=to, read_at=now)
    await connection.execute(
        written.on_conflict_do_update(index_elements=["feed"], set_={"cursor": to, "read_at": now})
    )


async def refuse(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    """Keeps what of a feed was not taken in."""
    if rows:
        await connection.execute(insert(_REFUSAL), list(rows))


async def refusals(connection: AsyncConnection, limit: int) -> list[dict[str, Any]]:
    """The newest first."""
    found = await connection.execute(
        select(_REFUSAL.c.number, _REFUSAL.c.reason, _REFUSAL.c.at)
        .order_by(_REFUSAL.c.at.desc(), _REFUSAL.c.id.desc())
        .limit(limit)
    )
    return [dict(row._asdict()) for row in found]


async def delete_refusals(connection: AsyncConnection, before: datetime) -> int:
    done = await connection.execute(delete(_REFUSAL).where(_REFUSAL.c.at < before))
    return done.rowcount
