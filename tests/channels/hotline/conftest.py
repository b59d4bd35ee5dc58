"""The hotline's tests happen in the small city; its orders are those of 北京 unless a test says otherwise."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from app.requests import Services
from tests.city import app, cloned_city, desk, founded, http, settings, shared_url, world
from tests.world import World, middle

__all__ = ["app", "cloned_city", "desk", "founded", "http", "settings", "shared_url", "world"]


def order(number: str = "热线-260302-000001", **changed: Any) -> dict[str, Any]:
    """An order as 北京 writes it, without coordinates."""
    return {
        "工单编号": number,
        "工单类型": "投诉",
        "标题": "烧烤摊占道",
        "主要内容": "人行道上烧烤摊占道，张三丰称油烟大，可拨打13800001234或 0427-1234567 联系",
        "问题分类": "城市管理->市容环境->占道经营",
        "来电人": "张三丰",
        "来电人电话/账号": "13800001234",
        "被反映街乡镇": "西街街道办事处",
        "小区点位": "老槐树边上",
        **changed,
    }


def task(number: str = "SH-0001", cell: str = "W1", **changed: Any) -> dict[str, Any]:
    """A task as 上海城运 writes it, with coordinates."""
    spot = middle(cell)
    return {
        "taskId": number, "serviceType": "投诉举报类", "description": "店外堆放货物", "levelOne": "城市管理",
        "levelTwo": "街面秩序", "coordx": spot["x"], "coordy": str(spot["y"]), "streetName": "西街街道",
        "hastentypeCount": 0, **changed,
    }  # fmt: skip


class Office:
    """The hotline's own system, and the clerks' requests about its orders."""

    def __init__(self, http: httpx.AsyncClient, services: Services, world: World) -> None:
        self.http, self.services, self.world = http, services, world

    async def push(self, content: Any, who: str = "hotline") -> list[dict[str, Any]]:
        reply = await self.http.post("/api/v1/hotline/orders", headers=self.world.headers[who], json=content)
        assert reply.status_code == 200, reply.text
        answers: list[dict[str, Any]] = reply.json()["orders"]
        return answers

    async def take(self, content: Any | None = None) -> dict[str, Any]:
        """One order that must be new; its answer."""
        (answer,) = await self.push(content or order())
        assert answer["outcome"] == "taken", answer
        return answer

    async def ask(self, who: str, path: str, **params: Any) -> httpx.Response:
        return await self.http.get(f"/api/v1/hotline{path}", headers=self.world.headers[who], params=params)

    async def order(self, number: str, who: str = "clerk") -> dict[str, Any]:
        reply = await self.ask(who, f"/orders/{number}")
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        return found

    async def told(self, number: str) -> dict[str, str]:
        """The reply document, as the hotline fetches it."""
        reply = await self.ask("hotline", f"/orders/{number}/reply")
        found: dict[str, str] = reply.json()
        return found

    async def send(self, who: str, number: str, what: str, **body: Any) -> httpx.Response:
        return await self.http.post(
            f"/api/v1/hotline/orders/{number}/{what}", headers=self.world.headers[who], json=body
        )


@pytest.fixture
def office(http: httpx.AsyncClient, services: Services, world: World) -> Office:
    return Office(http, services, world)
