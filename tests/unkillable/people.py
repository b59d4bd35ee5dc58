"""People who go on working while the service is being killed: what was not acknowledged is sent again."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from tests.unkillable.installation import PATIENCE
from tests.world import World, middle


@dataclass
class People:
    """Inspectors who report and clerks who accept, and what they were told was done."""

    url: str
    world: World
    #: Number and version of each case by the key of its report.
    told: dict[str, tuple[str, int]] = field(default_factory=dict)
    #: How requests went: a status, or the name of a broken connection's error.
    outcomes: Counter[str] = field(default_factory=Counter)
    #: Answers there is no reason for.
    wrong: list[str] = field(default_factory=list)
    _leaving: asyncio.Event = field(default_factory=asyncio.Event)

    async def work(self, people: int) -> None:
        """Until told to leave; what was begun is finished first."""
        async with httpx.AsyncClient(base_url=self.url, timeout=20) as http:
            await asyncio.gather(*(self._day(http) for _ in range(people)))

    def leave(self) -> None:
        self._leaving.set()

    async def _day(self, http: httpx.AsyncClient) -> None:
        while not self._leaving.is_set():
            key = uuid4().hex
            case = (
                await self._until_done(
                    http, "/api/v1/cases", who="lan", key=key, source="inspector", category="E0405",
                    description=key, position=middle("W1"),
                )
            )["case"]  # fmt: skip
            self.told[key] = case["number"], case["version"]
            case = await self._until_done(
                http, f"/api/v1/cases/{case['id']}/actions", who="clerk", key=f"{key}-accept", version=1,
                action="accept",
            )  # fmt: skip
            self.told[key] = case["number"], case["version"]

    async def _until_done(
        self, http: httpx.AsyncClient, path: str, *, who: str, key: str, version: int = 0, **body: Any
    ) -> dict[str, Any]:
        """Sends the request until it is answered that it was carried out."""
        headers = {**self.world.headers[who], "Idempotency-Key": key}
        if version:
            headers["If-Match"] = f'"{version}"'
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    reply = await http.post(path, headers=headers, json=body)
                except httpx.TransportError as broken:
                    self.outcomes[type(broken).__name__] += 1
                else:
                    self.outcomes[str(reply.status_code)] += 1
                    if reply.is_success:
                        done: dict[str, Any] = reply.json()
                        return done
                    if reply.status_code != 503 or "retry-after" not in reply.headers:
                        self.wrong.append(f"{reply.status_code} {reply.text}")
                await asyncio.sleep(0.2)
