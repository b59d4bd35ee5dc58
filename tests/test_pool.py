"""The pool: connections stay open, wait for nobody longer than is bearable, and are never lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from sqlalchemy import text

from app.db import Database
from app.errors import NotReady


@pytest.fixture
async def narrow(shared_url: str) -> AsyncIterator[Database]:
    """A database with one connection, for which one waits hardly at all."""
    database = Database(shared_url, pool_size=1, pool_timeout=0.2)
    yield database
    await database.close()


async def _process(database: Database) -> int:
    async with database.transaction() as connection:
        return int((await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one())


async def test_the_same_connection_serves_one_after_the_other(narrow):
    first = await _process(narrow)
    with suppress(ZeroDivisionError):
        async with narrow.transaction() as connection:
            await connection.execute(text("SET LOCAL work_mem = '5MB'"))
            raise ZeroDivisionError
    async with narrow.transaction() as connection:
        assert not connection.in_transaction()
        assert (await connection.execute(text("SHOW work_mem"))).scalar_one() != "5MB"
    assert await _process(narrow) == first


async def test_who_waits_too_long_is_told_so_and_takes_nothing(narrow):
    async with narrow.transaction():
        with pytest.raises(NotReady):
            await _process(narrow)
        impatient = asyncio.create_task(_process(narrow))
        await asyncio.sleep(0.01)
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
        next_one = asyncio.create_task(_process(narrow))
        await asyncio.sleep(0.01)
    await next_one


async def test_one_that_cannot_be_opened_leaves_its_place():
    nowhere = Database("postgresql+asyncpg://nobody@127.0.0.1:1/none", pool_size=1, pool_timeout=0.2)
    for _ in range(3):
        with pytest.raises(NotReady, match="cannot be reached"):
            await _process(nowhere)
    await nowhere.close()


async def test_what_is_taken_and_given_back_is_noted(narrow):
    noted: list[int] = []
    narrow.watch(noted.append)
    await _process(narrow)
    assert noted == [1, -1]


async def test_one_given_back_after_the_end_is_ended(shared_url):
    database = Database(shared_url, pool_size=2)
    async with database.transaction() as connection:
        await database.close()
        assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1
    assert connection.closed
