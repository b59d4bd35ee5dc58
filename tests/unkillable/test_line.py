"""排队: places, those who wait for one, and those who are refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.types import Message

from app.door import Turnstile
from app.errors import Overloaded
from app.line import SPREAD_SECONDS, Line
from app.problems import MEDIA_TYPE


@asynccontextmanager
async def place(line: Line) -> AsyncIterator[None]:
    since = await line.enter()
    try:
        yield
    finally:
        line.leave(since)


async def _work(line: Line, until: asyncio.Event, order: list[int], number: int) -> None:
    async with place(line):
        order.append(number)
        await until.wait()


async def _all_begun() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_places_are_handed_on_in_the_order_of_arrival():
    line, go, order = Line(2, patience=60), asyncio.Event(), list[int]()
    working = [asyncio.create_task(_work(line, go, order, number)) for number in range(5)]
    await _all_begun()
    assert order == [0, 1]
    go.set()
    await asyncio.gather(*working)
    assert order == [0, 1, 2, 3, 4]


async def test_nobody_waits_longer_than_is_bearable():
    line, go, order = Line(1, patience=0.02), asyncio.Event(), list[int]()
    holder = asyncio.create_task(_work(line, go, order, 0))
    await _all_begun()
    with pytest.raises(Overloaded):
        await _work(line, go, order, 1)
    go.set()
    await holder
    await _work(line, go, order, 2)
    assert order == [0, 2]


async def test_a_line_that_moves_slowly_takes_few_and_one_that_moves_quickly_takes_many():
    line = Line(1, patience=0.2)
    taken = {}
    for held in (0.1, 0.0):
        for _ in range(12):  # until the mean is learnt
            async with place(line):
                await asyncio.sleep(held)
        go = asyncio.Event()
        working = []
        while not line.too_long and len(working) < 50:
            working.append(asyncio.create_task(_work(line, go, [], len(working))))
            await _all_begun()
        taken[held] = len(working)
        go.set()
        await asyncio.gather(*working)
    assert taken[0.1] < 10 < taken[0.0]


@pytest.mark.parametrize("called", [False, True])
async def test_one_who_leaves_the_line_keeps_no_place(called: bool):
    line, go = Line(1, patience=60), asyncio.Event()
    since = await line.enter()
    leaving = asyncio.create_task(_work(line, go, [], 1))
    await _all_begun()
    if called:
        line.leave(since)  # the place is the other's now, who does not know it yet
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    if not called:
        line.leave(since)
    async with asyncio.timeout(5), place(line):
        pass


def test_those_refused_are_not_all_asked_back_at_once():
    line = Line(1, patience=1)
    told = [line.refusal().extra["retry_after"] for _ in range(2 * SPREAD_SECONDS)]
    assert sorted(told) == sorted([*range(1, SPREAD_SECONDS + 1)] * 2)


# -- at the door -----------------------------------------------------------------------------------------


@pytest.fixture
def line(app: FastAPI) -> Line:
    """The line before the service."""
    (found,) = (one.kwargs["line"] for one in app.user_middleware if one.cls is Turnstile)
    assert isinstance(found, Line)
    return found


async def test_at_the_door_not_even_the_body_is_looked_at(
    http: httpx.AsyncClient, line: Line, monkeypatch: pytest.MonkeyPatch
):
    """Who watches over the service is let in all the same."""
    monkeypatch.setattr(Line, "too_long", True)
    refused = await http.post("/api/v1/cases", content="{not even JSON")
    assert (refused.status_code, refused.headers["content-type"]) == (503, MEDIA_TYPE)
    problem = refused.json()
    assert (problem["code"], problem["instance"]) == ("overloaded", "/api/v1/cases")
    assert refused.headers["retry-after"] == str(problem["retry_after"])
    assert (await http.get("/health/live")).status_code == 200
    assert (await http.get("/health/ready")).json()["checks"]["database"]["ok"]
    assert "chengguan_http_requests_shed_total 1.0" in (await http.get("/metrics")).text


@pytest.mark.parametrize("body", [None, b'{"a": 1}'])
async def test_who_waits_in_vain_is_told(app: FastAPI, line: Line, body: bytes | None):
    """In the midst of the flood: let in at the door, then no place came free."""
    line._patience, done = 0.02, []

    @app.api_route("/work", methods=["GET", "POST"])
    async def work(request: Request) -> None:
        await request.body()
        done.append(request.method)

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        for _ in range(line._places):
            await line.enter()
        refused = await http.request("POST" if body else "GET", "/work", content=body)
    assert (refused.status_code, refused.json()["code"], done) == (503, "overloaded", [])


async def test_neither_a_slow_sender_nor_a_slow_reader_holds_a_place():
    line, seen = Line(1, patience=5), list[str]()

    async def app(_scope: object, receive: object, send: object) -> None:
        assert callable(receive)
        assert callable(send)
        while (await receive())["more_body"]:
            seen.append(f"reading, free {line._free}")
        seen.append(f"working, free {line._free}")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        seen.append(f"answering, free {line._free}")

    chunks = iter([(b"{", True), (b"}", False)])

    async def receive() -> Message:
        body, more = next(chunks)
        return {"type": "http.request", "body": body, "more_body": more}

    async def send(_message: Message) -> None:
        pass

    scope = {"type": "http", "path": "/", "headers": [(b"content-length", b"2")]}
    await Turnstile(app, line)(scope, receive, send)
    assert seen == ["reading, free 1", "working, free 0", "answering, free 1"]
