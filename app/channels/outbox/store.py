"""SQL of the outbox: receivers, what waits for them, and open cases."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Row,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases.case import Case
from app.cases.scope import within
from app.cases.store import CASE_COLUMNS, plan_for_these_values
from app.cases.tables import CaseRow, JournalRow
from app.cases.workflow import OPEN
from app.channels.outbox.tables import DeliveryRow, WebhookRow
from app.db import table_of

_CASE = table_of(CaseRow)
_JOURNAL = table_of(JournalRow)
_WEBHOOK = table_of(WebhookRow)
_DELIVERY = table_of(DeliveryRow)

# -- cases -------------------------------------------------------------------------------------------------


async def open_cases(
    connection: AsyncConnection, visible: ColumnElement[bool], after: UUID | None, limit: int
) -> list[Case]:
    """Open cases that may be seen, by id, those behind the id `after`."""
    wanted = select(*CASE_COLUMNS).where(_CASE.c.stage.in_(sorted(OPEN)), visible)
    if after is not None:
        wanted = wanted.where(_CASE.c.id > after)
    await plan_for_these_values(connection)
    found = await connection.execute(wanted.order_by(_CASE.c.id).limit(limit))
    return [Case.model_validate(row._asdict()) for row in found]


def told_to(areas: Sequence[str], actions: Sequence[str]) -> ColumnElement[bool]:
    """The entries a receiver is told of: of cases in its areas, and of its actions when it names any."""
    here = within(areas)
    return and_(here, _JOURNAL.c.action.in_(actions)) if actions else here


# -- receivers, as administrators see them -----------------------------------------------------------------


def _administered(areas: Sequence[str]) -> ColumnElement[bool]:
    """Whether every area of the receiver lies within one of `areas`."""
    own = func.unnest(_WEBHOOK.c.areas).column_valued("own")
    return ~exists().where(~or_(*(own.startswith(area, autoescape=True) for area in areas)))


_WAITING = (
    select(func.count())
    .select_from(_DELIVERY)
    .where(_DELIVERY.c.webhook_id == _WEBHOOK.c.id)
    .scalar_subquery()
    .label("waiting")
)
_DEAD = (
    select(func.count())
    .select_from(_DELIVERY)
    .where(_DELIVERY.c.webhook_id == _WEBHOOK.c.id, _DELIVERY.c.dead)
    .scalar_subquery()
    .label("dead")
)
_SHOWN = select(_WEBHOOK, _WAITING, _DEAD)


async def add_webhook(connection: AsyncConnection, **values: Any) -> bool:
    """Stores a receiver; False when the name is taken."""
    added = upsert(_WEBHOOK).values(values).on_conflict_do_nothing(index_elements=["name"])
    return (await connection.execute(added.returning(_WEBHOOK.c.id))).one_or_none() is not None


async def webhooks(
    connection: AsyncConnection, areas: Sequence[str], *, after: str, limit: int
) -> Sequence[Row[Any]]:
    """The receivers within the areas by name, those behind the name `after`."""
    wanted = _SHOWN.where(_administered(areas), _WEBHOOK.c.name > after).order_by(_WEBHOOK.c.name)
    return (await connection.execute(wanted.limit(limit))).all()


async def webhook(
    connection: AsyncConnection, webhook_id: UUID, areas: Sequence[str], *, lock: bool = False
) -> Row[Any] | None:
    """The receiver, when all its areas lie within `areas`."""
    wanted = _SHOWN.where(_WEBHOOK.c.id == webhook_id, _administered(areas))
    if lock:
        wanted = wanted.with_for_update(of=_WEBHOOK)
    return (await connection.execute(wanted)).one_or_none()


async def change_webhook(connection: AsyncConnection, webhook_id: UUID, **values: Any) -> None:
    """Errors: the database's own when the name is taken."""
    await connection.execute(update(_WEBHOOK).where(_WEBHOOK.c.id == webhook_id).values(values))


async def delete_webhook(connection: AsyncConnection, webhook_id: UUID) -> None:
    """Takes the receiver away, and what waits for it."""
    await connection.execute(delete(_WEBHOOK).where(_WEBHOOK.c.id == webhook_id))


_OF_ENTRY = _DELIVERY.join(_JOURNAL, _JOURNAL.c.id == _DELIVERY.c.entry_id).join(
    _CASE, _CASE.c.id == _DELIVERY.c.case_id
)


async def deliveries(
    connection: AsyncConnection, webhook_id: UUID, *, dead: bool | None, after: UUID | None, limit: int
) -> Sequence[Row[Any]]:
    """What waits for the receiver, or only what is dead, by entry."""
    wanted = (
        select(_DELIVERY, _JOURNAL.c.action, _JOURNAL.c.at, _CASE.c.number)
        .select_from(_OF_ENTRY)
        .where(_DELIVERY.c.webhook_id == webhook_id)
        .order_by(_DELIVERY.c.entry_id)
        .limit(limit)
    )
    if dead is not None:
        wanted = wanted.where(_DELIVERY.c.dead.is_(dead))
    if after is not None:
        wanted = wanted.where(_DELIVERY.c.entry_id > after)
    return (await connection.execute(wanted)).all()


async def revive(
    connection: AsyncConnection, webhook_id: UUID, entries: Sequence[UUID] | None, now: datetime
) -> int:
    """Makes dead letters, these or all, wait again, to be tried at once; gives how many."""
    chosen = [_DELIVERY.c.webhook_id == webhook_id, _DELIVERY.c.dead]
    if entries is not None:
        chosen.append(_DELIVERY.c.entry_id.in_(entries))
    done = await connection.execute(
        update(_DELIVERY).where(*chosen).values(dead=False, attempts=0, next_try_at=now)
    )
    return done.rowcount


async def drop(connection: AsyncConnection, webhook_id: UUID, entry_id: UUID) -> bool:
    """Takes a dead letter off the list; those of its case that waited behind it go on."""
    done = await connection.execute(
        delete(_DELIVERY).where(
            _DELIVERY.c.webhook_id == webhook_id, _DELIVERY.c.entry_id == entry_id, _DELIVERY.c.dead
        )
    )
    return done.rowcount > 0


# -- for who sends -----------------------------------------------------------------------------------------


def _free(now: datetime) -> ColumnElement[bool]:
    w = _WEBHOOK.c
    return and_(
        w.active,
        or_(w.leased_until.is_(None), w.leased_until <= now),
        or_(w.next_try_at.is_(None), w.next_try_at <= now),
    )


async def free_webhooks(connection: AsyncConnection, now: datetime) -> list[UUID]:
    """Receivers that may be sent to now, and that nobody is sending to."""
    return list((await connection.execute(select(_WEBHOOK.c.id).where(_free(now)))).scalars())


async def free_webhook(
    connection: AsyncConnection, webhook_id: UUID, now: datetime, *, lock: bool = False
) -> Row[Any] | None:
    """The receiver, while it is free; with `lock` None also when another worker is just taking it."""
    wanted = select(_WEBHOOK).where(_WEBHOOK.c.id == webhook_id, _free(now))
    if lock:
        wanted = wanted.with_for_update(skip_locked=True)
    return (await connection.execute(wanted)).one_or_none()


async def is_leased(connection: AsyncConnection, webhook_id: UUID, lease: UUID) -> bool:
    """Whether the lease still holds; it does until the transaction ends then."""
    wanted = select(_WEBHOOK.c.id).where(_WEBHOOK.c.id == webhook_id, _WEBHOOK.c.lease == lease)
    return (await connection.execute(wanted.with_for_update())).one_or_none() is not None


async def due_cases(
    connection: AsyncConnection, webhook_id: UUID, now: datetime | None, limit: int
) -> list[UUID]:
    """Cases whose first waiting entry is due (at any time without `now`), the longest due first."""
    heads = (
        select(_DELIVERY.c.case_id, _DELIVERY.c.dead, _DELIVERY.c.next_try_at)
        .ext(distinct_on(_DELIVERY.c.case_id))
        .where(_DELIVERY.c.webhook_id == webhook_id)
        .order_by(_DELIVERY.c.case_id, _DELIVERY.c.version)
        .subquery()
    )
    wanted = select(heads.c.case_id).where(~heads.c.dead).order_by(heads.c.next_try_at).limit(limit)
    if now is not None:
        wanted = wanted.where(heads.c.next_try_at <= now)
    return list((await connection.execute(wanted)).scalars())


async def waiting(
    connection: AsyncConnection, webhook_id: UUID, case_ids: Sequence[UUID]
) -> Sequence[Row[Any]]:
    """What waits of these cases, with what the entries tell, in order within a case."""
    d, j = _DELIVERY.c, _JOURNAL.c
    wanted = (
        select(*_JOURNAL.c, _CASE.c.number, _CASE.c.area_code, d.dead, d.attempts)
        .select_from(_OF_ENTRY)
        .where(d.webhook_id == webhook_id, d.case_id.in_(case_ids))
        .order_by(d.case_id, j.version)
    )
    found: Sequence[Row[Any]] = list(await connection.execute(wanted))
    return found


async def with_waiting(connection: AsyncConnection, webhook_id: UUID, case_ids: Iterable[UUID]) -> set[UUID]:
    """Those of the cases that have something waiting."""
    wanted = select(_DELIVERY.c.case_id).distinct()
    wanted = wanted.where(_DELIVERY.c.webhook_id == webhook_id, _DELIVERY.c.case_id.in_(set(case_ids)))
    return set((await connection.execute(wanted)).scalars())


async def queue(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    """Keeps entries for later."""
    if rows:
        await connection.execute(insert(_DELIVERY), list(rows))


async def acknowledged(connection: AsyncConnection, webhook_id: UUID, entries: Sequence[UUID]) -> None:
    """What was kept and has arrived."""
    if entries:
        await connection.execute(
            delete(_DELIVERY).where(_DELIVERY.c.webhook_id == webhook_id, _DELIVERY.c.entry_id.in_(entries))
        )


async def failed(connection: AsyncConnection, webhook_id: UUID, entry_id: UUID, **values: Any) -> None:
    """What was kept and has not arrived this time either."""
    await connection.execute(
        update(_DELIVERY)
        .where(_DELIVERY.c.webhook_id == webhook_id, _DELIVERY.c.entry_id == literal(entry_id))
        .values(values)
    )
