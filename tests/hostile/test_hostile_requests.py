"""Hostile bodies and credentials for every route that takes them: a clear 4xx, and nothing half-written.

What the client checks of each refusal stands in `tests/contract.py`, what the sender checks in `conftest.py`.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import cycle, islice
from typing import Any

import httpx
import jwt
import pytest

from app.identity import tokens
from app.identity.tokens import AccessClaims
from app.requests import Services
from tests.access.table import ROUTES, Route
from tests.contract import operations
from tests.hostile.conftest import Sender
from tests.world import MONDAY_9AM, World

MEGABYTE = 1_048_576


def taking(media_type: str) -> Any:
    """Each route whose body is of that type."""
    found = [
        route
        for route in ROUTES
        if media_type
        in operations()[f"{route.method} {route.path}"].get("requestBody", {}).get("content", {})
    ]
    assert found
    return pytest.mark.parametrize("route", found, ids=lambda route: route.operation)


each_of_json = taking("application/json")
each_of_forms = taking("application/x-www-form-urlencoded")
each_of_files = taking("multipart/form-data")
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
FILE = {"Content-Type": "multipart/form-data; boundary=x"}


def good(route: Route) -> bytes:
    return json.dumps(route.json).encode()


async def refused(
    send: Sender, route: Route, body: Any, headers: dict[str, str], *statuses: int
) -> httpx.Response:
    reply = await send(route, content=body, headers=headers)
    assert reply.status_code in statuses, reply.text[:500]
    assert len(reply.content) < 5_000
    return reply


@each_of_json
async def test_json_that_is_none_or_too_much(send: Sender, route: Route) -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    for body, statuses in (
        (b"", (422,)),
        (b"{", (422,)),
        (b"null", (422,)),
        (b"[]", (422,)),
        (b'"x"', (422,)),
        (deep, (400,)),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, (400,)),
        (b'{"a": NaN}', (400,)),
        (b'{"a": -Infinity}', (400,)),
        (b'{"a": 1e999}', (400,)),
        (b'{"a": ' + b"9" * 5_000 + b"}", (400,)),
        (b'{"a": 1, "a": 2}', (400,)),
        (b'{"a": {"b": 1, "c": 2, "b": 3}}', (400,)),
        (b'{"a": "\\ud800"}', (400,)),
        (b'{"a": "\xed\xa0\x80"}', (400,)),
        (b'{"a": "\xff"}', (400,)),
        (good(route).decode().encode("utf-16"), (400,)),
        (good(route).decode().encode("utf-16-le"), (400,)),
        (good(route) + b"\x00", (400,)),
        (good(route) + good(route), (422,)),
        (b"\xef\xbb\xbf" + b'{"a": NaN}', (400,)),
        (b'{"a": "' + b"x" * 10 * MEGABYTE + b'"}', (413,)),
    ):
        await refused(send, route, body, JSON, *statuses)


@each_of_json
async def test_json_by_another_name(send: Sender, route: Route) -> None:
    if route.json == {}:
        return  # nothing is asked for, so nothing is missing
    for named in ("text/plain", "application/xml", "application/x-www-form-urlencoded", "image/png", "x", ""):
        await refused(send, route, good(route), {"Content-Type": named}, 422)
    await refused(send, route, good(route), FILE, 400, 422)


async def endless(chunk: bytes) -> AsyncIterator[bytes]:
    """Until somebody hangs up; it would be a terabyte."""
    for _ in range(2**40 // len(chunk)):
        yield chunk
    raise AssertionError("was read to its end")


@each_of_json
async def test_json_without_an_end(send: Sender, route: Route) -> None:
    await refused(send, route, endless(b" " * 65_536), JSON, 413)


@each_of_forms
async def test_forms_that_are_none_or_too_much(send: Sender, route: Route) -> None:
    for body in (b"", b"%", b"=&=&=", b"username=%ff%fe&refresh_token=%00", b"a=1&" * 5_000, b"{}"):
        await refused(send, route, body, FORM, 400, 401, 422)
    await refused(send, route, b"a=" + b"x" * 10 * MEGABYTE, FORM, 413)
    await refused(send, route, endless(b"username=" + b"x" * 65_536), FORM, 413)


# The framework lets go of a file it was writing without closing it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@each_of_files
async def test_files_that_are_none_or_too_much(send: Sender, route: Route) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="\xf0\x9f..%2f\x00"\r\n\r\n'
    for body in (
        b"",
        b"--x",
        b"--x--\r\n",
        head,
        head + b"\r\n--x--\r\n",
        head + b"PK\x03\x04 no zip\r\n--x--\r\n",
    ):
        await refused(send, route, body, FILE, 400, 422)
    await refused(send, route, b"x", {"Content-Type": "multipart/form-data"}, 400, 422)

    async def filling() -> AsyncIterator[bytes]:
        yield head
        async for chunk in endless(b"0" * MEGABYTE):
            yield chunk

    await refused(send, route, filling(), FILE, 413)


@each_of_json
async def test_a_compressed_body_is_not_unpacked(send: Sender, route: Route) -> None:
    bomb = gzip.compress(b" " * 50 * MEGABYTE)
    for coding in ("gzip", "deflate", "br", "gzip, gzip", "x"):
        reply = await refused(send, route, bomb, {**JSON, "Content-Encoding": coding}, 415)
        assert "Content-Encoding" in reply.json()["detail"]


# -- credentials -----------------------------------------------------------------------------------------


def credentials(services: Services, world: World) -> dict[str, dict[str, str]]:
    """Such as look right and are not."""
    claims = AccessClaims(world.ids["all_rounder"], world.ids["all_rounder"])
    life = timedelta(days=400)
    real = world.headers["all_rounder"]["Authorization"].removeprefix("Bearer ")
    said = jwt.decode(real, options={"verify_signature": False})
    head, body, signature = real.split(".")
    other = jwt.encode({**said, "sub": str(world.ids["admin"])}, "y" * 40)
    nobody = jwt.encode({**said, "sub": "' OR 1=1 --"}, services.secret)
    aged = tokens.issue_access(claims, secret=services.secret, now=MONDAY_9AM - 2 * life, life=life)
    bearers = {
        "no signature": jwt.encode(said, None, algorithm="none"),
        "signature cut off": f"{head}.{body}.",
        "another's signature": f"{head}.{other.split('.')[1]}.{signature}",
        "another key": jwt.encode(said, "x" * 64),
        "another algorithm": jwt.encode(said, services.secret * 2, algorithm="HS512"),
        "key of its own choice": jwt.encode(said, "\0" * 64, headers={"kid": "/dev/null", "jku": "http://x"}),
        "expired": aged,
        "without end": jwt.encode({name: said[name] for name in said if name != "exp"}, services.secret),
        "a session that is none": tokens.issue_access(
            claims, secret=services.secret, now=MONDAY_9AM, life=life
        ),
        "nobody": nobody,
        "endless": "x" * 100_000,
        "words": "not.a.token",
    }
    keys = {"sql": "cg_' OR '1'='1_x", "mark": "cg__", "long": "cg_" + "x" * 50_000, "nul": "cg_%00_x"}
    return {
        **{name: {"Authorization": f"Bearer {token}"} for name, token in bearers.items()},
        **{f"key {name}": {"X-API-Key": key} for name, key in keys.items()},
        "basic": {"Authorization": "Basic YWRtaW46YWRtaW4="},
        "empty": {"Authorization": "Bearer "},
        "none": {},
    }


async def test_no_route_takes_credentials_that_are_not_ours(
    send: Sender, services: Services, world: World
) -> None:
    """Each route is shown a few of them, all of them in turn."""
    closed = [route for route in ROUTES if "anonymous" not in route.may]
    turns = cycle(credentials(services, world).items())
    for route in closed:
        for name, headers in islice(turns, 7):
            reply = await send(route, who="anonymous", headers=headers)
            refusal = (reply.status_code, reply.headers.get("www-authenticate"))
            assert refusal == (401, "Bearer"), (route.operation, name)
