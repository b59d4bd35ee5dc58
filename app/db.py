"""The database: engine, table base with constraint names, and the transaction.

Statements are SQLAlchemy Core on an `AsyncConnection`; the declarative classes in each package's
`tables.py` are typed table definitions, not units of work (`docs/decisions/0002-core-not-orm.md`). Those
that every request passes are `prepared.Prepared` and go to the driver directly.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import asyncpg
import structlog
import uuid_utils.compat
from asyncpg.transaction import Transaction
from pydantic_core import from_json, to_json
from sqlalchemy import TIMESTAMP, MetaData, Table, Text, make_url
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import NullPool

from app.errors import ChengguanError, Conflict, InvalidInput, NotReady
from app.pool import Pool

log = structlog.get_logger(__name__)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Base(DeclarativeBase):
    """Base of all tables. Time is `timestamptz`, text is `text`, documents are `jsonb`."""

    metadata = metadata
    type_annotation_map = {
        datetime: TIMESTAMP(timezone=True),
        str: Text(),
        UUID: PG_UUID(as_uuid=True),
        dict[str, Any]: JSONB(),
        list[Any]: JSONB(),
    }


def table_of(described: type[Base]) -> Table:
    """The table a class describes. Statements over it skip what the ORM would add to each execution."""
    return cast(Table, described.__table__)


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562): ids made later sort later, in any process."""
    return uuid_utils.compat.uuid7()


def json_text(value: Any) -> str:
    """A document as it is written: three times as quick as the standard library."""
    return to_json(value).decode()


def libpq_url(url: str) -> str:
    """The same database for a client that speaks to libpq itself (the job queue, LISTEN)."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def driver_of(connection: AsyncConnection) -> asyncpg.Connection:
    """The driver's own connection under this one, in the same transaction."""
    return cast(asyncpg.Connection, connection.sync_connection.connection.driver_connection)  # type: ignore[union-attr]


#: How long the driver waits: for a connection, and for an answer past the server's own time limit.
_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 35.0

#: What comes of a server that does not answer, or not any more.
_SILENCE = (ConnectionError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_DRIVER = (DBAPIError, asyncpg.PostgresError)

#: Error classes of PostgreSQL (the first characters of the SQLSTATE) that pass: connection, resources,
#: operator intervention, the system below, lost races for a lock.
_PASSING = ("08", "53", "57", "58", "40", "55P03", "25P03")


@contextmanager
def plainly() -> Iterator[None]:
    """Gives what the database refuses or fails to do as a domain error; what it should have been spared
    stays as it is."""
    try:
        yield
    except (*_SILENCE, *_DRIVER) as error:
        if (told := _told(error)) is None:
            raise
        raise told from error


def _told(error: Exception) -> ChengguanError | None:
    found = error.orig.__cause__ if isinstance(error, DBAPIError) and error.orig else error
    state = getattr(found, "sqlstate", None) or ""
    if state.startswith("22"):
        log.warning("unstorable", reason=str(found))
        return InvalidInput(
            "the content holds a value that cannot be stored: a NUL character or a number too large"
        )
    if state in ("23505", "23P01"):  # the service's own check came too early
        log.warning("collision", reason=str(found))
        return Conflict("another request stored the same thing first: read it and try again")
    if state == "42P01":
        return NotReady("the database lacks a table: run `chengguan db migrate`")
    if isinstance(found, _SILENCE) or state.startswith(_PASSING):
        log.error("database_unavailable", reason=f"{type(found).__name__}: {found}")
        return NotReady("the database cannot be reached or is too busy: try again shortly")
    return None


class Database:
    """One pool of connections. Every unit of work is one `transaction()`."""

    def __init__(self, url: str, *, pool_size: int = 10, pool_timeout: float = 5.0):
        self.url = url
        self.engine: AsyncEngine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=self._connect,
            poolclass=NullPool,
            json_serializer=json_text,
            json_deserializer=from_json,
            isolation_level="AUTOCOMMIT",  # to SQLAlchemy: `transaction` begins and ends every transaction
        )
        self._pool = Pool(self._open, size=pool_size, patience=pool_timeout)

    async def _connect(self) -> asyncpg.Connection:
        return await asyncpg.connect(
            libpq_url(self.url),
            timeout=_CONNECT_SECONDS,
            command_timeout=_ANSWER_SECONDS,
            server_settings={
                "timezone": "UTC",
                "statement_timeout": "30s",
                "idle_in_transaction_session_timeout": "60s",
                "jit": "off",
            },
        )

    async def _open(self) -> AsyncConnection:
        try:
            return await self.engine.connect()
        except OSError as error:
            raise ConnectionError(f"no connection: {error}") from error

    def watch(self, noted: Callable[[int], object]) -> None:
        """Has every connection noted that is taken (1) and given back (-1)."""
        self._pool.noted = noted

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Commits on leaving, rolls back on an error. Nothing else in the service commits.

        Errors: `NotReady` when the database cannot be reached, is overtaxed or goes down meanwhile,
        `Conflict` and `InvalidInput` when it refuses what is written.
        """
        with plainly():
            connection, bounds = await self._begin()
            try:
                yield connection
                await bounds.commit()
            except BaseException:
                # Shielded: whoever is cancelled must not give a connection back amid a rollback.
                await asyncio.shield(self._take_back(connection, bounds))
                raise
            await self._give_back(connection)

    async def _begin(self) -> tuple[AsyncConnection, Transaction]:
        """A connection in a new transaction. To begin is to learn whether a pooled connection still lives."""
        for dead_ones_left in reversed(range(self._pool.size + 1)):
            connection = await self._pool.take()
            try:
                bounds = driver_of(connection).transaction()
                await bounds.start()
            except BaseException as error:
                await asyncio.shield(self._pool.discard(connection))
                dead = isinstance(error, (*_SILENCE, *_DRIVER)) and not isinstance(error, TimeoutError)
                if not dead or not dead_ones_left:
                    raise
            else:
                return connection, bounds
        raise AssertionError("the last attempt returns or raises")

    async def _take_back(self, connection: AsyncConnection, bounds: Transaction) -> None:
        try:
            await bounds.rollback()
        except (*_SILENCE, *_DRIVER):
            await self._pool.discard(connection)  # nobody knows what state it is in
        else:
            await self._give_back(connection)

    async def _give_back(self, connection: AsyncConnection) -> None:
        if connection.in_transaction():
            await connection.rollback()  # to SQLAlchemy only, which notes a transaction of its own
        await self._pool.give_back(connection)

    async def close(self) -> None:
        await self._pool.close()
