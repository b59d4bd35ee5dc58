"""outbox: the servers the journal was written on, receivers of webhooks, what waits for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0013_outbox"
down_revision = "0012_sensors"
branch_labels = None
depends_on = None

_MOMENT = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "journal_server",
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("settled_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("system", name=op.f("pk_journal_server")),
    )
    # The lock lets writers under way finish: no entry with a smaller number can appear later.
    op.execute("LOCK TABLE journal IN SHARE MODE")
    op.execute(
        "INSERT INTO journal_server SELECT system_identifier::text,"
        " (SELECT coalesce(max(seq), 0) FROM journal) FROM pg_control_system()"
    )
    op.create_table(
        "webhook",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("old_secret", sa.Text(), nullable=True),
        sa.Column("old_secret_until", _MOMENT, nullable=True),
        sa.Column("areas", ARRAY(sa.Text()), nullable=False),
        sa.Column("actions", ARRAY(sa.Text()), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("disabled_because", sa.Text(), nullable=True),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.Column("delivered", sa.BigInteger(), nullable=False),
        sa.Column("delivered_at", _MOMENT, nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", _MOMENT, nullable=True),
        sa.Column("next_try_at", _MOMENT, nullable=True),
        sa.Column("lease", sa.UUID(), nullable=True),
        sa.Column("leased_until", _MOMENT, nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("changed_at", _MOMENT, nullable=False),
        sa.CheckConstraint("cardinality(areas) > 0", name=op.f("ck_webhook_areas_given")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
        sa.UniqueConstraint("name", name=op.f("uq_webhook_name")),
    )
    op.create_table(
        "webhook_delivery",
        sa.Column("webhook_id", sa.UUID(), nullable=False),
        sa.Column("entry_id", sa.UUID(), nullable=False),
        sa.Column("case_id", sa.UUID(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("dead", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", _MOMENT, nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("queued_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("webhook_id", "entry_id", name=op.f("pk_webhook_delivery")),
        sa.ForeignKeyConstraint(
            ["webhook_id"],
            ["webhook.id"],
            name=op.f("fk_webhook_delivery_webhook_id_webhook"),
            ondelete="CASCADE",
        ),
    )
    op.create_index(
        "uq_webhook_delivery_case", "webhook_delivery", ["webhook_id", "case_id", "version"], unique=True
    )
    op.create_index(
        "ix_webhook_delivery_dead",
        "webhook_delivery",
        ["webhook_id", "entry_id"],
        postgresql_where=sa.text("dead"),
    )


def downgrade() -> None:
    for table in ("webhook_delivery", "webhook", "journal_server"):
        op.drop_table(table)
