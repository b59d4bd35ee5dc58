"""cases: the case, its clocks, the journal and its seals, append-only."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import UserDefinedType

revision = "0005_cases"
down_revision = "0004_dispatch"
branch_labels = None
depends_on = None

_DUE = sa.literal_column("coalesce(due_at, '9999-12-31 00:00:00+00'::timestamptz)")


class _Xid8(UserDefinedType[int]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "XID8"


def upgrade() -> None:
    op.execute("CREATE SEQUENCE case_serial MAXVALUE 9999999 CYCLE")
    op.create_table(
        "journal",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("case_id", sa.UUID(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.UUID(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("from_stage", sa.Text(), nullable=True),
        sa.Column("to_stage", sa.Text(), nullable=False),
        sa.Column("data", JSONB(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("district_code", sa.Text(), nullable=False),
        sa.Column("xid", _Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.CheckConstraint("version >= 1", name=op.f("ck_journal_version")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_journal")),
        sa.UniqueConstraint("case_id", "version", name=op.f("uq_journal_case_id_version")),
        sa.UniqueConstraint("id", name=op.f("uq_journal_id")),
    )
    op.create_index("ix_journal_at", "journal", ["at"])
    op.create_index("ix_journal_xid", "journal", ["xid", "seq"])
    op.create_table(
        "journal_seal",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sealed_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_journal_seal")),
    )
    op.create_table(
        "case_file",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("district_code", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("head", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("condition", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("raw_x", sa.Double(), nullable=False),
        sa.Column("raw_y", sa.Double(), nullable=False),
        sa.Column("datum", sa.Text(), nullable=False),
        sa.Column("area_code", sa.Text(), nullable=False),
        sa.Column("street_code", sa.Text(), nullable=True),
        sa.Column("area_class", sa.Text(), nullable=True),
        sa.Column("segment_code", sa.Text(), nullable=True),
        sa.Column("chief_name", sa.Text(), nullable=True),
        sa.Column("chief_account", sa.Text(), nullable=True),
        sa.Column("chief_unit", sa.Text(), nullable=True),
        sa.Column("component_code", sa.Text(), nullable=True),
        sa.Column("component_owner", sa.Text(), nullable=True),
        sa.Column("component_maintainer", sa.Text(), nullable=True),
        sa.Column("reporter_id", sa.UUID(), nullable=False),
        sa.Column("reporter_name", sa.Text(), nullable=False),
        sa.Column("external_number", sa.Text(), nullable=True),
        sa.Column("inspector_id", sa.UUID(), nullable=True),
        sa.Column("inspector_name", sa.Text(), nullable=True),
        sa.Column("rulebook_id", sa.UUID(), nullable=False),
        sa.Column("matrix_row", sa.Text(), nullable=True),
        sa.Column("decision", JSONB(), nullable=True),
        sa.Column("lead_unit", sa.Text(), nullable=True),
        sa.Column("assisting_units", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("reported_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("filed_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("dispatched_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("signed_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("handed_back_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("ended_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("due_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("amber_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("handling_due_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("verified", sa.Boolean(), nullable=True),
        sa.Column("check_passed", sa.Boolean(), nullable=True),
        sa.Column("self_handled", sa.Boolean(), nullable=False),
        sa.Column("overdue", sa.Boolean(), nullable=True),
        sa.Column("exempt", sa.Boolean(), nullable=False),
        sa.Column("declines", sa.Integer(), nullable=False),
        sa.Column("extensions", sa.Integer(), nullable=False),
        sa.Column("suspensions", sa.Integer(), nullable=False),
        sa.Column("reworks", sa.Integer(), nullable=False),
        sa.Column("reminders", sa.Integer(), nullable=False),
        sa.Column("duplicates", sa.Integer(), nullable=False),
        sa.Column("listed", sa.Boolean(), nullable=False),
        sa.Column("pending", sa.Text(), nullable=True),
        sa.Column("pending_by", sa.UUID(), nullable=True),
        sa.Column("pending_until", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("appeal", sa.Text(), nullable=True),
        sa.Column("appeal_reviewer", sa.UUID(), nullable=True),
        sa.Column("merged_into", sa.UUID(), nullable=True),
        sa.Column("pairs", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column(
            "geom",
            Geometry("POINT", srid=4490, spatial_index=False),
            sa.Computed("ST_SetSRID(ST_MakePoint(lon, lat), 4490)", persisted=True),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(merged_into IS NOT NULL) = (stage = 'merged')", name=op.f("ck_case_file_merged_into")
        ),
        sa.CheckConstraint("version >= 1", name=op.f("ck_case_file_version")),
        sa.ForeignKeyConstraint(
            ["rulebook_id"], ["rulebook_version.id"], name=op.f("fk_case_file_rulebook_id_rulebook_version")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_file")),
        sa.UniqueConstraint("number", name=op.f("uq_case_file_number")),
    )
    op.create_index("ix_case_newest", "case_file", ["reported_at", "id"])
    op.create_index("ix_case_due", "case_file", [_DUE, "id", "amber_at"])
    op.create_index(
        "ix_case_open_due",
        "case_file",
        [_DUE, "id", "amber_at"],
        postgresql_where=sa.text("stage NOT IN ('closed', 'refused', 'voided', 'merged')"),
    )
    op.create_index("ix_case_stage_due", "case_file", ["stage", _DUE, "id"])
    op.create_index(
        "ix_case_pending", "case_file", [_DUE, "id"], postgresql_where=sa.text("pending IS NOT NULL")
    )
    op.create_index(
        "ix_case_listed", "case_file", ["reported_at", "id"], postgresql_where=sa.text("listed IS TRUE")
    )
    op.create_index(
        "ix_case_units",
        "case_file",
        [sa.literal_column("array_append(assisting_units, lead_unit)")],
        postgresql_using="gin",
    )
    op.create_index(
        "ix_case_area", "case_file", ["area_code"], postgresql_ops={"area_code": "text_pattern_ops"}
    )
    op.create_index(
        "ix_case_inspector",
        "case_file",
        ["inspector_id"],
        postgresql_where=sa.text("inspector_id IS NOT NULL"),
    )
    op.create_index("ix_case_reporter", "case_file", ["reporter_id", "reported_at"])
    op.create_index(
        "ix_case_chief",
        "case_file",
        ["chief_account", "area_code"],
        postgresql_ops={"area_code": "text_pattern_ops"},
        postgresql_where=sa.text("chief_account IS NOT NULL"),
    )
    op.create_index("ix_case_category", "case_file", ["category", "reported_at"])
    op.create_index(
        "ix_case_condition",
        "case_file",
        ["condition", "reported_at"],
        postgresql_where=sa.text("condition IS NOT NULL"),
    )
    op.create_index("ix_case_geom", "case_file", ["geom"], postgresql_using="gist")
    op.create_index("ix_case_pairs", "case_file", ["pairs"], postgresql_using="gin")
    op.create_index(
        "ix_case_untasked",
        "case_file",
        ["stage"],
        postgresql_where=sa.text("stage IN ('verifying', 'checking') AND inspector_id IS NULL"),
    )
    op.create_index(
        "uq_case_external_number",
        "case_file",
        ["reporter_id", "external_number"],
        unique=True,
        postgresql_where=sa.text("external_number IS NOT NULL"),
    )
    op.create_table(
        "case_clock",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("case_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("started_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("amount", sa.Double(), nullable=True),
        sa.Column("limit_unit", sa.Text(), nullable=True),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("pauses", JSONB(), nullable=False),
        sa.Column("due_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("amber_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("stopped_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("overran_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_case_clock_case_id_case_file")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_clock")),
    )
    op.create_index("ix_case_clock_case", "case_clock", ["case_id"])
    op.create_index(
        "ix_case_clock_due",
        "case_clock",
        ["due_at"],
        postgresql_where=sa.text("stopped_at IS NULL AND overran_at IS NULL AND due_at IS NOT NULL"),
    )
    op.create_index(
        "uq_case_clock_open",
        "case_clock",
        ["case_id", "kind", "name"],
        unique=True,
        postgresql_where=sa.text("stopped_at IS NULL"),
    )
    op.execute(
        """
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
            USING ERRCODE = 'restrict_violation';
        END $$
        """
    )
    for table in ("journal", "journal_seal"):
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    for table in ("journal_seal", "journal", "case_clock", "case_file"):
        op.drop_table(table)
    op.execute("DROP FUNCTION refuse_change()")
    op.execute("DROP SEQUENCE case_serial")
