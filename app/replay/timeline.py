"""离散事件仿真: stories that wait for moments of a simulated clock, one of them acting at a time.

A story is a coroutine that does its work (over the network, too) and then waits with `until`. The timeline
always wakes the one whose moment comes first and moves the clock there; while a story acts, no other does
and no time passes. Stories with the same moment act in the order in which they began to wait, so that a run
with the same seed is the same run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import Any

from app.clock import ManualClock


@dataclass(slots=True)
class Routine:
    """Something done at regular times: every `every`, counted from `start`.

    It is done before the first story acts after such a time. Times between which nothing happens are left
    out: only the last of them is kept.
    """

    do: Callable[[], Awaitable[None]]
    start: datetime
    every: timedelta
    done: datetime | None = None

    def due(self, moment: datetime) -> datetime | None:
        """Its last time up to the moment, unless it was done then."""
        if moment < self.start:
            return None
        last = self.start + (moment - self.start) // self.every * self.every
        return last if self.done is None or self.done < last else None


@dataclass(slots=True)
class Timeline:
    """The stories that wait, and the routines. `watch` is told each moment something happens."""

    clock: ManualClock
    routines: tuple[Routine, ...] = ()
    watch: Callable[[datetime], None] = lambda _: None
    _waiting: list[tuple[datetime, int, asyncio.Future[None]]] = field(default_factory=list)
    _order: count[int] = field(default_factory=count)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _parked: asyncio.Event = field(default_factory=asyncio.Event)
    _failure: Exception | None = None

    def begin(self, story: Coroutine[Any, Any, None]) -> None:
        """Lets a story begin at the present moment, once the one acting waits."""
        self._tasks.add(asyncio.ensure_future(self._tell(story, self._alarm(self.clock.now()))))

    async def until(self, moment: datetime) -> None:
        """Waits for the moment; one that has passed is now. For stories only."""
        alarm = self._alarm(moment)
        self._parked.set()
        await alarm

    async def run(self, end: datetime | None = None) -> None:
        """Tells all stories to their end, or up to the moment `end`; those that wait for later are given up.

        Errors: what a story raises ends the run.
        """
        try:
            while self._waiting and (end is None or self._waiting[0][0] <= end):
                moment, _, alarm = heappop(self._waiting)
                await self._go_to(moment)
                self._parked.clear()
                alarm.set_result(None)
                await self._parked.wait()
                if self._failure is not None:
                    raise self._failure
            if end is not None:
                await self._go_to(end)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _alarm(self, moment: datetime) -> asyncio.Future[None]:
        alarm: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heappush(self._waiting, (max(moment, self.clock.now()), next(self._order), alarm))
        return alarm

    async def _go_to(self, moment: datetime) -> None:
        for routine in self.routines:
            if (due := routine.due(moment)) is not None:
                self.clock.set(max(due, self.clock.now()))
                await routine.do()
                routine.done = due
        self.clock.set(moment)
        self.watch(moment)

    async def _tell(self, story: Coroutine[Any, Any, None], begun: asyncio.Future[None]) -> None:
        try:
            await begun
            await story
        except Exception as error:
            self._failure = error
        finally:
            story.close()
            self._parked.set()
            if task := asyncio.current_task():
                self._tasks.discard(task)
