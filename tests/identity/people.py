"""The people of the identity tests: Futian's administrator, and those the stories are about."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import httpx

from app.identity import service
from app.identity.principal import Role
from app.requests import Services

DISTRICT = "440304"
STREET = "440304001"
NEIGHBOUR_DISTRICT = "440305"
PASSWORD = "正确的口令 horse staple"


async def hire(
    parts: Services,
    username: str,
    *roles: Role,
    areas: Sequence[str] = (DISTRICT,),
    unit: str | None = None,
) -> UUID:
    """Makes an account with the one password all of them have."""
    async with parts.database.transaction() as connection:
        return await service.create_account(
            connection,
            username=username,
            display_name=f"{username} 某某",
            password=PASSWORD,
            roles=list(roles),
            areas=list(areas),
            unit=unit,
            now=parts.clock.now(),
        )


async def try_login(http: httpx.AsyncClient, username: str, password: str = PASSWORD) -> httpx.Response:
    form = {"grant_type": "password", "username": username, "password": password}
    return await http.post("/api/v1/auth/token", data=form)


async def login(http: httpx.AsyncClient, username: str) -> dict[str, str]:
    """The headers of somebody who has logged in."""
    reply = await try_login(http, username)
    assert reply.status_code == 200, reply.text
    return {"Authorization": f"Bearer {reply.json()['access_token']}"}


async def renew(http: httpx.AsyncClient, refresh_token: str) -> httpx.Response:
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return await http.post("/api/v1/auth/token", data=form)


async def whoami(http: httpx.AsyncClient, access_token: str) -> httpx.Response:
    return await http.get("/api/v1/me", headers={"Authorization": f"Bearer {access_token}"})
