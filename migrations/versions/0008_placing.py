"""cases: a case may be taken in before its place is known; what callers said when called back.

Old cases have a place and no caller; a release that does not know the columns writes the same.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008_placing"
down_revision = "0007_reply_text"
branch_labels = None
depends_on = None

_FLAGS = {"placed": "true", "caller_known": "false"}


def upgrade() -> None:
    for name, default in _FLAGS.items():
        op.add_column(
            "case_file", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.text(default))
        )
    op.add_column("case_file", sa.Column("call_back", JSONB(), nullable=True))
    op.create_table(
        "case_place_candidate",
        sa.Column("case_id", sa.UUID(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("name", "kind", "code")),
        *(sa.Column(name, sa.Float(), nullable=False) for name in ("lon", "lat")),
        sa.Column("area_code", sa.Text(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("precise", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["case_file.id"], name=op.f("fk_case_place_candidate_case_id_case_file")
        ),
        sa.PrimaryKeyConstraint("case_id", "number", name=op.f("pk_case_place_candidate")),
    )


def downgrade() -> None:
    op.drop_table("case_place_candidate")
    for name in ("call_back", *_FLAGS):
        op.drop_column("case_file", name)
