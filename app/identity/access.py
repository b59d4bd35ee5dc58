"""Who is asking, as a type in a route's signature.

`Asking` lets in whoever is known, `asking(...)` whoever holds one of the roles:

    DispatcherAsking = Annotated[Asked, asking(Role.DISPATCHER, Role.SHIFT_LEADER)]

`Caller` and `CallerRoleRequired` do the same for routes that hold no transaction while they go on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import structlog
from fastapi import Depends, Request
from fastapi.encoders import jsonable_encoder
from fastapi.security import APIKeyHeader, OAuth2PasswordBearer
from fastapi.security.utils import get_authorization_scheme_param
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import Forbidden, Unauthenticated
from app.identity import service
from app.identity.account import label
from app.identity.principal import CENTRE_ROLES, Principal, Role
from app.requests import Services, services

_TOKEN_PATH = "/api/v1/auth/token"  # noqa: S105

_SCHEMES = (
    OAuth2PasswordBearer(
        tokenUrl=_TOKEN_PATH,
        refreshUrl=_TOKEN_PATH,
        scheme_name="Account",
        description="账号: the access token of an account.",
    ),
    APIKeyHeader(
        name="X-API-Key", scheme_name="ApiClient", description="接入系统: the key of an API client."
    ),
)
#: `openapi_extra` of a route that lets in anybody.
OPEN: dict[str, Any] = {"security": []}


def describe(document: dict[str, Any]) -> None:
    """Tells in an OpenAPI document how to log in, on every route but those that are `OPEN`.

    Here, and not by the framework from each route's dependencies: solving those took a fifteenth of the time
    of every request.
    """
    document["components"]["securitySchemes"] = {
        scheme.scheme_name: jsonable_encoder(scheme.model, by_alias=True, exclude_none=True)
        for scheme in _SCHEMES
    }
    for operation in (found for item in document["paths"].values() for found in item.values()):
        operation.setdefault("security", [{scheme.scheme_name: []} for scheme in _SCHEMES])


@dataclass(frozen=True, slots=True)
class Credentials:
    """凭证 as they were sent: what a caller is let in by, now or later in a stream that goes on."""

    access_token: str | None
    api_key: str | None

    @classmethod
    def of(cls, request: Request) -> Credentials:
        """Those of a request: `Authorization: Bearer …`, or `X-API-Key`."""
        scheme, token = get_authorization_scheme_param(request.headers.get("Authorization"))
        return cls(token if scheme.lower() == "bearer" else None, request.headers.get("X-API-Key") or None)

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


@dataclass(frozen=True, slots=True)
class Asked:
    """来件: a request of a known caller, in its transaction, at its moment, with the service's parts."""

    connection: AsyncConnection
    principal: Principal
    now: datetime
    parts: Services


@dataclass(frozen=True, slots=True)
class Admission:
    """准入: lets in a principal with at least one of the roles; where none is named, whoever is known.
    Errors: `Forbidden`, naming them."""

    roles: tuple[Role, ...] = ()

    def admit(self, principal: Principal) -> Principal:
        if self.roles and not principal.has(*self.roles):
            raise Forbidden(
                f"this is for {', '.join(map(label, self.roles))}; ask somebody who has the role",
                roles=list(self.roles),
            )
        return principal


@dataclass(frozen=True, slots=True)
class RoleRequired(Admission):
    """Connection, caller and moment in one dependency: each costs the framework as much as a statement.
    Errors: `Unauthenticated`, `Forbidden`."""

    async def __call__(self, request: Request) -> AsyncIterator[Asked]:
        parts = await services(request)
        now = parts.clock.now()
        async with parts.database.transaction() as connection:
            principal = await Credentials.of(request).principal(connection, parts, now)
            yield Asked(connection, self.admit(principal), now, parts)


@dataclass(frozen=True, slots=True)
class CallerRoleRequired(Admission):
    """Who is asking, found out in a transaction that is over: for routes that go on to wait for the sender or
    for files, with no connection held meanwhile. Errors: `Unauthenticated`, `Forbidden`."""

    async def __call__(self, request: Request) -> Principal:
        parts = await services(request)
        async with parts.database.transaction() as connection:
            principal = await Credentials.of(request).principal(connection, parts, parts.clock.now())
        return self.admit(principal)


def asking(*roles: Role) -> Any:
    """The dependency that gives `Asked` to who holds one of the roles; where none is named, to whoever is
    known. `scope="function"`: it commits before the reply leaves, so a reply that says "stored" is never
    followed by a failed commit."""
    return Depends(RoleRequired(roles), scope="function")


Asking = Annotated[Asked, asking()]
AdministratorAsking = Annotated[Asked, asking(Role.ADMINISTRATOR)]
InspectorAsking = Annotated[Asked, asking(Role.INSPECTOR)]
CentreAsking = Annotated[Asked, asking(*sorted(CENTRE_ROLES))]
CentreOrInspectorAsking = Annotated[Asked, asking(*sorted(CENTRE_ROLES), Role.INSPECTOR)]

Caller = Annotated[Principal, Depends(CallerRoleRequired())]
