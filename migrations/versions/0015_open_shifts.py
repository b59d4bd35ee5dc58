"""grid: of the shifts under way, those of a cell are found without looking at all."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015_open_shifts"
down_revision = "0014_draws_and_merging"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_duty_shift_open_area_codes",
        "duty_shift",
        ["area_codes"],
        postgresql_using="gin",
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_duty_shift_open_area_codes", "duty_shift")
