"""Areas, road segments, street chiefs, components, their imports, and the inspectors' duty shifts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from sqlalchemy.dialects import postgresql

revision = "0003_grid"
down_revision = "0002_identity"
branch_labels = None
depends_on = None

_TIME = sa.TIMESTAMP(timezone=True)
_TEXTS = postgresql.ARRAY(sa.Text())
_PREFIX = "text_pattern_ops"


def _text(name: str, *, null: bool = False) -> sa.Column:
    return sa.Column(name, sa.Text(), nullable=null)


def _geometry(kind: str) -> sa.Column:
    return sa.Column("geom", Geometry(kind, srid=4490, spatial_index=False), nullable=False)


def _versions(
    table: str, code: str, *others: str, import_null: bool = False
) -> tuple[sa.schema.SchemaItem, ...]:
    hashed = sa.func.hashtextextended(sa.column(code), 0)
    period = sa.func.tstzrange(sa.column("valid_from"), sa.column("valid_to"))
    return (
        sa.Column("valid_from", _TIME, nullable=False),
        sa.Column("valid_to", _TIME),
        sa.Column("import_id", sa.UUID(), nullable=import_null),
        sa.ForeignKeyConstraint(["import_id"], ["import_run.id"], name=f"fk_{table}_import_id_import_run"),
        sa.CheckConstraint("valid_from < valid_to", name="valid_period"),
        postgresql.ExcludeConstraint(
            (hashed, "="),
            *((sa.column(name), "=") for name in others),
            (period, "&&"),
            name=f"ex_{table}_{'_'.join((code, *others))}_period",
            using="gist",
            deferrable=True,
            initially="IMMEDIATE",
        ),
    )


def upgrade() -> None:
    op.create_table(
        "import_run",
        sa.Column("id", sa.UUID(), primary_key=True),
        _text("district_code"),
        _text("manifest"),
        _text("digest"),
        sa.Column("counts", postgresql.JSONB(), nullable=False),
        sa.Column("findings", postgresql.JSONB(), nullable=False),
        sa.Column("accepted", _TEXTS, nullable=False),
        sa.Column("imported_at", _TIME, nullable=False),
    )
    op.create_index("ix_import_run_imported_at", "import_run", ["imported_at"])

    op.create_table(
        "area",
        sa.Column("id", sa.UUID(), primary_key=True),
        _text("district_code"),
        _text("level"),
        _text("code"),
        _text("name"),
        _text("parent_code", null=True),
        _text("area_class", null=True),
        _text("management_grade", null=True),
        _text("responsible_subject", null=True),
        _text("note", null=True),
        _geometry("MULTIPOLYGON"),
        sa.Column(
            "area_m2", sa.Float(), sa.Computed("ST_Area(geom::geography)", persisted=True), nullable=False
        ),
        sa.Column("predecessors", _TEXTS, nullable=False),
        _text("void_reason", null=True),
        *_versions("area", "code"),
        sa.CheckConstraint("level IN ('district', 'street', 'community', 'cell')", name="level_known"),
    )
    op.create_index("ix_area_code", "area", ["code", "valid_from"], postgresql_ops={"code": _PREFIX})
    op.create_index("ix_area_parent_code", "area", ["parent_code"])
    cell = sa.text("level = 'cell'")
    op.create_index("ix_area_cell_geom", "area", ["geom"], postgresql_using="gist", postgresql_where=cell)
    geography = [sa.text("(geom::geography)")]
    op.create_index(
        "ix_area_cell_geography", "area", geography, postgresql_using="gist", postgresql_where=cell
    )
    above = sa.text("level <> 'cell'")
    op.create_index("ix_area_above_geom", "area", ["geom"], postgresql_using="gist", postgresql_where=above)

    op.create_table(
        "road_segment",
        sa.Column("id", sa.UUID(), primary_key=True),
        _text("district_code"),
        _text("code"),
        _text("name"),
        _text("road_class", null=True),
        _text("street_code", null=True),
        _geometry("MULTILINESTRING"),
        sa.Column(
            "length_m", sa.Float(), sa.Computed("ST_Length(geom::geography)", persisted=True), nullable=False
        ),
        *_versions("road_segment", "code"),
    )
    op.create_index("ix_road_segment_code", "road_segment", ["code"])
    op.create_index("ix_road_segment_street_code", "road_segment", ["street_code"])
    op.create_index("ix_road_segment_geography", "road_segment", geography, postgresql_using="gist")

    op.create_table(
        "street_chief",
        sa.Column("id", sa.UUID(), primary_key=True),
        _text("district_code"),
        _text("segment_code"),
        _text("level"),
        sa.Column("deputy", sa.Integer(), nullable=False),
        _text("name"),
        _text("account", null=True),
        _text("unit", null=True),
        _text("phone", null=True),
        sa.Column("visible_range_m", sa.Float(), nullable=False),
        *_versions("street_chief", "segment_code", "level", "deputy", import_null=True),
        sa.CheckConstraint("deputy >= 0", name="deputy_rank"),
        sa.CheckConstraint("visible_range_m BETWEEN 0 AND 500", name="visible_range"),
    )
    for column in ("segment_code", "visible_range_m", "account"):
        op.create_index(f"ix_street_chief_{column}", "street_chief", [column])

    op.create_table(
        "component",
        sa.Column("id", sa.UUID(), primary_key=True),
        _text("district_code"),
        _text("code"),
        _text("category"),
        _text("name"),
        _text("owner_unit", null=True),
        _text("maintainer_unit", null=True),
        _text("supervisor_unit", null=True),
        _text("state"),
        _text("cell_code", null=True),
        _geometry("GEOMETRY"),
        sa.Column("initial_date", sa.Date()),
        sa.Column("changed_date", sa.Date()),
        _text("data_source", null=True),
        _text("accuracy", null=True),
        _text("note", null=True),
        *_versions("component", "code"),
        sa.CheckConstraint(
            "state IN ('intact', 'damaged', 'missing', 'abandoned', 'occupied')", name="state_known"
        ),
    )
    op.create_index(
        "ix_component_code", "component", ["code", "valid_from"], postgresql_ops={"code": _PREFIX}
    )
    op.create_index(
        "ix_component_cell_code", "component", ["cell_code"], postgresql_ops={"cell_code": _PREFIX}
    )
    op.create_index("ix_component_category", "component", ["category"])
    op.create_index("ix_component_geom", "component", ["geom"], postgresql_using="gist")

    op.create_table(
        "duty_shift",
        sa.Column("id", sa.UUID(), primary_key=True),
        sa.Column("account_id", sa.UUID(), nullable=False),
        _text("username"),
        sa.Column("area_codes", _TEXTS, nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("ended_at", _TIME),
        sa.CheckConstraint("started_at <= ended_at", name="shift_period"),
        sa.CheckConstraint("cardinality(area_codes) > 0", name="beat_given"),
    )
    op.create_index(
        "uq_duty_shift_open_account_id",
        "duty_shift",
        ["account_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("ix_duty_shift_account_id_started_at", "duty_shift", ["account_id", "started_at"])
    op.create_index("ix_duty_shift_ended_at", "duty_shift", ["ended_at"])


def downgrade() -> None:
    for table in ("duty_shift", "component", "street_chief", "road_segment", "area", "import_run"):
        op.drop_table(table)
