"""Many requests a second from one process: HTTP/1.1 over plain connections, which httpx is too slow for."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tests.unkillable.installation import PATIENCE
from tests.world import middle


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and how long that took."""

    status: int
    seconds: float
    headers: dict[str, str]
    body: bytes


@dataclass
class Load:
    """Reports sent to a service, and the answers."""

    port: int
    headers: dict[str, str]
    answers: list[Answer] = field(default_factory=list)
    _opened: list[asyncio.StreamWriter] = field(default_factory=list)
    _idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)

    def _report(self, key: str) -> bytes:
        body = json.dumps(
            {"source": "inspector", "position": middle("W1"), "description": key, "category": "E0405"}
        ).encode()
        headers = {
            **self.headers,
            "Host": "test",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Idempotency-Key": key,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST /api/v1/cases HTTP/1.1\r\n{lines}\r\n".encode() + body

    async def report(self, key: str) -> Answer:
        """Sends a report over a connection of its own and keeps the answer."""
        began = time.monotonic()
        async with asyncio.timeout(PATIENCE):
            connection = self._idle.pop() if self._idle else await self._connect()
            reader, writer = connection
            writer.write(self._report(key))
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            body = await reader.readexactly(int(headers["content-length"]))
        self._idle.append(connection)
        answer = Answer(int(head[0].split()[1]), time.monotonic() - began, headers, body)
        self.answers.append(answer)
        return answer

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._opened.append(writer)
        return reader, writer

    async def one_after_another(self, name: str, *, people: int, seconds: float) -> float:
        """Each sends the next report when the last is answered; gives the reports stored a second."""
        began, before = time.monotonic(), len(self.stored())

        async def person(number: int) -> None:
            count = 0
            while time.monotonic() - began < seconds:
                await self.report(f"{name}-{number}-{count}")
                count += 1

        await asyncio.gather(*map(person, range(people)))
        return (len(self.stored()) - before) / (time.monotonic() - began)

    async def at_a_rate(self, name: str, *, a_second: float, seconds: float) -> None:
        """So many a second, whether or not the earlier ones are answered."""
        began, sent, underway = time.monotonic(), 0, []
        while (now := time.monotonic() - began) < seconds:
            while sent < now * a_second:
                underway.append(asyncio.create_task(self.report(f"{name}-{sent}")))
                sent += 1
            await asyncio.sleep(0.01)
        await asyncio.gather(*underway)

    def stored(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.status == 201]

    def refused(self) -> list[dict[str, Any]]:
        return [json.loads(answer.body) for answer in self.answers if answer.status != 201]

    async def __aenter__(self) -> Load:
        return self

    async def __aexit__(self, *_: object) -> None:
        for writer in self._opened:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


def percentile(answers: list[Answer], percent: float) -> float:
    """Seconds within which so many percent were answered."""
    ordered = sorted(answer.seconds for answer in answers)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
