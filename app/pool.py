"""连接池: connections to the database that stay open, each handed to one unit of work at a time.

SQLAlchemy's own pool takes a connection apart and puts it together for each unit of work, in a twentieth of
the time of a request (`docs/performance.md`). These stay as they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncConnection


class Pool:
    """At most `size` connections; who has to wait for one does so for `patience` seconds.

    `noted` is told of each one taken (1) and given back (-1).
    """

    def __init__(
        self, connect: Callable[[], Awaitable[AsyncConnection]], *, size: int, patience: float
    ) -> None:
        self.size = size
        self.noted: Callable[[int], object] = lambda change: None
        self._connect = connect
        self._patience = patience
        self._free: list[AsyncConnection] = []
        self._places = asyncio.Semaphore(size)
        self._closed = False

    async def take(self) -> AsyncConnection:
        """The one given back last, or a new one. Errors: TimeoutError, and those of connecting."""
        if self._places.locked():
            async with asyncio.timeout(self._patience):
                await self._places.acquire()
        else:
            await self._places.acquire()  # at once
        try:
            connection = self._free.pop() if self._free else await self._connect()
        except BaseException:
            self._places.release()
            raise
        self.noted(1)
        return connection

    async def give_back(self, connection: AsyncConnection) -> None:
        """For the next unit of work; nothing of this one is under way any more."""
        if self._closed or connection.invalidated:
            await self.discard(connection)
            return
        self._free.append(connection)
        self._let_in()

    async def discard(self, connection: AsyncConnection) -> None:
        """Ends a connection of which nobody knows what state it is in."""
        try:
            await connection.invalidate()
            await connection.close()
        finally:
            self._let_in()

    def _let_in(self) -> None:
        self._places.release()
        self.noted(-1)

    async def close(self) -> None:
        """Ends the free ones, and each other when it is given back."""
        self._closed = True
        while self._free:
            await self._free.pop().close()
