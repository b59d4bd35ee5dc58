"""Tables of the outbox: receivers of webhooks, and what waits for one of them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class WebhookRow(Base):
    """接收方: a system that is told of what happens. `cursor` is how far in the journal all is accounted for:
    acknowledged, or kept in `webhook_delivery`.

    Whoever sends for it holds its lease. `failures` counts those in a row since the last success.
    """

    __tablename__ = "webhook"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    url: Mapped[str]
    #: Encrypted with the service's key: unlike a password it is needed again, to sign.
    secret: Mapped[str]
    old_secret: Mapped[str | None]
    old_secret_until: Mapped[datetime | None]
    areas: Mapped[list[str]] = mapped_column(ARRAY(Text))
    actions: Mapped[list[str]] = mapped_column(ARRAY(Text))
    active: Mapped[bool]
    disabled_because: Mapped[str | None]
    cursor: Mapped[str]
    delivered: Mapped[int] = mapped_column(BigInteger)
    delivered_at: Mapped[datetime | None]
    failures: Mapped[int]
    failing_since: Mapped[datetime | None]
    next_try_at: Mapped[datetime | None]
    lease: Mapped[UUID | None]
    leased_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    __table_args__ = (CheckConstraint("cardinality(areas) > 0", name="areas_given"),)


class DeliveryRow(Base):
    """待送: an entry that a receiver has not acknowledged yet, or that waits behind one of the same case.

    The content stays in the journal. `dead`: tried often enough; it waits for somebody to decide.
    """

    __tablename__ = "webhook_delivery"

    webhook_id: Mapped[UUID] = mapped_column(ForeignKey("webhook.id", ondelete="CASCADE"), primary_key=True)
    entry_id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID]
    version: Mapped[int]
    dead: Mapped[bool]
    attempts: Mapped[int]
    next_try_at: Mapped[datetime]
    status: Mapped[int | None]
    error: Mapped[str | None]
    queued_at: Mapped[datetime]

    __table_args__ = (
        Index("uq_webhook_delivery_case", "webhook_id", "case_id", "version", unique=True),
        Index("ix_webhook_delivery_dead", "webhook_id", "entry_id", postgresql_where=text("dead")),
    )
