"""What the people of the stories do at their desks and on the street, over the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases.case import Case
from app.cases.store import pairs_of
from app.cases.tables import CaseRow
from app.clock import ManualClock
from app.requests import Services
from tests.world import World, middle


def at(text: str) -> datetime:
    """A local moment of the city, `2026-03-02 11:00`, in UTC."""
    return datetime.fromisoformat(f"{text}+08:00").astimezone(UTC)


def due(case: dict[str, Any], kind: str) -> datetime:
    (clock,) = [c for c in case["clocks"] if c["kind"] == kind and c["stopped_at"] is None]
    return datetime.fromisoformat(clock["due_at"])


def offered(case: dict[str, Any]) -> set[str]:
    return {action["action"] for action in case["available_actions"]}


async def put(connection: AsyncConnection, case: Case) -> None:
    """Writes a case without a history."""
    await connection.execute(insert(CaseRow).values(**case.model_dump(), pairs=pairs_of(case)))


class Desk:
    """Carries out the steps of a story; the newest state of each case is remembered for `If-Match`."""

    def __init__(self, http: httpx.AsyncClient, services: Services, world: World) -> None:
        self.http = http
        self.services = services
        self.world = world
        assert isinstance(services.clock, ManualClock)
        self.clock = services.clock

    def later(self, **duration: float) -> datetime:
        """Time goes by."""
        return self.clock.advance(timedelta(**duration))

    async def get(self, who: str, path: str, **params: Any) -> httpx.Response:
        return await self.http.get(f"/api/v1{path}", headers=self.world.headers[who], params=params)

    async def try_report(self, who: str, cell: str = "W1", **body: Any) -> httpx.Response:
        content = {
            "source": "inspector", "position": middle(cell), "description": "店门口堆满货物",
            "address": "中心路 1 号", "category": "E0405", **body,
        }  # fmt: skip
        return await self.http.post("/api/v1/cases", headers=self.world.headers[who], json=content)

    async def report(self, who: str = "wei", cell: str = "W1", **body: Any) -> dict[str, Any]:
        reply = await self.try_report(who, cell, **body)
        assert reply.status_code == 201, reply.text
        case: dict[str, Any] = reply.json()["case"]
        return case

    async def try_act(
        self, who: str, case: dict[str, Any], action: str, *, version: int | None = None, **body: Any
    ) -> httpx.Response:
        tag = f'"{case["version"] if version is None else version}"'
        headers = {**self.world.headers[who], "If-Match": tag}
        return await self.http.post(
            f"/api/v1/cases/{case['id']}/actions", headers=headers, json={"action": action, **body}
        )

    async def act(self, who: str, case: dict[str, Any], action: str, **body: Any) -> dict[str, Any]:
        """Carries out an action that must succeed; `case` becomes the case as it is then."""
        reply = await self.try_act(who, case, action, **body)
        assert reply.status_code == 200, f"{who} {action}: {reply.text}"
        case.clear()
        case.update(reply.json())
        return case

    async def look(self, who: str, case: dict[str, Any]) -> dict[str, Any]:
        """Refreshes the case as `who` sees it."""
        reply = await self.get(who, f"/cases/{case['id']}")
        assert reply.status_code == 200, reply.text
        case.clear()
        case.update(reply.json())
        return case

    # -- the usual way up to a stage --

    async def filed(self, cell: str = "W1", condition: str = "E0405-1", **body: Any) -> dict[str, Any]:
        case = await self.report(cell=cell, who="lan", category=condition.split("-")[0], **body)
        await self.act("clerk", case, "accept")
        return await self.act("leader", case, "file", condition=condition)

    async def dispatched(self, cell: str = "W1", condition: str = "E0405-1", **body: Any) -> dict[str, Any]:
        case = await self.filed(cell, condition, **body)
        return await self.act("dispatcher", case, "dispatch")

    async def handling(self, cell: str = "W1", condition: str = "E0405-1", **body: Any) -> dict[str, Any]:
        case = await self.dispatched(cell, condition, **body)
        return await self.act(self.officer(case), case, "sign")

    async def handed_back(self, cell: str = "W1", condition: str = "E0405-1") -> dict[str, Any]:
        case = await self.handling(cell, condition)
        return await self.act(self.officer(case), case, "hand_back", result="已处理")

    async def checked(self, cell: str = "W1", *, passed: bool = True) -> dict[str, Any]:
        case = await self.handed_back(cell)
        return await self.act(case["inspector_name"], case, "check", passed=passed)

    async def closed(self, cell: str = "W1") -> dict[str, Any]:
        return await self.act("leader", await self.checked(cell), "close")

    def officer(self, case: dict[str, Any]) -> str:
        """Who acts for the lead unit."""
        return {
            "west_office": "west_officer", "east_office": "east_officer", "water": "plumber",
            "sanitation": "sweeper", "enforcement_west": "enforcer", "enforcement_east": "enforcer",
            "enforcement": "enforcer",
        }[case["lead_unit"]]  # fmt: skip

    @staticmethod
    def key() -> str:
        return str(uuid4())
