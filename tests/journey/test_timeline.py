"""The simulated clock: stories act one at a time, in the order of their moments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.clock import ManualClock
from app.replay.timeline import Routine, Timeline

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Town:
    """Notes who does what when."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOON)
        self.timeline = Timeline(self.clock)
        self.seen: list[tuple[str, float]] = []

    def note(self, who: str) -> None:
        self.seen.append((who, (self.clock.now() - NOON) / HOUR))

    async def walker(self, who: str, *hours: float) -> None:
        for hour in hours:
            await self.timeline.until(NOON + hour * HOUR)
            self.note(who)


async def test_stories_take_turns_by_the_clock():
    town = Town()
    town.timeline.begin(town.walker("a", 1, 4, 2))  # 2 has passed by then: it is 4 still
    town.timeline.begin(town.walker("b", 3, 4))
    await town.timeline.run()
    assert town.seen == [("a", 1), ("b", 3), ("a", 4), ("b", 4), ("a", 4)]


async def test_a_story_may_begin_another():
    town = Town()

    async def parent() -> None:
        await town.timeline.until(NOON + HOUR)
        town.timeline.begin(town.walker("child", 0, 2))
        town.note("parent")

    town.timeline.begin(parent())
    await town.timeline.run()
    assert town.seen == [("parent", 1), ("child", 1), ("child", 2)]


async def test_at_the_end_what_waits_is_given_up():
    town = Town()
    town.timeline.begin(town.walker("a", 1, 5))
    await town.timeline.run(NOON + 3 * HOUR)
    assert town.seen == [("a", 1)]
    assert town.clock.now() == NOON + 3 * HOUR


async def test_routines_are_kept_up_before_what_comes_after_them():
    town = Town()

    async def sweep() -> None:
        town.note("sweep")

    town.timeline.routines = (Routine(sweep, NOON, HOUR),)
    town.timeline.begin(town.walker("a", 0.5, 3.5, 3.6))
    await town.timeline.run(NOON + 5 * HOUR)
    # Nobody acts between 1 and 3, so only the sweep of 3 is kept.
    assert town.seen == [("sweep", 0), ("a", 0.5), ("sweep", 3), ("a", 3.5), ("a", 3.6), ("sweep", 5)]


async def test_a_story_that_fails_ends_the_run():
    town = Town()

    async def broken() -> None:
        await town.timeline.until(NOON + HOUR)
        raise LookupError("lost")

    town.timeline.begin(town.walker("a", 2))
    town.timeline.begin(broken())
    with pytest.raises(LookupError, match="lost"):
        await town.timeline.run()
    assert town.seen == []
