"""后台任务: what happens without anybody asking, on the database's own job queue (Procrastinate).

A job looks at the state and does what is due, so a run that was missed is made up by the next one, and
any number of workers may run: a job's lock keeps it from running twice at once, its queueing lock from
waiting twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import procrastinate
import structlog
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.jobs import DeleteJobCondition, Status

from app import idempotency
from app.cases import jobs as cases
from app.db import libpq_url
from app.identity import store as identity
from app.requests import Services
from app.settings import WorkerSettings

log = structlog.get_logger(__name__)

#: Seconds that jobs under way are given when the worker is told to stop.
GRACE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Job:
    """One kind of background work. `run` returns how many things it did; `cron` may have a sixth field,
    seconds."""

    name: str
    cron: Callable[[WorkerSettings], str]
    run: Callable[[Services], Awaitable[int]]


async def _clean(services: Services) -> int:
    """Deletes replies kept for repeats, login sessions and throttles whose time is over."""
    now = services.clock.now()
    async with services.database.transaction() as connection:
        return await idempotency.delete_old(connection, now) + await identity.delete_expired(connection, now)


def _every_sweep(settings: WorkerSettings) -> str:
    return f"* * * * * */{settings.sweep_seconds}"


def _every_seal(settings: WorkerSettings) -> str:
    return "0 * * * *" if settings.seal_minutes == 60 else f"*/{settings.seal_minutes} * * * *"


JOBS: tuple[Job, ...] = (
    Job("sweep", _every_sweep, cases.sweep),
    Job("assign_tasks", _every_sweep, cases.assign_tasks),
    Job("seal", _every_seal, cases.seal),
    Job("clean", lambda _: "17 * * * *", _clean),
)


async def run_once(services: Services, jobs: Sequence[Job] = JOBS) -> dict[str, int]:
    """One run of every job in this process, in order: for simulations, whose clock is not the wall's."""
    return {job.name: await job.run(services) for job in jobs}


async def work(services: Services, jobs: Sequence[Job] = JOBS) -> None:
    """Runs the jobs at their times until SIGINT or SIGTERM, beginning with one run of each."""
    async with queue(services, jobs).open_async() as app:
        await _release(app)
        for job in jobs:
            try:
                await app.tasks[job.name].defer_async(timestamp=0)
            except AlreadyEnqueued:
                continue  # another worker has queued it
        log.info("working", jobs=[job.name for job in jobs])
        await app.run_worker_async(
            concurrency=len(jobs),
            delete_jobs=DeleteJobCondition.ALWAYS,
            shutdown_graceful_timeout=GRACE_SECONDS,
        )


def queue(services: Services, jobs: Sequence[Job]) -> procrastinate.App:
    """The job queue on the services' database, with every job and its times."""
    url = libpq_url(services.database.url)
    app = procrastinate.App(
        connector=procrastinate.PsycopgConnector(conninfo=url, min_size=1, max_size=len(jobs) + 3)
    )
    for job in jobs:
        task = app.task(name=job.name, lock=job.name, queueing_lock=job.name)
        app.periodic(cron=job.cron(services.settings.worker))(task(_logged(job, services)))

    @app.periodic(cron="* * * * *")
    @app.task(name="release", queueing_lock="release")
    async def release(timestamp: int) -> None:
        await _release(app)

    return app


async def _release(app: procrastinate.App) -> None:
    """Gives up the jobs of workers that were killed, whose locks would otherwise be held for ever."""
    for stalled in await app.job_manager.get_stalled_jobs():
        log.warning("stalled", job=stalled.task_name)
        await app.job_manager.finish_job(stalled, Status.FAILED, delete_job=True)


def _logged(job: Job, services: Services) -> Callable[[int], Awaitable[None]]:
    async def run(timestamp: int) -> None:
        with structlog.contextvars.bound_contextvars(job=job.name):
            done = await job.run(services)
            (log.info if done else log.debug)("job", done=done)

    return run
