"""hotline: orders beside their cases, how far a feed was read, and what of it was refused."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0017_hotline"
down_revision = "0016_photos"
branch_labels = None
depends_on = None

_MOMENT = sa.TIMESTAMP(timezone=True)


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def upgrade() -> None:
    op.create_table(
        "hotline_order",
        sa.Column("case_id", sa.UUID(), nullable=False),
        sa.Column("client_id", sa.UUID(), nullable=False),
        *_texts("number", "kind", "title", "description", "category", "tags", "address"),
        sa.Column("place", JSONB(), nullable=False),
        sa.Column("sent_at", _MOMENT, nullable=True),
        *(sa.Column(name, _MOMENT, nullable=False) for name in ("received_at", "respond_by", "return_by")),
        sa.Column("reminders", sa.Integer(), nullable=False),
        sa.Column("caller", sa.LargeBinary(), nullable=True),
        *_texts("caller_name", "caller_phone"),
        sa.Column("caller_deleted_at", _MOMENT, nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        *_texts("answer"),
        sa.Column("answered_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["case_id"], ["case_file.id"], name=op.f("fk_hotline_order_case_id_case_file")
        ),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_hotline_order")),
        sa.UniqueConstraint("client_id", "number", name=op.f("uq_hotline_order_client_id_number")),
    )
    op.create_index("ix_hotline_order_number", "hotline_order", ["number"])
    op.create_index("ix_hotline_order_received_at", "hotline_order", ["received_at"])
    op.create_index(
        "ix_hotline_order_caller",
        "hotline_order",
        ["case_id"],
        postgresql_where=sa.text("caller IS NOT NULL"),
    )
    op.create_table(
        "hotline_feed",
        *_texts("feed", "cursor"),
        sa.Column("read_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("feed", name=op.f("pk_hotline_feed")),
    )
    op.create_table(
        "hotline_refusal",
        sa.Column("id", sa.UUID(), nullable=False),
        *_texts("number", "reason"),
        sa.Column("at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hotline_refusal")),
    )
    op.create_index("ix_hotline_refusal_at", "hotline_refusal", ["at"])


def downgrade() -> None:
    for name in ("hotline_refusal", "hotline_feed", "hotline_order"):
        op.drop_table(name)
