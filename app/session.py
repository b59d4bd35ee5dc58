"""Opening the service's parts: the database (private cluster or server), the clock, the signing key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TypeVar

from app.clock import Clock, WallClock
from app.db import Database, libpq_url
from app.postgres import PrivateCluster
from app.requests import Services
from app.secret import signing_key
from app.settings import Settings
from app.watchdog import watched

Result = TypeVar("Result")


def private_cluster(data: Path) -> PrivateCluster:
    """The private cluster of a data folder; runs while entered."""
    return PrivateCluster(data / "cluster")


@contextmanager
def reachable_database(settings: Settings) -> Iterator[str]:
    """SQLAlchemy URL of the database; without one set, of the private cluster, kept running while entered."""
    if settings.database_url is not None:
        yield settings.database_url
        return
    with private_cluster(settings.data) as cluster, watched(cluster):
        yield cluster.url


def libpq_environment(url: str) -> dict[str, str]:
    """The database as variables that PostgreSQL's own programs read; no secret is an argument."""
    from psycopg.pq import Conninfo  # libpq is loaded by who speaks of it: the API does not

    options = Conninfo.parse(libpq_url(url).encode())
    return {one.envvar.decode(): one.val.decode() for one in options if one.envvar and one.val}


@asynccontextmanager
async def open_services(
    settings: Settings | None = None, *, clock: Clock | None = None, database: Database | None = None
) -> AsyncIterator[Services]:
    """The parts of one running service, closed again on leaving. A `database` given stays open.

    Errors: `NotReady` when the private cluster cannot start or no signing key can be kept.
    """
    settings = settings or Settings()
    clock = clock or WallClock()
    key = signing_key(settings)
    if database is not None:
        yield Services(settings, database, clock, key)
        return
    with reachable_database(settings) as url:
        opened = Database(url, pool_size=settings.pool.size, pool_timeout=settings.pool.timeout_seconds)
        try:
            yield Services(settings, opened, clock, key)
        finally:
            await opened.close()


def with_services(work: Callable[[Services], Awaitable[Result]], settings: Settings | None = None) -> Result:
    """Runs `work` with the service's parts open: what a command of the command line does."""

    async def opened() -> Result:
        async with open_services(settings) as parts:
            return await work(parts)

    return asyncio.run(opened())
