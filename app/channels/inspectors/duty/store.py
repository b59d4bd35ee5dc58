"""SQL of reports of duty, over the grid's duty shifts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.channels.inspectors.tables import DutyReport
from app.db import new_id
from app.grid.store import AnyRow, Rows
from app.grid.tables import DutyShift

_SHIFT = DutyShift.__table__.c


async def known(connection: AsyncConnection, account: UUID, begins: bool, at: datetime) -> bool:
    """Whether that was reported before."""
    report = DutyReport
    same = and_(report.account_id == account, report.begins.is_(begins), report.at == at)
    return (await connection.execute(select(report.id).where(same))).first() is not None


async def newest_shift(connection: AsyncConnection, account: UUID) -> AnyRow | None:
    """The shift that began last, over or not."""
    statement = (
        select(*_SHIFT)
        .where(_SHIFT.account_id == account)
        .order_by(_SHIFT.started_at.desc(), _SHIFT.id.desc())
    )
    return (await connection.execute(statement.limit(1))).one_or_none()


async def set_end(connection: AsyncConnection, shift: UUID, at: datetime) -> None:
    """The shift ends, or ended, at the moment."""
    await connection.execute(update(DutyShift).where(DutyShift.id == shift).values(ended_at=at))


async def add_report(connection: AsyncConnection, **values: Any) -> None:
    await connection.execute(insert(DutyReport).values(id=new_id(), **values))


async def end_forgotten(connection: AsyncConnection, now: datetime) -> int:
    """Ends the shifts whose time is over at the moment it was over; gives how many."""
    over = and_(DutyShift.ended_at.is_(None), DutyShift.until <= now)
    done = await connection.execute(update(DutyShift).where(over).values(ended_at=DutyShift.until))
    return done.rowcount


def meets(since: datetime, until: datetime) -> ColumnElement[bool]:
    """Shifts of which a part lies within the period."""
    end = func.least(_SHIFT.ended_at, _SHIFT.until)
    return and_(_SHIFT.started_at < until, or_(end.is_(None), end > since))


async def shifts_between(
    connection: AsyncConnection, accounts: Sequence[UUID], since: datetime, until: datetime
) -> Rows:
    """The accounts' shifts of which a part lies within the period, oldest first, each with whether it was
    begun within its areas."""
    begun = (
        select(DutyReport.in_beat)
        .where(DutyReport.shift_id == _SHIFT.id, DutyReport.begins)
        .order_by(DutyReport.received_at)
        .limit(1)
        .scalar_subquery()
    )
    statement = (
        select(*_SHIFT, begun.label("begun_in_beat"))
        .where(_SHIFT.account_id.in_(accounts), meets(since, until))
        .order_by(_SHIFT.started_at, _SHIFT.id)
    )
    return (await connection.execute(statement)).all()
