"""dispatch."""

from __future__ import annotations

revision = "0004_dispatch"
down_revision = "0003_grid"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
