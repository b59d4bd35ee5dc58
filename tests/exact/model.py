"""The case as it ought to be: what the standards and docs/workflow.md say, in the plainest words.

A second telling by hand, which the service is held against. From the code it takes nothing; from the golden
table who may do what from where to where.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from app.dispatch.rulebook import Policy
from tests.cases.golden import END_STAGES, ROWS, GoldenRow
from tests.exact.books import BOOKS, is_one_of, limits_by_hand, stage_limit
from tests.exact.minutes import Span, due_and_amber
from tests.world import PEOPLE, WEST, cell_code

ENDS = frozenset(END_STAGES.split())
#: Who owes what while a case stands at a stage. The unit's own time is led below.
OF_STAGE = {
    "reported": "accepting", "verifying": "verifying", "auditing": "auditing", "filing": "filing",
    "dispatching": "dispatching", "signing": "signing", "ruling": "ruling", "suspended": "suspension",
    "checking": "checking", "closing": "closing",
}  # fmt: skip
#: Enough to fill a kind.
PHOTOS_EACH = 8
CENTRE = {"intake_clerk", "shift_leader", "dispatcher", "evaluator", "administrator"}


class Refused(Exception):
    """What a caller is answered with instead."""

    def __init__(self, status: int, guard: str | None = None) -> None:
        super().__init__(status, guard)
        self.status, self.guard = status, guard


def photos_of(who: str) -> list[str]:
    """What everybody has uploaded before a story begins."""
    return [str(uuid5(NAMESPACE_OID, f"{who} {number}")) for number in range(PHOTOS_EACH)]


def role_of(who: str) -> str:
    (role,) = PEOPLE[who].roles
    return role.value


def covers(who: str, area: str) -> bool:
    return any(area.startswith(own) for own in PEOPLE[who].areas)


@dataclass
class Clock:
    """`until` is the end of a clock whose end was named; the others end by `amount` and `limit_unit`."""

    kind: str
    started: datetime
    percent: int
    name: str = ""
    unit: str | None = None
    amount: float = 0
    limit_unit: str = ""
    until: datetime | None = None
    times: int = 1
    pauses: list[tuple[datetime, datetime | None]] = field(default_factory=list)
    stopped: datetime | None = None
    overran: datetime | None = None

    @property
    def paused(self) -> bool:
        return bool(self.pauses) and self.pauses[-1][1] is None

    def ends(self) -> tuple[datetime | None, datetime | None]:
        """Due and amber; neither while it is paused. Errors: `CalendarEnded`."""
        if self.until is not None:
            return self.until, self.started + (self.until - self.started) * self.percent / 100
        if self.paused:
            return None, None
        closed: list[Span] = [(begin, end) for begin, end in self.pauses if end is not None]
        return due_and_amber(
            self.started, self.amount, self.limit_unit, times=self.times, percent=self.percent,
            pauses=tuple(closed),
        )  # fmt: skip

    def overdue(self, now: datetime) -> bool:
        due, _ = self.ends()
        return self.stopped is None and due is not None and now > due

    def note_overrun(self, now: datetime) -> None:
        if self.overran is None and self.kind != "suspension" and self.overdue(now):
            self.overran, _ = self.ends()

    def pause(self, now: datetime) -> None:
        self.note_overrun(now)
        self.pauses.append((now, None))

    def resume(self, now: datetime) -> None:
        self.pauses[-1] = (self.pauses[-1][0], now)
        self.ends()

    def stop(self, now: datetime) -> None:
        self.note_overrun(now)
        self.stopped = now


@dataclass
class Case:
    """What is told of a case. `kept` is the rulebook it was reported or filed under, `book` the one it is
    judged by now."""

    id: str
    name: str
    cell: str
    source: str
    reporter: str
    kept: str
    book: str
    reported: datetime
    stage: str
    version: int = 1
    facts: dict[str, Any] = field(default_factory=dict)
    clocks: list[Clock] = field(default_factory=list)
    #: Those attached, and of which kind.
    photos: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.facts[name]

    @property
    def area(self) -> str:
        return cell_code(self.cell)

    @property
    def ended(self) -> bool:
        return self.stage in ENDS

    @property
    def policy(self) -> Policy:
        return BOOKS[self.book].policy

    def running(self, *kinds: str) -> list[Clock]:
        """The clocks not stopped, running or paused."""
        return [
            clock for clock in self.clocks if clock.stopped is None and (not kinds or clock.kind in kinds)
        ]

    # -- its clocks --

    def start(self, kind: str, now: datetime, limit: tuple[float, str] | None = None, name: str = "") -> None:
        amount, unit = limit or stage_limit(self.book, kind)
        clock = Clock(kind, now, self.policy.amber_percent, name=name, unit=self.facts["lead_unit"],
                      amount=amount, limit_unit=unit)  # fmt: skip
        clock.ends()
        self.clocks.append(clock)

    def start_until(self, kind: str, now: datetime, until: datetime) -> None:
        self.clocks.append(
            Clock(kind, now, self.policy.amber_percent, unit=self.facts["lead_unit"], until=until)
        )

    def goes_to(self, stage: str, now: datetime) -> None:
        """Whoever owed the step that is done owes it no longer; at an end nobody owes anything."""
        done = self.running() if stage in ENDS else self.running(OF_STAGE.get(self.stage, "-"))
        for clock in done:
            clock.stop(now)
        self.stage = stage
        if stage in OF_STAGE and stage != "suspended":
            self.start(OF_STAGE[stage], now)

    def start_handling(self, now: datetime) -> None:
        limits = limits_by_hand(self.book, self["condition"], "A" if self.area.startswith(WEST) else "B")
        for name, limit in limits.items():
            self.start("milestone" if name else "handling", now, limit, name)

    def pause_handling(self, now: datetime) -> None:
        for clock in self.running("handling", "milestone"):
            clock.pause(now)

    def resume_handling(self, now: datetime) -> None:
        for clock in self.running("handling", "milestone"):
            clock.resume(now)

    def stop_handling(self, now: datetime) -> None:
        for clock in self.running("handling", "milestone"):
            clock.stop(now)


def first_facts() -> dict[str, Any]:
    return {
        "condition": None, "category": None, "component_owner": None, "lead_unit": None,
        "assisting_units": [], "inspector_name": None, "filed_at": None, "dispatched_at": None,
        "signed_at": None, "handed_back_at": None, "ended_at": None, "verified": None, "check_passed": None,
        "self_handled": False, "overdue": None, "exempt": False, "declines": 0, "extensions": 0,
        "suspensions": 0, "reworks": 0, "reminders": 0, "duplicates": 0,
        "photos": 0, "doubtful_photos": 0, "listed": False, "pending": None,
        "pending_by": None, "pending_until": None, "appeal": None, "appeal_reviewer": None,
        "merged_into": None, "placed": True, "caller_known": False, "call_back": None,
        "outcome": None, "outcome_at": None, "outcome_text": None, "verifier_id": None,
        "checker_id": None,
    }  # fmt: skip


# -- who may -----------------------------------------------------------------------------------------------


def sees(who: str, case: Case) -> bool:
    person, role, here = PEOPLE[who], role_of(who), covers(who, case.area)
    return (
        (here and role in CENTRE | {"inspector"})
        or (role == "inspector" and case["inspector_name"] == who)
        or (
            here
            and role == "unit_officer"
            and is_one_of((case["lead_unit"], *case["assisting_units"]), person.unit)
        )
        or (here and who == "chief" and case.cell.startswith("W"))
        or case.reporter == who
    )


def roles_for(row: GoldenRow, policy: Policy) -> set[str]:
    named = {"ACCEPT": policy.accept_roles, "FILE": policy.file_roles, "CLOSE": policy.close_roles}
    return {one for role in row.roles for one in named.get(role, (role,))}


def _is_party(row: GoldenRow, who: str, case: Case) -> bool:
    return {
        "anyone": True,
        "lead_unit": is_one_of((case["lead_unit"],), PEOPLE[who].unit),
        "assisting_unit": is_one_of(case["assisting_units"], PEOPLE[who].unit),
        "inspector": case["inspector_name"] == who,
    }[row.party]


def _holds(guard: str, who: str, case: Case, now: datetime) -> bool:
    policy = case.policy
    match guard:
        case "verified_if_needed":
            return bool(case["verified"]) or (
                case["verified"] is None and case.source not in policy.verify_sources
            )
        case "placed" | "caller_known":
            return bool(case[guard])
        case "not_reporter":
            return case.reporter != who
        case "declines_left" | "extensions_left" | "suspensions_left":
            of = guard.split("_")[0]
            return bool(case[of] < getattr(policy, f"max_{of}"))
        case "not_overdue":
            return not any(clock.overdue(now) for clock in case.running("handling"))
        case "nothing_pending":
            return case["pending"] is None
        case "extension_pending" | "suspension_pending" | "voiding_pending":
            return bool(case["pending"] == guard.split("_")[0])
        case "not_requester":
            return bool(case["pending_by"] != who)
        case "check_passed":
            return case["check_passed"] is True
        case "milestone_running":
            return bool(case.running("milestone"))
        case "order_unanswered":
            return bool(case.running("replying"))
        case "appealable":
            in_time = case["ended_at"] is not None and now <= case["ended_at"] + timedelta(policy.appeal_days)
            return case["overdue"] is True and case["appeal"] is None and in_time
        case "appeal_in_first_review" | "appeal_in_second_review":
            return bool(case["appeal"] == guard.removeprefix("appeal_in_"))
        case "not_first_reviewer":
            return bool(case["appeal_reviewer"] != who)
    raise AssertionError(guard)


def permit(action: str, who: str, case: Case, now: datetime) -> None:
    """Errors: `Refused`, in the order in which a caller may learn something."""
    row = ROWS[action]
    if role_of(who) not in roles_for(row, case.policy):
        raise Refused(403)
    if case.stage not in row.sources:
        raise Refused(409)
    if not _is_party(row, who, case):
        raise Refused(403)
    for guard in row.guards:
        if not _holds(guard, who, case, now):
            raise Refused(409, guard)


def may(action: str, who: str, case: Case, now: datetime) -> bool:
    try:
        permit(action, who, case, now)
    except Refused:
        return False
    return True


def available(who: str, case: Case, now: datetime) -> list[str]:
    return [action for action in ROWS if may(action, who, case, now)]
