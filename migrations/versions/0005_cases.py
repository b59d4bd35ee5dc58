"""cases."""

from __future__ import annotations

revision = "0005_cases"
down_revision = "0004_dispatch"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
