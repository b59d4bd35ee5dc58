"""Tables of app.channels.open311: what came in this way, beside its case.

Who reported is not kept: neither name nor address nor number of a citizen comes into these rows.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class Open311RequestRow(Base):
    """服务请求 of a client, and the case it became. `fingerprint` is by what a repeat is known."""

    __tablename__ = "open311_request"
    __table_args__ = (Index("ix_open311_request_repeat", "client_id", "fingerprint", "received_at"),)

    case_id: Mapped[UUID] = mapped_column(ForeignKey("case_file.id"), primary_key=True)
    client_id: Mapped[UUID]
    fingerprint: Mapped[str]
    received_at: Mapped[datetime]
    address_id: Mapped[str | None]
    media_urls: Mapped[list[str]] = mapped_column(ARRAY(Text))


class Open311UpdateRow(Base):
    """补充说明 of a client to one of its requests; the words stand in the case's journal. `own_id` is the
    client's own number of it."""

    __tablename__ = "open311_update"
    __table_args__ = (
        Index("ix_open311_update_repeat", "client_id", "case_id", "fingerprint", "received_at"),
        Index(
            "uq_open311_update_own_id",
            "client_id",
            "case_id",
            "own_id",
            unique=True,
            postgresql_where=text("own_id IS NOT NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("case_file.id"))
    client_id: Mapped[UUID]
    own_id: Mapped[str | None]
    fingerprint: Mapped[str]
    received_at: Mapped[datetime]
