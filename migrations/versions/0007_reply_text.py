"""requests: kept replies as text, the same to the letter for a repeat, and cheaper to keep."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007_reply_text"
down_revision = "0006_requests"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("idempotent_requests", "body", type_=sa.Text(), postgresql_using="body::text")


def downgrade() -> None:
    op.alter_column("idempotent_requests", "body", type_=JSONB(), postgresql_using="body::jsonb")
