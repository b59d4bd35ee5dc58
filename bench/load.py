"""负荷: many clients at once, from one process that costs little, over HTTP/1.1 connections kept open.

A client plays a story over and over until the time is up. The replies' bodies are read only by stories that
need them; a reply that is not a success ends the run, but for 503, which is counted and asked again.
"""

from __future__ import annotations

import asyncio
import gc
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import perf_counter, process_time
from typing import Any, cast

from bench.machine import accepted_by

#: Seconds before a reply counts as lost.
PATIENCE = 60.0
#: Seconds before a client that was told to come back later does.
PAUSE = 0.05


class _Over(Exception):
    """The time is up, wherever the story stands."""


class Failed(Exception):
    """The service answered what the story did not expect."""


@dataclass(slots=True)
class Line(asyncio.Protocol):
    """A connection: one request at a time. `seconds` is what the last reply took to arrive."""

    seconds: float = 0.0
    _transport: asyncio.WriteTransport | None = None
    _received: bytearray = field(default_factory=bytearray)
    _expected: int = -1
    _reply: asyncio.Future[bytes] | None = None
    _began: float = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._expected < 0:
            head = self._received.find(b"\r\n\r\n")
            if head < 0:
                return
            at = self._received.find(b"content-length: ", 0, head)
            length = int(self._received[at + 16 : self._received.find(b"\r\n", at)]) if at >= 0 else 0
            self._expected = head + 4 + length
        if len(self._received) >= self._expected and self._reply is not None:
            self.seconds = perf_counter() - self._began
            self._reply.set_result(bytes(self._received))
            self._received.clear()
            self._expected, self._reply = -1, None

    def connection_lost(self, error: Exception | None) -> None:
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(Failed(f"the connection was cut: {error}"))

    async def send(self, request: bytes) -> bytes:
        """The whole reply, head and body."""
        assert self._transport is not None
        reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._reply = reply
        self._began = perf_counter()
        self._transport.write(request)
        return await reply

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


@dataclass(slots=True)
class Client:
    """Who plays a story until the time is up: sends, and notes how long each kind of request took."""

    line: Line
    until: float
    took: dict[str, list[float]]
    refused: int = 0

    async def send(self, kind: str, request: bytes) -> bytes:
        """The body of a successful reply. Errors: `Failed`."""
        while perf_counter() < self.until:
            reply = await self.line.send(request)
            if reply[9:10] == b"2":
                self.took[kind].append(self.line.seconds)
                return reply[reply.index(b"\r\n\r\n") + 4 :]
            if reply[9:12] != b"503":
                raise Failed(f"{request[:2000].decode()}\n\n{reply[:2000].decode()}")
            self.refused += 1
            await asyncio.sleep(PAUSE)
        raise _Over


Story = Callable[[Client], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Round:
    """What came of playing for some time. `took` has the seconds of each reply by kind of request, `cpu` the
    processor seconds of the playing itself."""

    seconds: float
    cpu: float
    took: dict[str, list[float]]
    refused: int

    @property
    def requests(self) -> int:
        return sum(map(len, self.took.values()))


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens, and the processes of it that answer."""

    host: str
    port: int
    processes: Sequence[int]


def request(method: str, path: str, headers: dict[str, str], body: Any = None) -> bytes:
    """A request as it goes over the line."""
    content = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
    if body is not None:
        headers = headers | {"Content-Type": "application/json", "Content-Length": str(len(content))}
    named = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{method} {path} HTTP/1.1\r\nHost: bench\r\n{named}\r\n".encode() + content


async def play(address: Address, clients: int, seconds: float, story: Story) -> Round:
    """Plays the story with that many clients for that long."""
    lines = await _lines(address, clients)
    took: dict[str, list[float]] = defaultdict(list)
    gc.collect()
    gc.freeze()
    began, used = perf_counter(), process_time()
    playing = [Client(line, began + seconds, took) for line in lines]

    async def keep_on(client: Client) -> None:
        with suppress(_Over):
            while True:
                await story(client)

    try:
        async with asyncio.timeout(seconds + PATIENCE):
            await asyncio.gather(*map(keep_on, playing))
    finally:
        elapsed, used = perf_counter() - began, process_time() - used
        gc.unfreeze()
        for line in lines:
            line.close()
    return Round(elapsed, used, dict(took), sum(client.refused for client in playing))


async def _lines(address: Address, wanted: int) -> list[Line]:
    """Connections spread evenly over the server's processes.

    Which process takes a connection is chance; with few of them one would often do all the work.
    """
    share = -(-wanted // len(address.processes))
    held: dict[int, list[Line]] = {process: [] for process in address.processes}
    spare: list[Line] = []
    probe = request("GET", "/health/live", {})
    loop = asyncio.get_running_loop()
    while sum(map(len, held.values())) < wanted:
        transport, line = await loop.create_connection(Line, address.host, address.port)
        await line.send(probe)
        taker = accepted_by(transport.get_extra_info("sockname")[1], address.processes)
        (held[taker] if len(held[taker]) < share else spare).append(line)
    for line in spare:
        line.close()
    return [line for lines in held.values() for line in lines]
