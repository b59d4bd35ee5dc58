"""Prepared statements go to the driver, in the transaction of the connection they are given."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import Double, Text, bindparam, insert, literal, select, text
from sqlalchemy.dialects.postgresql import JSONB

from app.db import Database, table_of
from app.idempotency import IdempotentRequest
from app.prepared import Prepared
from tests.cases.desk import at

_TABLE = table_of(IdempotentRequest)
_ADD = Prepared(insert(_TABLE).values({column.name: bindparam(column.name) for column in _TABLE.c}))
_COUNT = Prepared(text("SELECT count(*) FROM idempotent_requests WHERE key = :key"))


def _request(key: str) -> dict[str, object]:
    return {
        "principal": UUID(int=1), "key": key, "fingerprint": "-", "created_at": at("2026-03-02 09:00"),
        "status": 201, "content": "好", "body": None, "headers": {"说": ["好", None]},
    }  # fmt: skip


async def test_values_and_documents_go_in_and_out(connection):
    await _ADD.rows(connection, **_request("a"))
    found = await Prepared(select(_TABLE).where(_TABLE.c.key == bindparam("key"))).row(connection, key="a")
    assert found is not None
    assert {name: found[name] for name in _request("a")} == _request("a")
    assert await Prepared(select(_TABLE.c.key).where(_TABLE.c.key == "b")).row(connection) is None
    assert await _COUNT.value(connection, key="b") == 0


async def test_literals_defaults_and_named_types(connection):
    asked = select(literal("上"), bindparam("down", "下", Text), bindparam("doc", type_=JSONB))
    assert list((await Prepared(asked).rows(connection, doc=[1]))[0]) == ["上", "下", [1]]
    greatest = text("SELECT greatest(:one, :other)").bindparams(bindparam("one", type_=Double))
    assert await Prepared(greatest).value(connection, one=1, other=2.5) == 2.5
    with pytest.raises(KeyError, match="other"):
        await Prepared(greatest).value(connection, one=1)


async def test_it_is_taken_back_and_kept_with_its_transaction(cloned_url):
    database = Database(cloned_url, pool_size=2)

    async def fail() -> None:
        async with database.transaction() as connection:
            await _ADD.rows(connection, **_request("lost"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with database.transaction() as connection:
        await _ADD.rows(connection, **_request("kept"))
        async with database.transaction() as beside:
            assert await _COUNT.value(beside, key="kept") == 0
    async with database.transaction() as connection:
        assert [await _COUNT.value(connection, key=key) for key in ("lost", "kept")] == [0, 1]
    await database.close()


_WHO = Prepared(text("SELECT pg_backend_pid()"))
_KILL_THE_REST = Prepared(
    text(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
)


async def test_a_connection_that_died_in_the_pool_is_replaced(cloned_url):
    database = Database(cloned_url, pool_size=3)
    async with database.transaction(), database.transaction() as one:
        doomed = await _WHO.value(one)
    async with database.transaction() as killer:
        alive = await _WHO.value(killer)
        assert await _KILL_THE_REST.value(killer) == 1
    async with database.transaction() as first, database.transaction() as second:
        found = {await _WHO.value(first), await _WHO.value(second)}
    assert alive in found
    assert len(found - {alive, doomed}) == 1
    await database.close()
