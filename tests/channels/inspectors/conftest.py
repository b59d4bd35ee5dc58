"""The inspectors' stories happen in the small city of `tests/world.py`."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.cases.desk import Desk
from tests.city import app, cloned_city, desk, founded, http, settings, shared_url, world

__all__ = ["app", "cloned_city", "desk", "founded", "http", "settings", "shared_url", "world"]


class Phone:
    """Sends whatever somebody's app sends."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def __call__(self, who: str, method: str, path: str, status: int = 200, **request: Any) -> Any:
        reply = await self.send(who, method, path, **request)
        assert reply.status_code == status, reply.text
        return reply.json() if reply.content else None

    async def send(self, who: str, method: str, path: str, **request: Any) -> httpx.Response:
        headers = self.desk.world.headers[who] | request.pop("headers", {})
        return await self.desk.http.request(method, f"/api/v1{path}", headers=headers, **request)


@pytest.fixture
def phone(desk: Desk) -> Phone:
    return Phone(desk)
