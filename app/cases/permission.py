"""权限与条件: may this caller take this action on this case now? Pure; tells why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.cases.case import Appeal, Folded, Pending
from app.cases.guards import GUARD_WORDS, Guard
from app.cases.offline import Offline
from app.cases.workflow import (
    BY_ACTION,
    STAGE_LABELS,
    TRANSITIONS,
    Action,
    Party,
    Stage,
    Transition,
)
from app.dispatch.rulebook import ClockKind, Rulebook
from app.errors import ActionNotAllowed, Forbidden
from app.identity.principal import ROLE_LABELS, Principal, Role


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything a permission hangs on."""

    folded: Folded
    actor: Principal
    now: datetime
    rulebook: Rulebook
    rulebook_id: UUID
    #: What the phone says of it, when it was done without a connection. No permission hangs on it.
    offline: Offline | None = None


def permit(action: Action, situation: Situation) -> Transition:
    """The table's row for the action, if the caller may take it now.

    Errors: `Forbidden` (role, party), `ActionNotAllowed` (stage, guards) with the actions allowed.
    """
    row = BY_ACTION[action]
    policy = situation.rulebook.policy
    case = situation.folded.case
    if not row.allows(situation.actor.roles, policy):
        may = "、".join(
            sorted(ROLE_LABELS[role] for role in row.allowed_roles(policy) if role is not Role.SYSTEM)
        )
        raise Forbidden(f"“{row.label}”须由{may or '系统'}办理 / your roles may not {row.label_en}")
    if case.stage not in row.sources:
        zh, en = STAGE_LABELS[case.stage]
        raise refused(
            f"案卷处于“{zh}”环节，不能{row.label} / a case that is {en} cannot take {action}", situation
        )
    if not _is_party(row.party, situation):
        raise Forbidden(
            f"“{row.label}”须由{_PARTY_WORDS[row.party]}办理 / you are not the one to {row.label_en}"
        )
    for guard in row.guards:
        if not GUARDS[guard](situation):
            zh, en = GUARD_WORDS[guard]
            raise refused(f"{zh} / {en}", situation, guard)
    return row


def available(situation: Situation) -> list[Transition]:
    """The rows of the table that the caller may take now, in the table's order."""
    return [row for row in _FROM[situation.folded.case.stage] if _may(row, situation)]


_FROM = {stage: tuple(row for row in TRANSITIONS if stage in row.sources) for stage in Stage}


def _may(row: Transition, situation: Situation) -> bool:
    return (
        row.allows(situation.actor.roles, situation.rulebook.policy)
        and _is_party(row.party, situation)
        and all(GUARDS[guard](situation) for guard in row.guards)
    )


def refused(detail: str, situation: Situation, guard: Guard | None = None) -> ActionNotAllowed:
    """The refusal of an action, with the actions that the caller may take instead."""
    extra = {"guard": guard.value} if guard else {}
    return ActionNotAllowed(
        detail,
        allowed=[row.action.value for row in available(situation)],
        stage=situation.folded.case.stage.value,
        **extra,
    )


_PARTY_WORDS: dict[Party, str] = {
    Party.ANYONE: "",
    Party.LEAD_UNIT: "主办单位",
    Party.ASSISTING_UNIT: "协办单位",
    Party.INSPECTOR: "受指派的监督员",
}


def _is_party(party: Party, situation: Situation) -> bool:
    case, actor = situation.folded.case, situation.actor
    if party is Party.ANYONE or actor.has(Role.SYSTEM):
        return True
    if party is Party.INSPECTOR:
        return case.inspector_id == actor.id
    if actor.unit is None:
        return False
    own = situation.rulebook.unit_and_below(actor.unit)
    if party is Party.LEAD_UNIT:
        return case.lead_unit in own
    return not own.isdisjoint(case.assisting_units)


def _verified_if_needed(s: Situation) -> bool:
    case = s.folded.case
    if case.verified is not None:
        return case.verified
    return case.source not in s.rulebook.policy.verify_sources


def _not_overdue(s: Situation) -> bool:
    return not any(clock.overdue(s.now) for clock in s.folded.open_clocks(ClockKind.HANDLING))


def _appealable(s: Situation) -> bool:
    case = s.folded.case
    if case.overdue is not True or case.appeal is not None or case.ended_at is None:
        return False
    return s.now <= case.ended_at + timedelta(days=s.rulebook.policy.appeal_days)


GUARDS: dict[Guard, Callable[[Situation], bool]] = {
    Guard.PLACED: lambda s: s.folded.case.placed,
    Guard.VERIFIED_IF_NEEDED: _verified_if_needed,
    Guard.NOT_REPORTER: lambda s: s.folded.case.reporter_id != s.actor.id,
    Guard.DECLINES_LEFT: lambda s: s.folded.case.declines < s.rulebook.policy.max_declines,
    Guard.NOT_OVERDUE: _not_overdue,
    Guard.NOTHING_PENDING: lambda s: s.folded.case.pending is None,
    Guard.EXTENSIONS_LEFT: lambda s: s.folded.case.extensions < s.rulebook.policy.max_extensions,
    Guard.SUSPENSIONS_LEFT: lambda s: s.folded.case.suspensions < s.rulebook.policy.max_suspensions,
    Guard.EXTENSION_PENDING: lambda s: s.folded.case.pending is Pending.EXTENSION,
    Guard.SUSPENSION_PENDING: lambda s: s.folded.case.pending is Pending.SUSPENSION,
    Guard.VOIDING_PENDING: lambda s: s.folded.case.pending is Pending.VOIDING,
    Guard.NOT_REQUESTER: lambda s: s.folded.case.pending_by != s.actor.id,
    Guard.CHECK_PASSED: lambda s: s.folded.case.check_passed is True,
    Guard.MILESTONE_RUNNING: lambda s: bool(s.folded.open_clocks(ClockKind.MILESTONE)),
    Guard.ORDER_UNANSWERED: lambda s: bool(s.folded.open_clocks(ClockKind.REPLYING)),
    Guard.APPEALABLE: _appealable,
    Guard.APPEAL_IN_FIRST_REVIEW: lambda s: s.folded.case.appeal is Appeal.FIRST_REVIEW,
    Guard.APPEAL_IN_SECOND_REVIEW: lambda s: s.folded.case.appeal is Appeal.SECOND_REVIEW,
    Guard.NOT_FIRST_REVIEWER: lambda s: s.folded.case.appeal_reviewer != s.actor.id,
    Guard.CALLER_KNOWN: lambda s: s.folded.case.caller_known,
}
