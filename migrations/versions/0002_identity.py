"""Accounts, API clients, login sessions and the login throttle."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002_identity"
down_revision = "0001_extensions"
branch_labels = None
depends_on = None

_TIME = sa.TIMESTAMP(timezone=True)
_TEXTS = postgresql.ARRAY(sa.Text())
_ROLES_KNOWN = (
    "cardinality(roles) > 0 AND roles <@ ARRAY['inspector', 'intake_clerk', 'shift_leader', 'dispatcher',"
    " 'unit_officer', 'street_chief', 'evaluator', 'administrator', 'integration']::text[]"
)


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.UUID(), primary_key=True),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("roles", _TEXTS, nullable=False),
        sa.Column("areas", _TEXTS, nullable=False),
        sa.Column("unit", sa.Text()),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("changed_at", _TIME, nullable=False),
        sa.UniqueConstraint("username", name="uq_account_username"),
        sa.CheckConstraint("username = lower(username)", name="username_lower"),
        sa.CheckConstraint(_ROLES_KNOWN, name="roles_known"),
        sa.CheckConstraint("cardinality(areas) > 0", name="areas_given"),
    )
    op.create_index("ix_account_areas", "account", ["areas"], postgresql_using="gin")
    op.create_table(
        "api_client",
        sa.Column("id", sa.UUID(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key_prefix", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.Text(), nullable=False),
        sa.Column("roles", _TEXTS, nullable=False),
        sa.Column("areas", _TEXTS, nullable=False),
        sa.Column("unit", sa.Text()),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("last_used_at", _TIME),
        sa.UniqueConstraint("name", name="uq_api_client_name"),
        sa.UniqueConstraint("key_prefix", name="uq_api_client_key_prefix"),
        sa.CheckConstraint(_ROLES_KNOWN, name="roles_known"),
        sa.CheckConstraint("cardinality(areas) > 0", name="areas_given"),
    )
    op.create_table(
        "login_session",
        sa.Column("id", sa.UUID(), primary_key=True),
        sa.Column("account_id", sa.UUID(), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("renewed_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_login_session_account_id_account", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_login_session_account_id", "login_session", ["account_id"])
    op.create_index("ix_login_session_expires_at", "login_session", ["expires_at"])
    op.create_table(
        "login_throttle",
        sa.Column("subject", sa.Text(), primary_key=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("forgotten_at", _TIME, nullable=False),
    )
    op.create_index("ix_login_throttle_forgotten_at", "login_throttle", ["forgotten_at"])


def downgrade() -> None:
    for table in ("login_throttle", "login_session", "api_client", "account"):
        op.drop_table(table)
