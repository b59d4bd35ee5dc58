"""Tables of who may ask: accounts, API clients, login sessions and the login throttle."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base
from app.identity.principal import Role

#: Roles an account or API client may hold; `system` is the worker's own.
GIVEN_ROLES = tuple(role for role in Role if role is not Role.SYSTEM)

_ROLES_KNOWN = f"cardinality(roles) > 0 AND roles <@ ARRAY{[str(role) for role in GIVEN_ROLES]}::text[]"
_AREAS_GIVEN = "cardinality(areas) > 0"


class AccountTable(Base):
    """账号. `areas` are area codes, each covering every area whose code begins with it; `unit` is a
    unit code of the rulebook."""

    __tablename__ = "account"
    __table_args__ = (
        CheckConstraint("username = lower(username)", name="username_lower"),
        CheckConstraint(_ROLES_KNOWN, name="roles_known"),
        CheckConstraint(_AREAS_GIVEN, name="areas_given"),
        Index("ix_account_areas", "areas", postgresql_using="gin"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(unique=True)
    display_name: Mapped[str]
    password_hash: Mapped[str]
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    areas: Mapped[list[str]] = mapped_column(ARRAY(Text))
    unit: Mapped[str | None]
    active: Mapped[bool]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class ApiClientTable(Base):
    """接入系统: a program that asks with a key instead of a password.

    `key_hash` is the SHA-256 of the whole key, which is random and long, so a slow hash would add
    nothing. `last_used_at` is right to the hour.
    """

    __tablename__ = "api_client"
    __table_args__ = (
        CheckConstraint(_ROLES_KNOWN, name="roles_known"),
        CheckConstraint(_AREAS_GIVEN, name="areas_given"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    key_prefix: Mapped[str] = mapped_column(unique=True)
    key_hash: Mapped[str]
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    areas: Mapped[list[str]] = mapped_column(ARRAY(Text))
    unit: Mapped[str | None]
    active: Mapped[bool]
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]


class LoginSessionTable(Base):
    """登录会话: one family of refresh tokens, from logging in to logging out.

    The row holds the hash of the newest token only: any older one is known by not matching. One row
    a family makes renewing and ending it serialise on the row's lock.
    """

    __tablename__ = "login_session"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str]
    started_at: Mapped[datetime]
    renewed_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class LoginThrottleTable(Base):
    """登录限制: failed logins in a row of a subject (`username:…` or `address:…`).

    They are forgotten at `forgotten_at`; a subject that reached the limit is blocked until then.
    """

    __tablename__ = "login_throttle"

    subject: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int]
    forgotten_at: Mapped[datetime] = mapped_column(index=True)
