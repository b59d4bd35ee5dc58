"""A phone that speaks tus in single steps, so that each can go wrong."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import httpx

from tests.world import World

UPLOADS = "/api/v1/photos/uploads"


class Phone:
    def __init__(self, http: httpx.AsyncClient, world: World) -> None:
        self.http = http
        self.world = world

    def _headers(self, who: str, **more: str) -> dict[str, str]:
        return {
            **self.world.headers[who],
            "Tus-Resumable": "1.0.0",
            **{name.replace("_", "-"): value for name, value in more.items()},
        }

    async def begin(self, who: str, length: int, **headers: str) -> httpx.Response:
        return await self.http.post(UPLOADS, headers=self._headers(who, Upload_Length=str(length), **headers))

    async def send(
        self, who: str, where: str, offset: int, content: bytes | AsyncIterator[bytes], **headers: str
    ) -> httpx.Response:
        told = {"Upload_Offset": str(offset), "Content_Type": "application/offset+octet-stream", **headers}
        return await self.http.patch(where, headers=self._headers(who, **told), content=content)

    async def ask(self, who: str, where: str) -> httpx.Response:
        return await self.http.head(where, headers=self._headers(who))

    async def offset(self, who: str, where: str) -> int:
        reply = await self.ask(who, where)
        assert reply.status_code == 200
        return int(reply.headers["Upload-Offset"])

    async def give_up(self, who: str, where: str) -> httpx.Response:
        return await self.http.delete(where, headers=self._headers(who))

    async def try_upload(self, who: str, content: bytes) -> httpx.Response:
        """All of it at once; the reply to its bytes."""
        begun = await self.begin(who, len(content))
        assert begun.status_code == 201, begun.text
        return await self.send(who, begun.headers["Location"], 0, content)

    async def upload(self, who: str, content: bytes) -> str:
        """The id of the photo that came of it."""
        reply = await self.try_upload(who, content)
        assert reply.status_code == 204, reply.text
        return reply.request.url.path.rsplit("/", 1)[-1]

    async def get(self, who: str, path: str, **params: Any) -> httpx.Response:
        return await self.http.get(f"/api/v1{path}", headers=self.world.headers[who], params=params)

    async def photo(self, who: str, photo: str) -> dict[str, Any]:
        reply = await self.get(who, f"/photos/{photo}")
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        return found


def sha1(content: bytes) -> str:
    """As `Upload-Checksum` tells it."""
    return "sha1 " + base64.b64encode(hashlib.sha1(content).digest()).decode()
