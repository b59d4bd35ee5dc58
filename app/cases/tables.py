"""Tables of app.cases: the case row, its clocks, the journal and the seals over it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from geoalchemy2 import Geometry
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Sequence,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from app.db import Base, metadata


class XID8(UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction id."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "XID8"


#: Serial part of case numbers. A database sequence: no process counts by itself, and nobody waits.
case_serial = Sequence("case_serial", metadata=metadata, maxvalue=9_999_999, cycle=True)

_DUE = "coalesce(due_at, '9999-12-31 00:00:00+00'::timestamptz)"
_OPEN = "stage NOT IN ('closed', 'refused', 'voided', 'merged')"


class CaseRow(Base):
    """案卷. The projection of the case's journal; only `advance.py` writes it."""

    __tablename__ = "case_file"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(unique=True)
    district_code: Mapped[str]
    stage: Mapped[str]
    version: Mapped[int]
    head: Mapped[str]

    source: Mapped[str]
    category: Mapped[str | None]
    condition: Mapped[str | None]
    description: Mapped[str]
    address: Mapped[str]
    lon: Mapped[float]
    lat: Mapped[float]
    raw_x: Mapped[float]
    raw_y: Mapped[float]
    datum: Mapped[str]
    placed: Mapped[bool] = mapped_column(server_default=text("true"))
    area_code: Mapped[str]
    street_code: Mapped[str | None]
    area_class: Mapped[str | None]
    segment_code: Mapped[str | None]
    chief_name: Mapped[str | None]
    chief_account: Mapped[str | None]
    chief_unit: Mapped[str | None]
    component_code: Mapped[str | None]
    component_owner: Mapped[str | None]
    component_maintainer: Mapped[str | None]

    reporter_id: Mapped[UUID]
    reporter_name: Mapped[str]
    external_number: Mapped[str | None]
    caller_known: Mapped[bool] = mapped_column(server_default=text("false"))
    inspector_id: Mapped[UUID | None]
    inspector_name: Mapped[str | None]
    verifier_id: Mapped[UUID | None]
    checker_id: Mapped[UUID | None]

    rulebook_id: Mapped[UUID] = mapped_column(ForeignKey("rulebook_version.id"))
    matrix_row: Mapped[str | None]
    decision: Mapped[dict[str, Any] | None]
    lead_unit: Mapped[str | None]
    assisting_units: Mapped[list[str]] = mapped_column(ARRAY(Text))

    reported_at: Mapped[datetime]
    filed_at: Mapped[datetime | None]
    dispatched_at: Mapped[datetime | None]
    signed_at: Mapped[datetime | None]
    handed_back_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    amber_at: Mapped[datetime | None]
    handling_due_at: Mapped[datetime | None]

    verified: Mapped[bool | None]
    check_passed: Mapped[bool | None]
    self_handled: Mapped[bool]
    overdue: Mapped[bool | None]
    exempt: Mapped[bool]
    declines: Mapped[int]
    extensions: Mapped[int]
    suspensions: Mapped[int]
    reworks: Mapped[int]
    reminders: Mapped[int]
    duplicates: Mapped[int]
    photos: Mapped[int] = mapped_column(server_default=text("0"))
    doubtful_photos: Mapped[int] = mapped_column(server_default=text("0"))
    listed: Mapped[bool]
    pending: Mapped[str | None]
    pending_by: Mapped[UUID | None]
    pending_until: Mapped[datetime | None]
    appeal: Mapped[str | None]
    appeal_reviewer: Mapped[UUID | None]
    merged_into: Mapped[UUID | None]
    call_back: Mapped[dict[str, Any] | None]
    outcome: Mapped[str | None]
    outcome_at: Mapped[datetime | None]
    outcome_text: Mapped[str | None]

    #: Every two neighbouring characters of description and address, the number and its serial: Chinese is
    #: searched by pairs.
    pairs: Mapped[list[str]] = mapped_column(ARRAY(Text))
    geom: Mapped[Any] = mapped_column(
        Geometry("POINT", srid=4490, spatial_index=False),
        Computed("ST_SetSRID(ST_MakePoint(lon, lat), 4490)", persisted=True),
    )

    __table_args__ = (
        CheckConstraint("version >= 1", name="version"),
        CheckConstraint("(merged_into IS NOT NULL) = (stage = 'merged')", name="merged_into"),
        # The lists in their orders (`queue.py`); `amber_at` is for the lamp. Of open cases area and stage are
        # there too: a street's list reads no others, and its count reads none.
        Index("ix_case_newest", "reported_at", "id"),
        Index("ix_case_due", text(_DUE), "id", "amber_at"),
        Index(
            "ix_case_open_due", text(_DUE), "id", "amber_at", "area_code", "stage",
            postgresql_ops={"area_code": "text_pattern_ops"},
            postgresql_where=text(_OPEN),
        ),
        Index(
            "ix_case_open_area", "area_code", "stage",
            postgresql_ops={"area_code": "text_pattern_ops"},
            postgresql_where=text(_OPEN),
        ),
        Index("ix_case_stage_due", "stage", text(_DUE), "id"),
        Index("ix_case_pending", text(_DUE), "id", postgresql_where=text("pending IS NOT NULL")),
        Index("ix_case_listed", "reported_at", "id", postgresql_where=text("listed IS TRUE")),
        # What is looked for in them.
        Index("ix_case_units", text("array_append(assisting_units, lead_unit)"), postgresql_using="gin"),
        Index("ix_case_area", "area_code", postgresql_ops={"area_code": "text_pattern_ops"}),
        Index("ix_case_inspector", "inspector_id", postgresql_where=text("inspector_id IS NOT NULL")),
        Index("ix_case_reporter", "reporter_id", "reported_at"),
        Index(
            "ix_case_chief", "chief_account", "area_code",
            postgresql_ops={"area_code": "text_pattern_ops"},
            postgresql_where=text("chief_account IS NOT NULL"),
        ),
        Index("ix_case_category", "category", "reported_at"),
        Index(
            "ix_case_condition", "condition", "reported_at", postgresql_where=text("condition IS NOT NULL")
        ),
        Index("ix_case_place", "geom", "reported_at", postgresql_using="gist"),  # near duplicates, too
        Index("ix_case_pairs", "pairs", postgresql_using="gin"),
        Index(
            "uq_case_external_number", "reporter_id", "external_number", unique=True,
            postgresql_where=text("external_number IS NOT NULL"),
        ),
        # How often an inspector met a unit, or a reporter.
        Index(
            "ix_case_checker", "checker_id", "lead_unit", "handed_back_at",
            postgresql_where=text("checker_id IS NOT NULL"),
        ),
        Index(
            "ix_case_verifier", "verifier_id", "reporter_id", "reported_at",
            postgresql_where=text("verifier_id IS NOT NULL"),
        ),
        # What was merged into a case, and what has not been told of its end.
        Index(
            "ix_case_merged_into", "merged_into", "outcome",
            postgresql_where=text("merged_into IS NOT NULL"),
        ),
    )  # fmt: skip


class ClockRow(Base):
    """计时. Projection of the journal, like the case."""

    __tablename__ = "case_clock"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("case_file.id"))
    kind: Mapped[str]
    name: Mapped[str]
    unit: Mapped[str | None]
    started_at: Mapped[datetime]
    amount: Mapped[float | None]
    limit_unit: Mapped[str | None]
    times: Mapped[int]
    pauses: Mapped[list[Any]]
    due_at: Mapped[datetime | None]
    amber_at: Mapped[datetime | None]
    because: Mapped[str]
    stopped_at: Mapped[datetime | None]
    overran_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_case_clock_case", "case_id"),
        # One open clock of a kind (and milestone, and order) at a time.
        Index(
            "uq_case_clock_open", "case_id", "kind", "name", unique=True,
            postgresql_where=text("stopped_at IS NULL"),
        ),
        Index(
            "ix_case_clock_due", "due_at",
            postgresql_where=text("stopped_at IS NULL AND overran_at IS NULL AND due_at IS NOT NULL"),
        ),
    )  # fmt: skip


class PhotoRow(Base):
    """照片 that came in: whose it is, and what it tells of itself. Its files go by the hash of its content.

    `look` is what it looks like, in 64 bits; `bands` are the look's four quarters, each with its place, so
    that two looks that differ in three bits or fewer have one in common.
    """

    __tablename__ = "photo"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    sha256: Mapped[str]
    media_type: Mapped[str]
    size: Mapped[int]
    width: Mapped[int]
    height: Mapped[int]
    look: Mapped[int | None] = mapped_column(BigInteger)
    bands: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    uploader_id: Mapped[UUID]
    uploader_name: Mapped[str]
    uploaded_at: Mapped[datetime]
    taken_at: Mapped[datetime | None]
    lon: Mapped[float | None]
    lat: Mapped[float | None]
    exif: Mapped[dict[str, Any]]
    #: When its files were safe; before, it is no photo yet.
    stored_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_photo_sha256", "sha256"),
        Index("ix_photo_bands", "bands", postgresql_using="gin"),
        Index("ix_photo_uploaded_at", "uploaded_at"),
    )


class CasePhotoRow(Base):
    """案卷照片: a photo that is evidence of a case, and what spoke against it when it was attached."""

    __tablename__ = "case_photo"

    case_id: Mapped[UUID] = mapped_column(ForeignKey("case_file.id"), primary_key=True)
    photo_id: Mapped[UUID] = mapped_column(ForeignKey("photo.id"), primary_key=True)
    kind: Mapped[str]
    version: Mapped[int]
    attached_at: Mapped[datetime]
    attached_by: Mapped[UUID]
    attached_name: Mapped[str]
    doubts: Mapped[list[str]] = mapped_column(ARRAY(Text))
    distance_m: Mapped[float | None]
    age_minutes: Mapped[int | None]
    same_as: Mapped[UUID | None]

    __table_args__ = (
        Index("ix_case_photo_photo", "photo_id"),
        Index("ix_case_photo_attached_by", "attached_by", "attached_at"),
    )


class JournalRow(Base):
    """案卷日志. Append-only: the database refuses to update, delete or truncate it.

    `xid` is the writing transaction, for readers who must not overtake a slower writer.
    """

    __tablename__ = "journal"

    seq: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    id: Mapped[UUID] = mapped_column(unique=True)
    case_id: Mapped[UUID]
    version: Mapped[int]
    at: Mapped[datetime]
    action: Mapped[str]
    actor_id: Mapped[UUID]
    actor_name: Mapped[str]
    from_stage: Mapped[str | None]
    to_stage: Mapped[str]
    data: Mapped[dict[str, Any]]
    previous: Mapped[str]
    hash: Mapped[str]
    district_code: Mapped[str]
    xid: Mapped[int] = mapped_column(XID8, server_default=text("pg_current_xact_id()"))

    __table_args__ = (
        UniqueConstraint("case_id", "version"),
        CheckConstraint("version >= 1", name="version"),
        Index("ix_journal_xid", "xid", "seq"),
    )


class JournalServerRow(Base):
    """数据库服务器 that the journal was written on, by its system identifier.

    Transaction ids count from elsewhere on each server. Entries up to `settled_seq` were all committed when
    the server was first met, so those who follow the journal take them by number (`stream.py`).
    """

    __tablename__ = "journal_server"

    system: Mapped[str] = mapped_column(primary_key=True)
    settled_seq: Mapped[int] = mapped_column(BigInteger)


class SealRow(Base):
    """封印 over all journal entries up to `last_seq`, each chained to the seal before. Append-only."""

    __tablename__ = "journal_seal"

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    sealed_at: Mapped[datetime]
    last_seq: Mapped[int] = mapped_column(BigInteger)
    entries: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[bytes] = mapped_column(LargeBinary)


class PlaceCandidateRow(Base):
    """候选地点 of a case whose place was said in words."""

    __tablename__ = "case_place_candidate"

    case_id: Mapped[UUID] = mapped_column(ForeignKey("case_file.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str]
    kind: Mapped[str]
    code: Mapped[str]
    lon: Mapped[float]
    lat: Mapped[float]
    area_code: Mapped[str]
    score: Mapped[float]
    precise: Mapped[bool]
