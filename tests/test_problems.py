"""Every error leaves as a problem document, and nothing inside the service shows."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from app import errors, problems
from app.errors import ChengguanError
from app.requests import Conn


def _below(kind: type[ChengguanError]) -> Iterator[type[ChengguanError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)


def test_each_error_has_its_answer_and_its_own_code():
    ours = [kind for kind in _below(ChengguanError) if kind.__module__ == "app.errors"]
    assert set(problems.ANSWERS) == set(ours)
    assert len({kind.code for kind in ours}) == len(ours)
    assert all(kind.__module__ == "app.errors" for kind in _below(ChengguanError))


@pytest.fixture
def routes(app: FastAPI) -> None:
    """Routes that fail in every way a real one might."""
    refusals = {
        "unauthenticated": errors.Unauthenticated("log in"),
        "throttled": errors.TooManyAttempts("wait", retry_after=77),
        "stage": errors.ActionNotAllowed("sign it first", allowed=["sign"]),
        "starting": errors.NotReady("activate a rulebook"),
        "bug": ZeroDivisionError("secret inside"),
    }

    @app.get("/fail/{how}")
    async def fail(how: str) -> None:
        raise refusals[how]

    @app.post("/store")
    async def store(connection: Conn, body: dict[str, str | float]) -> dict[str, float]:
        await connection.execute(text("SELECT CAST(:name AS text), CAST(:n AS integer)"), body)
        return {"n": float(body["n"])}

    @app.get("/count")
    async def count(number: int) -> int:
        return number


@pytest.mark.usefixtures("routes")
async def test_domain_errors_carry_their_members_and_headers(http: httpx.AsyncClient):
    stage = await http.get("/fail/stage", headers={"X-Request-ID": "from-the-caller"})
    assert stage.status_code == 409
    assert stage.headers["content-type"] == "application/problem+json"
    assert stage.headers["x-request-id"] == "from-the-caller"
    assert stage.json() == {
        "type": "/problems/action_not_allowed",
        "title": "案卷当前环节不允许此操作 · The case's stage does not allow this action",
        "status": 409,
        "detail": "sign it first",
        "instance": "/fail/stage",
        "code": "action_not_allowed",
        "request_id": "from-the-caller",
        "allowed": ["sign"],
    }
    assert (await http.get("/fail/unauthenticated")).headers["www-authenticate"] == "Bearer"
    assert (await http.get("/fail/throttled")).headers["retry-after"] == "77"
    starting = await http.get("/fail/starting")
    assert (starting.status_code, starting.headers["retry-after"]) == (503, "5")


@pytest.mark.usefixtures("routes")
async def test_a_bug_tells_nothing_but_the_request_id(http: httpx.AsyncClient):
    reply = await http.get("/fail/bug", headers={"X-Request-ID": "bad id\twith spaces"})
    assert reply.status_code == 500
    assert "secret" not in reply.text
    assert reply.json()["request_id"] == reply.headers["x-request-id"] != "bad id\twith spaces"


@pytest.mark.usefixtures("routes")
async def test_wrong_fields_are_named(http: httpx.AsyncClient):
    reply = await http.get("/count", params={"number": "many"})
    assert reply.status_code == 422
    assert reply.json()["code"] == "invalid_input"
    assert list(reply.json()["fields"]) == ["number"]


@pytest.mark.usefixtures("routes")
async def test_the_framework_s_own_refusals_are_problems_too(http: httpx.AsyncClient):
    for reply, status, code in (
        (await http.get("/nowhere"), 404, "no_such_path"),
        (await http.put("/count"), 405, "method_not_allowed"),
    ):
        assert (reply.status_code, reply.json()["code"]) == (status, code)
        assert reply.headers["content-type"] == "application/problem+json"
    assert (await http.put("/count")).headers["allow"] == "GET"


@pytest.mark.usefixtures("routes")
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ('{"name": "井盖", "n": 1}', 200),
        ('{"name": "nul \\u0000 inside", "n": 1}', 422),
        ('{"name": "more than an integer holds", "n": 5000000000}', 422),
        ('{"name": "no number", "n": NaN}', 400),
        ('{"name": "no number", "n": -Infinity}', 400),
        ('{"name": "no number", "n": 1e999}', 400),
        ('{"name": ' + "[" * 100_000 + "]" * 100_000 + "}", 400),
        ('{"name": "half', 422),
        ("7" * 6000, 400),
        (" " * 1_048_577, 413),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_content_that_cannot_be_taken(http: httpx.AsyncClient, body: str, status: int):
    reply = await http.post("/store", content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code == status, reply.text
    if status != 200:
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.json()["status"] == status


@pytest.mark.usefixtures("routes")
async def test_a_body_without_a_length_is_counted_as_it_comes(http: httpx.AsyncClient):
    async def endless():
        for _ in range(30):
            yield b" " * 100_000

    for kind in ("application/json", "application/x-www-form-urlencoded"):
        reply = await http.post("/store", content=endless(), headers={"Content-Type": kind})
        assert (reply.status_code, reply.json()["code"]) == (413, "too_large")
