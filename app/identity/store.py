"""SQL of who may ask."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Row,
    Text,
    case,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.identity.account import Account, ApiClient
from app.identity.principal import Role
from app.identity.tables import AccountTable, ApiClientTable, LoginSessionTable, LoginThrottleTable

_ACCOUNT = [AccountTable.__table__.c[field.name] for field in dataclasses.fields(Account)]
_CLIENT = [ApiClientTable.__table__.c[field.name] for field in dataclasses.fields(ApiClient)]


def _fields(row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    return {**row._mapping, "roles": tuple(map(Role, row.roles)), "areas": tuple(row.areas)}


def _within(column: Any, areas: Sequence[str]) -> ColumnElement[bool]:
    """Whether every area of the column lies within one of `areas`."""
    own = func.unnest(column).column_valued("own")
    return ~exists().where(~or_(*(own.startswith(area, autoescape=True) for area in areas)))


# Accounts


async def add_account(connection: AsyncConnection, account: Account, password_hash: str) -> bool:
    """Stores a new account; False when the username is taken."""
    statement = (
        insert(AccountTable)
        .values(
            id=account.id,
            username=account.username,
            display_name=account.display_name,
            password_hash=password_hash,
            roles=list(account.roles),
            areas=list(account.areas),
            unit=account.unit,
            active=account.active,
            created_at=account.created_at,
            changed_at=account.changed_at,
        )
        .on_conflict_do_nothing(index_elements=[AccountTable.username])
        .returning(AccountTable.id)
    )
    return (await connection.execute(statement)).one_or_none() is not None


async def account_by_username(connection: AsyncConnection, username: str) -> Account | None:
    """The account of this username (lower-case), active or not."""
    row = (await connection.execute(select(*_ACCOUNT).where(AccountTable.username == username))).one_or_none()
    return None if row is None else Account(**_fields(row))


async def account_within(connection: AsyncConnection, account: UUID, areas: Sequence[str]) -> Account | None:
    """The account, when all its areas lie within `areas`."""
    statement = select(*_ACCOUNT).where(AccountTable.id == account, _within(AccountTable.areas, areas))
    row = (await connection.execute(statement)).one_or_none()
    return None if row is None else Account(**_fields(row))


async def accounts_within(
    connection: AsyncConnection,
    areas: Sequence[str],
    *,
    role: Role | None = None,
    after: str = "",
    limit: int | None = None,
) -> list[Account]:
    """Accounts whose areas all lie within `areas`, by username, those behind the username `after`; with a
    role only those active in it."""
    statement = (
        select(*_ACCOUNT)
        .where(AccountTable.username > after, _within(AccountTable.areas, areas))
        .order_by(AccountTable.username)
        .limit(limit)
    )
    if role is not None:
        statement = statement.where(AccountTable.active, AccountTable.roles.contains([role.value]))
    return [Account(**_fields(row)) for row in await connection.execute(statement)]


async def active_accounts(connection: AsyncConnection, role: Role, area_code: str) -> list[Account]:
    """Active accounts that hold the role and whose areas cover the area, by username."""
    covering = [area_code[:length] for length in range(1, len(area_code) + 1)]
    statement = (
        select(*_ACCOUNT)
        .where(
            AccountTable.active,
            AccountTable.areas.op("&&")(literal(covering, ARRAY(Text))),
            literal(role.value) == func.any(AccountTable.roles),
        )
        .order_by(AccountTable.username)
    )
    return [Account(**_fields(row)) for row in await connection.execute(statement)]


async def change_account(
    connection: AsyncConnection, account: UUID, areas: Sequence[str], changes: dict[str, Any]
) -> Account | None:
    """Changes an account whose areas all lie within `areas`; None when there is none."""
    statement = (
        update(AccountTable)
        .where(AccountTable.id == account, _within(AccountTable.areas, areas))
        .values(changes)
        .returning(*_ACCOUNT)
    )
    row = (await connection.execute(statement)).one_or_none()
    return None if row is None else Account(**_fields(row))


# API clients


async def add_client(connection: AsyncConnection, client: ApiClient, key_hash: str) -> bool:
    """Stores a new API client; False when the name is taken."""
    statement = (
        insert(ApiClientTable)
        .values(
            id=client.id,
            name=client.name,
            key_prefix=client.key_prefix,
            key_hash=key_hash,
            roles=list(client.roles),
            areas=list(client.areas),
            unit=client.unit,
            active=client.active,
            created_at=client.created_at,
        )
        .on_conflict_do_nothing(index_elements=[ApiClientTable.name])
        .returning(ApiClientTable.id)
    )
    return (await connection.execute(statement)).one_or_none() is not None


async def clients_within(
    connection: AsyncConnection, areas: Sequence[str], *, after: str = "", limit: int | None = None
) -> list[ApiClient]:
    """API clients whose areas all lie within `areas`, by name, those behind the name `after`."""
    statement = (
        select(*_CLIENT)
        .where(ApiClientTable.name > after, _within(ApiClientTable.areas, areas))
        .order_by(ApiClientTable.name)
        .limit(limit)
    )
    return [ApiClient(**_fields(row)) for row in await connection.execute(statement)]


async def revoke_client(connection: AsyncConnection, client: UUID, areas: Sequence[str]) -> bool:
    """Ends the key of an API client whose areas all lie within `areas`; False when there is none."""
    statement = (
        update(ApiClientTable)
        .where(ApiClientTable.id == client, _within(ApiClientTable.areas, areas))
        .values(active=False)
        .returning(ApiClientTable.id)
    )
    return (await connection.execute(statement)).one_or_none() is not None


# Logging in


@dataclass(frozen=True, slots=True)
class Credentials:
    """What logging in is judged by."""

    account: UUID
    password_hash: str


async def credentials(connection: AsyncConnection, username: str) -> Credentials | None:
    """Those of the active account of this username (lower-case)."""
    statement = select(AccountTable.id, AccountTable.password_hash).where(
        AccountTable.username == username, AccountTable.active
    )
    row = (await connection.execute(statement)).one_or_none()
    return None if row is None else Credentials(row.id, row.password_hash)


async def renew_hash(connection: AsyncConnection, judged: Credentials, password_hash: str) -> None:
    """Stores a better hash of the same password, unless the password was changed meanwhile."""
    await connection.execute(
        update(AccountTable)
        .where(AccountTable.id == judged.account, AccountTable.password_hash == judged.password_hash)
        .values(password_hash=password_hash)
    )


async def open_session(
    connection: AsyncConnection,
    judged: Credentials,
    *,
    session: UUID,
    token_hash: str,
    now: datetime,
    expires_at: datetime,
) -> bool:
    """Begins a login session; False when the account or its password was changed since it was judged."""
    columns = LoginSessionTable.__table__.c
    unchanged = select(
        literal(session),
        AccountTable.id,
        literal(token_hash),
        literal(now),
        literal(now),
        literal(expires_at),
    ).where(
        AccountTable.id == judged.account,
        AccountTable.password_hash == judged.password_hash,
        AccountTable.active,
    )
    statement = (
        insert(LoginSessionTable)
        .from_select(
            [
                columns.id,
                columns.account_id,
                columns.token_hash,
                columns.started_at,
                columns.renewed_at,
                columns.expires_at,
            ],
            unchanged,
        )
        .returning(LoginSessionTable.id)
    )
    return (await connection.execute(statement)).one_or_none() is not None


async def renew_session(
    connection: AsyncConnection,
    session: UUID,
    *,
    old_hash: str,
    new_hash: str,
    now: datetime,
    expires_at: datetime,
) -> UUID | None:
    """Replaces the session's refresh token and gives its account; None when the old one is not the newest."""
    statement = (
        update(LoginSessionTable)
        .where(
            LoginSessionTable.id == session,
            LoginSessionTable.token_hash == old_hash,
            LoginSessionTable.expires_at > now,
            LoginSessionTable.account_id == AccountTable.id,
            AccountTable.active,
        )
        .values(token_hash=new_hash, renewed_at=now, expires_at=expires_at)
        .returning(LoginSessionTable.account_id)
    )
    return (await connection.execute(statement)).scalar_one_or_none()


async def end_session(connection: AsyncConnection, session: UUID) -> bool:
    """Ends a login session with all its tokens; False when it had ended before."""
    statement = (
        delete(LoginSessionTable).where(LoginSessionTable.id == session).returning(LoginSessionTable.id)
    )
    return (await connection.execute(statement)).one_or_none() is not None


async def end_sessions_of(connection: AsyncConnection, account: UUID) -> None:
    """Ends every login session of the account."""
    await connection.execute(delete(LoginSessionTable).where(LoginSessionTable.account_id == account))


async def count_attempt(
    connection: AsyncConnection, subject: str, *, limit: int, now: datetime, forgotten_at: datetime
) -> bool:
    """Counts an attempt to log in as a failure beforehand; False when the subject is blocked.

    Counting and looking are one statement, so parallel attempts cannot slip past the limit.
    """
    row = LoginThrottleTable
    over = row.forgotten_at <= now
    statement = (
        insert(row)
        .values(subject=subject, failures=1, forgotten_at=forgotten_at)
        .on_conflict_do_update(
            index_elements=[row.subject],
            set_={
                "failures": case((over, 1), else_=row.failures + 1),
                "forgotten_at": case(
                    (or_(over, row.failures + 1 >= limit), forgotten_at), else_=row.forgotten_at
                ),
            },
            where=or_(over, row.failures < limit),
        )
        .returning(row.subject)
    )
    return (await connection.execute(statement)).one_or_none() is not None


async def blocked_until(connection: AsyncConnection, subject: str) -> datetime | None:
    """When the subject's failures are forgotten; None when there are none."""
    statement = select(LoginThrottleTable.forgotten_at).where(LoginThrottleTable.subject == subject)
    return (await connection.execute(statement)).scalar_one_or_none()


async def forget_failures(connection: AsyncConnection, subject: str) -> None:
    """Begins the subject's count anew."""
    await connection.execute(delete(LoginThrottleTable).where(LoginThrottleTable.subject == subject))


async def uncount_attempt(connection: AsyncConnection, subject: str) -> None:
    """Takes back one attempt that turned out not to be a failure."""
    await connection.execute(
        update(LoginThrottleTable)
        .where(LoginThrottleTable.subject == subject)
        .values(failures=func.greatest(LoginThrottleTable.failures - 1, 0))
    )


async def delete_expired(connection: AsyncConnection, now: datetime) -> int:
    """Deletes login sessions and failures whose time is over; how many rows. Waits for no login."""
    session, failures = LoginSessionTable, LoginThrottleTable
    sessions_over = select(session.id).where(session.expires_at <= now).with_for_update(skip_locked=True)
    failures_over = (
        select(failures.subject).where(failures.forgotten_at <= now).with_for_update(skip_locked=True)
    )
    ended = await connection.execute(delete(session).where(session.id.in_(sessions_over)))
    forgotten = await connection.execute(delete(failures).where(failures.subject.in_(failures_over)))
    return ended.rowcount + forgotten.rowcount
