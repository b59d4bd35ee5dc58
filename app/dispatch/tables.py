"""Tables of app.dispatch: rulebook versions and the moments from which they hold."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class RulebookVersionRow(Base):
    """规则库版本: a whole rulebook, never updated; only one that was never activated may be deleted."""

    __tablename__ = "rulebook_version"
    __table_args__ = (
        UniqueConstraint("district_code", "number"),
        UniqueConstraint("district_code", "digest"),
        CheckConstraint("number > 0", name="number_positive"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    district_code: Mapped[str]
    number: Mapped[int]
    name: Mapped[str]
    note: Mapped[str]
    #: Of the content: the same rulebook is stored once.
    digest: Mapped[str]
    content: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    created_by: Mapped[UUID]


class RulebookActivation(Base):
    """规则库启用: from this moment the version holds. Rows are only ever added."""

    __tablename__ = "rulebook_activation"
    __table_args__ = (
        Index("uq_rulebook_activation_effective_from", "effective_from", "district_code", unique=True),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version_id: Mapped[UUID] = mapped_column(ForeignKey("rulebook_version.id"), index=True)
    district_code: Mapped[str]
    effective_from: Mapped[datetime]
    activated_at: Mapped[datetime]
    activated_by: Mapped[UUID]
