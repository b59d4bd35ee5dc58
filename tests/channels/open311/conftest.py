"""Open311's tests happen in the small city: a citizens' app with a key of its own, and strangers without."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncConnection

from app.identity import service as accounts
from app.identity.principal import SYSTEM, Role
from app.requests import Services
from app.settings import Open311Settings
from tests.city import app, cloned_city, desk, founded, http, settings, shared_url, world

# The web as it is: the standard's errors are no problem documents, which the city's client holds them to.
from tests.conftest import http as outside
from tests.world import DISTRICT, FOUNDED

__all__ = ["app", "cloned_city", "desk", "founded", "http", "outside", "settings", "shared_url", "world"]

ROOT = "/open311/v2"
#: In the middle of W1, the standard's way.
W1 = {"lat": "30.0005", "long": "120.0005"}
E1 = {"lat": "30.0005", "long": "120.0025"}


async def key_for(connection: AsyncConnection, name: str, area: str = DISTRICT) -> str:
    """A new API client of an external system, and its key."""
    _, key = await accounts.add_client(
        connection, SYSTEM, now=FOUNDED, name=name, roles=[Role.INTEGRATION], areas=[area]
    )
    return str(key)


class Client:
    """A client of the standard; `key` None is a stranger."""

    def __init__(self, http: httpx.AsyncClient, key: str | None) -> None:
        self.http, self.key = http, key

    def _with_key(self, values: dict[str, Any]) -> dict[str, Any]:
        return values | ({"api_key": self.key} if self.key else {})

    async def ask(self, path: str, **params: Any) -> httpx.Response:
        return await self.http.get(f"{ROOT}/{path}", params=self._with_key(params))

    async def send(self, path: str, *, headers: dict[str, str] | None = None, **form: Any) -> httpx.Response:
        return await self.http.post(f"{ROOT}/{path}", data=self._with_key(form), headers=headers)

    async def get(self, path: str, **params: Any) -> Any:
        """What is told as JSON."""
        reply = await self.ask(f"{path}.json", **params)
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def get_xml(self, path: str, **params: Any) -> ElementTree.Element:
        reply = await self.ask(f"{path}.xml", **params)
        assert reply.status_code == 200, reply.text
        assert reply.headers["content-type"] == "text/xml; charset=utf-8"
        return ElementTree.fromstring(reply.content)

    async def report(self, **form: Any) -> str:
        """The number of a new request."""
        content = {"service_code": "E0405", "description": "店门口堆满货物", **W1, **form}
        reply = await self.send("requests.json", **content)
        assert reply.status_code == 200, reply.text
        (told,) = reply.json()
        number: str = told["service_request_id"]
        return number

    async def look(self, number: str) -> dict[str, Any]:
        (told,) = await self.get(f"requests/{number}")
        found: dict[str, Any] = told
        return found


@pytest.fixture
async def citizen(outside: httpx.AsyncClient, connection: AsyncConnection) -> Client:
    return Client(outside, await key_for(connection, "市民随手拍"))


@pytest.fixture
async def other(outside: httpx.AsyncClient, connection: AsyncConnection) -> Client:
    return Client(outside, await key_for(connection, "另一个应用"))


@pytest.fixture
def stranger(outside: httpx.AsyncClient) -> Client:
    return Client(outside, None)


@pytest.fixture
def set_up(app: FastAPI, services: Services) -> Callable[..., None]:
    """Settings of the channel other than the usual ones."""

    def change(**values: Any) -> None:
        ours = services.settings.model_copy(update={"open311": Open311Settings(**values)})
        app.state.services = dataclasses.replace(services, settings=ours)

    return change
