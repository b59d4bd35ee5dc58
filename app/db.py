"""The database: engine, table base with constraint names, and the transaction.

Statements are SQLAlchemy Core on an `AsyncConnection`; the declarative classes in each package's
`tables.py` are typed table definitions, not units of work (`docs/decisions/0002-core-not-orm.md`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import uuid_utils.compat
from sqlalchemy import TIMESTAMP, MetaData, Table, Text, make_url
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase

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


def libpq_url(url: str) -> str:
    """The same database for a client that speaks to libpq itself (the job queue, LISTEN)."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


class Database:
    """One pool of connections. Every unit of work is one `transaction()`."""

    def __init__(self, url: str, *, pool_size: int = 10, max_overflow: int = 0, pool_timeout: float = 5.0):
        self.url = url
        self.engine: AsyncEngine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=max_overflow,
            pool_timeout=pool_timeout,
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": 5,
                "options": "-c timezone=UTC -c statement_timeout=30s"
                " -c idle_in_transaction_session_timeout=60s -c jit=off",
            },
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Commits on leaving, rolls back on an error. Nothing else in the service commits."""
        async with self.engine.begin() as connection:
            yield connection

    async def close(self) -> None:
        await self.engine.dispose()
