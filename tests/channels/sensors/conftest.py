"""Sensors' tests happen in the small city: two cameras' platforms, each with a key of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncConnection

from app.identity import service as accounts
from app.identity.principal import SYSTEM, Role
from app.requests import Services
from app.settings import SensorSettings
from tests.cases.desk import Desk
from tests.city import app, cloned_city, desk, founded, http, settings, shared_url, world
from tests.world import DISTRICT, FOUNDED, World, middle

__all__ = ["app", "cloned_city", "desk", "founded", "http", "settings", "shared_url", "world"]

#: Of a degree, about a metre east in the small city.
METRE = 0.00001037


class Camera:
    """A source, and what it says it saw."""

    def __init__(self, desk: Desk, client_id: Any, key: str) -> None:
        self.desk, self.id, self.headers = desk, client_id, {"X-API-Key": key}
        self.count = 0

    async def learns(self, label: str = "rubbish", **rule: Any) -> httpx.Response:
        """An administrator says what a class means."""
        content = {"category": "E0110", "radius_m": 20, **rule}
        return await self.desk.http.put(
            f"/api/v1/sensors/sources/{self.id}/classes/{label}",
            headers=self.desk.world.headers["admin"],
            json=content,
        )

    def sighting(
        self, cell: str = "W1", *, east: float = 0, at: datetime | None = None, **fields: Any
    ) -> dict[str, Any]:
        self.count += 1
        place = middle(cell)
        return {
            "own_id": f"{self.id}/{self.count}", "label": "rubbish", "confidence": 0.9,
            "seen_at": (at or self.desk.clock.now()).isoformat(),
            "position": {**place, "x": place["x"] + east * METRE}, **fields,
        }  # fmt: skip

    async def sends(self, *sightings: dict[str, Any]) -> list[dict[str, Any]]:
        reply = await self.desk.http.post(
            "/api/v1/sensors/observations", headers=self.headers, json={"observations": sightings}
        )
        assert reply.status_code == 200, reply.text
        answers: list[dict[str, Any]] = reply.json()["observations"]
        return answers

    async def sees(self, cell: str = "W1", **fields: Any) -> dict[str, Any]:
        (answer,) = await self.sends(self.sighting(cell, **fields))
        return answer


async def hired(connection: AsyncConnection, desk: Desk, name: str, area: str = DISTRICT) -> Camera:
    """A new API client; it knows no class yet."""
    client, key = await accounts.add_client(
        connection, SYSTEM, now=FOUNDED, name=name, roles=[Role.INTEGRATION], areas=[area]
    )
    return Camera(desk, client.id, str(key))


@pytest.fixture
async def camera(connection: AsyncConnection, desk: Desk) -> Camera:
    found = await hired(connection, desk, "视频平台")
    assert (await found.learns()).status_code == 200
    return found


@pytest.fixture
async def second(connection: AsyncConnection, desk: Desk) -> Camera:
    found = await hired(connection, desk, "无人机")
    assert (await found.learns("litter")).status_code == 200
    return found


@pytest.fixture
def set_up(app: FastAPI, services: Services) -> Callable[..., None]:
    """Settings of the channel other than the usual ones."""

    def change(**values: Any) -> None:
        ours = services.settings.model_copy(update={"sensors": SensorSettings(**values)})
        app.state.services = dataclasses.replace(services, settings=ours)

    return change


class Leads:
    """What people do with leads."""

    def __init__(self, desk: Desk, world: World) -> None:
        self.desk, self.world = desk, world

    async def all(self, who: str = "clerk", **params: Any) -> list[dict[str, Any]]:
        reply = await self.desk.get(who, "/sensors/leads", **params)
        assert reply.status_code == 200, reply.text
        found: list[dict[str, Any]] = reply.json()["items"]
        return found

    async def look(self, lead: str, who: str = "clerk") -> dict[str, Any]:
        reply = await self.desk.get(who, f"/sensors/leads/{lead}")
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        return found

    async def try_verify(self, who: str, lead: str, **body: Any) -> httpx.Response:
        return await self.desk.http.post(
            f"/api/v1/sensors/leads/{lead}/verification", headers=self.world.headers[who], json=body
        )

    async def verify(self, lead: str, *, real: bool, **body: Any) -> dict[str, Any]:
        """By the inspector it was given to."""
        who = (await self.look(lead))["inspector_name"]
        reply = await self.try_verify(who, lead, real=real, **{"note": "现场看过", **body})
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        return found

    async def give(self, who: str, lead: str, **body: Any) -> httpx.Response:
        return await self.desk.http.post(
            f"/api/v1/sensors/leads/{lead}/inspector", headers=self.world.headers[who], json=body
        )


@pytest.fixture
def leads(desk: Desk, world: World) -> Leads:
    return Leads(desk, world)
