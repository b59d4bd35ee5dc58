"""The loop: whoever waits at the socket is let in at once, however many they are."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import cast

import pytest

from app.loop import Gate, Loop


class Hall:
    """Who is in, and what they say: it is said back, loudly."""

    def __init__(self) -> None:
        self.inside = 0
        self.somebody = asyncio.Event()

    def greeter(self) -> asyncio.Protocol:
        return Greeter(self)


class Greeter(asyncio.Protocol):
    def __init__(self, hall: Hall) -> None:
        self._hall = hall

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)
        self._hall.inside += 1
        self._hall.somebody.set()

    def data_received(self, data: bytes) -> None:
        self._transport.write(data.upper())


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close()


@contextmanager
def _clients(address: tuple[str, int], many: int) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        yield [stack.enter_context(socket.create_connection(address, timeout=5)) for _ in range(many)]


@asynccontextmanager
async def _gate(loop: Loop, hall: Hall) -> AsyncIterator[socket.socket]:
    listening = socket.create_server(("127.0.0.1", 0), backlog=256)
    gate = await loop.create_server(hall.greeter, sock=listening, backlog=256)
    assert isinstance(gate, Gate)
    try:
        yield listening
    finally:
        await asyncio.sleep(0.05)  # those inside see their clients go
        gate.close()
        await gate.wait_closed()


def test_all_that_wait_are_let_in_in_one_round_and_answered(loop):
    async def story() -> None:
        hall = Hall()
        async with _gate(loop, hall) as listening:
            address = listening.getsockname()
            with _clients(address, 200) as clients:  # the loop stands still meanwhile
                await asyncio.wait_for(hall.somebody.wait(), 5)
                for _ in range(3):
                    await asyncio.sleep(0)
                assert hall.inside == 200
                clients[7].sendall(b"good day")
                assert await asyncio.to_thread(clients[7].recv, 100) == b"GOOD DAY"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=1)

    loop.run_until_complete(story())


def test_without_files_they_wait_until_there_are_some(loop, monkeypatch):
    monkeypatch.setattr("app.loop._PAUSE_SECONDS", 0.05)
    few, most = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def story() -> None:
        hall = Hall()
        async with _gate(loop, hall) as listening:
            with _clients(listening.getsockname(), 3):
                resource.setrlimit(resource.RLIMIT_NOFILE, (listening.fileno(), most))
                try:
                    await asyncio.sleep(0.1)
                    assert hall.inside == 0
                finally:
                    resource.setrlimit(resource.RLIMIT_NOFILE, (few, most))
                await asyncio.wait_for(hall.somebody.wait(), 5)

    loop.run_until_complete(story())
