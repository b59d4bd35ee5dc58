"""What the API says of orders, and what it is told."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.cases.case import Satisfaction, Solved
from app.cases.command import CodeText, Words
from app.cases.workflow import Stage
from app.channels.hotline.order import PHASE_LABELS, Kind, Phase, Result
from app.channels.hotline.service import MOST, Answered, Outcome
from app.channels.hotline.standing import Kept
from app.dispatch.rulebook import Rulebook

#: An order or call-back in the city's own fields.
Document = dict[str, Any]
Documents = Document | Annotated[list[Document], Field(min_length=1, max_length=MOST)]


class OrderAnswer(BaseModel):
    """What came of one order. A refused one tells why, by `code` and in words, and left nothing behind."""

    number: str
    outcome: Outcome
    case: UUID | None = None
    case_number: str | None = None
    placed: bool | None = None
    code: str | None = None
    reason: str | None = None
    fields: dict[str, str] | None = None


class OrderAnswers(BaseModel):
    """One answer an order, in the order they were sent."""

    orders: list[OrderAnswer]


class CallerMasked(BaseModel):
    """来电人, masked."""

    name: str
    phone: str
    deleted_at: datetime | None


class OrderReply(BaseModel):
    """工单: where it stands. Times are UTC."""

    number: str
    case: UUID
    case_number: str
    stage: Stage
    phase: Phase
    phase_label: str
    kind: Kind
    title: str
    category: str
    tags: str
    placed: bool
    place: dict[str, Any]
    sent_at: datetime | None
    received_at: datetime
    respond_by: datetime
    return_until: datetime
    accepted_at: datetime | None
    responded_at: datetime | None
    handled_at: datetime | None
    ended_at: datetime | None
    due_at: datetime | None
    first_unit: str | None
    first_unit_name: str | None
    lead_unit: str | None
    lead_unit_name: str | None
    reminders: int
    result: Result | None
    answer: str
    answered_at: datetime | None
    return_reason: str
    called_back_at: datetime | None
    solved: Solved | None
    satisfaction: Satisfaction | None
    caller: CallerMasked


class OrderChanges(BaseModel):
    """Orders of which something changed, the longest ago first. `cursor` is for the next time; `more`: ask
    again at once."""

    items: list[OrderReply]
    cursor: str
    more: bool


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Return(_Body):
    """退单, with a reason of the code set `refusal`."""

    reason: CodeText
    note: Words


class Answer(_Body):
    """答复: the result, and the words for the citizen."""

    result: Result
    text: Annotated[Words, Field(max_length=1800)]


class Reveal(_Body):
    """Why the caller's name and number are needed."""

    reason: Words


class CallerReply(BaseModel):
    """来电人 in full."""

    name: str
    phone: str


class Refusal(BaseModel):
    """An order of the feed that was not taken in."""

    number: str
    reason: str
    at: datetime


class UnitRates(BaseModel):
    """三率 of a unit over its valid call-backs (those who were reached); a rate is null when nobody was
    asked. `score` weighs them, out of 100. `unit` is null for orders not dispatched."""

    unit: str | None
    unit_name: str | None
    orders: int
    returned: int
    called_back: int
    response_rate: float | None
    resolution_rate: float | None
    satisfaction_rate: float | None
    score: float | None


class Rates(BaseModel):
    """三率 by lead unit and over all, with the weights."""

    units: list[UnitRates]
    total: UnitRates
    weights: dict[str, float]


def answer(given: Answered) -> OrderAnswer:
    """What the sender is told of one order."""
    refusal = given.refusal
    return OrderAnswer(
        number=given.number,
        outcome=given.outcome,
        case=given.case_id,
        case_number=given.case_number,
        placed=given.placed,
        code=refusal.code if refusal else None,
        reason=refusal.detail if refusal else None,
        fields=refusal.extra.get("fields") if refusal else None,
    )


def reply(kept: Kept, rulebook: Rulebook) -> OrderReply:
    """The order as it stands."""
    order, told = kept.order, kept.told(rulebook)
    texts = {name: getattr(order, name) for name in ("title", "category", "tags", "place")}
    times = {name: getattr(order, name) for name in ("sent_at", "respond_by", "answered_at")}
    known = {name: told[name] for name in OrderReply.model_fields if name in told}
    return OrderReply(
        **known, **texts, **times,
        case=kept.own.id,
        stage=kept.case.stage,
        phase_label=PHASE_LABELS[kept.phase],
        placed=kept.own.placed,
        responded_at=kept.taken_up[0] if kept.taken_up else None,
        caller=CallerMasked(
            name=order.caller_name, phone=order.caller_phone, deleted_at=order.caller_deleted_at
        ),
    )  # fmt: skip
