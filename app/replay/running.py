"""回放: the API in this process, its clock moved by hand, and a district's people calling it over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from random import Random
from typing import TypeAlias

import httpx
import uvicorn
from fastapi import FastAPI

from app.cases.workflow import OPEN
from app.clock import ManualClock
from app.db import Database
from app.dispatch.active import active_rulebook
from app.dispatch.rulebook import Rulebook
from app.errors import NotReady
from app.identity import service as accounts
from app.identity.principal import SYSTEM, Role
from app.main import create_app
from app.replay.behaviour import Behaviour
from app.replay.course import lead
from app.replay.crew import Crew
from app.replay.figures import Figures, count
from app.replay.life import Life, Scene
from app.replay.line import Line
from app.replay.report import ReplayReport
from app.replay.roster import MARK, Person
from app.replay.timeline import Routine, Timeline
from app.requests import Services
from app.settings import Settings, TokenSettings
from app.worker import run_once

#: Logins of a replay outlive its simulated time.
_TOKENS = TokenSettings(access_minutes=10 * 366 * 24 * 60, refresh_days=10 * 366)
#: Is told the simulated moment and the number of cases so far.
Watch: TypeAlias = Callable[[datetime, int], None]
_HOUR = timedelta(hours=1)


async def run(
    settings: Settings,
    database: Database,
    reports: Iterable[ReplayReport],
    people: tuple[Person, ...],
    *,
    password: str,
    start: datetime,
    end: datetime | None = None,
    seed: int = 0,
    behaviour: Behaviour | None = None,
    stay_on_duty: bool = False,
    watch: Watch = lambda _moment, _cases: None,
) -> Figures:
    """Leads the reports, which come in order of their moments, through their life from `start` on.

    `people` must have accounts with the password (`roster.enlist`). The replay ends when every case has
    ended, or at `end` with some still open; the inspectors may `stay_on_duty` then.
    Errors: `NotReady` when no rulebook is in force at `start`.
    """
    behaviour = behaviour or Behaviour()
    clock = ManualClock(start)
    async with database.transaction() as connection:
        rulebook = (await active_rulebook(connection, start)).rulebook
        ids = {account.username: account.id for account in await accounts.list_accounts(connection, SYSTEM)}
    api = create_app(settings.model_copy(update={"tokens": _TOKENS}), clock=clock, database=database)
    async with (
        _key(database, rulebook, clock) as api_key,
        _serving(api) as url,
        httpx.AsyncClient(base_url=url, timeout=60) as http,
    ):
        line = Line(http, clock)
        crew = Crew(people, rulebook, line, ids=ids, password=password, api_key=api_key)
        services: Services = api.state.services

        async def work() -> None:
            await run_once(services)

        timeline = Timeline(
            clock,
            routines=(
                Routine(crew.change_shifts, start, _HOUR),
                Routine(work, start, behaviour.worker_every),
            ),
        )
        scene = Scene(rulebook, behaviour, crew, timeline)
        timeline.watch = lambda moment: watch(moment, len(scene.dockets))
        timeline.begin(_arrive(scene, reports, seed))
        await timeline.run(end)
        await run_once(services)
        await _look_again(scene)
        figures = count(scene, line, first=start)
        await crew.go_home(stay_on_duty=stay_on_duty)
    return figures


async def _arrive(scene: Scene, reports: Iterable[ReplayReport], seed: int) -> None:
    """Each report's life begins at its moment."""
    for number, report in enumerate(reports):
        await scene.timeline.until(report.moment)
        scene.begin(lead(Life(report, scene, Random(f"{seed}/{number}"))))


async def _look_again(scene: Scene) -> None:
    """Cases that may have changed since their people last heard of them."""
    leader = scene.crew.one_of((Role.SHIFT_LEADER,), Random(0))
    for docket in scene.dockets:
        if docket.stage in OPEN or docket.reply["appeal"] is not None:
            await leader.open(docket)


@asynccontextmanager
async def _key(database: Database, rulebook: Rulebook, clock: ManualClock) -> AsyncIterator[str]:
    """The key of an API client for hotlines, apps and cameras, revoked in the end."""
    async with database.transaction() as connection:
        client, key = await accounts.add_client(
            connection, SYSTEM, name=f"{MARK} {secrets.token_hex(4)}", roles=[Role.INTEGRATION],
            areas=[rulebook.district_code], now=clock.now(),
        )  # fmt: skip
    try:
        yield str(key)
    finally:
        async with database.transaction() as connection:
            await accounts.revoke_client(connection, SYSTEM, client.id)


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs the replay."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def _serving(api: FastAPI) -> AsyncIterator[str]:
    """The API's base URL on a free loopback port, while entered. Errors: `NotReady` when it fails."""
    config = uvicorn.Config(api, log_config=None, access_log=False, lifespan="on")
    server = _Server(config)
    # Naming the protocol makes asyncio turn off Nagle's algorithm, which costs 40 ms a reply.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        running = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            while not server.started:
                if running.done():
                    raise NotReady("the API of the replay did not start; the log above says why")
                await asyncio.sleep(0.01)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            with contextlib.suppress(SystemExit):
                await running
