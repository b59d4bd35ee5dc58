"""dispatch: rulebook versions, their activations, and the triggers that keep both as they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004_dispatch"
down_revision = "0003_grid"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rulebook_version",
        sa.Column("id", sa.UUID(), primary_key=True),
        sa.Column("district_code", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("content", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("created_by", sa.UUID(), nullable=False),
        sa.UniqueConstraint("district_code", "number"),
        sa.UniqueConstraint("district_code", "digest"),
        sa.CheckConstraint("number > 0", name="number_positive"),
    )
    op.create_table(
        "rulebook_activation",
        sa.Column("id", sa.UUID(), primary_key=True),
        sa.Column("version_id", sa.UUID(), sa.ForeignKey("rulebook_version.id"), nullable=False),
        sa.Column("district_code", sa.Text(), nullable=False),
        sa.Column("effective_from", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("activated_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("activated_by", sa.UUID(), nullable=False),
    )
    op.create_index("ix_rulebook_activation_version_id", "rulebook_activation", ["version_id"])
    op.create_index(
        "uq_rulebook_activation_effective_from",
        "rulebook_activation",
        ["effective_from", "district_code"],
        unique=True,
    )
    op.execute(
        """
        CREATE FUNCTION rulebook_stays() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'rulebook_version' THEN
            IF NOT EXISTS (SELECT FROM rulebook_activation WHERE version_id = OLD.id) THEN
              RETURN OLD;
            END IF;
          END IF;
          RAISE EXCEPTION '% is refused: % keeps what was decided by it', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation';
        END $$
        """
    )
    for table in ("rulebook_version", "rulebook_activation"):
        op.execute(
            f"CREATE TRIGGER {table}_stays BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION rulebook_stays()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_stays_whole BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION rulebook_stays()"
        )


def downgrade() -> None:
    op.drop_table("rulebook_activation")
    op.drop_table("rulebook_version")
    op.execute("DROP FUNCTION rulebook_stays()")
