"""办理结果: what each action changes of the case besides its stage and clocks. Pure.

`EFFECTS` has one function for each action; each gets the situation and what was found out for it, and
returns the fields that change and the clocks it moves itself.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from app.cases import actions, assignment, citizen, clocks
from app.cases.case import Appeal, ClockState, Pending
from app.cases.command import Command
from app.cases.draw import Task
from app.cases.outcome import NOTHING_PENDING, Effect, Found, Outcome, unless_voiding
from app.cases.permission import Situation
from app.cases.placing import fields_of
from app.cases.workflow import ENDS, Action
from app.dispatch.rulebook import ClockKind
from app.errors import InvalidInput
from app.grid.place import ComponentFact


def _nothing(_command: Command, _s: Situation, _found: Found) -> Outcome:
    return Outcome()


_NO_TASK: dict[str, Any] = {"inspector_id": None, "inspector_name": None}
_WHO_HAD = {Task.VERIFY: "verifier_id", Task.CHECK: "checker_id"}


def _task(found: Found) -> dict[str, Any]:
    given = found.draw
    if given is None or given.chosen is None:
        return _NO_TASK
    return {
        "inspector_id": given.chosen, "inspector_name": given.chosen_name, _WHO_HAD[given.task]: given.chosen,
    }  # fmt: skip


def _verification_asked(_command: Command, _s: Situation, found: Found) -> Outcome:
    return Outcome({"verified": None, **_task(found)})


def _verified(command: actions.Verify, _s: Situation, _found: Found) -> Outcome:
    return Outcome({"verified": command.exists, **_NO_TASK})


def _audit_failed(_command: Command, _s: Situation, _found: Found) -> Outcome:
    return Outcome({"self_handled": False})


def _ended(_command: Command, s: Situation, _found: Found) -> Outcome:
    return Outcome({"ended_at": s.now, **NOTHING_PENDING, **_NO_TASK})


def _merged(command: actions.Merge, s: Situation, found: Found) -> Outcome:
    if command.into == s.folded.case.id:
        raise InvalidInput(
            "案卷不能并入自身 / a case cannot be merged into itself", fields={"into": "same case"}
        )
    return Outcome({**_ended(command, s, found).fields, "merged_into": command.into})


_NO_OUTCOME: dict[str, Any] = {"outcome": None, "outcome_at": None, "outcome_text": None}


def _unmerged(_command: Command, _s: Situation, _found: Found) -> Outcome:
    return Outcome({"merged_into": None, "ended_at": None, **_NO_OUTCOME})


def _located(_command: Command, _s: Situation, found: Found) -> Outcome:
    assert found.placed is not None
    return Outcome(fields_of(found.placed))


def _filed(command: actions.FileCase, s: Situation, found: Found) -> Outcome:
    condition = s.rulebook.condition_by_code.get(command.condition)
    if condition is None:
        raise InvalidInput(
            f"规则库中没有立案条件 {command.condition} / no such filing condition in the rulebook in force",
            fields={"condition": "unknown code"},
        )
    fields: dict[str, Any] = {
        "condition": condition.code,
        "category": condition.category,
        "filed_at": s.now,
        "rulebook_id": s.rulebook_id,
    }
    if found.component is not None:
        fields |= component_fields(found.component)
    return Outcome(fields)


def component_fields(component: ComponentFact) -> dict[str, Any]:
    """The fields a case keeps of its component (部件)."""
    return {
        "component_code": component.code,
        "component_owner": component.owner_unit,
        "component_maintainer": component.maintainer_unit,
    }


def _signed(_command: Command, s: Situation, _found: Found) -> Outcome:
    return Outcome({"signed_at": s.now})


def _milestone_reached(command: actions.ReachMilestone, s: Situation, _found: Found) -> Outcome:
    running = {clock.name: clock for clock in s.folded.open_clocks(ClockKind.MILESTONE)}
    if command.milestone not in running:
        raise InvalidInput(
            f"没有进行中的阶段“{command.milestone}”（{'、'.join(running)}） / no such milestone runs",
            fields={"milestone": "not running"},
        )
    return Outcome(clocks=(clocks.stop(running[command.milestone], s.now),))


def _asked(pending: Pending) -> Effect:
    def effect(_command: Command, s: Situation, _found: Found) -> Outcome:
        return Outcome({"pending": pending, "pending_by": s.actor.id, "pending_until": None})

    return effect


def _answered(_command: Command, _s: Situation, _found: Found) -> Outcome:
    return Outcome(NOTHING_PENDING)


def _extended(_command: Command, s: Situation, _found: Found) -> Outcome:
    longer = tuple(clocks.extend(clock, s.rulebook) for clock in s.folded.open_clocks(ClockKind.HANDLING))
    return Outcome({"extensions": s.folded.case.extensions + 1, **NOTHING_PENDING}, longer)


def _suspension_asked(command: actions.RequestSuspension, s: Situation, found: Found) -> Outcome:
    longest = s.now + timedelta(days=s.rulebook.policy.max_suspension_days)
    if not s.now < command.until <= longest:
        days = s.rulebook.policy.max_suspension_days
        raise InvalidInput(
            f"挂账截止须在今后 {days} 天之内 / `until` must lie within the next {days} days",
            fields={"until": "out of range"},
        )
    asked = _asked(Pending.SUSPENSION)(command, s, found)
    return Outcome({**asked.fields, "pending_until": command.until})


def _suspended(_command: Command, s: Situation, _found: Found) -> Outcome:
    case = s.folded.case
    until = case.pending_until
    if until is None or until <= s.now:
        raise InvalidInput(
            "申请的挂账截止时间已过，请驳回后重新申请 / the suspension asked for is already over"
        )
    clock = clocks.start_until(
        ClockKind.SUSPENSION, until, s.now, s.rulebook, because="挂账至批准的截止时间", unit=case.lead_unit
    )
    return Outcome({"suspensions": case.suspensions + 1, **NOTHING_PENDING}, (clock,))


def _handed_back(_command: Command, s: Situation, found: Found) -> Outcome:
    """Overdue is judged here, by the handling clock; once late stays late through rework."""
    case = s.folded.case
    late = any(clock.overdue(s.now) for clock in s.folded.open_clocks(ClockKind.HANDLING))
    return Outcome(
        {
            "handed_back_at": s.now,
            "overdue": bool(case.overdue) or late,
            "check_passed": None,
            **unless_voiding(s),
            **_task(found),
        }
    )


def _checked(command: actions.Check, _s: Situation, _found: Found) -> Outcome:
    return Outcome({"check_passed": command.passed, **_NO_TASK})


def _to_be_rechecked(_command: Command, _s: Situation, found: Found) -> Outcome:
    return Outcome({"check_passed": None, **_task(found)})


def _reworked(_command: Command, s: Situation, _found: Found) -> Outcome:
    return Outcome({"reworks": s.folded.case.reworks + 1, "check_passed": None})


def _assigned(_command: Command, _s: Situation, found: Found) -> Outcome:
    return Outcome(_task(found))


def _reminded(_command: Command, s: Situation, _found: Found) -> Outcome:
    return Outcome({"reminders": s.folded.case.reminders + 1})


def _supervised(command: actions.Supervise, s: Situation, _found: Found) -> Outcome:
    if command.reply_due_at <= s.now:
        raise InvalidInput(
            "回复期限须在将来 / the reply must be due in the future",
            fields={"reply_due_at": "not in the future"},
        )
    clock = clocks.start_until(
        ClockKind.REPLYING,
        command.reply_due_at,
        s.now,
        s.rulebook,
        because="督办单要求的回复期限",
        unit=s.folded.case.lead_unit,
    )
    return Outcome({"listed": True} if command.listed else {}, (clock,))


def _replied(command: actions.ReplySupervision, s: Situation, _found: Found) -> Outcome:
    for clock in s.folded.open_clocks(ClockKind.REPLYING):
        if clock.id == command.order:
            return Outcome(clocks=(clocks.stop(clock, s.now),))
    raise InvalidInput(
        "没有这份待回复的督办单 / no such order waits for a reply", fields={"order": "unknown"}
    )


def _supplemented(command: citizen.Supplement, _s: Situation, _found: Found) -> Outcome:
    """A caller who was not named at first may be named later."""
    named = any(change.field == citizen.CALLER for change in command.changes)
    return Outcome({"caller_known": True} if named else {})


def _called_back(command: citizen.CallBack, s: Situation, _found: Found) -> Outcome:
    said = command.model_dump(mode="json", exclude={"action", "note"})
    return Outcome({"call_back": {"at": s.now.isoformat(), **said}})


def _attached(_command: actions.Attach, s: Situation, found: Found) -> Outcome:
    assert found.photo is not None
    case = s.folded.case
    doubtful = case.doubtful_photos + bool(found.photo.doubts)
    return Outcome({"photos": case.photos + 1, "doubtful_photos": doubtful})


def _appealed(_command: Command, _s: Situation, _found: Found) -> Outcome:
    return Outcome({"appeal": Appeal.FIRST_REVIEW})


def _appeal_reviewed(command: actions.ReviewAppeal, s: Situation, _found: Found) -> Outcome:
    if command.upheld:
        return Outcome({"appeal": Appeal.SECOND_REVIEW, "appeal_reviewer": s.actor.id})
    return Outcome({"appeal": Appeal.REJECTED, "appeal_reviewer": s.actor.id}, _appeal_clock_stopped(s))


def _appeal_decided(command: actions.DecideAppeal, s: Situation, _found: Found) -> Outcome:
    """Success exempts the case from the statistics; that it was late stays on record."""
    fields: dict[str, Any] = {"appeal": Appeal.GRANTED if command.upheld else Appeal.REJECTED}
    if command.upheld:
        fields["exempt"] = True
    return Outcome(fields, _appeal_clock_stopped(s))


def _appeal_clock_stopped(s: Situation) -> tuple[ClockState, ...]:
    return tuple(clocks.stop(clock, s.now) for clock in s.folded.open_clocks(ClockKind.APPEALING))


def _absorbed(_command: Command, s: Situation, _found: Found) -> Outcome:
    return Outcome({"duplicates": s.folded.case.duplicates + 1})


def _released(_command: Command, s: Situation, _found: Found) -> Outcome:
    return Outcome({"duplicates": s.folded.case.duplicates - 1})


def _followed(command: actions.Follow, _s: Situation, _found: Found) -> Outcome:
    """An end is an answer; a case that goes on again is none yet."""
    if command.stage not in ENDS:
        return Outcome(_NO_OUTCOME)
    return Outcome({"outcome": command.stage, "outcome_at": command.ended_at, "outcome_text": command.text})


def _overran(command: actions.RecordOverrun, s: Situation, _found: Found) -> Outcome:
    late = (clocks.record_overrun(c, command.found_at) for c in s.folded.open_clocks() if not c.overran_at)
    return Outcome(clocks=tuple(clock for clock in late if clock.overran_at))


EFFECTS: dict[Action, Effect] = {
    Action.ACCEPT: _nothing,
    Action.REQUEST_VERIFICATION: _verification_asked,
    Action.VERIFY: _verified,
    Action.AUDIT_PASS: _ended,
    Action.AUDIT_FAIL: _audit_failed,
    Action.REFUSE: _ended,
    Action.MERGE: _merged,
    Action.UNMERGE: _unmerged,
    Action.LOCATE: _located,
    Action.FILE: _filed,
    Action.DISPATCH: assignment.dispatched,
    Action.SIGN: _signed,
    Action.DECLINE: assignment.declined,
    Action.RETURN_TO_UNIT: assignment.returned,
    Action.REDISPATCH: assignment.redispatched,
    Action.REACH_MILESTONE: _milestone_reached,
    Action.ASSIST: _nothing,
    Action.REQUEST_EXTENSION: _asked(Pending.EXTENSION),
    Action.APPROVE_EXTENSION: _extended,
    Action.REJECT_EXTENSION: _answered,
    Action.REQUEST_SUSPENSION: _suspension_asked,
    Action.APPROVE_SUSPENSION: _suspended,
    Action.REJECT_SUSPENSION: _answered,
    Action.RESUME: _nothing,
    Action.HAND_BACK: _handed_back,
    Action.CHECK: _checked,
    Action.RECHECK: _to_be_rechecked,
    Action.REWORK: _reworked,
    Action.CLOSE: _ended,
    Action.REQUEST_VOIDING: _asked(Pending.VOIDING),
    Action.APPROVE_VOIDING: _ended,
    Action.REJECT_VOIDING: _answered,
    Action.ASSIGN_INSPECTOR: _assigned,
    Action.REMIND: _reminded,
    Action.SUPERVISE: _supervised,
    Action.REPLY_SUPERVISION: _replied,
    Action.NOTE: _nothing,
    Action.SUPPLEMENT: _supplemented,
    Action.CALL_BACK: _called_back,
    Action.REVEAL_CALLER: _nothing,
    Action.ATTACH: _attached,
    Action.APPEAL: _appealed,
    Action.REVIEW_APPEAL: _appeal_reviewed,
    Action.DECIDE_APPEAL: _appeal_decided,
    Action.ABSORB: _absorbed,
    Action.RELEASE: _released,
    Action.FOLLOW: _followed,
    Action.RECORD_OVERRUN: _overran,
}

#: Actions that need a task given to an inspector as they are carried out.
GIVES_TASK = frozenset(
    {Action.REQUEST_VERIFICATION, Action.HAND_BACK, Action.RECHECK, Action.ASSIGN_INSPECTOR}
)

assert set(EFFECTS) == set(Action) - {Action.REPORT, Action.REPORT_HANDLED}
