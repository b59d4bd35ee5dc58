"""A request sent twice is carried out once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from app import idempotency
from app.db import Database
from app.errors import IdempotencyConflict, InvalidInput
from app.idempotency import IdempotencyKey, Reply, once
from app.requests import Conn, ServicesDep
from tests.conftest import until_blocked

NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)
WANG, LI = UUID(int=1), UUID(int=2)


class Work:
    """Something that must not happen twice."""

    def __init__(self) -> None:
        self.done = 0

    async def __call__(self) -> Reply:
        self.done += 1
        return Reply(201, f'{{"number": {self.done}, "text": "井盖"}}', {"ETag": '"1"'})


async def test_a_repeat_gets_the_first_reply(connection: AsyncConnection):
    work = Work()
    request = {"principal": WANG, "key": "a", "fingerprint": "POST /reports", "now": NOON, "act": work}
    first = await once(connection, **request)
    again = await once(connection, **request)
    assert (work.done, again.body, again.status, again.headers) == (1, first.body, 201, {"ETag": '"1"'})
    assert (first.replayed, again.replayed) == (False, True)
    with pytest.raises(IdempotencyConflict):
        await once(connection, **{**request, "fingerprint": "POST /other"})
    assert (await once(connection, **{**request, "principal": LI})).body == '{"number": 2, "text": "井盖"}'
    assert (await once(connection, **{**request, "key": None})).body == '{"number": 3, "text": "井盖"}'


async def test_a_refused_request_may_be_corrected(services):
    async def refuse() -> Reply:
        raise InvalidInput("no such category")

    request = {"principal": WANG, "key": "a", "now": NOON}
    with pytest.raises(InvalidInput):
        async with services.database.transaction() as connection:
            await once(connection, **request, fingerprint="wrong", act=refuse)
    async with services.database.transaction() as connection:
        assert (await once(connection, **request, fingerprint="right", act=Work())).status == 201


async def test_keys_are_forgotten_after_a_day(connection: AsyncConnection):
    work = Work()
    for hours in (25, 23):
        await once(
            connection,
            principal=WANG,
            key=f"{hours}",
            fingerprint="f",
            now=NOON - timedelta(hours=hours),
            act=work,
        )
    assert await idempotency.delete_old(connection, NOON) == 1
    assert await idempotency.delete_old(connection, NOON) == 0


@pytest.fixture
async def database(cloned_url: str) -> AsyncIterator[Database]:
    opened = Database(cloned_url)
    yield opened
    await opened.close()


@pytest.mark.cloned
@pytest.mark.parametrize("first_fails", [False, True])
async def test_of_two_at_once_the_second_waits(database: Database, first_fails: bool):
    started, finish = asyncio.Event(), asyncio.Event()
    done: list[str] = []

    async def slow() -> Reply:
        started.set()
        await finish.wait()
        if first_fails:
            raise InvalidInput("refused in the end")
        done.append("first")
        return Reply(201, '{"by": "first"}')

    async def quick() -> Reply:
        done.append("second")
        return Reply(201, '{"by": "second"}')

    async def send(act) -> Reply:
        async with database.transaction() as connection:
            return await once(connection, principal=WANG, key="k", fingerprint="f", now=NOON, act=act)

    first = asyncio.create_task(send(slow))
    await started.wait()
    second = asyncio.create_task(send(quick))
    await until_blocked(database, second)
    finish.set()
    outcome = await asyncio.gather(first, second, return_exceptions=True)
    winner = "second" if first_fails else "first"
    assert done == [winner]
    assert isinstance(outcome[1], Reply)
    assert (outcome[1].body, outcome[1].replayed) == (f'{{"by": "{winner}"}}', not first_fails)


@pytest.mark.cloned
async def test_of_ten_at_once_one_does_the_work(database: Database):
    work = Work()

    async def send() -> Reply:
        async with database.transaction() as connection:
            return await once(connection, principal=WANG, key="k", fingerprint="f", now=NOON, act=work)

    replies = await asyncio.gather(*(send() for _ in range(10)))
    assert work.done == 1
    assert [reply.replayed for reply in replies].count(False) == 1
    assert all(reply.body == '{"number": 1, "text": "井盖"}' for reply in replies)


async def test_over_http(app: FastAPI, http: httpx.AsyncClient):
    work = Work()

    @app.post("/work")
    async def post(
        request: Request,
        connection: Conn,
        parts: ServicesDep,
        body: dict[str, int],
        key: IdempotencyKey = None,
    ) -> Response:
        fingerprint = await idempotency.fingerprint(request)
        reply = await once(
            connection, principal=WANG, key=key, fingerprint=fingerprint, now=parts.clock.now(), act=work
        )
        return reply.response()

    headers = {"Idempotency-Key": "order-1"}
    first = await http.post("/work", json={"n": 1}, headers=headers)
    again = await http.post("/work", json={"n": 1}, headers=headers)
    other = await http.post("/work", json={"n": 2}, headers=headers)
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert "Idempotency-Replayed" not in first.headers
    assert (again.headers["Idempotency-Replayed"], again.headers["ETag"]) == ("true", '"1"')
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert (await http.post("/work", json={"n": 1}, headers={"Idempotency-Key": ""})).status_code == 422
