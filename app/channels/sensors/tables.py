"""Tables of app.channels.sensors: what each source's classes mean, what was seen, and the leads it makes."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from geoalchemy2 import Geometry
from sqlalchemy import CheckConstraint, Computed, ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class SensorClassRow(Base):
    """识别类别 of a source (an API client), and what it means here. `muted_at` is set while it is muted;
    of decisions, those after `counted_from` count for its precision (null: all)."""

    __tablename__ = "sensor_class"

    client_id: Mapped[UUID] = mapped_column(ForeignKey("api_client.id"), primary_key=True)
    label: Mapped[str] = mapped_column(primary_key=True)
    category: Mapped[str]
    condition: Mapped[str | None]
    source: Mapped[str]
    radius_m: Mapped[float]
    window_minutes: Mapped[int]
    min_confidence: Mapped[float]
    muted_at: Mapped[datetime | None]
    counted_from: Mapped[datetime | None]
    changed_at: Mapped[datetime]


class SensorLeadRow(Base):
    """线索: something that sources have seen and nobody has verified, or what came of it."""

    __tablename__ = "sensor_lead"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'confirmed', 'rejected')", name="state_known"),
        CheckConstraint("(decided_at IS NULL) = (state = 'open')", name="decided"),
        CheckConstraint("(case_id IS NOT NULL) = (state = 'confirmed')", name="case_of_confirmed"),
        Index("ix_sensor_lead_geom", "geom", postgresql_using="gist"),
        Index("ix_sensor_lead_due", "state", "due_at", "id"),
        Index("ix_sensor_lead_inspector", "inspector_id", postgresql_where=text("state = 'open'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    district_code: Mapped[str]
    state: Mapped[str]
    category: Mapped[str]
    condition: Mapped[str | None]
    source: Mapped[str]
    probe: Mapped[bool]
    area_code: Mapped[str]
    lon: Mapped[float]
    lat: Mapped[float]
    sightings: Mapped[int]
    confidence: Mapped[float]
    picture: Mapped[str | None]
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime]
    inspector_id: Mapped[UUID | None]
    inspector_name: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    case_id: Mapped[UUID | None] = mapped_column(ForeignKey("case_file.id"))
    geom: Mapped[Any] = mapped_column(
        Geometry("POINT", srid=4490, spatial_index=False),
        Computed("ST_SetSRID(ST_MakePoint(lon, lat), 4490)", persisted=True),
    )


class SensorObservationRow(Base):
    """感知记录: one thing a source says it saw. `lead_id` null: it was unsure or the class was muted."""

    __tablename__ = "sensor_observation"
    __table_args__ = (
        ForeignKeyConstraint(
            ["client_id", "label"], ["sensor_class.client_id", "sensor_class.label"],
            name="fk_sensor_observation_client_id_sensor_class",
        ),
        CheckConstraint("confidence BETWEEN 0 AND 1", name="confidence"),
        Index("uq_sensor_observation_own_id", "client_id", "own_id", unique=True),
        Index("ix_sensor_observation_lead", "lead_id"),
        Index("ix_sensor_observation_class", "client_id", "label", "received_at"),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True)
    client_id: Mapped[UUID]
    own_id: Mapped[str]
    label: Mapped[str]
    confidence: Mapped[float]
    seen_at: Mapped[datetime]
    received_at: Mapped[datetime]
    device: Mapped[str | None]
    picture: Mapped[str | None]
    raw_x: Mapped[float]
    raw_y: Mapped[float]
    datum: Mapped[str]
    lon: Mapped[float]
    lat: Mapped[float]
    area_code: Mapped[str]
    outcome: Mapped[str]
    lead_id: Mapped[UUID | None] = mapped_column(ForeignKey("sensor_lead.id"))


class SensorLeadEventRow(Base):
    """线索日志: what happened to a lead. Append-only: the database refuses to update or delete it."""

    __tablename__ = "sensor_lead_event"
    __table_args__ = (Index("ix_sensor_lead_event_lead", "lead_id", "at", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    lead_id: Mapped[UUID] = mapped_column(ForeignKey("sensor_lead.id"))
    at: Mapped[datetime]
    kind: Mapped[str]
    actor_id: Mapped[UUID]
    actor_name: Mapped[str]
    data: Mapped[dict[str, Any]]


class SensorNoticeRow(Base):
    """静默通知: a class of a source was muted or is heard again, and why. Append-only."""

    __tablename__ = "sensor_notice"
    __table_args__ = (Index("ix_sensor_notice_at", "at", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    client_id: Mapped[UUID]
    label: Mapped[str]
    kind: Mapped[str]
    confirmed: Mapped[int]
    decided: Mapped[int]
    actor_id: Mapped[UUID]
    actor_name: Mapped[str]
    note: Mapped[str]
