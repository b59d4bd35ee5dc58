"""What every request passes through: its id, its log line, its figures, and the guard on its body."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from time import perf_counter
from typing import Any, NoReturn

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import problems
from app.db import new_id
from app.door import WATCHING
from app.metrics import Metrics
from app.settings import ServerSettings

log = structlog.get_logger(__name__)

_SANE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
#: What the JSON of a character beyond U+FFFF begins with.
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class RequestMiddleware:
    """Gives the request an id, writes its log line, counts it, and answers what nobody foresaw with 500."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked_for = Headers(scope=scope).get("x-request-id", "")
        request_id = asked_for if _SANE_ID.fullmatch(asked_for) else new_id().hex
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started, status = perf_counter(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        self._metrics.in_flight.inc()
        try:
            await self._app(scope, receive, send_with_id)
        except ClientDisconnect:
            status = status or 499  # nobody is there to be answered
        except Exception:
            log.exception("unexpected")
            if status:
                raise  # half an answer is out: let the server cut the connection
            await problems.unexpected(Request(scope))(scope, receive, send_with_id)
        finally:
            seconds = perf_counter() - started
            self._metrics.in_flight.dec()
            self._metrics.answered(_route(scope), scope["method"], status, seconds)
            if not scope["path"].startswith(
                WATCHING
            ):  # every few seconds: a line for each would bury the rest
                log.info(
                    "request",
                    method=scope["method"],
                    route=_route(scope),
                    status=status,
                    milliseconds=round(seconds * 1000, 1),
                )


def _route(scope: Scope) -> str:
    """The route's template, so that figures and logs do not split by id; `-` when none matched."""
    template = getattr(scope.get("route"), "path", None)
    if template is None:
        return "-"
    prefix = "/api/v1"
    mounted = scope["path"].startswith(f"{prefix}/") and not template.startswith(prefix)
    return f"{prefix if mounted else ''}{template}"


class BodyGuard:
    """Refuses bodies that are too large or compressed, and JSON that is not JSON: NaN, infinities, endless
    nesting, a name given twice, half a character.

    Python's parser takes them, the database and JSON's own rules (RFC 8259) do not.
    """

    def __init__(self, app: ASGIApp, limits: ServerSettings) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        small = not kind or kind.endswith(("json", "x-www-form-urlencoded"))
        limit = self._limits.max_body_bytes if small else self._limits.max_upload_bytes
        counted = _counting(receive, limit)
        try:
            length = headers.get("content-length", "")
            if length.isdecimal() and int(length) > limit:
                raise _too_large(limit)
            if headers.get("content-encoding", "identity").strip().lower() != "identity":
                raise HTTPException(415, "send the body as it is, without Content-Encoding")
            if kind.endswith("json"):
                counted = await _checked(counted)
        except HTTPException as refusal:
            answer = problems.transport_problem(Request(scope), refusal.status_code, refusal.detail)
            await answer(scope, receive, send)
            return
        await self._app(scope, counted, send)


def _too_large(limit: int) -> HTTPException:
    return HTTPException(413, f"send at most {limit} bytes")


def _counting(receive: Receive, limit: int) -> Receive:
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise _too_large(limit)
        return message

    return counted


async def _checked(receive: Receive) -> Receive:
    """Reads the whole body, checks it, and hands it on as one message."""
    chunks: list[bytes] = []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False)
    body = b"".join(chunks)
    try:
        _check(body)
    except json.JSONDecodeError:
        pass  # the framework answers this with the place
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"the body is not JSON that can be taken: {error}") from error
    handed_on = False

    async def whole() -> Message:
        nonlocal handed_on
        if handed_on:
            return await receive()
        handed_on = True
        return {"type": "http.request", "body": body, "more_body": False}

    return whole


def _check(body: bytes) -> None:
    """Errors: ValueError, RecursionError; JSONDecodeError where the framework's own answer tells more."""
    if b"\0" in body:
        raise ValueError("it must be UTF-8")  # the framework would take UTF-16, past all that follows
    text = body.decode("utf-8-sig")
    content = json.loads(text, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_unique)
    if _SURROGATE.search(text):
        json.dumps(content, ensure_ascii=False).encode()  # half a pair is no character, and fails here


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


def _unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """Which of two members of one name counts is anybody's guess (RFC 8259 §4)."""
    found = dict(members)
    if len(found) < len(members):
        twice, _ = Counter(name for name, _ in members).most_common(1)[0]
        raise ValueError(f"{twice[:40]!r} is given twice")
    return found


def _finite(digits: str) -> Any:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"the number {digits[:20]} is too large")
    return number
