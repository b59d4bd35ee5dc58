"""Background jobs: each runs, none twice at once, and a killed worker blocks nobody."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from procrastinate.jobs import Status
from sqlalchemy import text

from app import worker
from app.clock import WallClock
from app.db import Database
from app.job import Job
from app.requests import Services

NEVER = "0 0 29 2 *"


@pytest.fixture
async def cloned(services: Services, cloned_url: str) -> AsyncIterator[Services]:
    database = Database(cloned_url)
    yield replace(services, database=database, clock=WallClock())
    await database.close()


class Counted:
    """Work that notes how often it ran and how many runs overlapped."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.runs = self.running = self.most_at_once = 0
        self._seconds = seconds

    async def __call__(self, _: Services) -> int:
        self.runs += 1
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        await asyncio.sleep(self._seconds)
        self.running -= 1
        return 1


async def _until(reached: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not reached():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@asynccontextmanager
async def _workers(services: Services, *jobs: Job, count: int = 1) -> AsyncIterator[None]:
    working = [asyncio.create_task(worker.work(services, jobs)) for _ in range(count)]
    yield
    for one in working:
        one.cancel()
    await asyncio.gather(*working, return_exceptions=True)


async def test_one_pass_runs_every_job(services: Services):
    first, second = Counted(), Counted()
    jobs = [Job("first", lambda _: NEVER, first), Job("second", lambda _: NEVER, second)]
    assert await worker.run_once(services, jobs) == {"first": 1, "second": 1}


@pytest.mark.cloned
async def test_every_job_runs_when_the_worker_starts_and_then_at_its_times(cloned: Services):
    at_start, each_second = Counted(), Counted()
    jobs = [Job("start", lambda _: NEVER, at_start), Job("second", lambda _: "* * * * * */1", each_second)]
    async with _workers(cloned, *jobs):
        await _until(lambda: each_second.runs >= 3)
    assert at_start.runs == 1


@pytest.mark.cloned
async def test_two_workers_never_run_a_job_at_once(cloned: Services):
    slow = Counted(seconds=0.7)
    async with _workers(cloned, Job("slow", lambda _: "* * * * * */1", slow), count=2):
        await _until(lambda: slow.runs >= 3)
    assert slow.most_at_once == 1


@pytest.mark.cloned
async def test_a_worker_told_to_stop_finishes_its_job(cloned: Services):
    slow = Counted(seconds=0.5)
    working = asyncio.create_task(worker.work(cloned, [Job("slow", lambda _: NEVER, slow)]))
    await _until(lambda: slow.running)
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(20):
        await working
    assert (slow.runs, slow.running) == (1, 0)


@pytest.mark.cloned
async def test_a_job_that_fails_is_tried_again_at_its_next_time(cloned: Services):
    runs = 0

    async def failing(_: Services) -> int:
        nonlocal runs
        runs += 1
        raise ZeroDivisionError

    async with _workers(cloned, Job("failing", lambda _: "* * * * * */1", failing)):
        await _until(lambda: runs >= 2)


@pytest.mark.cloned
async def test_a_killed_worker_s_lock_is_released(cloned: Services):
    counted = Counted()
    job = Job("once", lambda _: NEVER, counted)
    async with worker.queue(cloned, [job]).open_async() as app:
        killed = await app.job_manager.register_worker()
        await app.tasks["once"].defer_async(timestamp=0)
        taken = await app.job_manager.fetch_job(queues=None, worker_id=killed)
        assert taken is not None
        assert await app.job_manager.get_job_status_async(taken.id) is Status.DOING
    async with cloned.database.transaction() as connection:
        await connection.execute(
            text("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '10 minutes'")
        )
    async with _workers(cloned, job):
        await _until(lambda: counted.runs)
