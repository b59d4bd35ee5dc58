"""测速过程: the works at each size and number of connections, in an order in which none spoils the next."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import psycopg
from sqlalchemy import make_url

from app.db import Database, libpq_url
from app.postgres import PrivateCluster
from bench import baselines, bulk, memory, queries, stories
from bench import sweep as sweeping
from bench.cases import History
from bench.city import City, city, install, people_in
from bench.contest import Sample, Server, Side, compare, figures_of, over_http
from bench.crew import Crew, log_in
from bench.district import CITY, VILLAGE
from bench.growing import Growth
from bench.machine import cpu_seconds
from bench.pgbench import Pgbench
from bench.service import BARE, CHENGGUAN, environment, serving

#: In this order at every size; the last ones leave many cases behind, which growing takes away again.
WORKS = ("look_up", "queue_page", "queue_count", "queries", "lifecycle", "intake", "sweep", "bulk", "grid")
#: At the largest size only what reads, and the sweep: what writes a report does not read old ones.
AT_TEN_MILLIONS = ("look_up", "queue_page", "queue_count", "queries", "sweep")
TEN_MILLIONS = 10_000_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What to measure, and how long. `main` is the number of connections that is measured most."""

    works: tuple[str, ...] = WORKS
    sizes: tuple[int, ...] = (0, 100_000, 1_000_000, TEN_MILLIONS)
    connections: tuple[int, ...] = (1, 8, 32)
    main: int = 8
    seconds: float = 2.0
    rounds: int = 3
    sweep_seconds: float = 15.0
    reports: int = 100_000
    memory_minutes: float = 0.0
    village: bool = False


QUICK = Asked(
    sizes=(2_000,), connections=(2,), main=2, seconds=0.5, rounds=1, sweep_seconds=3.0, reports=500,
    memory_minutes=0.05, village=True,
)  # fmt: skip


@dataclass
class Bench:
    """A district in a private cluster, and what is measured of it."""

    asked: Asked
    folder: Path
    cluster: PrivateCluster
    place: City = field(init=False)
    works: list[dict[str, Any]] = field(default_factory=list)
    queries: list[dict[str, Any]] = field(default_factory=list)
    growth: list[dict[str, Any]] = field(default_factory=list)
    memory: dict[str, Any] = field(default_factory=dict)
    postgres: str = ""
    _crew: Crew | None = None

    def __post_init__(self) -> None:
        self.place = city(VILLAGE if self.asked.village else CITY)
        self._url = self.cluster.url
        self._env = environment(self._url, self.folder)
        self._log = self.folder / "log"
        self._socket = str(make_url(libpq_url(self._url)).query["host"])

    async def measure(self, keep: Callable[[], None]) -> None:
        """Everything that was asked for, the smallest size first; `keep` is called after each work: a run
        that is ended amid ten millions has not been in vain."""
        install(self._url, self.place, self.folder, self._log)
        database = Database(self._url)
        await people_in(database, self.place)
        with self._connect() as connection:
            versions = connection.execute("SELECT current_setting('server_version'), postgis_lib_version()")
            self.postgres = "{}, PostGIS {}".format(*versions.fetchall()[0])
            growth = Growth(self._connect, History(connection, self.place, datetime.now(UTC)))
        try:
            for cases in self.asked.sizes:
                _say(f"{cases:,} cases")
                self._grow(growth, cases)
                await self._at(cases, database, keep)
        finally:
            await database.close()

    def _grow(self, growth: Growth, cases: int) -> None:
        postmaster = self._postmaster()
        used = cpu_seconds(postmaster)
        seconds = growth.reach(cases)
        used = cpu_seconds(postmaster) - used
        with self._connect() as connection:
            row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        assert row is not None
        self.growth.append(
            {
                "cases": cases, "seconds": round(seconds, 1), "cpu_seconds": round(used, 1),
                "gb": round(row[0] / 1e9, 2),
            }
        )  # fmt: skip
        _say(f"  made in {seconds:.0f} s, {used:.0f} s of processor, {row[0] / 1e9:.1f} GB")

    async def _at(self, cases: int, database: Database, keep: Callable[[], None]) -> None:
        works = [work for work in self.asked.works if cases < TEN_MILLIONS or work in AT_TEN_MILLIONS]
        with ExitStack() as stack:
            service, bare = (
                self._server(*stack.enter_context(serving(program, self._env, self._log)))
                for program in ((*CHENGGUAN, "serve"), BARE)
            )
            self._crew = self._crew or log_in(service.address, self.place)
            for work in works:
                began = perf_counter()
                if work == "queries":
                    self.queries.append(
                        {"cases": cases, "found": await queries.measured(database, self.place)}
                    )
                elif work in ("sweep", "bulk", "grid"):
                    await self._once(work, cases, service)
                else:
                    await self._in_turns(work, cases, service, bare)
                _say(f"  {work} {perf_counter() - began:.0f} s")
                keep()
            if self.asked.memory_minutes and cases == self.asked.sizes[-1]:
                worker = stack.enter_context(memory.background(self._env, self._log))
                self.memory = {"cases": cases} | await memory.watched(
                    service, self.place, self._crew, worker, self.asked.memory_minutes
                )
                keep()

    def _server(self, process: int, address: Any) -> Server:
        return Server(process, self._postmaster(), address)

    async def _in_turns(self, work: str, cases: int, service: Server, bare: Server) -> None:
        for connections in self.asked.connections:
            main = connections == self.asked.main
            sides = self._sides(work, cases + connections, service, bare, main=main)
            found = await compare(
                sides,
                seconds=self.asked.seconds,
                rounds=self.asked.rounds if main else max(1, self.asked.rounds - 1),
                connections=connections,
            )
            self._note(work, cases, connections, found)

    def _sides(
        self, work: str, seed: int, service: Server, bare: Server, *, main: bool
    ) -> Mapping[str, Side]:
        assert self._crew is not None
        place, crew, plan = self.place, self._crew, self.place.plan
        pgbench = Pgbench(self._socket, "chengguan", service.postmaster, self.folder)
        if work == "intake":
            sides = {
                "service": over_http(service, stories.intake(place, crew, seed)),
                "bare endpoint": over_http(bare, stories.bare_intake(place, seed + 1)),
            }
            return sides | ({"pgbench": baselines.intake(pgbench, plan)} if main else {})
        if work == "lifecycle":
            story = stories.lifecycle(place, crew, seed)
            return {"service": over_http(service, story, requests=stories.STEPS)}
        story_of, script_of = {
            "look_up": (stories.look_up, baselines.look_up),
            "queue_page": (stories.queue_page, baselines.queue_page),
            "queue_count": (stories.queue_count, baselines.queue_count),
        }[work]
        return {
            "service": over_http(service, story_of(place, crew, seed)),
            "pgbench": script_of(pgbench, plan),
        }

    async def _once(self, work: str, cases: int, service: Server) -> None:
        """What is not done over and over by many, but at once by one."""
        assert self._crew is not None
        with self._connect() as connection:
            if work == "sweep":
                due = sweeping.make_due(connection, max(cases // 100, sweeping.FEWEST))
                swept = await sweeping.swept(
                    connection, self._env, service.postmaster, self.asked.sweep_seconds
                )
                sweeping.make_due(connection, sweeping.FEWEST)
                samples = {
                    "service": swept,
                    "bare statement": sweeping.recorded(connection, service.postmaster, self.asked.seconds),
                }
                self._note(work, cases, 1, _of(samples), due=due)
            elif work == "bulk":
                reports, postmaster = self.asked.reports, service.postmaster
                samples = {
                    "service": bulk.reports_imported(
                        self._env, self.place, reports, f"{cases}-", postmaster, self._log
                    ),
                    "COPY and join": bulk.reports_by_copy(connection, self.place, reports, postmaster),
                }
                self._note(work, cases, 1, _of(samples))
            else:
                samples = bulk.map_imported(
                    connection,
                    self._env,
                    self.place.plan,
                    self.folder / "neighbour",
                    service.postmaster,
                    self._log,
                )
                self._note(work, cases, 1, _of(samples))

    def _note(
        self, work: str, cases: int, connections: int, found: Mapping[str, Any], **more: object
    ) -> None:
        self.works.append({"work": work, "cases": cases, "connections": connections, **more, "sides": found})

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(host=self._socket, user="chengguan", dbname="chengguan", autocommit=True)

    def _postmaster(self) -> int:
        with self._connect() as connection:
            row = connection.execute(
                "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int"
            ).fetchone()
        assert row is not None
        return int(row[0])


def _of(samples: Mapping[str, Sample]) -> dict[str, dict[str, Any]]:
    return figures_of({name: [sample] for name, sample in samples.items()})


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
