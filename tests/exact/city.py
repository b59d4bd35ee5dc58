"""The city as it ought to be: its cases, who is on duty, which rules are in force."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime

from tests.cases.golden import ROWS
from tests.exact.books import BOOKS, PATIENT
from tests.exact.doing import DOES, NO_OUTCOME, NO_TASK, NOTHING_ASKED, Body, Doing, only_goes_on, resume
from tests.exact.minutes import CalendarEnded
from tests.exact.model import Case, Refused, covers, first_facts, permit, role_of, roles_for, sees
from tests.world import PEOPLE

_MANHOLE_CELL = "990101001001001"
_CODES = {"refuse": "not_found", "decline": "not_mine", "request_extension": "weather",
          "request_suspension": "engineering", "request_voiding": "filed_in_error"}  # fmt: skip


#: One of the free inspectors; which one is told by the service.
DRAWN = "?"


def _answer(primary: Case) -> str:
    """What was done, or why nothing was."""
    if primary.stage == "closed":
        return "" if primary["handed_back_at"] is None else "已处理"
    return "现场不存在" if primary.stage == "refused" else "误立案"


@dataclass
class City:
    in_force: str = PATIENT
    cases: list[Case] = field(default_factory=list)
    #: Inspectors on duty.
    on_duty: set[str] = field(default_factory=lambda: {name for name, one in PEOPLE.items() if one.beat})

    def named(self, case_id: str) -> Case | None:
        return next((case for case in self.cases if case.id == case_id), None)

    def judge(self, case: Case) -> Case:
        """By the rules in force until it is filed, by those from then on."""
        under_way = case["filed_at"] is None and case["ended_at"] is None
        case.book = self.in_force if under_way else case.kept
        return case

    # -- reporting --

    def may_report(self, who: str, body: Body, area: str) -> Case | None:
        """The case there is of an order sent before, wherever it is said to be now. Errors: `Refused`."""
        if role_of(who) not in roles_for(ROWS[body["action"]], BOOKS[self.in_force].policy):
            raise Refused(403)
        order = body.get("external_number")
        for case in self.cases:
            if order is not None and (case.reporter, case["external_number"]) == (who, order):
                return case
        if not covers(who, area):
            raise Refused(403)
        # A component is named by who has its place.
        if "component_code" in body and not covers(who, _MANHOLE_CELL):
            raise Refused(422)
        return None

    def reported(self, who: str, body: Body, cell: str, now: datetime) -> Case:
        """The case that a report makes, which has no id yet. Errors: `CalendarEnded`."""
        case = Case(
            id="", name=f"案{len(self.cases) + 1}", cell=cell, source=body["source"], reporter=who,
            kept=self.in_force, book=self.in_force, reported=now, stage="", facts=first_facts(),
        )  # fmt: skip
        condition = body.get("condition")
        case.facts |= {
            "condition": condition,
            "category": condition.split("-")[0] if condition else None,
            "component_owner": "water" if "component_code" in body else None,
            "external_number": body.get("external_number"),
            "self_handled": body["action"] == "report_handled",
        }
        case.goes_to("reported" if body["action"] == "report" else "auditing", now)
        return case

    # -- acting --

    def act(self, who: str, case: Case, body: Body, now: datetime) -> None:
        """Does to the case what the action ought to. Errors: `Refused`, `CalendarEnded`; nothing done."""
        action = body["action"]
        permit(action, who, self.judge(case), now)
        if "reason" in body and action in _CODES and body["reason"] != _CODES[action]:
            raise Refused(422)
        after, absorbing = deepcopy(case), None
        above = self.named(case["merged_into"]) if action == "unmerge" else None
        if action == "merge":
            absorbing = self._to_merge_into(who, case, body["into"])
        DOES.get(action, only_goes_on)(Doing(self, after, who, body, now))
        row = ROWS[action]
        if row.target in ("closed", "refused", "voided", "merged"):
            after.facts |= {"ended_at": now, **NOTHING_ASKED, **NO_TASK}
        after.version += 1
        self.cases[self.cases.index(case)] = after
        if absorbing is not None:
            absorbing.facts["duplicates"] += 1
            absorbing.version += 1
        if above is not None:
            above.facts["duplicates"] -= 1
            above.version += 1
            for below in self.merged_into(after):
                if below["outcome"] is not None:
                    below.facts |= NO_OUTCOME
                    below.version += 1

    def _to_merge_into(self, who: str, case: Case, into: str) -> Case:
        other = self.named(into)
        if other is None or other is case or not sees(who, other):
            raise Refused(422)
        if other.ended:
            raise Refused(409)
        return other

    # -- merged cases --

    def merged_into(self, case: Case) -> list[Case]:
        """All that were merged into the case, or into one that was."""
        direct = [other for other in self.cases if other["merged_into"] == case.id]
        return [one for other in direct for one in (other, *self.merged_into(other))]

    def to_be_told(self) -> list[tuple[Case, Case]]:
        """Merged cases that wait for the answer, with the case that has it."""
        return [
            (below, primary) for primary in self.cases if primary.stage in ("closed", "refused", "voided")
            for below in self.merged_into(primary) if below["outcome"] is None
        ]  # fmt: skip

    def tell_outcomes(self) -> None:
        for below, primary in self.to_be_told():
            below.facts |= {
                "outcome": primary.stage, "outcome_at": primary["ended_at"], "outcome_text": _answer(primary),
            }  # fmt: skip
            below.version += 1

    # -- the inspectors --

    def free_inspectors(self, case: Case) -> set[str]:
        """Who might be given the case: on duty for its cell, and not its reporter."""
        here = {
            name for name in self.on_duty if any(case.area.startswith(area) for area in PEOPLE[name].beat)
        }
        return here - {case.reporter}

    def inspector_for(self, case: Case, wanted: str | None) -> str | None:
        """Whoever is drawn, by what the service's seed says, or the one named. Errors: `Refused`."""
        if wanted is not None:
            fit = role_of(wanted) == "inspector" and covers(wanted, case.area) and wanted != case.reporter
            if not fit:
                raise Refused(422)
            return wanted
        return DRAWN if self.free_inspectors(case) else None

    # -- in the background --

    def sweep(self, now: datetime) -> None:
        """Suspensions that are over end when they were to end; each overrun is noted once."""
        for place, case in enumerate(self.cases):
            late = [clock for clock in case.running() if clock.overdue(now) and clock.overran is None]
            after = deepcopy(case)
            if any(clock.kind == "suspension" for clock in late):
                try:
                    resume(after, now)
                except CalendarEnded:
                    continue
            else:
                for clock in after.running():
                    clock.note_overrun(now)
            after.version += bool(late)
            self.cases[place] = after

    def waiting_for_inspector(self) -> list[Case]:
        return [
            case for case in self.cases
            if case.stage in ("verifying", "checking") and case["inspector_name"] is None
            and self.free_inspectors(case)
        ]  # fmt: skip
