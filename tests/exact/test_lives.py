"""The long life of one case: declined, paused, extended, reworked, in any order and more than once each.

Where a story wanders, a life is led: back to handling before each round, so that what is rare, such as the
second rework after a pause, comes in every one. What is not allowed is tried all the same, to be refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.cases.golden import ROWS
from tests.exact.books import BOOKS, PATIENT, STRICT
from tests.exact.commands import CONDITIONS
from tests.exact.ground import Ground, Story
from tests.exact.model import Case, may, role_of, roles_for, sees
from tests.world import PEOPLE

#: Beside actions: time goes by to the minute at which something ends, or one beside it, or until the handling
#: is late, or until days after a suspension was to end; the background works; other rules come into force.
DUE, LATE, OVER, SWEEP, RULES = "due", "late", "over", "sweep", "rules"
#: Minutes: long enough that work would have been done in them.
_TWO_DAYS = 2 * 1440
#: What leads to handling, from wherever a case stands.
TOWARDS_HANDLING = {
    "reported": "accept", "filing": "file", "dispatching": "dispatch", "signing": "sign",
    "ruling": "return_to_unit", "suspended": "resume", "checking": "check", "closing": "rework",
}  # fmt: skip
ROUNDS = (
    "hand_back check rework",
    "hand_back check recheck check rework",
    "due sweep hand_back check rework",
    "decline return_to_unit",
    "decline due sweep return_to_unit",
    "decline redispatch sign",
    "decline redispatch decline redispatch sign",
    "request_extension approve_extension",
    "request_extension due sweep approve_extension",
    "request_extension late sweep approve_extension",
    "request_extension reject_extension request_extension hand_back check rework",
    "request_suspension approve_suspension resume",
    "request_suspension approve_suspension due sweep",
    "request_suspension approve_suspension over sweep",
    "request_suspension due approve_suspension due resume",
    "request_suspension decline return_to_unit reject_suspension",
    "reach_milestone due sweep reach_milestone",
    "supervise due sweep reply_supervision supervise",
    "request_voiding reject_voiding request_voiding hand_back check rework",
    "rules due",
)
#: How many make a life.
ROUNDS_EACH = 10
#: How often each of them is lived through: what hangs on what was before it, often.
OFTEN = tuple(round_ for round_ in ROUNDS for _ in range(3 if "rework" in round_ else 2))
_CLOSED = "hand_back check close recheck check close"
_APPEAL = "appeal review_appeal decide_appeal"
ENDS = (
    f"{_CLOSED} {_APPEAL}",
    f"due sweep {_CLOSED} due {_APPEAL}",
    f"due sweep {_CLOSED} due {_APPEAL} due sweep",
    "supervise request_voiding approve_voiding rules sweep note",
)


@dataclass
class Life:
    """One case, led by the dice. `pace`: how much time goes by between two steps."""

    story: Story
    condition: str
    pace: int

    @property
    def case(self) -> Case:
        return self.story.teller.city.cases[0]

    def goes(self, words: str, dice: Random) -> None:
        for word in words.split():
            self._step(word, dice)
            self.story.do(self.story.teller.look())

    def back_to_handling(self, dice: Random) -> None:
        for _ in range(12):
            if self.case.stage == "handling" or self.case.ended:
                break
            self.goes(TOWARDS_HANDLING[self.case.stage], dice)

    def _step(self, word: str, dice: Random) -> None:
        teller = self.story.teller
        if word == DUE:
            ahead = teller.moments_ahead()
            if ahead:
                self._wait_for(dice.choice(ahead[:3]), dice.choice((0, 0, 1, 1, -1)))
        elif word == LATE:
            self._wait_past("handling", 1)
        elif word == OVER:
            self._wait_past("suspension", _TWO_DAYS)
        elif word == SWEEP:
            self.story.do(teller.work(SWEEP))
        elif word == RULES:
            self.story.do(teller.activate(dice.choice(sorted(BOOKS))))
        else:
            teller.wait(self.pace * dice.choice((0, 0, 1, 2, 3, 7, 20)))
            self._somebody_does(word, dice)

    def _wait_past(self, kind: str, more: int) -> None:
        for clock in self.case.running():
            end, _ = clock.ends()
            if clock.kind == kind and end is not None:
                self._wait_for(end, more)

    def _wait_for(self, end: datetime, more: int) -> None:
        """Until that minute and so many more."""
        left = -((self.story.teller.now - end) // timedelta(minutes=1))
        self.story.teller.wait(max(0, left + more))

    def _somebody_does(self, action: str, dice: Random) -> None:
        """Now and then first one who may not; and again where what was said with it was not right."""
        if dice.random() < 0.3:
            self._act(action, dice.choice(self._who(action)[1]), dice)
        for _ in range(4):
            version, (able, others) = self.case.version, self._who(action)
            self._act(action, dice.choice(able or others), dice)
            if self.case.version != version or not able:
                break

    def _who(self, action: str) -> tuple[list[str], list[str]]:
        """Of those who see the case, who may do that now and who may not: rather one of the right role."""
        case, now = self.story.teller.city.judge(self.case), self.story.teller.now
        seeing = [who for who in sorted(PEOPLE) if sees(who, case)]
        able = [who for who in seeing if may(action, who, case, now)]
        others = [who for who in seeing if who not in able]
        near = [who for who in others if role_of(who) in roles_for(ROWS[action], case.policy)]
        return able, [*others, *near * 3] or able

    def _act(self, action: str, who: str, dice: Random) -> None:
        said = {"condition": self.condition} if action == "file" else {}
        self.story.act(who, self.case, action, dice.randrange(500), **said)


#: One number is the dice of a round.
DICE = st.integers(0, 2**32 - 1)


#: What chance comes to too seldom.
_EXTENDED_LATE = [("request_extension late sweep approve_extension", number) for number in range(3)]
_RESUMED_LATE = [("request_suspension approve_suspension over sweep", number) for number in range(3)]


@example(
    book=PATIENT, cell="W1", condition="E0101-1", begins=0, pace=1, end=ENDS[0], rounds=_EXTENDED_LATE
)  # fmt: skip
@example(
    book=PATIENT, cell="W1", condition="E0101-1", begins=0, pace=1, end=ENDS[0], rounds=_RESUMED_LATE
)  # fmt: skip
@given(
    book=st.sampled_from(sorted(BOOKS)), cell=st.sampled_from(["W1", "E1"]),
    condition=st.sampled_from(["E0101-1", "E0101-1", *CONDITIONS]), begins=st.integers(0, 200 * 1440),
    pace=st.sampled_from([1, 10, 60]), end=st.sampled_from(ENDS),
    rounds=st.lists(
        st.tuples(st.sampled_from(["", *OFTEN]), DICE), min_size=ROUNDS_EACH, max_size=ROUNDS_EACH
    ),
)  # fmt: skip
def _lives(
    ground: Ground, book: str, cell: str, condition: str, begins: int, pace: int, end: str,
    rounds: list[tuple[str, int]],
) -> None:  # fmt: skip
    story = Story(ground)
    try:
        story.teller.wait(begins + 1)
        story.do(story.teller.activate(book))
        # Whose reports need not be verified on the spot, under these rules.
        source = "hotline" if book == STRICT else "inspector"
        story.do(story.teller.report("lan", cell, {"action": "report", "source": source}, key=None))
        story.do(story.teller.look())
        life = Life(story, condition, pace)
        for words, number in rounds:
            dice = Random(number)
            life.back_to_handling(dice)
            life.goes(words, dice)
        dice = Random(begins)
        life.back_to_handling(dice)
        life.goes(end, dice)
    finally:
        story.end()


def test_any_life_is_exact(ground: Ground) -> None:
    # As long as two stories: half as many.
    settings(
        max_examples=settings().max_examples // 10, deadline=None, print_blob=True,
        suppress_health_check=list(HealthCheck),
    )(_lives)(ground)  # fmt: skip
