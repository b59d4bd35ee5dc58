"""测速过程: the works at each size and number of connections, in an order in which none spoils the next."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from app.postgres import PrivateCluster
from bench import bulk, memory, queries
from bench import sweep as sweeping
from bench.contest import Sample, compare, figures_of
from bench.district import CITY, VILLAGE
from bench.ground import Ground
from bench.report import WITHOUT

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
    """What is measured on a ground whose cases get more, and beside it on one that has none."""

    asked: Asked
    folder: Path
    works: list[dict[str, Any]] = field(default_factory=list)
    queries: list[dict[str, Any]] = field(default_factory=list)
    growth: list[dict[str, Any]] = field(default_factory=list)
    memory: dict[str, Any] = field(default_factory=dict)
    postgres: str = ""
    cells: int = 0

    async def measure(self, keep: Callable[[], None]) -> None:
        """Everything that was asked for, the smallest size first; `keep` is called after each work: a run
        that is ended amid ten millions has not been in vain."""
        with ExitStack() as stack:
            ground, empty = await self._ground(stack, "full"), None
            self.cells = ground.place.plan.across * ground.place.plan.down
            self.postgres = ground.told(
                "current_setting('server_version') || ', PostGIS ' || postgis_lib_version()"
            )
            for cases in self.asked.sizes:
                _say(f"{cases:,} cases")
                self.growth.append(made := ground.grow(cases))
                _say("  made in {seconds} s, {cpu_seconds} s of processor, {gb} GB".format(**made))
                if cases and empty is None:
                    empty = await self._ground(stack, "empty")
                    empty.grow(0)
                await self._at(cases, ground, empty, keep)

    async def _ground(self, stack: ExitStack, name: str) -> Ground:
        folder = self.folder / name
        folder.mkdir(mode=0o755, exist_ok=True)
        cluster = stack.enter_context(PrivateCluster(folder / "pg"))
        ground = Ground(folder, cluster, VILLAGE if self.asked.village else CITY)
        await ground.prepare()
        return ground

    async def _at(self, cases: int, ground: Ground, empty: Ground | None, keep: Callable[[], None]) -> None:
        works = [work for work in self.asked.works if cases < TEN_MILLIONS or work in AT_TEN_MILLIONS]
        with ExitStack() as stack:
            ground.open(stack)
            ground.open_bare(stack)
            if empty is not None:
                empty.open(stack)
            for work in works:
                began = perf_counter()
                if work == "queries":
                    async with ground.database() as database:
                        found = await queries.measured(database, ground.place)
                    self.queries.append({"cases": cases, "found": found})
                elif work == "sweep":
                    await self._sweep(cases, ground, empty)
                elif work == "bulk":
                    self._bulk(cases, ground, empty)
                elif work == "grid":
                    self._grid(cases, ground, empty)
                else:
                    await self._in_turns(work, cases, ground, empty)
                _say(f"  {work} {perf_counter() - began:.0f} s")
                keep()
            if self.asked.memory_minutes and cases == self.asked.sizes[-1]:
                worker = stack.enter_context(memory.background(ground.env, ground.log))
                self.memory = {"cases": cases} | await memory.watched(
                    ground.service, ground.place, ground.crew, worker, self.asked.memory_minutes
                )
                keep()

    async def _in_turns(self, work: str, cases: int, ground: Ground, empty: Ground | None) -> None:
        for connections in self.asked.connections:
            main = connections == self.asked.main
            seed = cases + connections
            sides = {"service": ground.side(work, seed), **ground.held_against(work, seed + 1, main=main)}
            if empty is not None and main:
                sides[WITHOUT] = empty.side(work, seed + 2)
            found = await compare(
                sides,
                seconds=self.asked.seconds,
                rounds=self.asked.rounds if main else max(1, self.asked.rounds - 1),
                connections=connections,
            )
            self._note(work, cases, connections, found)

    async def _sweep(self, cases: int, ground: Ground, empty: Ground | None) -> None:
        due, swept = await self._swept(ground, max(cases // 100, sweeping.FEWEST))
        found = {"service": swept}
        if empty is not None:
            _, found[WITHOUT] = await self._swept(empty, sweeping.FEWEST)
        with ground.connect() as connection:
            sweeping.make_due(connection, sweeping.FEWEST)
            found["bare statement"] = sweeping.recorded(connection, ground.postmaster(), self.asked.seconds)
        self._note("sweep", cases, 1, _of(found), due=due)

    async def _swept(self, ground: Ground, wanted: int) -> tuple[int, Sample]:
        with ground.connect() as connection:
            due = sweeping.make_due(connection, wanted)
            most = self.asked.sweep_seconds
            return due, await sweeping.swept(connection, ground.env, ground.postmaster(), most)

    def _bulk(self, cases: int, ground: Ground, empty: Ground | None) -> None:
        reports = self.asked.reports
        found = {"service": bulk.reports_imported(ground, reports, f"{cases}-")}
        if empty is not None:
            found[WITHOUT] = bulk.reports_imported(empty, reports, f"{cases}-")
            empty.forget()
        found["COPY and join"] = bulk.reports_by_copy(ground, reports)
        self._note("bulk", cases, 1, _of(found))

    def _grid(self, cases: int, ground: Ground, empty: Ground | None) -> None:
        found = {"service": bulk.map_imported(ground)}
        if empty is not None:
            found[WITHOUT] = bulk.map_imported(empty)
        found["COPY"] = bulk.map_by_copy(ground)
        self._note("grid", cases, 1, _of(found))

    def _note(
        self, work: str, cases: int, connections: int, found: Mapping[str, Any], **more: object
    ) -> None:
        self.works.append({"work": work, "cases": cases, "connections": connections, **more, "sides": found})


def _of(samples: Mapping[str, Sample]) -> dict[str, dict[str, Any]]:
    return figures_of({name: [sample] for name, sample in samples.items()})


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
