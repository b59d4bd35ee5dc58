"""办理流程: the one transition table every change of a case goes through.

A row tells the action, the stages it starts from, the stage it leads to, who may take it, what must hold,
and which clocks start, stop, pause or resume. Validation, `available_actions`, the API's union of
commands, the answers to refused commands, the diagram in `docs/workflow.md` and the exhaustive tests
are all derived from `TRANSITIONS`. Sources: GB/T 30428.8 (立案、处置和结案), CJJ/T 106.

Pure: no SQL, no clock, no settings.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from app.cases.guards import Guard
from app.dispatch.rulebook import ClockKind, Policy
from app.identity.principal import Role


class Stage(StrEnum):
    """环节: where a case stands."""

    REPORTED = "reported"
    VERIFYING = "verifying"
    AUDITING = "auditing"
    FILING = "filing"
    DISPATCHING = "dispatching"
    SIGNING = "signing"
    HANDLING = "handling"
    RULING = "ruling"
    SUSPENDED = "suspended"
    CHECKING = "checking"
    CLOSING = "closing"
    CLOSED = "closed"
    REFUSED = "refused"
    VOIDED = "voided"
    MERGED = "merged"


STAGE_LABELS: dict[Stage, tuple[str, str]] = {
    Stage.REPORTED: ("待受理", "reported"),
    Stage.VERIFYING: ("待核实", "being verified"),
    Stage.AUDITING: ("自行处置待审核", "own handling, to be audited"),
    Stage.FILING: ("待立案", "to be filed"),
    Stage.DISPATCHING: ("待派遣", "to be dispatched"),
    Stage.SIGNING: ("待签收", "to be signed for"),
    Stage.HANDLING: ("处置中", "being handled"),
    Stage.RULING: ("回退待裁定", "declined, to be ruled on"),
    Stage.SUSPENDED: ("挂账", "suspended"),
    Stage.CHECKING: ("待核查", "to be checked"),
    Stage.CLOSING: ("待结案", "to be closed"),
    Stage.CLOSED: ("已结案", "closed"),
    Stage.REFUSED: ("不予受理/立案", "refused"),
    Stage.VOIDED: ("已作废", "voided"),
    Stage.MERGED: ("已并案", "merged"),
}

ENDS = frozenset({Stage.CLOSED, Stage.REFUSED, Stage.VOIDED, Stage.MERGED})
OPEN = frozenset(Stage) - ENDS
#: The one way back from an end: what was merged by mistake goes on by itself.
WAYS_BACK = {Stage.MERGED: "unmerge"}
#: From dispatch to closing: a unit answers for the case.
WITH_UNIT = frozenset(
    {Stage.SIGNING, Stage.HANDLING, Stage.RULING, Stage.SUSPENDED, Stage.CHECKING, Stage.CLOSING}
)


class Action(StrEnum):
    """操作: what can be done to a case."""

    REPORT = "report"
    REPORT_HANDLED = "report_handled"
    ACCEPT = "accept"
    REQUEST_VERIFICATION = "request_verification"
    VERIFY = "verify"
    AUDIT_PASS = "audit_pass"  # noqa: S105
    AUDIT_FAIL = "audit_fail"
    REFUSE = "refuse"
    MERGE = "merge"
    LOCATE = "locate"
    FILE = "file"
    DISPATCH = "dispatch"
    SIGN = "sign"
    DECLINE = "decline"
    RETURN_TO_UNIT = "return_to_unit"
    REDISPATCH = "redispatch"
    REACH_MILESTONE = "reach_milestone"
    ASSIST = "assist"
    REQUEST_EXTENSION = "request_extension"
    APPROVE_EXTENSION = "approve_extension"
    REJECT_EXTENSION = "reject_extension"
    REQUEST_SUSPENSION = "request_suspension"
    APPROVE_SUSPENSION = "approve_suspension"
    REJECT_SUSPENSION = "reject_suspension"
    RESUME = "resume"
    HAND_BACK = "hand_back"
    CHECK = "check"
    RECHECK = "recheck"
    REWORK = "rework"
    CLOSE = "close"
    REQUEST_VOIDING = "request_voiding"
    APPROVE_VOIDING = "approve_voiding"
    REJECT_VOIDING = "reject_voiding"
    ASSIGN_INSPECTOR = "assign_inspector"
    REMIND = "remind"
    SUPERVISE = "supervise"
    REPLY_SUPERVISION = "reply_supervision"
    NOTE = "note"
    SUPPLEMENT = "supplement"
    CALL_BACK = "call_back"
    REVEAL_CALLER = "reveal_caller"
    ATTACH = "attach"
    APPEAL = "appeal"
    REVIEW_APPEAL = "review_appeal"
    DECIDE_APPEAL = "decide_appeal"
    UNMERGE = "unmerge"
    ABSORB = "absorb"
    RELEASE = "release"
    FOLLOW = "follow"
    RECORD_OVERRUN = "record_overrun"


class Party(StrEnum):
    """当事方: what the caller must be to this very case, besides having the role."""

    ANYONE = "anyone"
    LEAD_UNIT = "lead_unit"  # an officer of the lead unit, or of a unit above it
    ASSISTING_UNIT = "assisting_unit"
    INSPECTOR = "inspector"  # the inspector the task was given to


class PolicyRoles(StrEnum):
    """Roles that the rulebook's policy names, since cities differ in who files and who closes."""

    ACCEPT = "accept"
    FILE = "file"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Transition:
    """One row. `target` None: the stage stays as it is. `stops` names what ends besides the stage's own
    clocks, which always end when the stage is left."""

    action: Action
    label: str
    label_en: str
    sources: frozenset[Stage]
    target: Stage | None
    roles: frozenset[Role | PolicyRoles]
    party: Party = Party.ANYONE
    guards: tuple[Guard, ...] = ()
    starts: tuple[ClockKind, ...] = ()
    stops: tuple[ClockKind, ...] = ()
    pauses: tuple[ClockKind, ...] = ()
    resumes: tuple[ClockKind, ...] = ()

    def allows(self, roles: frozenset[Role], policy: Policy) -> bool:
        """Whether one of the caller's roles may take the action under the city's policy."""
        if not self.roles.isdisjoint(roles):
            return True
        # Most rows leave nothing to the policy.
        return not self.roles.isdisjoint(_POLICY_ROLES) and not roles.isdisjoint(self.allowed_roles(policy))

    def allowed_roles(self, policy: Policy) -> frozenset[Role]:
        """The roles that may take the action under the city's policy."""
        found: set[Role] = set()
        for role in self.roles:
            if isinstance(role, Role):
                found.add(role)
            else:
                found |= set(_POLICY_ROLES[role](policy))
        return frozenset(found)


_POLICY_ROLES = {
    PolicyRoles.ACCEPT: lambda policy: policy.accept_roles,
    PolicyRoles.FILE: lambda policy: policy.file_roles,
    PolicyRoles.CLOSE: lambda policy: policy.close_roles,
}

_CENTRE = (Role.INTAKE_CLERK, Role.SHIFT_LEADER, Role.DISPATCHER)
_HANDLING_CLOCKS = (ClockKind.HANDLING, ClockKind.MILESTONE)


def _row(
    action: Action,
    label: str,
    label_en: str,
    sources: Iterable[Stage],
    target: Stage | None,
    roles: Iterable[Role | PolicyRoles],
    party: Party = Party.ANYONE,
    *,
    guards: tuple[Guard, ...] = (),
    starts: tuple[ClockKind, ...] = (),
    stops: tuple[ClockKind, ...] = (),
    pauses: tuple[ClockKind, ...] = (),
    resumes: tuple[ClockKind, ...] = (),
) -> Transition:
    return Transition(
        action, label, label_en, frozenset(sources), target, frozenset(roles), party, guards, starts, stops,
        pauses, resumes,
    )  # fmt: skip


# fmt: off
TRANSITIONS: tuple[Transition, ...] = (
    # -- collection and filing (监督中心) --
    _row(Action.REPORT, "上报", "report", (), Stage.REPORTED,
         (Role.INSPECTOR, Role.INTAKE_CLERK, Role.SHIFT_LEADER, Role.STREET_CHIEF, Role.INTEGRATION),
         starts=(ClockKind.ACCEPTING,)),
    _row(Action.REPORT_HANDLED, "自行处置上报", "report own handling", (), Stage.AUDITING,
         (Role.INSPECTOR, Role.STREET_CHIEF), starts=(ClockKind.AUDITING,)),
    _row(Action.ACCEPT, "受理", "accept", (Stage.REPORTED,), Stage.FILING,
         (PolicyRoles.ACCEPT,), guards=(Guard.VERIFIED_IF_NEEDED,), starts=(ClockKind.FILING,)),
    _row(Action.REQUEST_VERIFICATION, "派发核实", "ask for verification", (Stage.REPORTED, Stage.FILING),
         Stage.VERIFYING, (PolicyRoles.ACCEPT, PolicyRoles.FILE), guards=(Guard.PLACED,),
         starts=(ClockKind.VERIFYING,)),
    _row(Action.VERIFY, "核实", "verify", (Stage.VERIFYING,), Stage.FILING,
         (Role.INSPECTOR,), Party.INSPECTOR, starts=(ClockKind.FILING,)),
    _row(Action.AUDIT_PASS, "自行处置审核通过", "pass the audit", (Stage.AUDITING,), Stage.CLOSED,
         (PolicyRoles.ACCEPT, PolicyRoles.CLOSE), guards=(Guard.NOT_REPORTER,)),
    _row(Action.AUDIT_FAIL, "自行处置审核不通过", "fail the audit", (Stage.AUDITING,), Stage.FILING,
         (PolicyRoles.ACCEPT, PolicyRoles.CLOSE), guards=(Guard.NOT_REPORTER,), starts=(ClockKind.FILING,)),
    _row(Action.REFUSE, "不予受理/立案", "refuse", (Stage.REPORTED, Stage.FILING), Stage.REFUSED,
         (PolicyRoles.ACCEPT, PolicyRoles.FILE)),
    _row(Action.MERGE, "并案", "merge into another case", (Stage.REPORTED, Stage.FILING), Stage.MERGED,
         (PolicyRoles.ACCEPT, PolicyRoles.FILE)),
    _row(Action.UNMERGE, "撤销并案", "undo the merging", (Stage.MERGED,), Stage.REPORTED,
         (PolicyRoles.ACCEPT, PolicyRoles.FILE), starts=(ClockKind.ACCEPTING,)),
    _row(Action.LOCATE, "定位", "locate", (Stage.REPORTED, Stage.VERIFYING, Stage.FILING), None,
         (PolicyRoles.ACCEPT, PolicyRoles.FILE)),
    _row(Action.FILE, "立案", "file", (Stage.FILING,), Stage.DISPATCHING, (PolicyRoles.FILE,),
         guards=(Guard.PLACED, Guard.VERIFIED_IF_NEEDED), starts=(ClockKind.DISPATCHING,)),
    # -- dispatch (指挥中心) --
    _row(Action.DISPATCH, "派遣", "dispatch", (Stage.DISPATCHING,), Stage.SIGNING, (Role.DISPATCHER,),
         starts=(ClockKind.SIGNING, *_HANDLING_CLOCKS)),
    _row(Action.RETURN_TO_UNIT, "维持原派遣", "return to the unit", (Stage.RULING,), Stage.HANDLING,
         (Role.DISPATCHER,), resumes=_HANDLING_CLOCKS),
    _row(Action.REDISPATCH, "改派", "dispatch to another unit", (Stage.RULING,), Stage.SIGNING,
         (Role.DISPATCHER,), stops=_HANDLING_CLOCKS, starts=(ClockKind.SIGNING, *_HANDLING_CLOCKS)),
    # -- handling (专业部门) --
    _row(Action.SIGN, "签收", "sign for", (Stage.SIGNING,), Stage.HANDLING,
         (Role.UNIT_OFFICER,), Party.LEAD_UNIT),
    _row(Action.DECLINE, "回退", "decline", (Stage.SIGNING, Stage.HANDLING), Stage.RULING,
         (Role.UNIT_OFFICER,), Party.LEAD_UNIT, guards=(Guard.DECLINES_LEFT, Guard.NOT_OVERDUE),
         pauses=_HANDLING_CLOCKS, starts=(ClockKind.RULING,)),
    _row(Action.REACH_MILESTONE, "完成阶段任务", "reach a milestone", (Stage.HANDLING,), None,
         (Role.UNIT_OFFICER,), Party.LEAD_UNIT, guards=(Guard.MILESTONE_RUNNING,)),
    _row(Action.ASSIST, "协办反馈", "report assistance", (Stage.SIGNING, Stage.HANDLING), None,
         (Role.UNIT_OFFICER,), Party.ASSISTING_UNIT),
    _row(Action.REQUEST_EXTENSION, "申请延期", "ask for an extension", (Stage.HANDLING,), None,
         (Role.UNIT_OFFICER,), Party.LEAD_UNIT,
         guards=(Guard.NOTHING_PENDING, Guard.EXTENSIONS_LEFT, Guard.NOT_OVERDUE)),
    _row(Action.APPROVE_EXTENSION, "批准延期", "approve the extension", (Stage.HANDLING,), None,
         (Role.DISPATCHER,), guards=(Guard.EXTENSION_PENDING,)),
    _row(Action.REJECT_EXTENSION, "驳回延期", "reject the extension", (Stage.HANDLING,), None,
         (Role.DISPATCHER,), guards=(Guard.EXTENSION_PENDING,)),
    _row(Action.REQUEST_SUSPENSION, "申请挂账", "ask for a suspension", (Stage.HANDLING,), None,
         (Role.UNIT_OFFICER,), Party.LEAD_UNIT,
         guards=(Guard.NOTHING_PENDING, Guard.SUSPENSIONS_LEFT, Guard.NOT_OVERDUE)),
    _row(Action.APPROVE_SUSPENSION, "批准挂账", "approve the suspension", (Stage.HANDLING,), Stage.SUSPENDED,
         (Role.DISPATCHER,), guards=(Guard.SUSPENSION_PENDING,),
         pauses=_HANDLING_CLOCKS, starts=(ClockKind.SUSPENSION,)),
    _row(Action.REJECT_SUSPENSION, "驳回挂账", "reject the suspension", (Stage.HANDLING,), None,
         (Role.DISPATCHER,), guards=(Guard.SUSPENSION_PENDING,)),
    _row(Action.RESUME, "恢复处置", "resume", (Stage.SUSPENDED,), Stage.HANDLING,
         (Role.DISPATCHER, Role.SYSTEM), resumes=_HANDLING_CLOCKS),
    _row(Action.HAND_BACK, "处置反馈", "hand back", (Stage.HANDLING,), Stage.CHECKING,
         (Role.UNIT_OFFICER,), Party.LEAD_UNIT, stops=_HANDLING_CLOCKS, starts=(ClockKind.CHECKING,)),
    # -- checking and closing (监督中心) --
    _row(Action.CHECK, "核查", "check on the spot", (Stage.CHECKING,), Stage.CLOSING,
         (Role.INSPECTOR,), Party.INSPECTOR, starts=(ClockKind.CLOSING,)),
    _row(Action.RECHECK, "重新核查", "check again", (Stage.CLOSING,), Stage.CHECKING,
         (PolicyRoles.CLOSE,), starts=(ClockKind.CHECKING,)),
    _row(Action.REWORK, "返工", "send back for rework", (Stage.CLOSING,), Stage.HANDLING,
         (PolicyRoles.CLOSE,), starts=(ClockKind.HANDLING,)),
    _row(Action.CLOSE, "结案", "close", (Stage.CLOSING,), Stage.CLOSED,
         (PolicyRoles.CLOSE,), guards=(Guard.CHECK_PASSED,)),
    # -- voiding --
    _row(Action.REQUEST_VOIDING, "申请作废", "ask for voiding", OPEN, None, _CENTRE,
         guards=(Guard.NOTHING_PENDING,)),
    _row(Action.APPROVE_VOIDING, "批准作废", "approve the voiding", OPEN, Stage.VOIDED, (Role.SHIFT_LEADER,),
         guards=(Guard.VOIDING_PENDING, Guard.NOT_REQUESTER)),
    _row(Action.REJECT_VOIDING, "驳回作废", "reject the voiding", OPEN, None, (Role.SHIFT_LEADER,),
         guards=(Guard.VOIDING_PENDING,)),
    # -- beside the stages --
    _row(Action.ASSIGN_INSPECTOR, "指派监督员", "give the task to an inspector",
         (Stage.VERIFYING, Stage.CHECKING), None, (Role.INTAKE_CLERK, Role.SHIFT_LEADER, Role.SYSTEM)),
    _row(Action.REMIND, "催办", "remind", OPEN, None, (*_CENTRE, Role.EVALUATOR, Role.INTEGRATION)),
    _row(Action.SUPERVISE, "督办", "supervise", OPEN, None,
         (Role.SHIFT_LEADER, Role.DISPATCHER, Role.EVALUATOR), starts=(ClockKind.REPLYING,)),
    _row(Action.REPLY_SUPERVISION, "督办回复", "reply to a supervision order", WITH_UNIT, None,
         (Role.UNIT_OFFICER,), Party.LEAD_UNIT, guards=(Guard.ORDER_UNANSWERED,)),
    _row(Action.NOTE, "备注", "add a note", frozenset(Stage), None,
         (*_CENTRE, Role.INSPECTOR, Role.UNIT_OFFICER, Role.STREET_CHIEF, Role.EVALUATOR)),
    # -- the citizen --
    _row(Action.SUPPLEMENT, "补充", "supplement the report", frozenset(Stage), None,
         (Role.INTAKE_CLERK, Role.INTEGRATION)),
    _row(Action.CALL_BACK, "回访", "record a call-back", frozenset(Stage), None,
         (Role.INTAKE_CLERK, Role.SHIFT_LEADER, Role.EVALUATOR, Role.INTEGRATION)),
    _row(Action.REVEAL_CALLER, "查看来电人", "see who called", frozenset(Stage), None,
         (Role.INTAKE_CLERK, Role.SHIFT_LEADER, Role.UNIT_OFFICER), guards=(Guard.CALLER_KNOWN,)),
    _row(Action.ATTACH, "上传照片", "attach a photo", OPEN, None,
         (Role.INSPECTOR, Role.UNIT_OFFICER, Role.STREET_CHIEF, Role.INTAKE_CLERK, Role.SHIFT_LEADER,
          Role.INTEGRATION)),
    # -- after closing --
    _row(Action.APPEAL, "申诉", "appeal against overdue", (Stage.CLOSED,), None,
         (Role.UNIT_OFFICER,), Party.LEAD_UNIT, guards=(Guard.APPEALABLE,), starts=(ClockKind.APPEALING,)),
    _row(Action.REVIEW_APPEAL, "申诉初审", "review the appeal", (Stage.CLOSED,), None,
         (Role.SHIFT_LEADER, Role.EVALUATOR), guards=(Guard.APPEAL_IN_FIRST_REVIEW,)),
    _row(Action.DECIDE_APPEAL, "申诉复审", "decide the appeal", (Stage.CLOSED,), None,
         (Role.EVALUATOR,), guards=(Guard.APPEAL_IN_SECOND_REVIEW, Guard.NOT_FIRST_REVIEWER)),
    # -- the service's own --
    _row(Action.ABSORB, "并入重复上报", "take in a duplicate", OPEN, None, (Role.SYSTEM,)),
    _row(Action.RELEASE, "撤出重复上报", "let go of a duplicate", frozenset(Stage), None, (Role.SYSTEM,)),
    _row(Action.FOLLOW, "告知主案结果", "tell what came of the other case", (Stage.MERGED,), None,
         (Role.SYSTEM,)),
    _row(Action.RECORD_OVERRUN, "记录超时", "record an overrun", frozenset(Stage), None, (Role.SYSTEM,)),
)
# fmt: on

BY_ACTION: dict[Action, Transition] = {row.action: row for row in TRANSITIONS}

#: The clocks a stage itself runs; they end when the stage is left. Handling clocks outlive stages.
STAGE_CLOCKS: dict[Stage, tuple[ClockKind, ...]] = {
    Stage.REPORTED: (ClockKind.ACCEPTING,),
    Stage.VERIFYING: (ClockKind.VERIFYING,),
    Stage.AUDITING: (ClockKind.AUDITING,),
    Stage.FILING: (ClockKind.FILING,),
    Stage.DISPATCHING: (ClockKind.DISPATCHING,),
    Stage.SIGNING: (ClockKind.SIGNING,),
    Stage.HANDLING: (),
    Stage.RULING: (ClockKind.RULING,),
    Stage.SUSPENDED: (ClockKind.SUSPENSION,),
    Stage.CHECKING: (ClockKind.CHECKING,),
    Stage.CLOSING: (ClockKind.CLOSING,),
}


def check_table(rows: tuple[Transition, ...]) -> None:
    """Refuses a table that cannot be right. Errors: ValueError.

    Actions are unique, every stage can be reached, no open stage is a trap, nothing leads out of an end but
    the ways back.
    """
    actions = [row.action for row in rows]
    if len(set(actions)) != len(actions) or set(actions) != set(Action):
        raise ValueError("every action must have exactly one row")
    reached = {row.target for row in rows if row.target is not None}
    if missing := set(Stage) - reached:
        raise ValueError(f"no action leads to {sorted(missing)}")
    for stage in Stage:
        leaving = [row for row in rows if stage in row.sources and row.target not in (None, stage)]
        if stage in ENDS and (out := [row.action for row in leaving if row.action != WAYS_BACK.get(stage)]):
            raise ValueError(f"{out[0]} leads out of the end {stage}")
        if stage not in ENDS and not _reaches_an_end(stage, rows):
            raise ValueError(f"{stage} is a trap")


def _reaches_an_end(stage: Stage, rows: tuple[Transition, ...]) -> bool:
    seen = {stage}
    while True:
        more = {row.target for row in rows if row.target is not None and seen & row.sources} - seen
        if more & ENDS:
            return True
        if not more:
            return False
        seen |= more


check_table(TRANSITIONS)
