"""Any people, any commands, any order, any time: after each step the city is as it ought to be.

`pytest tests/exact --hypothesis-profile=thorough` tells more and longer stories (docs/testing.md).
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from itertools import count
from random import Random
from typing import Any

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

from tests.cases.golden import ROWS
from tests.exact.books import BOOKS
from tests.exact.commands import CONDITIONS
from tests.exact.ground import Ground, Story
from tests.exact.model import CENTRE, Case, available, role_of, sees
from tests.world import CELLS, MANHOLE, PEOPLE

#: Cases under way at a time.
MANY = 3
#: How often something allowed is done, beside what is not named here: what ends a story or leads in a circle
#: seldom, what somebody waits for often.
SELDOM = {
    "note", "supplement", "call_back", "locate", "remind", "supervise", "request_voiding", "approve_voiding",
    "request_verification", "refuse", "merge", "unmerge", "recheck", "assign_inspector", "audit_pass",
    "attach",
}  # fmt: skip
OFTEN = {
    "approve_extension", "approve_suspension", "reject_voiding", "rework", "appeal", "review_appeal",
    "decide_appeal", "request_extension", "request_suspension", "reply_supervision",
}  # fmt: skip
JOBS = ("sweep", "assign_tasks", "tell_outcomes", "seal", "clean")
#: What nobody asks for at a case there is.
OURS = {"report", "report_handled", "absorb", "release", "follow", "record_overrun"}
#: Each number is thrown like dice for one step: who does what, with which content, how much later.
STEPS = st.lists(st.integers(0, 2**32 - 1), min_size=3, max_size=15)


class Stories(RuleBasedStateMachine):
    """Hypothesis picks who does what; the `Teller` does it, and knows what ought to come of it."""

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self.keys = count(1)
        self.story = Story(ground)
        self.teller = self.story.teller
        self._do = self.story.do

    def teardown(self) -> None:
        self.story.end()

    # -- people --

    @initialize(
        days=st.integers(0, 240), minutes=st.integers(0, 1439), cell=st.sampled_from(sorted(CELLS)),
        book=st.sampled_from(sorted(BOOKS)), steps=STEPS,
    )  # fmt: skip
    def begins(self, days: int, minutes: int, cell: str, book: str, steps: list[int]) -> None:
        """Some day of the year somebody sees something, and it goes its way for a while."""
        self.teller.wait(days * 1440 + minutes + 1)
        self._do(self.teller.activate(book))
        self._do(self.teller.report("lan", cell, {"action": "report", "source": "inspector"}, key=None))
        self._do(self.teller.look())
        self.goes_on(0, steps, keyed=False)

    @precondition(lambda self: len(self.under_way) < MANY)
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

    @rule(case=st.integers(0, MANY), steps=STEPS, keyed=st.booleans())
    def acts(self, case: int, steps: list[int], keyed: bool) -> None:
        if self.under_way and case < MANY:
            case = self.under_way[case % len(self.under_way)]
        self.goes_on(case, steps, keyed=keyed)

    @rule(
        case=st.integers(0, MANY), who=st.sampled_from(sorted(PEOPLE)), concerned=st.booleans(),
        action=st.sampled_from(sorted(set(ROWS) - OURS)),
        choice=st.integers(0, 499), off=st.sampled_from([0, 0, 0, 0, -1, 1]), keyed=st.booleans(),
    )  # fmt: skip
    def tries(
        self, case: int, who: str, concerned: bool, action: str, choice: int, off: int, keyed: bool
    ) -> None:
        """Anybody tries anything, not always on the version there is."""
        about = self._case(case)
        if concerned and not sees(who, about):
            who = next(other for other in PEOPLE if role_of(other) in ROWS[action].roles | CENTRE)
        self.story.act(who, about, action, choice, key=self._key(keyed), off=off)

    @rule(
        case=st.integers(0, MANY),
        who=st.sampled_from(sorted(PEOPLE)),
        which=st.integers(0, 99),
        changed=st.booleans(),
    )
    def asks_again(self, case: int, who: str, which: int, changed: bool) -> None:
        """Somebody looks at a case, and a request sent before arrives once more."""
        self._do(self.teller.look_at(who, self._case(case)))
        if self.teller.sent:
            self._do(self.teller.repeat(which, changed=changed))

    @rule(
        minutes=st.sampled_from([0, 1, 30, 240, 720, 1440, 3 * 1440, 7 * 1440, 20 * 1440]),
        due=st.integers(0, 9), off=st.integers(-1, 1),
        change=st.sampled_from([None, "lan", "wei", "dong", *sorted(BOOKS)]),
        jobs=st.lists(st.sampled_from(JOBS), max_size=3),
    )  # fmt: skip
    def meanwhile(self, minutes: int, due: int, off: int, change: str | None, jobs: list[str]) -> None:
        """Time goes by, to the very minute at which something is due or one beside it; an inspector comes or
        goes, or other rules are put in force; the background works."""
        ahead = self.teller.moments_ahead()
        if minutes == 0 and ahead:
            minutes = off - ((self.teller.now - ahead[due % len(ahead)]) // timedelta(minutes=1))
        self.teller.wait(max(0, minutes))
        if change is not None:
            self._do(self.teller.activate(change) if change in BOOKS else self.teller.duty(change))
        for job in jobs:
            self._do(self.teller.look())
            self._do(self.teller.work(job))

    @invariant()
    def all_is_as_it_ought_to_be(self) -> None:
        self._do(self.teller.look())

    # -- choosing --

    def _case(self, which: int) -> Case:
        return self.teller.city.cases[which % len(self.teller.city.cases)]

    @property
    def under_way(self) -> list[int]:
        return [place for place, case in enumerate(self.teller.city.cases) if not case.ended]

    def _key(self, keyed: bool) -> str | None:
        return f"key-{next(self.keys)}" if keyed else None

    def goes_on(self, case: int, steps: list[int], *, keyed: bool) -> None:
        """One after the other does something that is allowed."""
        for step in steps:
            self._one_that_may(self._case(case), Random(step), keyed=keyed)
            self._do(self.teller.look())
            if self._case(case).ended:
                break

    def _one_that_may(self, case: Case, dice: Random, *, keyed: bool) -> None:
        self.teller.wait(dice.choice([0, 0, 0, 1, 5, 13, 47, 200]))
        self.teller.city.judge(case)
        may = {who: available(who, case, self.teller.now) for who in sorted(PEOPLE) if sees(who, case)}
        actions = [action for action in ROWS if any(action in may[who] for who in may)]
        if len(self.under_way) == 1 and "merge" in actions:
            actions.remove("merge")  # there is nothing to merge with
        weights = [1 if action in SELDOM else 25 if action in OFTEN else 10 for action in actions]
        (action,) = dice.choices(actions, weights)
        who = dice.choice([who for who in may if action in may[who]])
        self.story.act(who, case, action, dice.randrange(500), key=self._key(keyed))


def test_any_story_is_exact(ground: Ground) -> None:
    # A story is long: a fifth of the examples a plain property gets.
    examples = settings().max_examples // 5
    run_state_machine_as_test(
        partial(Stories, ground),
        settings=settings(
            max_examples=examples, stateful_step_count=20, deadline=None,
            suppress_health_check=list(HealthCheck), print_blob=True,
        ),
    )  # fmt: skip
