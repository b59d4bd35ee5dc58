"""suggestions: what was learned from filed cases, as numbers in rows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0018_suggestions"
down_revision = "0017_hotline"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "condition_model",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("rulebook_id", sa.UUID(), nullable=False),
        sa.Column("learned_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("cases", sa.Integer(), nullable=False),
        sa.Column("conditions", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("sharpness", sa.Float(), nullable=False),
        sa.Column("measured", JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["rulebook_id"],
            ["rulebook_version.id"],
            name=op.f("fk_condition_model_rulebook_id_rulebook_version"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_condition_model")),
    )
    op.create_index("ix_condition_model_learned_at", "condition_model", ["learned_at"])
    op.create_table(
        "condition_gram",
        sa.Column("model_id", sa.UUID(), nullable=False),
        sa.Column("gram", sa.Text(), nullable=False),
        sa.Column("idf", sa.Float(), nullable=False),
        sa.Column("places", sa.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("weights", sa.ARRAY(sa.REAL()), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"],
            ["condition_model.id"],
            name=op.f("fk_condition_gram_model_id_condition_model"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("model_id", "gram", name=op.f("pk_condition_gram")),
    )


def downgrade() -> None:
    op.drop_table("condition_gram")
    op.drop_table("condition_model")
