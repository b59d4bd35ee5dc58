"""kept replies: compressed at a quarter of the time, as the documents are since 0020."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023_kept_replies"
down_revision = "0022_open_areas"
branch_labels = None
depends_on = None

#: Where a reply is kept for who asks again.
_TABLES = ("idempotent_requests", "offline_command")


def upgrade() -> None:
    # A server may be built without it; what was compressed before is read as ever.
    built_in = "SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'"
    if op.get_bind().scalar(sa.text(built_in)):
        _compress("lz4")


def downgrade() -> None:
    _compress("default")


def _compress(how: str) -> None:
    for table in _TABLES:
        op.execute(f"ALTER TABLE {table} ALTER COLUMN content SET COMPRESSION {how}")
