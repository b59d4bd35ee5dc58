"""Tables of app.suggestions: a model's head, and a row for each gram it learned."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, REAL, ForeignKey, Index, SmallInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class ConditionModelRow(Base):
    """推荐模型: learned from `cases` filed cases under a rulebook. `measured` is a `model.Measured`."""

    __tablename__ = "condition_model"
    __table_args__ = (Index("ix_condition_model_learned_at", "learned_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    rulebook_id: Mapped[UUID] = mapped_column(ForeignKey("rulebook_version.id"))
    learned_at: Mapped[datetime]
    cases: Mapped[int]
    conditions: Mapped[list[str]] = mapped_column(ARRAY(Text))
    sharpness: Mapped[float]
    measured: Mapped[dict[str, Any]]


class ConditionGramRow(Base):
    """字组: what a model learned of a gram: its weights for the conditions at these places of the model's."""

    __tablename__ = "condition_gram"

    model_id: Mapped[UUID] = mapped_column(
        ForeignKey("condition_model.id", ondelete="CASCADE"), primary_key=True
    )
    gram: Mapped[str] = mapped_column(primary_key=True)
    idf: Mapped[float]
    places: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))
    weights: Mapped[list[float]] = mapped_column(ARRAY(REAL))
