"""工单状态: where an order stands and what came of it, as its case tells. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.cases.case import Case
from app.cases.workflow import STAGE_LABELS, Stage
from app.channels.hotline.order import Phase, Result
from app.dispatch.rulebook import CodeSet, Rulebook

_PHASES: dict[Stage, Phase] = {
    Stage.REPORTED: Phase.RECEIVED,
    Stage.VERIFYING: Phase.ACCEPTED,
    Stage.AUDITING: Phase.ACCEPTED,
    Stage.FILING: Phase.ACCEPTED,
    Stage.DISPATCHING: Phase.ACCEPTED,
    Stage.CLOSED: Phase.DONE,
    Stage.VOIDED: Phase.VOIDED,
}


@dataclass(frozen=True, slots=True)
class Kept:
    """An order's row with its own case, the case that goes on for it (并案), and what the journals tell.

    `taken_up` is when the centre took the first step and to which stage; `first_unit` whom the case was first
    dispatched to (首接单位); `handed_back` what the unit said it did; `refusal` the refusing command.
    """

    order: Any
    own: Case
    case: Case
    taken_up: tuple[datetime, Stage] | None
    first_unit: str | None
    handed_back: str
    refusal: dict[str, Any] | None

    @property
    def returned(self) -> bool:
        """退单: refused inside the limit. Later the order is the centre's to answer for."""
        case = self.case
        return (
            case.stage is Stage.REFUSED
            and case.ended_at is not None
            and case.ended_at <= self.order.return_by
        )

    @property
    def phase(self) -> Phase:
        if self.case.stage is Stage.REFUSED:
            return Phase.RETURNED if self.returned else Phase.DECLINED
        return _PHASES.get(self.case.stage, Phase.HANDLING)

    @property
    def result(self) -> Result | None:
        """What the clerk answered, or else what the case's end says; None while it is open."""
        if self.order.result is not None:
            return Result(self.order.result)
        if self.case.stage is Stage.CLOSED:
            return Result.SOLVED
        if self.returned:
            return Result.RETURNED
        return Result.UNSOLVED if self.case.ended_at is not None else None

    @property
    def accepted_at(self) -> datetime | None:
        """签收: when the centre took the order up, for itself to verify or file."""
        if self.taken_up is None or self.taken_up[1] not in (Stage.VERIFYING, Stage.FILING):
            return None
        return self.taken_up[0]

    def return_reason(self, rulebook: Rulebook) -> str:
        """Why it was refused, in words."""
        if self.refusal is None:
            return ""
        code = rulebook.codes_of(CodeSet.REFUSAL).get(self.refusal["reason"])
        return "：".join(filter(None, (code.name if code else "", self.refusal.get("note", ""))))

    def answer(self, rulebook: Rulebook) -> str:
        """答复 to the citizen: the clerk's, or else what the unit did or why it was refused."""
        if self.order.answer:
            return str(self.order.answer)
        if self.case.stage is Stage.CLOSED:
            return self.handed_back
        return self.return_reason(rulebook)

    def told(self, rulebook: Rulebook) -> dict[str, Any]:
        """Everything a reply document may be made of, by the names of `mapping.TOLD`."""
        order, case, back = self.order, self.case, self.own.call_back or {}
        yes_no = {True: "yes", False: "no", None: None}
        return {
            "number": order.number,
            "case_number": case.number,
            "kind": order.kind,
            "phase": self.phase,
            "result": self.result,
            "answer": self.answer(rulebook),
            "progress": STAGE_LABELS[case.stage][0],
            "received_at": order.received_at,
            "accepted_at": self.accepted_at,
            "handled_at": case.handed_back_at,
            "ended_at": case.ended_at,
            "due_at": case.handling_due_at,
            "return_until": order.return_by,
            "returned_at": case.ended_at if self.returned else None,
            "return_reason": self.return_reason(rulebook),
            "first_unit": self.first_unit,
            "first_unit_name": rulebook.unit_name(self.first_unit) or self.first_unit,
            "lead_unit": case.lead_unit,
            "lead_unit_name": rulebook.unit_name(case.lead_unit) or case.lead_unit,
            "reminders": order.reminders,
            "reached": yes_no[back.get("reached")],
            "contacted": yes_no[back.get("contacted")],
            "solved": back.get("solved"),
            "satisfaction": back.get("satisfaction"),
            "called_back_at": datetime.fromisoformat(back["at"]) if back else None,
        }
