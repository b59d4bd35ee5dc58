"""日分区: the track's day partitions, made when they are needed or ahead, dropped when their time is over."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alone import alone_with
from app.db import driver_of
from app.prepared import Prepared

_PREFIX = "track_point_"
_DAY = timedelta(days=1)

# Of the catalogue itself: `to_regclass` would remember, until the transaction ends, what was not there.
_ABSENT = Prepared(
    text(
        """
        SELECT name FROM unnest(:names) AS name
        WHERE NOT EXISTS (SELECT FROM pg_class WHERE relname = name AND relispartition)
        """
    ).bindparams(bindparam("names", type_=ARRAY(Text())))
)
_THERE = Prepared(
    text("SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'track_point'::regclass")
)


def days_of(moments: Iterable[datetime]) -> set[date]:
    """The partitions, by their UTC day, that the moments lie in."""
    return {moment.astimezone(UTC).date() for moment in moments}


async def make(connection: AsyncConnection, days: Iterable[date]) -> int:
    """Makes the days' partitions that are not there; gives how many. Nobody who writes points has to wait."""
    names = {f"{_PREFIX}{day:%Y%m%d}": day for day in sorted(days)}
    if not await _absent(connection, names):
        return 0
    await alone_with(connection, "track partitions")
    made = await _absent(connection, names)  # another may have made them while we waited
    for name in made:
        first = names[name]
        # Attached, not made in place: that would lock the whole track against writers.
        await driver_of(connection).execute(f"CREATE TABLE {name} (LIKE track_point)")
        await driver_of(connection).execute(
            f"ALTER TABLE track_point ATTACH PARTITION {name}"
            f" FOR VALUES FROM ('{first} 00:00+00') TO ('{first + _DAY} 00:00+00')"
        )
    return len(made)


async def _absent(connection: AsyncConnection, names: Iterable[str]) -> list[str]:
    return [row["name"] for row in await _ABSENT.rows(connection, names=list(names))]


async def over(connection: AsyncConnection, before: datetime) -> list[str]:
    """The partitions that lie wholly before the moment, oldest first."""
    names = sorted(row["name"] for row in await _THERE.rows(connection))
    limit = f"{_PREFIX}{before.astimezone(UTC):%Y%m%d}"
    return [name for name in names if name < limit]


async def drop(connection: AsyncConnection, name: str) -> None:
    """Drops a partition; gives up on the lock rather than queue every writer behind it."""
    await driver_of(connection).execute("SET LOCAL lock_timeout = '2s'")
    await driver_of(connection).execute(f"DROP TABLE {name}")
