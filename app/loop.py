"""事件循环: uvloop, which lets in everybody who waits at the socket at once.

uvloop itself takes one connection a round, so that a flood would stand before the door, where nobody can
refuse it (`docs/decisions/0014-turned-away-at-the-door.md`).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import structlog
import uvloop

log = structlog.get_logger(__name__)

#: Seconds before somebody is let in again when the system gives no more files.
_PAUSE_SECONDS = 1.0


class Loop(uvloop.Loop):
    """For `uvicorn.Config(loop=…)`."""

    async def create_server(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        *given: Any,
        sock: socket.socket | None = None,
        backlog: int = 100,
        **others: Any,
    ) -> Any:
        """A `Gate` for a plain TCP socket that is given, and else what uvloop makes."""
        if sock is None or sock.family == socket.AF_UNIX or others.get("ssl"):
            return await super().create_server(protocol_factory, *given, sock=sock, backlog=backlog, **others)
        return Gate(self, sock, protocol_factory, backlog)


class Gate:
    """What stands at a listening socket and lets connections in."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        backlog: int,
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._protocol_factory = protocol_factory
        self._backlog = backlog
        self._entering: set[asyncio.Task[Any]] = set()
        sock.setblocking(False)
        sock.listen(backlog)
        loop.add_reader(sock, self._let_in)

    def _let_in(self) -> None:
        for _ in range(self._backlog):
            try:
                connection, _ = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return  # a sibling was quicker, or the client is gone
            except OSError as error:
                log.error("cannot_accept", reason=str(error))
                self._loop.remove_reader(self._sock)
                self._loop.call_later(_PAUSE_SECONDS, self._resume)
                return
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
            entering = self._loop.create_task(
                self._loop.connect_accepted_socket(self._protocol_factory, connection)
            )
            self._entering.add(entering)
            entering.add_done_callback(self._entering.discard)

    def _resume(self) -> None:
        if self._sock.fileno() >= 0:
            self._loop.add_reader(self._sock, self._let_in)

    def close(self) -> None:
        """Lets nobody in any more."""
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock)
            self._sock.close()

    async def wait_closed(self) -> None:
        """Those who are coming in are in."""
        await asyncio.gather(*self._entering, return_exceptions=True)
