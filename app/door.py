"""大门: who is let in, and when. The outermost is `Door`; `Turnstile` stands where the work begins."""

from __future__ import annotations

from time import monotonic

import structlog
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import problems
from app.errors import Overloaded
from app.line import Line

log = structlog.get_logger(__name__)

#: Who watches over the service is always let in, or a busy process would be taken for a dead one.
WATCHING = ("/health/", "/metrics")
#: An upload waits for its sender, the disk and the darkroom, hardly for the database: it would hold a place
#: for nothing.
UPLOADING = "/api/v1/photos/uploads"


def _is_let_in(scope: Scope) -> bool:
    return scope["type"] != "http" or str(scope["path"]).startswith(WATCHING)


def _takes_no_place(scope: Scope) -> bool:
    return _is_let_in(scope) or str(scope["path"]).startswith(UPLOADING)


class Door:
    """Refuses requests while the line is too long, before anything is done for them.

    That costs a fraction of a millisecond, so a flood leaves the process time for those it lets in.
    """

    def __init__(self, app: ASGIApp, line: Line) -> None:
        self._app = app
        self._line = line
        self._refused = 0
        self._told_at = monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _is_let_in(scope) or not self._line.too_long:
            await self._app(scope, receive, send)
            return
        self._refused += 1
        if monotonic() - self._told_at >= 1:  # a log line for each would be a flood of its own
            log.warning("overloaded", refused=self._refused)
            self._refused, self._told_at = 0, monotonic()
        await problems.refused(Request(scope), self._line.refusal())(scope, receive, send)


class Turnstile:
    """Lets requests in to work, each in its turn: once its body has come in, so that a slow sender holds no
    place; until its answer begins, so that a slow reader holds none either."""

    def __init__(self, app: ASGIApp, line: Line) -> None:
        self._app = app
        self._line = line

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _takes_no_place(scope):
            await self._app(scope, receive, send)
            return
        visit = _Visit(self._line, receive, send)
        try:
            if not _has_body(Headers(scope=scope)):
                await visit.begin()
            if visit.refused is None:
                await self._app(scope, visit.receive, visit.send)
        except ClientDisconnect:
            if visit.refused is None:
                raise
        finally:
            visit.end()
        if visit.refused is not None:
            await problems.refused(Request(scope), visit.refused)(scope, receive, send)


def _has_body(headers: Headers) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


class _Visit:
    """One request's way through the turnstile. `refused` is set when its turn did not come."""

    def __init__(self, line: Line, receive: Receive, send: Send) -> None:
        self._line = line
        self._receive = receive
        self._send = send
        self._since: float | None = None
        self._begun = False
        self.refused: Overloaded | None = None

    async def begin(self) -> None:
        self._begun = True
        try:
            self._since = await self._line.enter()
        except Overloaded as refusal:
            self.refused = refusal

    def end(self) -> None:
        if self._since is not None:
            self._line.leave(self._since)
            self._since = None

    async def receive(self) -> Message:
        message = await self._receive()
        if not self._begun and message["type"] == "http.request" and not message.get("more_body", False):
            await self.begin()
        # To who is reading the body, one whose turn did not come has gone away.
        return message if self.refused is None else {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if self.refused is None:
            self.end()
            await self._send(message)
