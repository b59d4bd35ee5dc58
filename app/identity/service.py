"""Who may ask: accounts and API clients, made and changed within the administrator's own scope."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Unpack
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import new_id
from app.errors import Conflict, Forbidden, NotFound, NotReady, Unauthenticated
from app.identity import asking, login, passwords, store, tokens
from app.identity.account import (
    Account,
    AccountChanges,
    ApiClient,
    NewAccount,
    NewApiClient,
    checked_areas,
    checked_roles,
    checked_text,
    checked_unit,
    checked_username,
)
from app.identity.principal import Principal
from app.identity.tokens import ApiKey

# Who is asking


async def principal_of_token(
    connection: AsyncConnection, access_token: str, *, secret: str, now: datetime
) -> Principal:
    """The account of an access token, as it is now. Errors: `Unauthenticated`."""
    claims = tokens.read_access(access_token, secret=secret, now=now)
    principal = await asking.account_principal(connection, claims.account, claims.session)
    if principal is None:
        raise Unauthenticated("the login has ended or the account is inactive; log in again")
    return principal


async def principal_of_key(connection: AsyncConnection, api_key: str, *, now: datetime) -> Principal:
    """The API client of a key. Errors: `Unauthenticated`."""
    key = ApiKey.read(api_key)
    known = await asking.client_by_prefix(connection, key.prefix, now)
    if known is None or not key.is_hashed_as(known.key_hash):
        raise tokens.unknown_key()
    if known.use_is_due:
        await asking.note_client_use(connection, known.principal.id, now)
    return known.principal


async def principal_of_username(connection: AsyncConnection, username: str) -> Principal:
    """The active account of that name, for who runs the command line. Errors: `NotFound`."""
    principal = await asking.principal_of_username(connection, username.lower())
    if principal is None:
        raise NotFound(f"there is no active account {username}: `chengguan account list` shows all")
    return principal


async def principal_of_client(connection: AsyncConnection, name: str) -> Principal:
    """The active API client of that name, for what is done on its behalf. Errors: `NotReady`."""
    principal = await asking.principal_of_client(connection, name)
    if principal is None:
        raise NotReady(f"there is no active API client {name}: make it, or name another")
    return principal


# Accounts


async def create_account(connection: AsyncConnection, *, now: datetime, **new: Unpack[NewAccount]) -> UUID:
    """Makes an account that may log in at once, and gives its id.

    Errors: `InvalidInput` for a field or password against the rules, `Conflict` when the username is taken.
    """
    username = checked_username(new["username"])
    passwords.check_rules(new["password"], username=username)
    account = Account(
        id=new_id(),
        username=username,
        display_name=checked_text("display_name", new["display_name"]),
        roles=checked_roles(new["roles"]),
        areas=checked_areas(new["areas"]),
        unit=checked_unit(new.get("unit")),
        active=True,
        created_at=now,
        changed_at=now,
    )
    if not await store.add_account(connection, account, await passwords.hashed(new["password"])):
        raise Conflict(f"the username {username} is taken; choose another")
    return account.id


async def add_account(
    connection: AsyncConnection, administrator: Principal, *, now: datetime, **new: Unpack[NewAccount]
) -> Account:
    """Makes an account within the administrator's areas.

    Errors: those of `create_account`, and `Forbidden` for areas outside the administrator's.
    """
    _check_scope(administrator, checked_areas(new["areas"]))
    account = await create_account(connection, now=now, **new)
    return await find_account(connection, administrator, account)


async def list_accounts(
    connection: AsyncConnection, administrator: Principal, *, after: str = "", limit: int | None = None
) -> list[Account]:
    """Accounts within the administrator's areas by username, those behind the username `after`."""
    return await store.accounts_within(connection, administrator.areas, after=after, limit=limit)


async def find_account(connection: AsyncConnection, administrator: Principal, account: UUID) -> Account:
    """An account within the administrator's areas. Errors: `NotFound`."""
    return _found(await store.account_within(connection, account, administrator.areas))


async def change_account(
    connection: AsyncConnection,
    administrator: Principal,
    account: UUID,
    changes: AccountChanges,
    now: datetime,
) -> Account:
    """Changes an account within the administrator's areas; it counts from the account's next request.

    Errors: `NotFound`, `InvalidInput`, and `Forbidden` for areas outside the administrator's.
    """
    values: dict[str, Any] = {**changes, "changed_at": now}
    if "display_name" in changes:
        values["display_name"] = checked_text("display_name", changes["display_name"])
    if "roles" in changes:
        values["roles"] = checked_roles(changes["roles"])
    if "areas" in changes:
        values["areas"] = checked_areas(changes["areas"])
        _check_scope(administrator, values["areas"])
    if "unit" in changes:
        values["unit"] = checked_unit(changes["unit"])
    return _found(await store.change_account(connection, account, administrator.areas, values))


async def reset_password(
    connection: AsyncConnection, administrator: Principal, account: UUID, password: str, now: datetime
) -> None:
    """Gives an account within the administrator's areas a new password and ends its logins.

    Errors: `NotFound`, `InvalidInput` for a password against the rules.
    """
    found = await find_account(connection, administrator, account)
    passwords.check_rules(password, username=found.username)
    values = {"password_hash": await passwords.hashed(password), "changed_at": now}
    await store.change_account(connection, account, administrator.areas, values)
    await store.end_sessions_of(connection, account)
    await login.unblock(connection, found.username)


# API clients


async def add_client(
    connection: AsyncConnection, administrator: Principal, *, now: datetime, **new: Unpack[NewApiClient]
) -> tuple[ApiClient, ApiKey]:
    """Makes an API client within the administrator's areas; its key is stored nowhere.

    Errors: `InvalidInput`, `Conflict` when the name is taken, `Forbidden` for areas outside one's own.
    """
    _check_scope(administrator, checked_areas(new["areas"]))
    key = ApiKey.new()
    client = ApiClient(
        id=new_id(),
        name=checked_text("name", new["name"]),
        key_prefix=key.prefix,
        roles=checked_roles(new["roles"]),
        areas=checked_areas(new["areas"]),
        unit=checked_unit(new.get("unit")),
        active=True,
        created_at=now,
        last_used_at=None,
    )
    if not await store.add_client(connection, client, key.hash):
        raise Conflict(f"the name {client.name} is taken; choose another")
    return client, key


async def list_clients(
    connection: AsyncConnection, administrator: Principal, *, after: str = "", limit: int | None = None
) -> list[ApiClient]:
    """API clients within the administrator's areas by name, those behind the name `after`."""
    return await store.clients_within(connection, administrator.areas, after=after, limit=limit)


async def revoke_client(connection: AsyncConnection, administrator: Principal, client: UUID) -> None:
    """Ends the key of an API client within the administrator's areas. Errors: `NotFound`."""
    if not await store.revoke_client(connection, client, administrator.areas):
        raise NotFound("there is no such API client within your areas")


def _check_scope(administrator: Principal, areas: Sequence[str]) -> None:
    foreign = [area for area in areas if not administrator.covers(area)]
    if foreign:
        raise Forbidden(f"these areas are not within yours: {', '.join(foreign)}")


def _found(account: Account | None) -> Account:
    if account is None:
        raise NotFound("there is no such account within your areas")
    return account
