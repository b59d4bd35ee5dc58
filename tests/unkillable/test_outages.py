"""The database gone, frozen, without room or without connections, and the clock set back: 503 with
Retry-After meanwhile, and then on without a restart."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

import app.db
from app import worker
from app.clock import WallClock
from app.job import Job
from app.main import create_app
from app.postgres import PrivateCluster
from app.requests import Services
from app.settings import PoolSettings, ServerSettings, Settings, TokenSettings
from tests.city import Opened
from tests.contract import hold_to_contract
from tests.unkillable.installation import PATIENCE, children
from tests.world import World, middle

#: A data folder of 小城, or into a folder that is there.
CopiedCity = Callable[[Path | None], Path]


@asynccontextmanager
async def _service(folder: Path, database_url: str | None) -> AsyncIterator[Opened]:
    """The API in this process: three connections, short patience."""
    settings = Settings(
        data=folder,
        database_url=database_url,
        pool=PoolSettings(size=3, timeout_seconds=1),
        server=ServerSettings(wait_seconds=0.5),
        tokens=TokenSettings(access_minutes=24 * 60),
    )
    api = create_app(settings, clock=WallClock())
    async with (
        api.router.lifespan_context(api),
        httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://chengguan.test") as http,
    ):
        yield http, api.state.services


@pytest.fixture
def cluster(copied_city: CopiedCity) -> Iterator[PrivateCluster]:
    """A database that only the test stops and starts, as an administrator would."""
    with PrivateCluster(copied_city(None) / "cluster") as running:
        yield running


@pytest.fixture
async def service(cluster: PrivateCluster) -> AsyncIterator[Opened]:
    async with _service(cluster.folder.parent, cluster.url) as opened:
        yield opened


@pytest.fixture
def world(durable_city: tuple[Path, World]) -> World:
    return durable_city[1]


async def _report(http: httpx.AsyncClient, world: World, key: str = "") -> httpx.Response:
    """Stored, or told to come again: nothing else, and no 500."""
    reply = await http.post(
        "/api/v1/cases",
        headers={**world.headers["lan"], "Idempotency-Key": key or uuid4().hex},
        json={"source": "inspector", "position": middle("W1"), "description": "满地垃圾" * 100},
    )
    await hold_to_contract(reply)
    if reply.status_code != 201:
        assert reply.status_code == 503, reply.text
        assert int(reply.headers["retry-after"]) >= 1
    return reply


async def _until_stored(http: httpx.AsyncClient, world: World) -> None:
    async with asyncio.timeout(PATIENCE):
        while (await _report(http, world)).status_code != 201:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    assert (await http.get("/health/ready")).status_code == 200


async def _assert_not_ready(http: httpx.AsyncClient) -> None:
    ready = await http.get("/health/ready")
    assert (ready.status_code, ready.json()["checks"]["database"]["ok"]) == (503, False)
    assert (await http.get("/health/live")).status_code == 200


async def test_the_database_is_stopped_and_started(cluster: PrivateCluster, service: Opened, world: World):
    """The worker, too, goes on by itself."""
    http, services = service
    runs = 0

    async def count(_: Services) -> int:
        nonlocal runs
        runs += 1
        return 0

    async def until_run() -> None:
        before = runs
        async with asyncio.timeout(PATIENCE):
            while runs < before + 2:  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    working = asyncio.create_task(worker.work(services, [Job("count", lambda _: "* * * * * */1", count)]))
    assert (await _report(http, world, "before")).status_code == 201
    await until_run()
    for _ in range(2):
        await asyncio.to_thread(cluster.stop)
        for _ in range(3):
            assert (await _report(http, world, "meanwhile")).status_code == 503
            await _assert_not_ready(http)
            await asyncio.sleep(0.5)
        await asyncio.to_thread(cluster.revive)
        assert (await _report(http, world)).status_code == 201, "the first request after it"
        await _until_stored(http, world)
        await until_run()
    again = await _report(http, world, "before")
    assert again.headers["idempotency-replayed"] == "true"
    assert not working.done()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


@contextmanager
def _frozen(cluster: PrivateCluster) -> Iterator[None]:
    """Every process of the server stands still, as on a machine whose disk does not answer."""
    postmaster = int((cluster.folder / "pgdata" / "postmaster.pid").read_text().split("\n")[0])
    stopped = [postmaster, *children(postmaster)]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)


async def test_the_database_does_not_answer(
    cluster: PrivateCluster, copied_city: CopiedCity, world: World, monkeypatch: pytest.MonkeyPatch
):
    """Nobody waits without end, not even those who had a connection."""
    monkeypatch.setattr(app.db, "_ANSWER_SECONDS", 2.0)
    monkeypatch.setattr(app.db, "_CONNECT_SECONDS", 2.0)
    async with _service(cluster.folder.parent, cluster.url) as (http, _):
        assert (await _report(http, world)).status_code == 201
        with _frozen(cluster):
            async with asyncio.timeout(PATIENCE):
                replies = await asyncio.gather(*(_report(http, world) for _ in range(20)))
                assert {reply.json()["code"] for reply in replies} == {"not_ready", "overloaded"}
                await _assert_not_ready(http)
        await _until_stored(http, world)


async def test_every_connection_is_taken(service: Opened, world: World):
    http, services = service
    async with AsyncExitStack() as taken:
        for _ in range(services.settings.pool.size):
            await taken.enter_async_context(services.database.transaction())
        assert (await _report(http, world)).status_code == 503
        await _assert_not_ready(http)
    assert (await _report(http, world)).status_code == 201
    await _until_stored(http, world)


@pytest.fixture
def small_volume(open_folder: Path) -> Iterator[Path]:
    """A file system of its own, not large."""
    mounting = ["mount", "-t", "tmpfs", "-o", "size=256m,mode=755", "tmpfs", str(open_folder)]
    mounted = subprocess.run(mounting, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no small volume can be mounted here: {mounted.stderr.strip()}")
    yield open_folder
    subprocess.run(["umount", "--lazy", str(open_folder)], check=True)


def _fill(volume: Path) -> Path:
    """Takes all the room that is left."""
    ballast = volume / "ballast"
    with ballast.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(65_536))
    return ballast


async def test_the_disk_is_full(small_volume: Path, copied_city: CopiedCity, world: World):
    """The service's own cluster: its server may even stop for it, and comes back when there is room."""
    async with _service(copied_city(small_volume), None) as (http, _):
        assert (await _report(http, world, "before")).status_code == 201
        ballast = _fill(small_volume)
        async with asyncio.timeout(PATIENCE):
            refused = 0
            while refused < 20:
                refused += (await _report(http, world)).status_code == 503
                _fill(small_volume)
                await asyncio.sleep(0.05)
        ballast.unlink()
        await _until_stored(http, world)
        again = await _report(http, world, "before")
        assert again.headers["idempotency-replayed"] == "true"
