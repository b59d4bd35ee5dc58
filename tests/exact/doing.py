"""What each action ought to do to a case."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from tests.cases.golden import ROWS
from tests.exact.books import BOOKS, lead_by_hand
from tests.exact.model import Case, Clock, Refused, covers, photos_of
from tests.world import CELLS, MANHOLE, cell_code, middle

if TYPE_CHECKING:
    from tests.exact.city import City

Body: TypeAlias = dict[str, Any]

_ASKS = {"request_extension": "extension", "request_suspension": "suspension", "request_voiding": "voiding"}
NOTHING_ASKED = {"pending": None, "pending_by": None, "pending_until": None}
NO_OUTCOME = {"outcome": None, "outcome_at": None, "outcome_text": None}
NO_TASK = {"inspector_name": None}


def had_by(case: Case, *, to_verify: bool) -> None:
    """Who has the task is known as the one who had it when it is done."""
    if case["inspector_name"] is not None:
        case.facts["verifier_id" if to_verify else "checker_id"] = case["inspector_name"]


def resume(case: Case, now: datetime) -> None:
    """From the moment the suspension was to end, however late that is noticed."""
    (suspension,) = case.running("suspension")
    assert suspension.until is not None
    case.resume_handling(min(now, suspension.until))
    case.goes_to("handling", now)


@dataclass
class Doing:
    """One action under way."""

    city: City
    case: Case
    who: str
    body: Body
    now: datetime

    def told(self, **facts: Any) -> None:
        self.case.facts |= facts

    def goes_on(self) -> None:
        """To the stage the golden table names."""
        target = ROWS[self.body["action"]].target
        assert target is not None
        self.case.goes_to(target, self.now)

    def gives_task(self) -> None:
        self.told(inspector_name=self.city.inspector_for(self.case, self.body.get("username")))
        had_by(self.case, to_verify=self.case.stage == "verifying" or "verification" in self.body["action"])

    def led_by(self, lead: str, assisting: tuple[str, ...] | list[str]) -> None:
        if not {lead, *assisting} <= {unit.code for unit in BOOKS[self.case.book].units}:
            raise Refused(422)
        others = [unit for unit in dict.fromkeys(assisting) if unit != lead]
        self.told(lead_unit=lead, assisting_units=others, dispatched_at=self.now)

    def takes_back_what_the_unit_asked(self) -> None:
        if self.case["pending"] != "voiding":
            self.told(**NOTHING_ASKED)


def only_goes_on(do: Doing) -> None:
    if ROWS[do.body["action"]].target is not None:
        do.goes_on()


def _request_verification(do: Doing) -> None:
    do.told(verified=None)
    do.gives_task()
    do.goes_on()


def _verify(do: Doing) -> None:
    do.told(verified=do.body["exists"], **NO_TASK)
    do.goes_on()


def _audit_fail(do: Doing) -> None:
    do.told(self_handled=False)
    do.goes_on()


def _merge(do: Doing) -> None:
    do.told(merged_into=do.body["into"])
    do.goes_on()


def _unmerge(do: Doing) -> None:
    do.told(merged_into=None, ended_at=None, **NO_OUTCOME)
    do.goes_on()


def _locate(do: Doing) -> None:
    (cell,) = (name for name in CELLS if middle(name) == do.body["position"])
    if not covers(do.who, cell_code(cell)):
        raise Refused(403)
    do.case.cell = cell


def _call_back(do: Doing) -> None:
    said = {"contacted": None, "solved": None, "satisfaction": None, **do.body}
    del said["action"]
    do.told(call_back={"at": do.now.isoformat(), **said})


def _file(do: Doing) -> None:
    condition = do.body["condition"]
    if condition == "E9999-9":
        raise Refused(422)
    if "component_code" in do.body:
        if do.body["component_code"] != MANHOLE:
            raise Refused(422)
        do.told(component_owner="water")
    do.told(condition=condition, category=condition.split("-")[0], filed_at=do.now)
    do.case.kept = do.case.book
    do.goes_on()


def _dispatch(do: Doing) -> None:
    case = do.case
    lead, assisting = lead_by_hand(case.book, case["condition"], case.area[:9], case["component_owner"])
    wanted = do.body.get("lead", lead)
    if wanted != lead and not do.body.get("reason"):
        raise Refused(422)
    do.led_by(wanted, do.body.get("assisting", assisting))
    do.goes_on()
    case.start_handling(do.now)


def _redispatch(do: Doing) -> None:
    if do.body["lead"] == do.case["lead_unit"]:
        raise Refused(422)
    do.led_by(do.body["lead"], do.body.get("assisting", ()))
    do.told(signed_at=None)
    _rule(do)
    do.case.stop_handling(do.now)
    do.goes_on()
    do.case.start_handling(do.now)


def _return_to_unit(do: Doing) -> None:
    do.told(signed_at=do.case["signed_at"] or do.now)
    _rule(do)
    do.case.resume_handling(do.now)
    do.goes_on()


def _rule(do: Doing) -> None:
    """The ruling on the last decline there may be puts the case on the list."""
    if do.case["declines"] >= do.case.policy.max_declines:
        do.told(listed=True)


def _sign(do: Doing) -> None:
    do.told(signed_at=do.now)
    do.goes_on()


def _decline(do: Doing) -> None:
    if do.body.get("suggested_unit") == "nobody":
        raise Refused(422)
    do.told(declines=do.case["declines"] + 1)
    do.takes_back_what_the_unit_asked()
    do.case.pause_handling(do.now)
    do.goes_on()


def _reach_milestone(do: Doing) -> None:
    reached = [clock for clock in do.case.running("milestone") if clock.name == do.body["milestone"]]
    if not reached:
        raise Refused(422)
    reached[0].stop(do.now)


def _ask(do: Doing) -> None:
    until = None
    if do.body["action"] == "request_suspension":
        until = datetime.fromisoformat(do.body["until"])
        if not do.now < until <= do.now + timedelta(days=do.case.policy.max_suspension_days):
            raise Refused(422)
    do.told(pending=_ASKS[do.body["action"]], pending_by=do.who, pending_until=until)


def _answer(do: Doing) -> None:
    do.told(**NOTHING_ASKED)


def _approve_extension(do: Doing) -> None:
    """One original limit more; that it was late no longer stands."""
    do.told(extensions=do.case["extensions"] + 1, **NOTHING_ASKED)
    for clock in do.case.running("handling"):
        clock.times += 1
        clock.overran = None
        clock.ends()


def _approve_suspension(do: Doing) -> None:
    until = do.case["pending_until"]
    if until <= do.now:
        raise Refused(422)
    do.told(suspensions=do.case["suspensions"] + 1, **NOTHING_ASKED)
    do.case.pause_handling(do.now)
    do.goes_on()
    do.case.start_until("suspension", do.now, until)


def _hand_back(do: Doing) -> None:
    late = any(clock.overdue(do.now) for clock in do.case.running("handling"))
    do.told(handed_back_at=do.now, overdue=bool(do.case["overdue"]) or late, check_passed=None)
    do.takes_back_what_the_unit_asked()
    do.gives_task()
    do.case.stop_handling(do.now)
    do.goes_on()


def _check(do: Doing) -> None:
    do.told(check_passed=do.body["passed"], **NO_TASK)
    do.goes_on()


def _recheck(do: Doing) -> None:
    do.told(check_passed=None)
    do.gives_task()
    do.goes_on()


def _rework(do: Doing) -> None:
    do.told(reworks=do.case["reworks"] + 1, check_passed=None)
    do.goes_on()
    *_, last = (clock for clock in do.case.clocks if clock.kind == "handling")
    if do.case.policy.rework_clock == "anew":
        do.case.start("handling", do.now, (last.amount, last.limit_unit))
        return
    assert last.stopped is not None
    rest = Clock("handling", last.started, last.percent, unit=last.unit, amount=last.amount,
                 limit_unit=last.limit_unit, times=last.times,
                 pauses=[*last.pauses, (last.stopped, do.now)])  # fmt: skip
    rest.ends()
    do.case.clocks.append(rest)


def _remind(do: Doing) -> None:
    do.told(reminders=do.case["reminders"] + 1)


def _supervise(do: Doing) -> None:
    due = datetime.fromisoformat(do.body["reply_due_at"])
    if due <= do.now:
        raise Refused(422)
    do.told(listed=do.case["listed"] or do.body.get("listed", False))
    do.case.start_until("replying", do.now, due)


def _reply_supervision(do: Doing) -> None:
    for clock in do.case.running("replying"):
        if clock.name == do.body["order"]:
            clock.stop(do.now)
            return
    raise Refused(422)


def _attach(do: Doing) -> None:
    """Once, by who uploaded it, so many of a kind. It tells nothing of place and time: it is doubtful."""
    photo, kind = do.body["photo"], do.body["kind"]
    kinds = list(do.case.photos.values())
    most = do.case.policy.photos_per_kind
    if photo not in photos_of(do.who) or photo in do.case.photos or kinds.count(kind) >= most:
        raise Refused(422)
    do.case.photos[photo] = kind
    do.told(photos=len(do.case.photos), doubtful_photos=len(do.case.photos))


def _appeal(do: Doing) -> None:
    do.told(appeal="first_review")
    do.case.start("appealing", do.now)


def _review_appeal(do: Doing) -> None:
    upheld = do.body["upheld"]
    do.told(appeal="second_review" if upheld else "rejected", appeal_reviewer=do.who)
    if not upheld:
        _appeal_is_over(do)


def _decide_appeal(do: Doing) -> None:
    upheld = do.body["upheld"]
    do.told(appeal="granted" if upheld else "rejected", exempt=do.case["exempt"] or upheld)
    _appeal_is_over(do)


def _appeal_is_over(do: Doing) -> None:
    for clock in do.case.running("appealing"):
        clock.stop(do.now)


DOES: dict[str, Callable[[Doing], None]] = {
    "request_verification": _request_verification, "verify": _verify, "audit_fail": _audit_fail,
    "merge": _merge, "unmerge": _unmerge, "locate": _locate, "call_back": _call_back, "file": _file,
    "dispatch": _dispatch, "redispatch": _redispatch,
    "return_to_unit": _return_to_unit, "sign": _sign, "decline": _decline,
    "reach_milestone": _reach_milestone, "request_extension": _ask, "request_suspension": _ask,
    "request_voiding": _ask, "reject_extension": _answer, "reject_suspension": _answer,
    "reject_voiding": _answer, "approve_extension": _approve_extension,
    "approve_suspension": _approve_suspension, "resume": lambda do: resume(do.case, do.now),
    "hand_back": _hand_back, "check": _check, "recheck": _recheck, "rework": _rework,
    "assign_inspector": lambda do: do.gives_task(), "remind": _remind, "supervise": _supervise,
    "attach": _attach,
    "reply_supervision": _reply_supervision, "appeal": _appeal, "review_appeal": _review_appeal,
    "decide_appeal": _decide_appeal,
}  # fmt: skip
