"""操作内容: what each action must be told. One model an action, a union by the field `action`.

The union is what `POST /cases/{case}/actions` takes; `COMMANDS` has one model for each action the API
offers, and a test holds it against the transition table.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator

from app.cases.citizen import CallBack, RevealCaller, Supplement
from app.cases.command import CodeText, Command, Line, OptionalWords, Position, Words
from app.cases.photo import PhotoKind
from app.cases.workflow import Action, Stage
from app.dispatch.rulebook import CodeSet
from app.moment import Moment


class ReportedPhoto(BaseModel):
    """照片 that comes with a report."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    photo: UUID
    kind: PhotoKind


class Report(Command):
    """上报: a problem somebody saw. `category` is the minor, `condition` the filing condition if known."""

    action: Literal[Action.REPORT, Action.REPORT_HANDLED] = Action.REPORT
    source: CodeText = Field("inspector", description="问题来源, a code of the set `source`.")
    position: Position
    address: Line = ""
    description: Words
    category: CodeText | None = None
    condition: CodeText | None = None
    component_code: CodeText | None = None
    external_number: CodeText | None = Field(
        None, description="The sender's own order number; a repeat returns the first case."
    )
    result: OptionalWords = Field("", description="自行处置的结果; only with `report_handled`.")
    photos: tuple[ReportedPhoto, ...] = Field(
        (), max_length=12, description="照片 uploaded before, attached to the new case at once."
    )

    def coded(self) -> dict[str, CodeSet]:
        return {"source": CodeSet.SOURCE}


class Accept(Command):
    action: Literal[Action.ACCEPT]
    note: OptionalWords = ""


class RequestVerification(Command):
    action: Literal[Action.REQUEST_VERIFICATION]
    note: OptionalWords = ""


class Verify(Command):
    """核实: whether the reported problem exists, seen on the spot, before filing."""

    action: Literal[Action.VERIFY]
    exists: StrictBool
    note: OptionalWords = ""


class AuditPass(Command):
    action: Literal[Action.AUDIT_PASS]
    note: OptionalWords = ""


class AuditFail(Command):
    action: Literal[Action.AUDIT_FAIL]
    note: Words


class Refuse(Command):
    action: Literal[Action.REFUSE]
    reason: CodeText
    note: OptionalWords = ""

    def coded(self) -> dict[str, CodeSet]:
        return {"reason": CodeSet.REFUSAL}


class Merge(Command):
    """并案: this report is the same problem as the case `into`, which goes on for both."""

    action: Literal[Action.MERGE]
    into: UUID
    note: OptionalWords = ""


class Unmerge(Command):
    """撤销并案: it is another problem after all; the case is to be accepted anew."""

    action: Literal[Action.UNMERGE]
    note: Words


class Locate(Command):
    """定位: where the problem is, as a `position` or one of the case's place `candidate`s by its number."""

    action: Literal[Action.LOCATE]
    position: Position | None = None
    candidate: int | None = Field(None, ge=1, le=100)
    note: OptionalWords = ""

    @model_validator(mode="after")
    def _either(self) -> Locate:
        if (self.position is None) == (self.candidate is None):
            raise ValueError("请给出 position 或 candidate 其一 / give a position or a candidate")
        return self


class FileCase(Command):
    """立案 by a filing condition; the handling limit and the responsibility hang on it."""

    action: Literal[Action.FILE]
    condition: CodeText
    component_code: CodeText | None = None
    note: OptionalWords = ""


class Dispatch(Command):
    """派遣: by the matrix, or to a `lead` told with a `reason` (人工派遣)."""

    action: Literal[Action.DISPATCH]
    lead: CodeText | None = None
    assisting: tuple[CodeText, ...] | None = Field(None, max_length=20)
    reason: OptionalWords = ""


class Sign(Command):
    action: Literal[Action.SIGN]


class Decline(Command):
    """回退: "not mine", with the reason; only for a wrong dispatch."""

    action: Literal[Action.DECLINE]
    reason: CodeText
    note: Words
    suggested_unit: CodeText | None = None

    def coded(self) -> dict[str, CodeSet]:
        return {"reason": CodeSet.DECLINE}


class ReturnToUnit(Command):
    action: Literal[Action.RETURN_TO_UNIT]
    note: Words


class Redispatch(Command):
    action: Literal[Action.REDISPATCH]
    lead: CodeText
    assisting: tuple[CodeText, ...] = Field((), max_length=20)
    note: Words


class ReachMilestone(Command):
    """完成阶段任务: a step on the way (停工, 处罚, 拆除) is done."""

    action: Literal[Action.REACH_MILESTONE]
    milestone: CodeText
    note: OptionalWords = ""


class Assist(Command):
    action: Literal[Action.ASSIST]
    note: Words


class RequestExtension(Command):
    action: Literal[Action.REQUEST_EXTENSION]
    reason: CodeText
    note: OptionalWords = ""

    def coded(self) -> dict[str, CodeSet]:
        return {"reason": CodeSet.EXTENSION}


class ApproveExtension(Command):
    action: Literal[Action.APPROVE_EXTENSION]
    note: OptionalWords = ""


class RejectExtension(Command):
    action: Literal[Action.REJECT_EXTENSION]
    note: Words


class RequestSuspension(Command):
    """申请挂账 until a moment, for engineering or season."""

    action: Literal[Action.REQUEST_SUSPENSION]
    reason: CodeText
    until: Moment
    note: OptionalWords = ""

    def coded(self) -> dict[str, CodeSet]:
        return {"reason": CodeSet.SUSPENSION}


class ApproveSuspension(Command):
    action: Literal[Action.APPROVE_SUSPENSION]
    note: OptionalWords = ""


class RejectSuspension(Command):
    action: Literal[Action.REJECT_SUSPENSION]
    note: Words


class Resume(Command):
    action: Literal[Action.RESUME]
    note: OptionalWords = ""


class HandBack(Command):
    """处置反馈: what was done. Whether the unit was late is judged now."""

    action: Literal[Action.HAND_BACK]
    result: Words


class Check(Command):
    """核查: whether the problem is gone, seen on the spot, after handling."""

    action: Literal[Action.CHECK]
    passed: StrictBool
    note: OptionalWords = ""


class Recheck(Command):
    action: Literal[Action.RECHECK]
    note: Words


class Rework(Command):
    action: Literal[Action.REWORK]
    note: Words


class Close(Command):
    action: Literal[Action.CLOSE]
    note: OptionalWords = ""


class RequestVoiding(Command):
    action: Literal[Action.REQUEST_VOIDING]
    reason: CodeText
    note: OptionalWords = ""

    def coded(self) -> dict[str, CodeSet]:
        return {"reason": CodeSet.VOIDING}


class ApproveVoiding(Command):
    action: Literal[Action.APPROVE_VOIDING]
    note: OptionalWords = ""


class RejectVoiding(Command):
    action: Literal[Action.REJECT_VOIDING]
    note: Words


class AssignInspector(Command):
    """指派监督员. Without a name, drawn by lot among those on duty for the cell."""

    action: Literal[Action.ASSIGN_INSPECTOR]
    username: CodeText | None = None


class Remind(Command):
    action: Literal[Action.REMIND]
    note: Words


class Supervise(Command):
    """督办: an order with a level and a time to reply by; `listed` puts the case on the list (挂牌督办)."""

    action: Literal[Action.SUPERVISE]
    level: CodeText
    text: Words
    reply_due_at: Moment
    listed: StrictBool = False

    def coded(self) -> dict[str, CodeSet]:
        return {"level": CodeSet.SUPERVISION}


class ReplySupervision(Command):
    action: Literal[Action.REPLY_SUPERVISION]
    order: UUID
    text: Words


class Note(Command):
    action: Literal[Action.NOTE]
    text: Words


class Attach(Command):
    """上传照片: a photo the caller has uploaded becomes evidence of the case."""

    action: Literal[Action.ATTACH]
    photo: UUID
    kind: PhotoKind


class FileAppeal(Command):
    action: Literal[Action.APPEAL]
    text: Words


class ReviewAppeal(Command):
    action: Literal[Action.REVIEW_APPEAL]
    upheld: StrictBool
    note: Words


class DecideAppeal(Command):
    action: Literal[Action.DECIDE_APPEAL]
    upheld: StrictBool
    note: Words


class Absorb(Command):
    """并入: a duplicate was merged into this case. The service's own."""

    action: Literal[Action.ABSORB] = Action.ABSORB
    duplicate: UUID
    number: str


class Release(Command):
    """撤出: a duplicate goes on by itself again. The service's own."""

    action: Literal[Action.RELEASE] = Action.RELEASE
    duplicate: UUID
    number: str


class Follow(Command):
    """告知: where the case stands that this one was merged into, and at its end what came of it (`text`). The
    service's own."""

    action: Literal[Action.FOLLOW] = Action.FOLLOW
    primary: UUID
    number: str
    stage: Stage
    ended_at: datetime | None = None
    text: str = ""


class RecordOverrun(Command):
    """记录超时: clocks ran out. The service's own."""

    action: Literal[Action.RECORD_OVERRUN] = Action.RECORD_OVERRUN
    found_at: datetime


CaseCommand = Annotated[
    Accept | RequestVerification | Verify | AuditPass | AuditFail | Refuse | Merge | Unmerge | Locate
    | FileCase
    | Dispatch | Sign | Decline | ReturnToUnit | Redispatch | ReachMilestone | Assist
    | RequestExtension | ApproveExtension | RejectExtension
    | RequestSuspension | ApproveSuspension | RejectSuspension | Resume | HandBack
    | Check | Recheck | Rework | Close
    | RequestVoiding | ApproveVoiding | RejectVoiding
    | AssignInspector | Remind | Supervise | ReplySupervision | Note
    | Supplement | CallBack | RevealCaller | Attach
    | FileAppeal | ReviewAppeal | DecideAppeal,
    Field(discriminator="action"),
]  # fmt: skip
