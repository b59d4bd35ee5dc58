"""Who is asking, as a type in a route's signature.

`CurrentPrincipal` lets in whoever is known, `require(...)` whoever holds one of the roles:

    AdministratorOnly = Annotated[Principal, Depends(require(Role.ADMINISTRATOR))]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import structlog
from fastapi import Depends
from fastapi.security import APIKeyHeader, OAuth2PasswordBearer

from app.errors import Forbidden, Unauthenticated
from app.identity import service
from app.identity.account import label
from app.identity.principal import Principal, Role
from app.requests import Conn, ServicesDep

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


async def current_principal(
    parts: ServicesDep,
    connection: Conn,
    access_token: Annotated[str | None, Depends(_bearer)],
    api_key: Annotated[str | None, Depends(_api_key)],
) -> Principal:
    """The account or API client asking, as the database has it now. Errors: `Unauthenticated`."""
    now = parts.clock.now()
    if access_token is not None:
        known = await service.principal_of_token(connection, access_token, secret=parts.secret, now=now)
    elif api_key is not None:
        known = await service.principal_of_key(connection, api_key, now=now)
    else:
        raise Unauthenticated("send an access token (Authorization: Bearer …) or an API key (X-API-Key)")
    structlog.contextvars.bind_contextvars(principal=str(known.id))
    return known


CurrentPrincipal = Annotated[Principal, Depends(current_principal)]


@dataclass(frozen=True, slots=True)
class RoleRequired:
    """Lets in a principal with at least one of the roles. Errors: `Forbidden`, naming them."""

    roles: tuple[Role, ...]

    async def __call__(self, principal: CurrentPrincipal) -> Principal:
        if not principal.has(*self.roles):
            raise Forbidden(
                f"this is for {', '.join(map(label, self.roles))}; ask somebody who has the role",
                roles=list(self.roles),
            )
        return principal


def require(*roles: Role) -> RoleRequired:
    """A dependency that gives the principal, if it holds one of the roles."""
    return RoleRequired(roles)


AdministratorOnly = Annotated[Principal, Depends(require(Role.ADMINISTRATOR))]
