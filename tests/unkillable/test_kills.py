"""`kill -9`, again and again, amid the work: nothing acknowledged is lost, nothing is done twice.

`--kills` and `--seed` make it longer, and the same again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import httpx
import pytest

from app.clock import ManualClock
from app.main import create_app
from app.settings import Settings
from tests.unkillable.installation import API_PROCESSES, PATIENCE, Installation, command_of, kill
from tests.unkillable.people import People
from tests.world import World, middle

#: Minutes after which the clock of a report that nobody accepts runs out.
ACCEPTING = 15
FORGOTTEN = 12


async def _forget_some_reports(installation: Installation) -> None:
    """Cases whose clocks run out one after another while the service is being killed."""
    first = datetime.now(UTC) - timedelta(minutes=ACCEPTING) + timedelta(seconds=15)
    clock = ManualClock(first)
    with installation.cluster as cluster:
        settings = Settings(data=installation.folder, database_url=cluster.url)
        app = create_app(settings, clock=clock)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://test") as http,
        ):
            for number in range(FORGOTTEN):
                clock.set(first + timedelta(seconds=2 * number))
                body = {"source": "inspector", "position": middle("E1"), "description": "forgotten"}
                reply = await http.post("/api/v1/cases", headers=installation.world.headers["lan"], json=body)
                assert reply.status_code == 201, reply.text


def _victims(installation: Installation, chance: Random) -> dict[str, Callable[[], int | None]]:
    def one_of(found: list[int]) -> int | None:
        return chance.choice(found) if found else None

    return {
        "an API process": lambda: one_of(installation.api_processes()),
        "the API's parent": lambda: installation.api.process.pid,
        "the worker": lambda: installation.worker.process.pid,
        "the database": installation.postmaster,
        "a database process": lambda: one_of(installation.backends()),
    }


def _kill_all_api_processes(installation: Installation, but: list[int]) -> list[int]:
    """Those killed; waits until there are others than those named."""
    deadline = time.monotonic() + PATIENCE
    while len(found := [pid for pid in installation.api_processes() if pid not in but]) < API_PROCESSES:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    for pid in found:
        kill(pid)
    return found


def _kill_those_that_start(installation: Installation) -> None:
    """The parent waits a minute for the word of a process that starts, but not of one that died meanwhile."""
    killed = _kill_all_api_processes(installation, but=[])
    _kill_all_api_processes(installation, but=killed)
    assert installation.until_ready() < installation.started_in + 40


async def _kill_again_and_again(installation: Installation, kills: int, chance: Random) -> list[str]:
    victims = _victims(installation, chance)
    # The API's parent once: it takes every process of the API with it, and their start is what costs time.
    others = [name for name in victims if name != "the API's parent"]
    order = [*victims, *chance.choices(others, k=max(0, kills - len(victims)))]
    chance.shuffle(order)
    told, orphans = [], set[int]()
    for name in order:
        await asyncio.sleep(chance.uniform(0.3, 1.5))
        if name == "the API's parent":
            orphans |= set(installation.api_processes())
        hit = kill(victims[name]())
        needed = await asyncio.to_thread(installation.until_ready) if chance.random() < 0.7 else None
        told.append(
            f"{name}: {'killed' if hit else 'was not there'}, ready after {needed and round(needed, 1)} s"
        )
    await asyncio.to_thread(installation.until_ready)
    assert not [pid for pid in orphans if command_of(pid)], "they would keep the address from the next start"
    return told


async def _until_recorded(installation: Installation, number: int) -> None:
    """Waits until so many overruns stand in the journal."""
    async with asyncio.timeout(PATIENCE):
        while len(_overruns(installation)) < number:  # noqa: ASYNC110
            await asyncio.sleep(0.5)


def _overruns(installation: Installation) -> list[tuple[str, ...]]:
    return installation.ask(
        "SELECT number FROM journal JOIN case_file ON case_file.id = case_id"
        " WHERE action = 'record_overrun' AND description = 'forgotten'"
    )


async def test_killed_again_and_again_it_loses_nothing_and_does_nothing_twice(
    durable_city: tuple[Path, World],
    copied_city: Callable[[Path | None], Path],
    pytestconfig: pytest.Config,
):
    seed, kills = pytestconfig.getoption("--seed"), pytestconfig.getoption("--kills")
    print(f"--seed={seed} --kills={kills}")  # noqa: T201
    installation = Installation(copied_city(None), durable_city[1])
    await _forget_some_reports(installation)
    with installation.running():
        _kill_those_that_start(installation)
        people = People(installation.url, installation.world)
        working = asyncio.create_task(people.work(6))
        for line in await _kill_again_and_again(installation, kills, Random(seed)):
            print(line)  # noqa: T201
        people.leave()
        await working
        print(people.outcomes, installation.api.starts, installation.worker.starts)  # noqa: T201
        await _until_recorded(installation, FORGOTTEN)

        kept = installation.ask(
            "SELECT description, number, version FROM case_file WHERE description <> 'forgotten'"
        )
        assert people.wrong == []
        assert len(kept) == len(people.told), "a report was stored twice, or one acknowledged is gone"
        assert {key: (number, version) for key, number, version in kept} == people.told
        late = _overruns(installation)
        assert len(late) == len(set(late)) == FORGOTTEN

        assert "chengguan_http_requests_in_flight 1.0" in installation.get("/metrics").text, (
            "the killed count"
        )
        verified = installation.command("journal", "verify")
        assert verified.returncode == 0, verified.stdout
        assert "intact" in verified.stdout
        assert installation.api.process.poll() is None
