"""inspectors: shifts that end by themselves, reports of duty, beats, tracks by day, patrol days."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010_inspectors"
down_revision = "0009_open311"
branch_labels = None
depends_on = None

_TIME = sa.TIMESTAMP(timezone=True)


def _moment(name: str, *, null: bool = False) -> sa.Column:
    return sa.Column(name, _TIME, nullable=null)


def upgrade() -> None:
    op.add_column("duty_shift", _moment("until", null=True))
    op.create_table(
        "beat",
        sa.Column("id", sa.UUID(), primary_key=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("cells", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("inspectors", postgresql.ARRAY(sa.UUID()), nullable=False),
        _moment("valid_from"),
        _moment("valid_to", null=True),
        sa.Column("changed_by", sa.UUID(), nullable=False),
        _moment("changed_at"),
        sa.CheckConstraint("valid_from < valid_to", name="valid_period"),
        sa.CheckConstraint("cardinality(cells) > 0", name="cells_given"),
        postgresql.ExcludeConstraint(
            (sa.func.hashtextextended(sa.column("code"), 0), "="),
            (sa.func.tstzrange(sa.column("valid_from"), sa.column("valid_to")), "&&"),
            name="ex_beat_code_period",
            using="gist",
            deferrable=True,
            initially="IMMEDIATE",
        ),
    )
    op.create_index("ix_beat_code", "beat", ["code", "valid_from"])
    op.create_index("ix_beat_cells", "beat", ["cells"], postgresql_using="gin")
    op.create_index("ix_beat_inspectors", "beat", ["inspectors"], postgresql_using="gin")

    op.create_table(
        "duty_report",
        sa.Column("id", sa.UUID(), primary_key=True),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("shift_id", sa.UUID(), nullable=False),
        sa.Column("begins", sa.Boolean(), nullable=False),
        _moment("at"),
        _moment("received_at"),
        sa.Column("lon", sa.Float()),
        sa.Column("lat", sa.Float()),
        sa.Column("in_beat", sa.Boolean()),
        sa.ForeignKeyConstraint(["shift_id"], ["duty_shift.id"], name="fk_duty_report_shift_id_duty_shift"),
        sa.UniqueConstraint("account_id", "begins", "at", name="uq_duty_report_account_id_begins_at"),
    )
    op.create_index("ix_duty_report_shift_id", "duty_report", ["shift_id"])

    op.create_table(
        "track_point",
        sa.Column("account_id", sa.UUID(), primary_key=True),
        sa.Column("at", _TIME, primary_key=True),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("accuracy_m", sa.REAL(), nullable=False),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_table(
        "patrol_day",
        sa.Column("account_id", sa.UUID(), primary_key=True),
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("minutes", postgresql.BIT(1500), nullable=False),
        _moment("first_at"),
        _moment("last_at"),
    )
    op.create_index("ix_patrol_day_day", "patrol_day", ["day"])
    op.create_table(
        "patrol_visit",
        sa.Column("account_id", sa.UUID(), primary_key=True),
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("cell_code", sa.Text(), primary_key=True),
        sa.Column("points", sa.Integer(), nullable=False),
        _moment("first_at"),
        _moment("last_at"),
    )
    op.create_index("ix_patrol_visit_day", "patrol_visit", ["day"])


def downgrade() -> None:
    for table in ("patrol_visit", "patrol_day", "track_point", "duty_report", "beat"):
        op.drop_table(table)
    op.drop_column("duty_shift", "until")
