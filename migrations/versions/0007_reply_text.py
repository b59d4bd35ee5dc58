"""requests: kept replies as text, the same to the letter for a repeat, and cheaper to keep.

`body` stays for replies kept before, and for the release before that writes it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007_reply_text"
down_revision = "0006_requests"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("idempotent_requests", sa.Column("content", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("idempotent_requests", "content")
