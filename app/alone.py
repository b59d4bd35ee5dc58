"""独占: one transaction at a time works on a thing that has no row to lock, or not yet."""

from __future__ import annotations

from sqlalchemy import Text, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.prepared import Prepared

_ALONE = Prepared(
    select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("what", type_=Text()), 0)))
)


async def alone_with(connection: AsyncConnection, what: str) -> None:
    """Others who name the same thing wait until our transaction ends. All names share one space: say what
    kind of thing it is."""
    await _ALONE.rows(connection, what=what)
