"""open311: requests of standard clients beside their cases, and their updates."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0009_open311"
down_revision = "0008_placing"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "open311_request",
        sa.Column("case_id", sa.UUID(), nullable=False),
        sa.Column("client_id", sa.UUID(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("received_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("address_id", sa.Text(), nullable=True),
        sa.Column("media_urls", ARRAY(sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_open311_request")),
        sa.ForeignKeyConstraint(
            ["case_id"], ["case_file.id"], name=op.f("fk_open311_request_case_id_case_file")
        ),
    )
    op.create_index(
        "ix_open311_request_repeat", "open311_request", ["client_id", "fingerprint", "received_at"]
    )
    op.create_table(
        "open311_update",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("case_id", sa.UUID(), nullable=False),
        sa.Column("client_id", sa.UUID(), nullable=False),
        sa.Column("own_id", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("received_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_open311_update")),
        sa.ForeignKeyConstraint(
            ["case_id"], ["case_file.id"], name=op.f("fk_open311_update_case_id_case_file")
        ),
    )
    op.create_index(
        "ix_open311_update_repeat",
        "open311_update",
        ["client_id", "case_id", "fingerprint", "received_at"],
    )
    op.create_index(
        "uq_open311_update_own_id",
        "open311_update",
        ["client_id", "case_id", "own_id"],
        unique=True,
        postgresql_where=sa.text("own_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_table("open311_update")
    op.drop_table("open311_request")
