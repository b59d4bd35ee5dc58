"""Tables of the hotline: its orders beside their cases, how far a feed was read, what of it was refused."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class HotlineOrder(Base):
    """工单. What is known of the problem is the case's; here is what only the hotline asks for.

    Texts are as the hotline last sent them, masked. `caller` is encrypted, and null once it is deleted; the
    name and phone beside it are masked. `place` tells how the place was found.
    """

    __tablename__ = "hotline_order"

    case_id: Mapped[UUID] = mapped_column(ForeignKey("case_file.id"), primary_key=True)
    client_id: Mapped[UUID]
    number: Mapped[str]
    kind: Mapped[str]
    title: Mapped[str]
    description: Mapped[str]
    category: Mapped[str]
    tags: Mapped[str]
    address: Mapped[str]
    place: Mapped[dict[str, Any]]
    sent_at: Mapped[datetime | None]
    received_at: Mapped[datetime]
    respond_by: Mapped[datetime]
    return_by: Mapped[datetime]
    reminders: Mapped[int]
    caller: Mapped[bytes | None] = mapped_column(LargeBinary)
    caller_name: Mapped[str]
    caller_phone: Mapped[str]
    caller_deleted_at: Mapped[datetime | None]
    result: Mapped[str | None]
    answer: Mapped[str]
    answered_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("client_id", "number"),
        Index("ix_hotline_order_number", "number"),
        Index("ix_hotline_order_received_at", "received_at"),
        Index("ix_hotline_order_caller", "case_id", postgresql_where=text("caller IS NOT NULL")),
    )


class HotlineFeed(Base):
    """How far a feed was read: the cursor of the page to ask for next."""

    __tablename__ = "hotline_feed"

    feed: Mapped[str] = mapped_column(primary_key=True)
    cursor: Mapped[str]
    read_at: Mapped[datetime]


class HotlineRefusal(Base):
    """An order of a feed that was not taken in: nobody is there to be answered."""

    __tablename__ = "hotline_refusal"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime] = mapped_column(index=True)
