"""Who is asking, as a type in a route's signature.

`CurrentPrincipal` and `Asking` let in whoever is known, `require(...)` whoever holds one of the roles:

    AdministratorOnly = Annotated[Principal, Depends(require(Role.ADMINISTRATOR))]
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import structlog
from fastapi import Depends, Request
from fastapi.security import APIKeyHeader, OAuth2PasswordBearer
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import Forbidden, Unauthenticated
from app.identity import service
from app.identity.account import label
from app.identity.principal import CENTRE_ROLES, Principal, Role
from app.requests import Conn, Services, ServicesDep, services

_TOKEN_PATH = "/api/v1/auth/token"  # noqa: S105

_bearer = OAuth2PasswordBearer(
    tokenUrl=_TOKEN_PATH,
    refreshUrl=_TOKEN_PATH,
    scheme_name="Account",
    description="账号: the access token of an account.",
    auto_error=False,
)
_api_key = APIKeyHeader(
    name="X-API-Key",
    scheme_name="ApiClient",
    description="接入系统: the key of an API client.",
    auto_error=False,
)


BearerToken = Annotated[str | None, Depends(_bearer)]
ClientKey = Annotated[str | None, Depends(_api_key)]


async def current_principal(
    parts: ServicesDep, connection: Conn, access_token: BearerToken, api_key: ClientKey
) -> Principal:
    """The account or API client asking, as the database has it now. Errors: `Unauthenticated`."""
    return await Credentials(access_token, api_key).principal(connection, parts, parts.clock.now())


CurrentPrincipal = Annotated[Principal, Depends(current_principal)]


async def introduced(parts: ServicesDep, access_token: BearerToken, api_key: ClientKey) -> Principal:
    """Who is asking, found out in a transaction that is over: for routes that go on to wait for the sender or
    for files, with no connection held meanwhile. Errors: `Unauthenticated`."""
    async with parts.database.transaction() as connection:
        return await Credentials(access_token, api_key).principal(connection, parts, parts.clock.now())


Caller = Annotated[Principal, Depends(introduced)]


@dataclass(frozen=True, slots=True)
class Asked:
    """来件: a request of a known caller, in its transaction, at its moment."""

    connection: AsyncConnection
    principal: Principal
    now: datetime


async def asked(request: Request, access_token: BearerToken, api_key: ClientKey) -> AsyncIterator[Asked]:
    """Connection, caller and moment in one dependency: each costs the framework as much as a statement.
    Errors: `Unauthenticated`."""
    parts = await services(request)
    now = parts.clock.now()
    async with parts.database.transaction() as connection:
        principal = await Credentials(access_token, api_key).principal(connection, parts, now)
        yield Asked(connection, principal, now)


Asking = Annotated[Asked, Depends(asked, scope="function")]


@dataclass(frozen=True, slots=True)
class Credentials:
    """凭证 as they were sent: what a caller is let in by, now or later in a stream that goes on."""

    access_token: str | None
    api_key: str | None

    async def principal(self, connection: AsyncConnection, parts: Services, now: datetime) -> Principal:
        """Whose they are, as the database has it now. Errors: `Unauthenticated`."""
        if self.access_token is not None:
            known = await service.principal_of_token(
                connection, self.access_token, secret=parts.secret, now=now
            )
        elif self.api_key is not None:
            known = await service.principal_of_key(connection, self.api_key, now=now)
        else:
            raise Unauthenticated("send an access token (Authorization: Bearer …) or an API key (X-API-Key)")
        structlog.contextvars.bind_contextvars(principal=str(known.id))
        return known


async def _credentials(access_token: BearerToken, api_key: ClientKey) -> Credentials:
    return Credentials(access_token, api_key)


CredentialsDep = Annotated[Credentials, Depends(_credentials)]


@dataclass(frozen=True, slots=True)
class RoleRequired:
    """Lets in a principal with at least one of the roles. Errors: `Forbidden`, naming them."""

    roles: tuple[Role, ...]

    async def __call__(self, principal: CurrentPrincipal) -> Principal:
        return self.admit(principal)

    def admit(self, principal: Principal) -> Principal:
        if not principal.has(*self.roles):
            raise Forbidden(
                f"this is for {', '.join(map(label, self.roles))}; ask somebody who has the role",
                roles=list(self.roles),
            )
        return principal


@dataclass(frozen=True, slots=True)
class CallerRoleRequired(RoleRequired):
    """The same for a `Caller`."""

    async def __call__(self, principal: Caller) -> Principal:
        return self.admit(principal)


def require(*roles: Role) -> RoleRequired:
    """A dependency that gives the principal, if it holds one of the roles."""
    return RoleRequired(roles)


AdministratorOnly = Annotated[Principal, Depends(require(Role.ADMINISTRATOR))]
InspectorOnly = Annotated[Principal, Depends(require(Role.INSPECTOR))]
CentreOnly = Annotated[Principal, Depends(require(*sorted(CENTRE_ROLES)))]
