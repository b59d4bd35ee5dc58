"""实时事件流 (SSE): one reader of the journal a process tells all who listen there.

Each second it reads what is new, looks up anew who each listener is and what they may see, and hands them
their events. All of that is one connection's work, however many listen. Who listens first catches up from its
own cursor: it is entered in the list before that, and what reaches it twice is left out the second time, so
there is neither gap nor repeat at the seam.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases import stream
from app.cases.scope import sees, visible
from app.cases.store import cases_of
from app.cases.stream import Cursor
from app.channels.outbox import events
from app.dispatch.active import active_rulebook
from app.errors import InvalidInput, NotReady, Overloaded, Unauthenticated
from app.identity.access import Credentials
from app.identity.principal import Principal
from app.requests import Services
from app.watchdog import is_told_to_stop

log = structlog.get_logger(__name__)

#: Seconds between two looks at the journal, and between two signs of life on a quiet line.
_TICK = 1.0
_HEARTBEAT = 15.0
#: Every so many ticks the listeners' rights are looked up also when nothing happened.
_RECHECK = 10
#: Events that may wait for a slow listener; one that falls further behind is cut off, and resumes.
_WAITING = 1000
_PAGE = 200
#: Milliseconds after which a client that was cut off comes again.
_RETRY = 3000


@dataclass(frozen=True, slots=True)
class _Frame:
    """One event as it goes over the line, with the transaction that wrote its entry."""

    xid: int
    content: bytes


def _frame(entry: Any, cursor: Cursor) -> _Frame:
    told = events.as_json(entry).decode()
    content = format_sse_event(data_str=told, event=f"{events.TYPE_PREFIX}{entry.action}", id=cursor.token())
    return _Frame(int(entry.xid), content)


class _Listener:
    """Somebody who listens. None in the queue is the end."""

    def __init__(self, credentials: Credentials) -> None:
        self.credentials = credentials
        self.queue: asyncio.Queue[_Frame | None] = asyncio.Queue(_WAITING)

    def offer(self, frames: list[_Frame]) -> None:
        try:
            for frame in frames:
                self.queue.put_nowait(frame)
        except asyncio.QueueFull:
            self.end()

    def end(self) -> None:
        """What waits is told no more: the client resumes behind what it got."""
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(None)


class Hub:
    """Those who listen in this process, and the one who reads for them."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._listeners: set[_Listener] = set()
        self._cursor = Cursor()
        self._reading: asyncio.Task[None] | None = None
        self._entering = asyncio.Lock()

    def check_room(self) -> None:
        """Errors: `Overloaded` when too many listen already."""
        if len(self._listeners) >= self.services.settings.outbox.live_clients:
            raise Overloaded(
                "实时连接数已满，请稍后再试 / too many listen already: try again shortly, or read /feed",
                retry_after=30,
            )

    async def listen(self, credentials: Credentials, cursor: Cursor) -> AsyncIterator[bytes]:
        """The stream of one client, from its cursor on, until its time is over or its rights are."""
        listener = _Listener(credentials)
        loop = asyncio.get_running_loop()
        until = loop.time() + self.services.settings.outbox.live_seconds
        try:
            yield format_sse_event(retry=_RETRY)
            await self._enter(listener)
            while not is_told_to_stop():
                of_old = bool(cursor.window)  # the rest of a window from before it was entered in the list
                page = await self._catch_up(credentials, cursor)
                for entry, place in zip(page.entries, page.places, strict=True):
                    yield _frame(entry, place).content
                cursor = page.cursor
                if not page.more and not of_old:
                    break
            known = cursor.seen
            while (left := until - loop.time()) > 0:
                try:
                    frame = await asyncio.wait_for(listener.queue.get(), min(left, _HEARTBEAT))
                except TimeoutError:
                    yield KEEPALIVE_COMMENT
                    continue
                if frame is None:
                    break
                if not known.sees(frame.xid):
                    yield frame.content
        except (Unauthenticated, InvalidInput) as error:
            yield format_sse_event(comment=error.detail)
        finally:
            self._leave(listener)

    async def _catch_up(self, credentials: Credentials, cursor: Cursor) -> stream.Page:
        parts = self.services
        now = parts.clock.now()
        async with parts.database.transaction() as connection:
            caller = await credentials.principal(connection, parts, now)
            rulebook = (await active_rulebook(connection, now)).rulebook
            return await stream.page(connection, cursor, visible(caller, rulebook), _PAGE)

    async def _enter(self, listener: _Listener) -> None:
        async with self._entering:
            if self._reading is None or self._reading.done():
                async with self.services.database.transaction() as connection:
                    self._cursor = await stream.newest(connection)
                self._reading = asyncio.create_task(self._read(), name="live feed")
            self._listeners.add(listener)

    def _leave(self, listener: _Listener) -> None:
        self._listeners.discard(listener)
        if not self._listeners and self._reading is not None:
            self._reading.cancel()
            self._reading = None

    async def _read(self) -> None:
        ticks = 0
        try:
            while True:
                await asyncio.sleep(_TICK)
                ticks += 1
                if is_told_to_stop():
                    break
                while await self._tell(recheck=ticks % _RECHECK == 0):
                    pass
        except InvalidInput as error:  # another server took over: who resumes is told so
            log.warning("live_feed_ends", reason=error.detail)
        finally:
            for listener in self._listeners:
                listener.end()

    async def _tell(self, *, recheck: bool) -> bool:
        """Tells everybody what is new; gives whether there is more."""
        parts = self.services
        try:
            async with parts.database.transaction() as connection:
                batch = await stream.read(connection, self._cursor, _PAGE)
                callers = {}
                if batch.rows or recheck:
                    callers = {one: await self._caller(connection, one) for one in list(self._listeners)}
                rulebook = (await active_rulebook(connection, parts.clock.now())).rulebook
                cases = await cases_of(connection, {entry.case_id for entry in batch.rows})
        except NotReady as error:
            log.warning("live_feed_waits", reason=error.detail)
            return False
        told = [(cases[entry.case_id], _frame(entry, batch.up_to(entry))) for entry in batch.rows]
        for listener, caller in callers.items():
            if caller is None:
                listener.end()
            else:
                may_see = sees(caller, rulebook)
                listener.offer([frame for case, frame in told if may_see(case)])
        self._cursor = batch.cursor
        return batch.more

    async def _caller(self, connection: AsyncConnection, listener: _Listener) -> Principal | None:
        with suppress(Unauthenticated):
            return await listener.credentials.principal(connection, self.services, self.services.clock.now())
        return None
