"""Any people, any commands, any order, any time: after each step the city is as it ought to be.

`pytest tests/exact --hypothesis-profile=thorough` tells more and longer stories (docs/testing.md).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
import structlog
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text

from app.cases import journal
from app.db import Database
from app.dispatch import service as rulebooks
from app.main import create_app
from app.postgres import PrivateCluster
from app.requests import Services
from app.settings import Settings
from tests.cases.golden import ROWS
from tests.city import Founded, city_settings, client_of, copied
from tests.conftest import admin
from tests.exact.books import BOOKS, PATIENT
from tests.exact.commands import CONDITIONS, body_of
from tests.exact.model import CENTRE, Case, available, role_of, sees
from tests.exact.teller import Teller
from tests.world import CELLS, FOUNDED, MANHOLE, MONDAY_9AM, PEOPLE, World, clock_at

#: Actions that lead a case on to its next stage, the usual way.
ONWARD = frozenset(
    row.action for row in ROWS.values() if row.target not in (None, "refused", "merged", "voided")
)
#: Actions that somebody waits for.
ANSWERS = frozenset(
    row.action for row in ROWS.values() if row.action.startswith(("approve_", "reject_", "reply_", "review_"))
) | {"decide_appeal", "appeal", "resume", "reach_milestone"}
#: Cases of a story.
MANY = 4
#: Which of those who may does which of what may be done, with which content, after how many minutes.
STEP = st.tuples(st.integers(0, 999), st.integers(0, 499), st.sampled_from([0, 1, 5, 13, 47, 200]))


@dataclass(frozen=True)
class Ground:
    """What all stories stand on. Each gets a copy of the database for itself."""

    cluster: PrivateCluster
    origin: str
    world: World
    books: dict[str, Any]
    settings: Settings
    app: FastAPI
    runner: asyncio.Runner

    @property
    def secret(self) -> str:
        assert self.settings.secret_key is not None
        return self.settings.secret_key.get_secret_value()


@pytest.fixture(scope="module")
def ground(
    cluster: PrivateCluster, founded: Founded, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ground]:
    name, world = founded
    books: dict[str, Any] = {}

    async def prepare(_: Any, services: Services) -> None:
        async with services.database.transaction() as connection:
            for book, content in BOOKS.items():
                head = await rulebooks.save_draft(connection, content, by=UUID(int=0), now=FOUNDED)
                books[book] = {"number": head.number, "id": str(head.id)}
            await rulebooks.activate(connection, books[PATIENT]["number"], by=UUID(int=0), now=MONDAY_9AM)
            # Nobody logs in anew in the months of a story.
            await connection.execute(
                text("UPDATE login_session SET expires_at = :end"), {"end": datetime(2030, 1, 1, tzinfo=UTC)}
            )

    origin = copied(cluster, name, prepare)
    made = city_settings(cluster.database_url(origin), tmp_path_factory.mktemp("data"))
    configured = structlog.get_config()
    # A story that goes wrong tells itself; a line for each request would bury it.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with asyncio.Runner() as runner:
        yield Ground(cluster, origin, world, books, made, create_app(made), runner)
    structlog.configure(**configured)


class Stories(RuleBasedStateMachine):
    """Hypothesis picks who does what; the `Teller` does it, and knows what ought to come of it."""

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self.ground = ground
        self.name = copied(ground.cluster, ground.origin)
        url = ground.cluster.database_url(self.name)
        self.services = Services(ground.settings, Database(url, pool_size=2), clock_at(), ground.secret)
        ground.app.state.services = self.services
        self.http = client_of(ground.app)
        self.teller = Teller(self.http, self.services, ground.world, ground.books)

    def _do(self, step: Coroutine[Any, Any, None]) -> None:
        self.ground.runner.run(step)

    def teardown(self) -> None:
        async def end() -> None:
            try:
                async with self.services.database.transaction() as connection:
                    assert (await journal.verify(connection)).flaws == ()
            finally:
                await self.http.aclose()
                await self.services.database.close()

        try:
            self._do(end())
        finally:
            admin(self.ground.cluster, f"DROP DATABASE {self.name} WITH (FORCE)")

    # -- people --

    @initialize(
        days=st.integers(0, 240), minutes=st.integers(0, 1439), cell=st.sampled_from(sorted(CELLS)),
        course=st.lists(STEP, max_size=9),
    )  # fmt: skip
    def begins(self, days: int, minutes: int, cell: str, course: list[tuple[int, int, int]]) -> None:
        """Some day of the year somebody sees something, and it goes its way for a while."""
        self.teller.wait(days * 1440 + minutes)
        self._do(self.teller.report("lan", cell, {"action": "report", "source": "inspector"}, key=None))
        self._goes_on(0, course)

    @precondition(lambda self: len(self.teller.city.cases) < MANY)
    @rule(
        who=st.sampled_from(sorted(PEOPLE)), cell=st.sampled_from(sorted(CELLS)),
        source=st.sampled_from(["inspector", "hotline"]), condition=st.sampled_from([None, *CONDITIONS]),
        part=st.booleans(), order=st.sampled_from([None, None, "12345-1"]),
        handled=st.booleans(), keyed=st.booleans(),
    )  # fmt: skip
    def reports(
        self, who: str, cell: str, source: str, condition: str | None, part: bool, order: str | None,
        handled: bool, keyed: bool,
    ) -> None:  # fmt: skip
        body: dict[str, Any] = {"action": "report_handled" if handled else "report", "source": source}
        if condition is not None:
            body["condition"] = condition
        if part:
            body["component_code"] = MANHOLE
        if order is not None:
            body["external_number"] = order
        self._do(self.teller.report(who, cell, body, self._key(keyed)))

    @rule(case=st.integers(0, MANY), course=st.lists(STEP, min_size=1, max_size=3))
    def goes_on(self, case: int, course: list[tuple[int, int, int]]) -> None:
        self._goes_on(case, course)

    @rule(case=st.integers(0, MANY), course=st.lists(STEP, min_size=1, max_size=4), keyed=st.booleans())
    def does_what_may_be_done(self, case: int, course: list[tuple[int, int, int]], keyed: bool) -> None:
        for step in course:
            self._one_that_may(self._case(case), step, frozenset(ROWS), keyed=keyed)
            self._do(self.teller.look())

    @rule(
        case=st.integers(0, MANY), who=st.sampled_from(sorted(PEOPLE)), concerned=st.booleans(),
        action=st.sampled_from(sorted(set(ROWS) - {"report", "report_handled", "absorb", "record_overrun"})),
        choice=st.integers(0, 499), off=st.sampled_from([0, 0, 0, 0, -1, 1]), keyed=st.booleans(),
    )  # fmt: skip
    def tries(
        self, case: int, who: str, concerned: bool, action: str, choice: int, off: int, keyed: bool
    ) -> None:
        """Anybody tries anything, not always on the version there is."""
        about = self._case(case)
        if concerned and not sees(who, about):
            who = next(other for other in PEOPLE if role_of(other) in ROWS[action].roles | CENTRE)
        self._act(who, about, action, choice, keyed=keyed, off=off)

    @rule(case=st.integers(0, MANY), who=st.sampled_from(sorted(PEOPLE)))
    def looks(self, case: int, who: str) -> None:
        self._do(self.teller.look_at(who, self._case(case)))

    @precondition(lambda self: self.teller.sent)
    @rule(which=st.integers(0, 99), changed=st.booleans())
    def sends_again(self, which: int, changed: bool) -> None:
        self._do(self.teller.repeat(which, changed=changed))

    @rule(change=st.sampled_from(["lan", "wei", "dong", *sorted(BOOKS)]))
    def changes(self, change: str) -> None:
        """An inspector comes or goes, or other rules are put in force."""
        self._do(self.teller.activate(change) if change in BOOKS else self.teller.duty(change))

    # -- time --

    @rule(minutes=st.one_of(st.integers(1, 240), st.sampled_from([720, 1440, 3 * 1440, 7 * 1440, 20 * 1440])))
    def waits(self, minutes: int) -> None:
        self.teller.wait(minutes)

    @precondition(lambda self: self.teller.moments_ahead())
    @rule(which=st.integers(0, 9), off=st.integers(-1, 1))
    def waits_until_due(self, which: int, off: int) -> None:
        """To the very minute, or one beside it."""
        ahead = self.teller.moments_ahead()
        minutes = -((self.teller.now - ahead[which % len(ahead)]) // timedelta(minutes=1))
        self.teller.wait(max(0, minutes + off))

    @rule(job=st.sampled_from(["sweep", "sweep", "assign_tasks", "seal", "clean"]))
    def works_in_the_background(self, job: str) -> None:
        self._do(self.teller.work(job))

    @invariant()
    def all_is_as_it_ought_to_be(self) -> None:
        self._do(self.teller.look())

    # -- choosing --

    def _case(self, which: int) -> Case:
        return self.teller.city.cases[which % len(self.teller.city.cases)]

    def _key(self, keyed: bool) -> str | None:
        return f"key-{len(self.teller.sent)}" if keyed else None

    def _goes_on(self, case: int, course: list[tuple[int, int, int]]) -> None:
        """One after the other leads the case on to its next stage."""
        for step in course:
            self._one_that_may(self._case(case), step, ONWARD)
            self._do(self.teller.look())

    def _one_that_may(
        self, case: Case, step: tuple[int, int, int], wanted: frozenset[str], *, keyed: bool = False
    ) -> None:
        """Some time later somebody does something that is allowed."""
        which, choice, minutes = step
        self.teller.wait(minutes)
        self.teller.city.judge(case)
        may = {who: available(who, case, self.teller.now) for who in sorted(PEOPLE)}
        actions = [action for action in ROWS if action in wanted and any(action in may[who] for who in may)]
        if which % 2 and not ANSWERS.isdisjoint(actions):
            actions = [action for action in actions if action in ANSWERS]
        if actions:
            action = actions[which % len(actions)]
            able = [who for who in may if action in may[who]]
            self._act(able[which // len(actions) % len(able)], case, action, choice, keyed=keyed)

    def _act(
        self, who: str, case: Case, action: str, choice: int, *, keyed: bool = False, off: int = 0
    ) -> None:
        body = body_of(action, case, self.teller.city, self.teller.now, choice)
        self._do(self.teller.act(who, case, body, version=case.version + off, key=self._key(keyed)))


def test_any_story_is_exact(ground: Ground) -> None:
    # A story is long: a quarter of the examples a plain property gets.
    examples = settings().max_examples // 4
    run_state_machine_as_test(
        partial(Stories, ground),
        settings=settings(
            max_examples=examples, stateful_step_count=30, deadline=None,
            suppress_health_check=list(HealthCheck), print_blob=True,
        ),
    )  # fmt: skip
