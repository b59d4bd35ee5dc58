"""open cases: an index that tells area and stage too, so that a street's list reads no other cases and its
count none at all."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021_open_cases"
down_revision = "0020_lighter_writing"
branch_labels = None
depends_on = None

_DUE = sa.text("coalesce(due_at, '9999-12-31 00:00:00+00'::timestamptz)")
_OPEN = sa.text("stage NOT IN ('closed', 'refused', 'voided', 'merged')")


def upgrade() -> None:
    op.drop_index("ix_case_open_due", table_name="case_file")
    op.create_index(
        "ix_case_open_due",
        "case_file",
        [_DUE, "id", "amber_at", "area_code", "stage"],
        postgresql_ops={"area_code": "text_pattern_ops"},
        postgresql_where=_OPEN,
    )


def downgrade() -> None:
    op.drop_index("ix_case_open_due", table_name="case_file")
    op.create_index("ix_case_open_due", "case_file", [_DUE, "id", "amber_at"], postgresql_where=_OPEN)
