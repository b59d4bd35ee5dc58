"""Tables of the inspectors' channel: beats, reports of duty, the track, and what is kept of it.

The track is one point a row in day partitions, made ahead and dropped when their time is over; what
attendance and coverage need is counted while the points come in, and outlives them.
"""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Double, ForeignKey, Index, Text, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import ARRAY, BIT, REAL, ExcludeConstraint
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql.expression import column

from app.channels.inspectors.tracks.patrol import WIDTH
from app.db import Base


class Beat(Base):
    """责任网格: a named set of unit grids and who patrols them. A row holds from `valid_from` until
    `valid_to` (null: still); a change is a new row, so that a past day is judged by the beat it had."""

    __tablename__ = "beat"
    __table_args__ = (
        CheckConstraint("valid_from < valid_to", name="valid_period"),
        CheckConstraint("cardinality(cells) > 0", name="cells_given"),
        ExcludeConstraint(
            (func.hashtextextended(column("code"), 0), "="),
            (func.tstzrange(column("valid_from"), column("valid_to")), "&&"),
            name="ex_beat_code_period",
            using="gist",
            deferrable=True,
            initially="IMMEDIATE",
        ),
        Index("ix_beat_code", "code", "valid_from"),
        Index("ix_beat_cells", "cells", postgresql_using="gin"),
        Index("ix_beat_inspectors", "inspectors", postgresql_using="gin"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str]
    name: Mapped[str]
    cells: Mapped[list[str]] = mapped_column(ARRAY(Text))
    inspectors: Mapped[list[UUID]] = mapped_column(ARRAY(PG_UUID(as_uuid=True)))
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
    changed_by: Mapped[UUID]
    changed_at: Mapped[datetime]


class DutyReport(Base):
    """勤务报备: going on (`begins`) or off duty as the phone told it, at the phone's moment `at`. `in_beat`:
    whether that was within the shift's areas; null without a position."""

    __tablename__ = "duty_report"
    __table_args__ = (
        UniqueConstraint("account_id", "begins", "at"),
        Index("ix_duty_report_shift_id", "shift_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID]
    shift_id: Mapped[UUID] = mapped_column(ForeignKey("duty_shift.id"))
    begins: Mapped[bool]
    at: Mapped[datetime]
    received_at: Mapped[datetime]
    lon: Mapped[float | None]
    lat: Mapped[float | None]
    in_beat: Mapped[bool | None]


class TrackPoint(Base):
    """轨迹点. An inspector is at one place at a time: the pair is the key, and a repeat changes nothing."""

    __tablename__ = "track_point"
    __table_args__ = ({"postgresql_partition_by": "RANGE (at)"},)

    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    lon: Mapped[float] = mapped_column(Double)
    lat: Mapped[float] = mapped_column(Double)
    accuracy_m: Mapped[float] = mapped_column(REAL)


class PatrolDay(Base):
    """巡查日: an inspector's local day; in `minutes` a bit is set for each minute that has a point."""

    __tablename__ = "patrol_day"
    __table_args__ = (Index("ix_patrol_day_day", "day"),)

    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    points: Mapped[int]
    minutes: Mapped[str] = mapped_column(BIT(WIDTH))
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]


class PatrolVisit(Base):
    """到格: the points of an inspector's local day in one unit grid, accurate ones only."""

    __tablename__ = "patrol_visit"
    __table_args__ = (Index("ix_patrol_visit_day", "day"),)

    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    cell_code: Mapped[str] = mapped_column(primary_key=True)
    points: Mapped[int]
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]


class OfflineCommandRow(Base):
    """离线指令 that was carried out, by the phone's own id, and what was told of it. `status` is null only
    inside the transaction that does it."""

    __tablename__ = "offline_command"

    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    done_at: Mapped[datetime] = mapped_column(index=True)
    status: Mapped[int | None]
    content: Mapped[str | None]
    case_id: Mapped[UUID | None]
    version: Mapped[int | None]
