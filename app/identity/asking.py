"""SQL of who is asking: one statement a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Text, bindparam, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.identity.principal import Principal, Role
from app.identity.tables import AccountTable, ApiClientTable, LoginSessionTable
from app.prepared import Prepared

#: `api_client.last_used_at` is written this seldom.
_LAST_USED_STEP = timedelta(hours=1)


def _principal(kind: Literal["account", "client"], row: Mapping[str, Any]) -> Principal:
    return Principal(
        id=row["id"],
        name=row["name"],
        kind=kind,
        roles=frozenset(map(Role, row["roles"])),
        areas=tuple(row["areas"]),
        unit=row["unit"],
        username=row["username"],
    )


_ACCOUNTS = select(
    AccountTable.id,
    AccountTable.username,
    AccountTable.display_name.label("name"),
    AccountTable.roles,
    AccountTable.areas,
    AccountTable.unit,
).where(AccountTable.active)
_ACCOUNT_ASKING = Prepared(
    _ACCOUNTS.join(LoginSessionTable, LoginSessionTable.account_id == AccountTable.id).where(
        LoginSessionTable.id == bindparam("session"), AccountTable.id == bindparam("account")
    )
)
_ACCOUNT_NAMED = Prepared(_ACCOUNTS.where(AccountTable.username == bindparam("username")))
_CLIENTS = select(
    ApiClientTable.id,
    literal(None, Text).label("username"),
    ApiClientTable.name,
    ApiClientTable.roles,
    ApiClientTable.areas,
    ApiClientTable.unit,
    ApiClientTable.key_hash,
    ApiClientTable.last_used_at,
).where(ApiClientTable.active)
_CLIENT_ASKING = Prepared(_CLIENTS.where(ApiClientTable.key_prefix == bindparam("prefix")))


async def account_principal(connection: AsyncConnection, account: UUID, session: UUID) -> Principal | None:
    """The active account as a principal, while its login session has not ended."""
    row = await _ACCOUNT_ASKING.row(connection, account=account, session=session)
    return None if row is None else _principal("account", row)


async def principal_of_username(connection: AsyncConnection, username: str) -> Principal | None:
    """The active account of this username (lower-case) as a principal."""
    row = await _ACCOUNT_NAMED.row(connection, username=username)
    return None if row is None else _principal("account", row)


_CLIENT_NAMED = Prepared(_CLIENTS.where(ApiClientTable.name == bindparam("name")))


async def principal_of_client(connection: AsyncConnection, name: str) -> Principal | None:
    """The active API client of this name as a principal."""
    row = await _CLIENT_NAMED.row(connection, name=name)
    return None if row is None else _principal("client", row)


@dataclass(frozen=True, slots=True)
class KnownClient:
    """An active API client with what proves its key; `use_is_due`: write `last_used_at` again."""

    principal: Principal
    key_hash: str
    use_is_due: bool


async def client_by_prefix(connection: AsyncConnection, prefix: str, now: datetime) -> KnownClient | None:
    """The active API client of the key's prefix."""
    row = await _CLIENT_ASKING.row(connection, prefix=prefix)
    if row is None:
        return None
    use_is_due = row["last_used_at"] is None or row["last_used_at"] <= now - _LAST_USED_STEP
    return KnownClient(_principal("client", row), row["key_hash"], use_is_due)


async def note_client_use(connection: AsyncConnection, client: UUID, now: datetime) -> None:
    """Writes when the client was last seen, without waiting for a request that is just doing so."""
    free = select(ApiClientTable.id).where(ApiClientTable.id == client).with_for_update(skip_locked=True)
    await connection.execute(
        update(ApiClientTable).where(ApiClientTable.id == free.scalar_subquery()).values(last_used_at=now)
    )
