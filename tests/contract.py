"""The API's own description, and how replies are held against it."""

from __future__ import annotations

import re
from functools import cache
from typing import Any
from urllib.parse import unquote

import httpx

from app.main import create_app
from app.problems import MEDIA_TYPE
from app.settings import Settings

#: 405 belongs to a path, not to an operation; the description has no place for it.
_OF_NO_OPERATION = {405}


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document."""
    return create_app(Settings(database_url="postgresql://nowhere/nothing")).openapi()


def operations() -> dict[str, dict[str, Any]]:
    """Each operation by method and path, like `GET /api/v1/me`."""
    return {
        f"{method.upper()} {path}": operation
        for path, item in document()["paths"].items()
        for method, operation in item.items()
    }


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """Fixed paths before those with parameters, as the router takes them."""
    names = sorted(operations(), key=lambda name: name.count("{"))
    return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", name)), name) for name in names]


def operation_of(request: httpx.Request) -> str | None:
    """The operation a request is for, None for a path or method the API does not have."""
    asked = f"{request.method} {request.url.path}"
    return next((name for pattern, name in _patterns() if pattern.fullmatch(asked)), None)


async def hold_to_contract(reply: httpx.Response) -> None:
    """Fails on a status the operation does not declare, and on a refusal that is no problem document."""
    await reply.aread()
    name = operation_of(reply.request)
    if name is not None and reply.status_code not in _OF_NO_OPERATION:
        declared = operations()[name]["responses"]
        assert str(reply.status_code) in declared, f"{name} does not declare {reply.status_code}"
    if reply.status_code < 400 or reply.request.method == "HEAD":
        return
    assert reply.headers["content-type"] == MEDIA_TYPE, reply.text
    problem = reply.json()
    assert problem.keys() >= {"type", "title", "status", "detail", "instance", "code"}, problem
    assert problem["status"] == reply.status_code
    assert problem["type"] == f"/problems/{problem['code']}"
    assert unquote(problem["instance"]) == reply.request.url.path
    assert problem["detail"]
    if name is not None and reply.status_code not in _OF_NO_OPERATION:
        examples = declared[str(reply.status_code)]["content"][MEDIA_TYPE]["examples"]
        assert problem["code"] in examples, f"{name} does not declare {problem['code']}"
