"""The live feed, over a real server: at once, scoped, resumed without gap or repeat, ended with rights."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from app.main import create_app
from app.settings import OutboxSettings
from tests.cases.desk import Desk
from tests.city import city_settings, client_of
from tests.world import clock_at

# A client that is cut off amid a stream leaves its socket to the collector.
pytestmark = [
    pytest.mark.cloned,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@dataclass
class Line:
    """What came over a stream. `ended` when the server closed it."""

    events: list[dict[str, Any]] = field(default_factory=list)
    cursors: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, true: Callable[[Line], bool]) -> None:
        async with asyncio.timeout(20):
            while not true(self):  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    @property
    def told(self) -> list[tuple[str, int]]:
        return [(event["subject"], event["data"]["version"]) for event in self.events]


@dataclass
class Served:
    """The service behind a real socket, and a desk in its city."""

    desk: Desk
    server: uvicorn.Server
    app: FastAPI
    base_url: str

    @asynccontextmanager
    async def listening(self, who: str, **asked: Any) -> AsyncIterator[Line]:
        line = Line()
        headers = {**self.desk.world.headers[who], **asked.pop("headers", {})}
        async with (
            httpx.AsyncClient(base_url=self.base_url, timeout=30) as client,
            client.stream("GET", "/api/v1/feed/live", headers=headers, params=asked) as reply,
        ):
            assert reply.status_code == 200, await reply.aread()
            assert reply.headers["content-type"].startswith("text/event-stream")
            reading = asyncio.create_task(self._read(reply, line))
            hub = self.app.state
            await line.until(lambda _: bool(hub.live_hub._listeners) or line.ended.is_set())
            yield line
            reading.cancel()

    async def _read(self, reply: httpx.Response, line: Line) -> None:
        async for text in reply.aiter_lines():
            name, _, value = text.partition(": ")
            if name == "data":
                line.events.append(json.loads(value))
            elif name == "id":
                line.cursors.append(value)
            elif text.startswith(":"):
                line.comments.append(text)
        line.ended.set()


@pytest.fixture
async def serve(cloned_city, world) -> AsyncIterator[Callable[..., Any]]:
    """Starts the service in this process, with settings of the live feed."""

    @asynccontextmanager
    async def served(**outbox: Any) -> AsyncIterator[Served]:
        settings = city_settings(url, Path(gettempdir()))
        settings = settings.model_copy(update={"outbox": OutboxSettings(**outbox)})
        app = create_app(settings, clock=clock_at())
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=20))
        running = asyncio.create_task(server.serve())
        async with asyncio.timeout(30):
            while not server.started:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        async with client_of(app) as http:
            desk = Desk(http, app.state.services, world)
            yield Served(desk, server, app, f"http://127.0.0.1:{port}")
        server.should_exit = True
        async with asyncio.timeout(30):
            await running

    async with cloned_city as (_, services):
        url = services.database.url
        yield served


async def test_each_is_told_at_once_of_what_they_may_see(serve):
    async with serve() as city:
        desk = city.desk
        async with city.listening("leader") as leader, city.listening("wei") as wei:
            west, east = await desk.report("lan", "W1"), await desk.report("lan", "E1")
            begun = asyncio.get_running_loop().time()
            await leader.until(lambda line: len(line.events) == 2)
            assert asyncio.get_running_loop().time() - begun < 5
            await wei.until(lambda line: len(line.events) == 1)
            assert wei.told == [(west["number"], 1)]
            assert leader.told == [(west["number"], 1), (east["number"], 1)]
            feed = (await desk.get("leader", "/feed")).json()
            assert feed == leader.events


async def test_who_comes_back_misses_nothing_and_hears_nothing_twice(serve):
    """While somebody goes on writing all the time."""
    async with serve() as city:
        desk = city.desk
        cases = [await desk.report("lan", cell) for cell in ("W1", "E1")]
        enough = asyncio.Event()

        async def write() -> None:
            while not enough.is_set():
                for case in cases:
                    await desk.act("leader", case, "note", text="新情况")
                await asyncio.sleep(0.05)

        writing = asyncio.create_task(write())
        told: list[tuple[str, int]] = []
        resume: dict[str, Any] = {"after": (await desk.get("leader", "/feed")).headers["Feed-Cursor"]}
        start = {case["number"]: 1 for case in cases}
        for _ in range(4):
            async with city.listening("leader", **resume) as line:
                await line.until(lambda line: len(line.events) >= 8)
                told += line.told[: len(line.cursors)]
                resume = {"headers": {"Last-Event-ID": line.cursors[-1]}}
        enough.set()
        await writing
        assert len(told) >= 32
        for number in start:
            versions = [version for subject, version in told if subject == number]
            assert versions == list(range(versions[0], versions[0] + len(versions)))
            assert versions[0] <= 3


async def test_the_stream_ends_with_the_rights(serve, monkeypatch: pytest.MonkeyPatch):
    async with serve() as city:
        desk = city.desk
        async with city.listening("lan") as line, city.listening("dispatcher") as other:
            await desk.report("lan", "W1")
            await line.until(lambda line: len(line.events) == 1)
            admin = desk.world.headers["admin"]
            path = f"/api/v1/accounts/{desk.world.ids['lan']}"
            changed = await desk.http.patch(path, headers=admin, json={"areas": ["990101002"]})
            assert changed.status_code == 200
            await desk.report("clerk", "W2", source="hotline")
            east = await desk.report("clerk", "E1", source="hotline")
            await line.until(lambda line: len(line.events) == 2)
            assert line.told[-1] == (east["number"], 1)
            await desk.http.patch(path, headers=admin, json={"active": False})
            await desk.report("clerk", "E1", source="hotline")
            async with asyncio.timeout(20):
                await line.ended.wait()
            assert len(line.events) == 2
            await other.until(lambda line: len(line.events) == 4)


async def test_a_stream_ends_in_time_and_there_is_room_for_so_many(serve):
    async with serve(live_seconds=2.5, live_clients=1) as city:
        async with city.listening("leader") as line:
            refused = await city.desk.get("leader", "/feed/live")
            assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
            async with asyncio.timeout(20):
                await line.ended.wait()
        assert (await city.desk.get("leader", "/me")).status_code == 200


async def test_streams_hold_no_connection_and_no_turn(serve):
    """More listen than the process has connections, and requests are answered beside them."""
    async with serve() as city:
        lines: list[Any] = [city.listening("leader") for _ in range(15)]
        opened = [await one.__aenter__() for one in lines]
        replies = await asyncio.gather(*(city.desk.get("leader", "/me") for _ in range(20)))
        assert {reply.status_code for reply in replies} == {200}
        await city.desk.report("lan")
        for line in opened:
            await line.until(lambda line: len(line.events) == 1)
        for one in lines:
            await one.__aexit__(None, None, None)


async def test_a_server_told_to_stop_does_not_wait_for_its_streams(serve, monkeypatch: pytest.MonkeyPatch):
    async with serve() as city, city.listening("leader") as line:
        city.server.should_exit = True
        begun = asyncio.get_running_loop().time()
        async with asyncio.timeout(15):
            await line.ended.wait()
        assert asyncio.get_running_loop().time() - begun < 10
