"""SQL of beats."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    and_,
    any_,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from app.channels.inspectors.tables import Beat
from app.db import new_id, table_of
from app.grid.codes import AreaLevel
from app.grid.store import AnyRow, Rows
from app.grid.tables import Area, holds_at
from app.identity.principal import Role
from app.identity.tables import AccountTable

_BEAT = table_of(Beat)


def _within(areas: Sequence[str]) -> ColumnElement[bool]:
    """Whether every cell of the beat lies within one of the areas."""
    cell = func.unnest(_BEAT.c.cells).column_valued("cell")
    return ~exists().where(~or_(*(func.starts_with(cell, area) for area in areas)))


async def in_force(
    connection: AsyncConnection, areas: Sequence[str], *, at: datetime, after: str, limit: int
) -> Rows:
    """The beats that hold at the moment and lie within the areas, by code, behind a code."""
    statement = (
        select(_BEAT)
        .where(holds_at(Beat, at), _within(areas), _BEAT.c.code > after)
        .order_by(_BEAT.c.code)
        .limit(limit)
    )
    return (await connection.execute(statement)).all()


async def find(connection: AsyncConnection, areas: Sequence[str], code: str, at: datetime) -> AnyRow | None:
    """The beat at the moment, where it lies within the areas."""
    statement = select(_BEAT).where(_BEAT.c.code == code, holds_at(Beat, at), _within(areas))
    return (await connection.execute(statement)).one_or_none()


async def of_inspector(connection: AsyncConnection, account: UUID, at: datetime) -> Rows:
    """The beats the inspector patrols at the moment, by code."""
    mine = _BEAT.c.inspectors.contains([account])
    statement = select(_BEAT).where(mine, holds_at(Beat, at)).order_by(_BEAT.c.code)
    return (await connection.execute(statement)).all()


async def cells_of(connection: AsyncConnection, account: UUID, at: datetime) -> list[str]:
    """The cells of all of them."""
    return sorted({cell for beat in await of_inspector(connection, account, at) for cell in beat.cells})


async def between(
    connection: AsyncConnection, accounts: Sequence[UUID], since: datetime, until: datetime
) -> Rows:
    """The versions of the accounts' beats that hold at some moment of the period, oldest first."""
    c = _BEAT.c
    theirs = c.inspectors.overlap(literal(list(accounts), ARRAY(PG_UUID(as_uuid=True))))
    held = and_(c.valid_from < until, or_(c.valid_to.is_(None), c.valid_to > since))
    return (await connection.execute(select(_BEAT).where(theirs, held).order_by(c.valid_from, c.code))).all()


async def newest(connection: AsyncConnection, codes: Sequence[str]) -> dict[str, AnyRow]:
    """The last version of each of the beats there are."""
    statement = (
        select(_BEAT)
        .ext(distinct_on(_BEAT.c.code))
        .where(_BEAT.c.code.in_(codes))
        .order_by(_BEAT.c.code, _BEAT.c.valid_from.desc())
    )
    return {row.code: row for row in await connection.execute(statement)}


async def add(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        await connection.execute(insert(_BEAT), [{"id": new_id(), **row} for row in rows])


async def end(connection: AsyncConnection, ids: Sequence[UUID], at: datetime) -> None:
    """Ends the versions at the moment; those that would never have held are gone."""
    c = _BEAT.c
    await connection.execute(delete(_BEAT).where(c.id.in_(ids), c.valid_from >= at))
    await connection.execute(update(_BEAT).where(c.id.in_(ids)).values(valid_to=at))


async def end_all(connection: AsyncConnection, code: str, at: datetime) -> None:
    """The beat ends at the moment, and what was planned for later is not to be."""
    c = _BEAT.c
    later = await connection.scalars(
        select(c.id).where(c.code == code, or_(c.valid_to.is_(None), c.valid_to > at))
    )
    await end(connection, list(later), at)


async def unknown_cells(connection: AsyncConnection, codes: Sequence[str], at: datetime) -> list[str]:
    """Which of the codes are no unit grid at the moment."""
    cells = select(Area.code).where(
        Area.code.in_(codes), Area.level == AreaLevel.CELL.value, holds_at(Area, at)
    )
    return sorted(set(codes) - set(await connection.scalars(cells)))


async def taken_twice(connection: AsyncConnection, codes: Sequence[str]) -> AnyRow | None:
    """A cell of one of the beats that lies in another beat at the same time, with both; None for none."""
    one, other = _BEAT.alias("one"), _BEAT.alias("other")
    cell = func.unnest(one.c.cells).table_valued("code").render_derived(name="cell")
    period = func.tstzrange(one.c.valid_from, one.c.valid_to)
    statement = (
        select(
            cell.c.code.label("cell"),
            one.c.code,
            other.c.code.label("other"),
            other.c.name.label("other_name"),
        )
        .select_from(one)
        .join(
            other,
            and_(
                other.c.code != one.c.code,
                other.c.cells.overlap(one.c.cells),
                period.op("&&")(func.tstzrange(other.c.valid_from, other.c.valid_to)),
            ),
        )
        .join(cell, cell.c.code == any_(other.c.cells))
        .where(one.c.code.in_(codes))
        .order_by(cell.c.code, one.c.code, other.c.code)
        .limit(1)
    )
    return (await connection.execute(statement)).one_or_none()


async def inspectors_named(connection: AsyncConnection, usernames: Sequence[str]) -> Rows:
    """The active inspectors among the accounts of these names."""
    account = AccountTable
    statement = select(account.id, account.username, account.areas).where(
        account.username.in_(usernames), account.active, account.roles.contains([Role.INSPECTOR.value])
    )
    return (await connection.execute(statement)).all()


async def people(connection: AsyncConnection, accounts: Sequence[UUID]) -> dict[UUID, AnyRow]:
    """The accounts by their ids."""
    account = AccountTable
    statement = select(account.id, account.username, account.display_name).where(account.id.in_(accounts))
    return {row.id: row for row in await connection.execute(statement)}


async def shapes(connection: AsyncConnection, codes: Sequence[str], at: datetime) -> Rows:
    """Code, name and border (WKB) of the cells there are at the moment."""
    statement = select(Area.code, Area.name, func.ST_AsBinary(Area.geom).label("border")).where(
        Area.code.in_(codes), Area.level == AreaLevel.CELL.value, holds_at(Area, at)
    )
    return (await connection.execute(statement.order_by(Area.code))).all()
