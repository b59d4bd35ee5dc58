"""后台任务: what happens without anybody asking, on the database's own job queue (Procrastinate).

A job looks at the state and does what is due, so a run that was missed is made up by the next one, and
any number of workers may run: a job's lock keeps it from running twice at once, its queueing lock from
waiting twice.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

import procrastinate
import psycopg
import structlog
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import DeleteJobCondition, Status
from procrastinate.signals import on_stop

from app import idempotency
from app.backup.jobs import watch_archive
from app.cases import jobs as cases
from app.channels.catalogue import CHANNELS
from app.db import libpq_url
from app.errors import NotReady
from app.identity import store as identity
from app.job import Job
from app.photos import jobs as photos
from app.requests import Services
from app.settings import WorkerSettings
from app.suggestions import service as suggestions

log = structlog.get_logger(__name__)

#: Seconds that jobs under way are given when the worker is told to stop.
GRACE_SECONDS = 30.0
#: Seconds that the queue waits for a connection.
_CONNECT_SECONDS = 5.0
#: Seconds between two attempts to reach a database that went away.
_RETRY_SECONDS = 1.0
#: A worker tells that it lives every few seconds; one that did not for long is taken for dead, and its jobs
#: are given up, looked for as often.
_HEARTBEAT_SECONDS = 3.0
_STALLED_SECONDS = 15.0
_RELEASE = "* * * * * */5"


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
    Job("tell_outcomes", _every_sweep, cases.tell_outcomes),
    Job("seal", _every_seal, cases.seal),
    Job("watch_archive", lambda _: "*/5 * * * *", watch_archive),
    Job("clean", lambda _: "17 * * * *", _clean),
    Job("tidy_photos", lambda _: "27 * * * *", photos.tidy),
    Job("learn_conditions", lambda _: "23 18 * * *", suggestions.learn_when_due, simulated=False),
    *(job for channel in CHANNELS for job in channel.jobs),
)


async def run_once(services: Services, jobs: Sequence[Job] = JOBS) -> dict[str, int]:
    """One run of every simulated job in this process, in order: for those whose clock is not the wall's."""
    return {job.name: await job.run(services) for job in jobs if job.simulated}


async def work(services: Services, jobs: Sequence[Job] = JOBS) -> None:
    """Runs the jobs at their times until SIGINT or SIGTERM, beginning with one run of each.

    When the database goes away, waits for it and begins anew.
    """
    told_to_stop = asyncio.Event()
    with on_stop(told_to_stop.set):
        while not told_to_stop.is_set():
            try:
                await _work(services, jobs, told_to_stop)
            except (ConnectorException, NotReady, psycopg.OperationalError) as error:
                log.error("database_unavailable", reason=str(error.__cause__ or error).strip())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(told_to_stop.wait(), _RETRY_SECONDS)


async def _work(services: Services, jobs: Sequence[Job], told_to_stop: asyncio.Event) -> None:
    async with services.database.transaction():
        pass  # a look first: the queue's own pool would ask less and less often
    async with queue(services, jobs).open_async() as app:
        await _release(app)
        for job in jobs:
            try:
                await app.tasks[job.name].defer_async(timestamp=0)
            except AlreadyEnqueued:
                continue  # another worker has queued it
        log.info("working", jobs=[job.name for job in jobs])
        working = asyncio.create_task(
            app.run_worker_async(
                concurrency=len(jobs),
                delete_jobs=DeleteJobCondition.ALWAYS,
                install_signal_handlers=False,
                shutdown_graceful_timeout=GRACE_SECONDS,
                update_heartbeat_interval=_HEARTBEAT_SECONDS,
                stalled_worker_timeout=_STALLED_SECONDS,
            )
        )
        stopping = asyncio.create_task(told_to_stop.wait())
        try:
            await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            working.cancel()  # it finishes its jobs first
            with contextlib.suppress(asyncio.CancelledError):
                await working
    if not told_to_stop.is_set():
        raise NotReady("the job queue lost the database")


def queue(services: Services, jobs: Sequence[Job]) -> procrastinate.App:
    """The job queue on the services' database, with every job and its times."""
    url = libpq_url(services.database.url)
    app = procrastinate.App(
        connector=procrastinate.PsycopgConnector(
            conninfo=url,
            min_size=1,
            max_size=len(jobs) + 3,
            timeout=_CONNECT_SECONDS,
            kwargs={"connect_timeout": int(_CONNECT_SECONDS)},
        )
    )
    for job in jobs:
        task = app.task(name=job.name, lock=job.name, queueing_lock=job.name)
        app.periodic(cron=job.cron(services.settings.worker))(task(_logged(job, services)))

    @app.periodic(cron=_RELEASE)
    @app.task(name="release", queueing_lock="release")
    async def release(timestamp: int) -> None:
        await _release(app)

    return app


async def _release(app: procrastinate.App) -> None:
    """Gives up the jobs of workers that were killed, whose locks would otherwise be held for ever."""
    for stalled in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=_STALLED_SECONDS):
        log.warning("stalled", job=stalled.task_name)
        await app.job_manager.finish_job(stalled, Status.FAILED, delete_job=True)


def _logged(job: Job, services: Services) -> Callable[[int], Awaitable[None]]:
    async def run(timestamp: int) -> None:
        with structlog.contextvars.bound_contextvars(job=job.name):
            done = await job.run(services)
            (log.info if done else log.debug)("job", done=done)

    return run
