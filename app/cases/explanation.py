"""说明: why this unit, why until then and why this inspector, in words a person can read."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from app.cases.assignment import decision_document
from app.cases.case import ClockState
from app.cases.draw import DrawTold
from app.cases.permission import Situation
from app.cases.service import proposed
from app.cases.workflow import Stage
from app.dispatch.labels import WORDS
from app.dispatch.rulebook import ClockKind


class DeadlineExplained(BaseModel):
    """One clock: what it runs for, until when, why, and how it stands."""

    clock: ClockKind
    label: str
    name: str = ""
    unit: str | None
    started_at: datetime
    due_at: datetime | None
    stopped_at: datetime | None
    overran_at: datetime | None
    because: str


class DecisionExplained(BaseModel):
    """Who leads and assists, by which row, in sentences, and which rows lost."""

    row: str
    lead: str
    lead_name: str
    assisting: list[str]
    fallback: bool
    manual: bool
    proposed: bool = Field(description="True while the case is not dispatched: what the matrix would decide.")
    why: list[str]
    losers: list[dict[str, str]]


class Explanation(BaseModel):
    """说明 of a case, by the rulebook version it is judged by."""

    rulebook: str
    rulebook_id: str
    condition: str | None
    condition_text: str | None
    closing_condition: str | None
    decision: DecisionExplained | None
    deadlines: list[DeadlineExplained]
    draws: list[list[str]] = Field(description="抽取: how each verification and check found its inspector.")


def explain(situation: Situation, draws: list[DrawTold]) -> Explanation:
    """Tells why, from what the case keeps; a filed case not yet dispatched gets what the matrix would say."""
    case, rulebook = situation.folded.case, situation.rulebook
    condition = rulebook.condition_by_code.get(case.condition or "")
    return Explanation(
        rulebook=rulebook.name,
        rulebook_id=str(situation.rulebook_id),
        condition=case.condition,
        condition_text=condition.text if condition else None,
        closing_condition=condition.closing if condition else None,
        decision=_decision(situation),
        deadlines=[_deadline(clock) for clock in situation.folded.clocks],
        draws=[draw.words for draw in draws],
    )


def _decision(situation: Situation) -> DecisionExplained | None:
    case, rulebook = situation.folded.case, situation.rulebook
    if case.decision is not None:
        told: dict[str, Any] = {**case.decision, "proposed": False}
    elif case.stage is Stage.DISPATCHING:
        told = {**decision_document(proposed(case, rulebook)), "proposed": True}
    else:
        return None
    lead = told["lead"]
    return DecisionExplained(**told, lead_name=rulebook.unit_name(lead) or lead)


def _deadline(clock: ClockState) -> DeadlineExplained:
    return DeadlineExplained(
        clock=clock.kind,
        label=WORDS[ClockKind][clock.kind],
        name=clock.name if clock.kind is ClockKind.MILESTONE else "",
        unit=clock.unit,
        started_at=clock.started_at,
        due_at=clock.due_at,
        stopped_at=clock.stopped_at,
        overran_at=clock.overran_at,
        because=clock.because,
    )
