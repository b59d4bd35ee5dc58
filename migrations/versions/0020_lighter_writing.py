"""lighter writing: indexes that others stand in for, and compression that costs a quarter."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020_lighter_writing"
down_revision = "0019_offline"
branch_labels = None
depends_on = None

_MERGED = sa.text("merged_into IS NOT NULL")
#: What every action writes anew.
_DOCUMENTS = {"journal": ["data"], "case_file": ["decision", "pairs"]}


def upgrade() -> None:
    op.drop_index("ix_case_untasked", table_name="case_file")
    op.drop_index("ix_case_untold", table_name="case_file")
    op.drop_index("ix_case_merged_into", table_name="case_file")
    op.create_index("ix_case_merged_into", "case_file", ["merged_into", "outcome"], postgresql_where=_MERGED)
    op.drop_index("ix_journal_at", table_name="journal")
    # A server may be built without it; what was compressed before is read as ever.
    built_in = "SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'"
    if op.get_bind().scalar(sa.text(built_in)):
        _compress("lz4")


def downgrade() -> None:
    _compress("default")
    op.create_index("ix_journal_at", "journal", ["at"])
    op.drop_index("ix_case_merged_into", table_name="case_file")
    op.create_index("ix_case_merged_into", "case_file", ["merged_into"], postgresql_where=_MERGED)
    op.create_index(
        "ix_case_untold",
        "case_file",
        ["id"],
        postgresql_where=sa.text("stage = 'merged' AND outcome IS NULL"),
    )
    op.create_index(
        "ix_case_untasked",
        "case_file",
        ["stage"],
        postgresql_where=sa.text("stage IN ('verifying', 'checking') AND inspector_id IS NULL"),
    )


def _compress(how: str) -> None:
    for table, columns in _DOCUMENTS.items():
        for column in columns:
            op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET COMPRESSION {how}")
