"""identity."""

from __future__ import annotations

revision = "0002_identity"
down_revision = "0001_extensions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
