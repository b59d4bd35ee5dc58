"""场地: a district in a private cluster of its own, its people, and how many cases lie there."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import make_url

from app.db import Database, libpq_url
from app.postgres import PrivateCluster
from bench import baselines, stories
from bench.cases import History
from bench.city import City, city, install, people_in
from bench.contest import Server, Side, over_http
from bench.crew import Crew, log_in
from bench.district import Plan
from bench.growing import Growth
from bench.machine import cpu_seconds
from bench.pgbench import Pgbench
from bench.service import BARE, CHENGGUAN, command, environment, serving

_STORIES = {
    "intake": stories.intake,
    "lifecycle": stories.lifecycle,
    "look_up": stories.look_up,
    "queue_page": stories.queue_page,
    "queue_count": stories.queue_count,
}
_SCRIPTS = {
    "intake": baselines.intake,
    "look_up": baselines.look_up,
    "queue_page": baselines.queue_page,
    "queue_count": baselines.queue_count,
}
_REQUESTS = {"lifecycle": stories.STEPS}


class Ground:
    """What is measured on. `prepare` it once; then `open` it for as long as the service is to run."""

    service: Server
    bare: Server

    def __init__(self, folder: Path, cluster: PrivateCluster, plan: Plan) -> None:
        self.folder = folder
        self.place: City = city(plan)
        self._url = cluster.url
        self.env = environment(self._url, folder)
        self.log = folder / "log"
        self._socket = str(make_url(libpq_url(self._url)).query["host"])
        self._file = folder / "ground.json"
        self._kept: dict[str, Any] = {"began": datetime.now(UTC).isoformat(), "grown": []}
        self._crew: Crew | None = None

    async def prepare(self) -> None:
        """Migrates, imports the map, puts the rulebook in force, gives everybody an account. Of one that was
        kept: takes away what the last run left."""
        if self._file.exists():
            self._kept = json.loads(self._file.read_text())
            command(self.env, "db", "migrate", log=self.log)
        else:
            install(self._url, self.place, self.folder, self.log)
            async with self.database() as database:
                await people_in(database, self.place)
        with self.connect() as connection:
            history = History(connection, self.place, datetime.fromisoformat(self._kept["began"]))
        self._growth = Growth(self.connect, history)
        if grown := self._kept["grown"]:
            self._growth.resume(grown[-1]["cases"])

    def grow(self, cases: int) -> dict[str, Any]:
        """Brings it to that many cases; tells what that took, now or when it was done."""
        before: list[dict[str, Any]] = self._kept["grown"]
        if before and before[-1]["cases"] == cases:
            return before[-1]
        postmaster = self.postmaster()
        used = cpu_seconds(postmaster)
        seconds = self._growth.reach(cases)
        grown = {
            "cases": cases, "seconds": round(seconds, 1),
            "cpu_seconds": round(cpu_seconds(postmaster) - used, 1),
            "gb": round(self.told("pg_database_size(current_database())") / 1e9, 2),
        }  # fmt: skip
        before.append(grown)
        self._file.write_text(json.dumps(self._kept, indent=1))
        return grown

    def forget(self) -> None:
        """Takes away what was reported since its cases were made."""
        self._growth.forget()

    def open(self, stack: ExitStack) -> None:
        """The service at work, until the stack is left."""
        self.service = self._serving(stack, *CHENGGUAN, "serve")
        self._crew = self._crew or log_in(self.service.address, self.place)

    def open_bare(self, stack: ExitStack) -> None:
        """The bare endpoint."""
        self.bare = self._serving(stack, *BARE)

    def _serving(self, stack: ExitStack, *program: str) -> Server:
        process, address = stack.enter_context(serving(program, self.env, self.log))
        return Server(process, self.postmaster(), address)

    @property
    def crew(self) -> Crew:
        """Who is logged in since it was first open."""
        assert self._crew is not None
        return self._crew

    def side(self, work: str, seed: int) -> Side:
        """The service at that work."""
        story = _STORIES[work](self.place, self.crew, seed)
        return over_http(self.service, story, requests=_REQUESTS.get(work, 1))

    def held_against(self, work: str, seed: int, *, main: bool) -> Mapping[str, Side]:
        """The others at it."""
        sides = {}
        if work == "intake":
            sides["bare endpoint"] = over_http(self.bare, stories.bare_intake(self.place, seed))
        if work in _SCRIPTS and (main or work != "intake"):
            pgbench = Pgbench(self._socket, "chengguan", self.postmaster(), self.folder)
            sides["pgbench"] = _SCRIPTS[work](pgbench, self.place.plan)
        return sides

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Database]:
        """As the service has it."""
        database = Database(self._url)
        try:
            yield database
        finally:
            await database.close()

    def connect(self) -> psycopg.Connection[Any]:
        """A connection without any service, each statement a transaction."""
        return psycopg.connect(host=self._socket, user="chengguan", dbname="chengguan", autocommit=True)

    def told(self, expression: str) -> Any:
        """What the database says to it."""
        with self.connect() as connection:
            row = connection.execute(f"SELECT {expression}".encode()).fetchone()
        assert row is not None
        return row[0]

    def postmaster(self) -> int:
        """The database's first process."""
        return int(self.told("split_part(pg_read_file('postmaster.pid'), E'\\n', 1)"))
