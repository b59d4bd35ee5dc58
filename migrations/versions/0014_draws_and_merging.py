"""cases: who had the verification and the check, what came of the case one was merged into, and the indexes
that near duplicates and meetings are counted by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014_draws_and_merging"
down_revision = "0013_outbox"
branch_labels = None
depends_on = None

_COLUMNS = (
    ("verifier_id", sa.UUID()),
    ("checker_id", sa.UUID()),
    ("outcome", sa.Text()),
    ("outcome_at", sa.TIMESTAMP(timezone=True)),
    ("outcome_text", sa.Text()),
)


def upgrade() -> None:
    for name, kind in _COLUMNS:
        op.add_column("case_file", sa.Column(name, kind, nullable=True))
    op.create_index("ix_case_place", "case_file", ["geom", "reported_at"], postgresql_using="gist")
    op.drop_index("ix_case_geom", table_name="case_file")
    op.create_index(
        "ix_case_checker",
        "case_file",
        ["checker_id", "lead_unit", "handed_back_at"],
        postgresql_where=sa.text("checker_id IS NOT NULL"),
    )
    op.create_index(
        "ix_case_verifier",
        "case_file",
        ["verifier_id", "reporter_id", "reported_at"],
        postgresql_where=sa.text("verifier_id IS NOT NULL"),
    )
    op.create_index(
        "ix_case_merged_into",
        "case_file",
        ["merged_into"],
        postgresql_where=sa.text("merged_into IS NOT NULL"),
    )
    op.create_index(
        "ix_case_untold",
        "case_file",
        ["id"],
        postgresql_where=sa.text("stage = 'merged' AND outcome IS NULL"),
    )


def downgrade() -> None:
    for name in ("ix_case_untold", "ix_case_merged_into", "ix_case_verifier", "ix_case_checker"):
        op.drop_index(name, table_name="case_file")
    op.create_index("ix_case_geom", "case_file", ["geom"], postgresql_using="gist")
    op.drop_index("ix_case_place", table_name="case_file")
    for name, _ in reversed(_COLUMNS):
        op.drop_column("case_file", name)
