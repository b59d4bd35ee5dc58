"""offline: commands made without a connection, carried out once, and what was told of each."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019_offline"
down_revision = "0018_suggestions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "offline_command",
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("done_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("case_id", sa.UUID(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "client_id", name=op.f("pk_offline_command")),
    )
    op.create_index(op.f("ix_offline_command_done_at"), "offline_command", ["done_at"])


def downgrade() -> None:
    op.drop_table("offline_command")
