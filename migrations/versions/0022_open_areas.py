"""open areas: an index of the open cases by area, so that a street's are counted by reading no others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022_open_areas"
down_revision = "0021_open_cases"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_case_open_area",
        "case_file",
        ["area_code", "stage"],
        postgresql_ops={"area_code": "text_pattern_ops"},
        postgresql_where=sa.text("stage NOT IN ('closed', 'refused', 'voided', 'merged')"),
    )


def downgrade() -> None:
    op.drop_index("ix_case_open_area", table_name="case_file")
