"""What the API says of webhooks: receivers, what waits for them, and what is asked of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from app.cases.workflow import Action

Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$"),
]
Url = Annotated[
    str,
    StringConstraints(max_length=500, pattern=r"^https?://[^\s\x00-\x1f\x7f]+$"),
    Field(description="Where messages are posted to; `https`.", examples=["https://city.example.com/hooks"]),
]
Areas = Annotated[
    list[Annotated[str, StringConstraints(pattern=r"^[0-9]{6,15}$")]],
    Field(min_length=1, max_length=100, description="区域 codes: of cases there is told."),
]
Actions = Annotated[
    list[Action], Field(max_length=100, description="Only these actions are told; empty: every one.")
]


class NewWebhook(BaseModel):
    """What makes a receiver. `from_the_beginning`: it is told all there ever was, not only what comes."""

    model_config = ConfigDict(extra="forbid")

    name: Name = Field(examples=["市平台"])
    url: Url
    areas: Areas
    actions: Actions = []
    from_the_beginning: StrictBool = False


class WebhookChanges(BaseModel):
    """What of a receiver may be changed; what is left out stays. `active` true: go on where it stopped."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    url: Url | None = None
    areas: Areas | None = None
    actions: Actions | None = None
    active: StrictBool | None = None


class Webhook(BaseModel):
    """接收方. `waiting` messages are kept for it, of these `dead` wait for a decision. `down`: many failed
    in a row, so that only a few are tried now and then."""

    id: UUID
    name: str
    url: str
    areas: list[str]
    actions: list[Action]
    active: bool
    disabled_because: str | None
    down: bool
    failures: int
    failing_since: datetime | None
    next_try_at: datetime | None
    delivered: int
    delivered_at: datetime | None
    waiting: int
    dead: int
    created_at: datetime
    changed_at: datetime


class NewSecret(BaseModel):
    """The receiver, and its signing secret, shown in this reply only."""

    webhook: Webhook
    secret: str = Field(description="`whsec_…`, for the Standard Webhooks libraries.")


class Delivery(BaseModel):
    """待送 message: tried without success, or behind one of its case. `id` is the event's."""

    id: UUID
    case_id: UUID
    case_number: str
    version: int
    action: Action
    at: datetime
    dead: bool
    attempts: int
    next_try_at: datetime
    status: int | None = Field(description="HTTP status of the last attempt.")
    error: str | None
    queued_at: datetime


class Resend(BaseModel):
    """Which dead letters to send again: these, or all when none is named."""

    model_config = ConfigDict(extra="forbid")

    events: list[UUID] | None = Field(None, max_length=1000)


class Resent(BaseModel):
    """How many dead letters wait to be sent again."""

    resent: int


def webhook_reply(row: Any, *, down: bool) -> Webhook:
    """The receiver as administrators see it, without its secrets."""
    return Webhook(down=down, **{name: getattr(row, name) for name in Webhook.model_fields if name != "down"})


def delivery_reply(row: Any) -> Delivery:
    """A message that waits."""
    return Delivery(
        id=row.entry_id,
        case_number=row.number,
        **{name: getattr(row, name) for name in Delivery.model_fields if name not in ("id", "case_number")},
    )
