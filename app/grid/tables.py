"""Tables of app.grid. What a place is has versions: a row holds from `valid_from` until `valid_to`
(null: still), and no two versions of a code overlap (deferrable: an import closes
and opens in any order). Geometry is CGCS2000 (EPSG:4490)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from geoalchemy2 import Geometry
from sqlalchemy import (
    BindParameter,
    CheckConstraint,
    ColumnElement,
    Computed,
    ForeignKey,
    Index,
    Text,
    and_,
    func,
    or_,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql.expression import column

from app.db import Base, table_of
from app.geo import SRID
from app.grid.codes import AreaLevel, ComponentState


def _one_version(table: str, code: str, *others: str) -> tuple[Any, ...]:
    """At any moment at most one row of the key holds.

    Codes go in by their 64-bit hash: text with long common beginnings makes the index 14 times slower.
    """
    hashed = func.hashtextextended(column(code), 0)
    period = func.tstzrange(column("valid_from"), column("valid_to"))
    return (
        CheckConstraint("valid_from < valid_to", name="valid_period"),
        ExcludeConstraint(
            (hashed, "="),
            *((column(name), "=") for name in others),
            (period, "&&"),
            name=f"ex_{table}_{'_'.join((code, *others))}_period",
            using="gist",
            deferrable=True,
            initially="IMMEDIATE",
        ),
    )


def _geometry(kind: str) -> Any:
    return mapped_column(Geometry(kind, srid=SRID, spatial_index=False), nullable=False)


def _one_of(name: str, values: type[AreaLevel] | type[ComponentState]) -> CheckConstraint:
    known = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{name} IN ({known})", name=f"{name}_known")


class ImportRun(Base):
    """导入记录: an import that changed something. `digest` is the SHA-256 of all rows read, `counts` tells
    per layer the rows added, changed and closed, `accepted` the kinds of findings tolerated."""

    __tablename__ = "import_run"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    district_code: Mapped[str]
    manifest: Mapped[str]
    digest: Mapped[str]
    counts: Mapped[dict[str, Any]]
    findings: Mapped[dict[str, Any]]
    accepted: Mapped[list[str]] = mapped_column(ARRAY(Text))
    imported_at: Mapped[datetime] = mapped_column(index=True)


class Area(Base):
    """区域: district, street, community or cell (单元网格, GB/T 30428.1). `area_m2` is computed.

    `predecessors` are codes this version took over from, its own when only its attributes or
    borders changed.
    """

    __tablename__ = "area"
    __table_args__ = (
        *_one_version("area", "code"),
        _one_of("level", AreaLevel),
        Index("ix_area_code", "code", "valid_from", postgresql_ops={"code": "text_pattern_ops"}),
        Index("ix_area_parent_code", "parent_code"),
        Index("ix_area_cell_geom", "geom", postgresql_using="gist", postgresql_where=text("level = 'cell'")),
        Index(
            "ix_area_cell_geography",
            text("(geom::geography)"),
            postgresql_using="gist",
            postgresql_where=text("level = 'cell'"),
        ),
        Index(
            "ix_area_above_geom", "geom", postgresql_using="gist", postgresql_where=text("level <> 'cell'")
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    district_code: Mapped[str]
    level: Mapped[str]
    code: Mapped[str]
    name: Mapped[str]
    parent_code: Mapped[str | None]
    area_class: Mapped[str | None]
    management_grade: Mapped[str | None]
    responsible_subject: Mapped[str | None]
    note: Mapped[str | None]
    geom: Mapped[Any] = _geometry("MULTIPOLYGON")
    area_m2: Mapped[float] = mapped_column(Computed("ST_Area(geom::geography)", persisted=True))
    predecessors: Mapped[list[str]] = mapped_column(ARRAY(Text))
    void_reason: Mapped[str | None]
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
    import_id: Mapped[UUID] = mapped_column(ForeignKey("import_run.id"))


class RoadSegment(Base):
    """路段: a road between two junctions, what street chiefs answer for. `length_m` is computed."""

    __tablename__ = "road_segment"
    __table_args__ = (
        *_one_version("road_segment", "code"),
        Index("ix_road_segment_code", "code"),
        Index("ix_road_segment_street_code", "street_code"),
        Index("ix_road_segment_name", "name"),
        Index("ix_road_segment_geography", text("(geom::geography)"), postgresql_using="gist"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    district_code: Mapped[str]
    code: Mapped[str]
    name: Mapped[str]
    road_class: Mapped[str | None]
    street_code: Mapped[str | None]
    geom: Mapped[Any] = _geometry("MULTILINESTRING")
    length_m: Mapped[float] = mapped_column(Computed("ST_Length(geom::geography)", persisted=True))
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
    import_id: Mapped[UUID] = mapped_column(ForeignKey("import_run.id"))


class StreetChief(Base):
    """街长: who answers for a road segment during a term. `level` is a code of the rulebook, `deputy` 0 for
    the chief and 1… for deputies, `visible_range_m` the metres to both sides that are in their care;
    `import_id` is null for one entered by hand."""

    __tablename__ = "street_chief"
    __table_args__ = (
        *_one_version("street_chief", "segment_code", "level", "deputy"),
        CheckConstraint("deputy >= 0", name="deputy_rank"),
        CheckConstraint("visible_range_m BETWEEN 0 AND 500", name="visible_range"),
        Index("ix_street_chief_segment_code", "segment_code"),
        Index("ix_street_chief_visible_range_m", "visible_range_m"),
        Index("ix_street_chief_account", "account"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    district_code: Mapped[str]
    segment_code: Mapped[str]
    level: Mapped[str]
    deputy: Mapped[int]
    name: Mapped[str]
    account: Mapped[str | None]
    unit: Mapped[str | None]
    phone: Mapped[str | None]
    visible_range_m: Mapped[float]
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
    import_id: Mapped[UUID | None] = mapped_column(ForeignKey("import_run.id"))


class Component(Base):
    """部件: a thing of the city with an owner (GB/T 30428.2). Units are unit codes; `cell_code` is where it
    stood when this version began, `accuracy` the class of its position (A ±0.5 m, B ±1 m, C ±10 m)."""

    __tablename__ = "component"
    __table_args__ = (
        *_one_version("component", "code"),
        _one_of("state", ComponentState),
        Index("ix_component_code", "code", "valid_from", postgresql_ops={"code": "text_pattern_ops"}),
        Index("ix_component_cell_code", "cell_code", postgresql_ops={"cell_code": "text_pattern_ops"}),
        Index("ix_component_category", "category"),
        Index("ix_component_geom", "geom", postgresql_using="gist"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    district_code: Mapped[str]
    code: Mapped[str]
    category: Mapped[str]
    name: Mapped[str]
    owner_unit: Mapped[str | None]
    maintainer_unit: Mapped[str | None]
    supervisor_unit: Mapped[str | None]
    state: Mapped[str]
    cell_code: Mapped[str | None]
    geom: Mapped[Any] = _geometry("GEOMETRY")
    initial_date: Mapped[date | None]
    changed_date: Mapped[date | None]
    data_source: Mapped[str | None]
    accuracy: Mapped[str | None]
    note: Mapped[str | None]
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
    import_id: Mapped[UUID] = mapped_column(ForeignKey("import_run.id"))


class Poi(Base):
    """兴趣点: a place people name: a market, a school, a bus stop. `aliases` are its other names, such as the
    address (中心路12号). Names are searched in the view `place_name` (`gazetteer.py`)."""

    __tablename__ = "poi"
    __table_args__ = (*_one_version("poi", "code"), Index("ix_poi_code", "code"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    district_code: Mapped[str]
    code: Mapped[str]
    name: Mapped[str]
    category: Mapped[str | None]
    aliases: Mapped[list[str]] = mapped_column(ARRAY(Text))
    geom: Mapped[Any] = _geometry("POINT")
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
    import_id: Mapped[UUID] = mapped_column(ForeignKey("import_run.id"))


def holds_at(table: type[Base], at: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    """Whether the version, of a table that has versions, holds at the moment."""
    c = table_of(table).c
    return and_(c.valid_from <= at, or_(c.valid_to > at, c.valid_to.is_(None)))


class DutyShift(Base):
    """值班: an inspector at work on a beat (责任网格), the areas of which `area_codes` tells. It ends by
    itself at `until` (null: only when told)."""

    __tablename__ = "duty_shift"
    __table_args__ = (
        CheckConstraint("started_at <= ended_at", name="shift_period"),
        CheckConstraint("cardinality(area_codes) > 0", name="beat_given"),
        Index(
            "uq_duty_shift_open_account_id",
            "account_id",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_duty_shift_account_id_started_at", "account_id", "started_at"),
        Index("ix_duty_shift_ended_at", "ended_at"),
        Index(
            "ix_duty_shift_open_area_codes",
            "area_codes",
            postgresql_using="gin",
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID]
    username: Mapped[str]
    area_codes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    until: Mapped[datetime | None]
