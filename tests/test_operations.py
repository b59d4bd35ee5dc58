"""What an operator meets: health, figures, logs, settings, the signing key."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import structlog
from fastapi import FastAPI
from pydantic import SecretStr, ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import logs
from app.db import libpq_url
from app.errors import NotReady
from app.main import create_app
from app.secret import signing_key
from app.settings import LogSettings, Settings

DEAD = "postgresql://nobody@127.0.0.1:1/none?connect_timeout=1"


async def test_live_needs_nothing(http: httpx.AsyncClient):
    assert (await http.get("/health/live")).json() == {"status": "alive"}


async def test_ready_names_what_is_missing(http: httpx.AsyncClient, connection: AsyncConnection):
    reply = await http.get("/health/ready")
    assert reply.status_code == 503
    checks = reply.json()["checks"]
    assert {name: check["ok"] for name, check in checks.items()} == {
        "database": True,
        "migrations": True,
        "rulebook": False,
    }
    await connection.execute(text("UPDATE alembic_version SET version_num = '0001_extensions'"))
    checks = (await http.get("/health/ready")).json()["checks"]
    assert "0001_extensions" in checks["migrations"]["detail"]
    assert not checks["migrations"]["ok"]


async def test_without_a_database_live_holds_and_the_rest_answers_503(tmp_path: Path):
    settings = Settings(database_url=DEAD, data=tmp_path, secret_key=SecretStr("x" * 32))
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            assert (await http.get("/health/live")).status_code == 200
            ready = await http.get("/health/ready")
            assert ready.status_code == 503
            assert "cannot be reached" in ready.json()["checks"]["database"]["detail"]
            me = await http.get("/api/v1/me", headers={"X-API-Key": "whatever"})
            assert (me.status_code, me.json()["code"]) == (503, "not_ready")
            assert me.headers["retry-after"] == "5"


async def test_figures_are_by_route_and_not_by_id(app: FastAPI, http: httpx.AsyncClient):
    @app.get("/things/{thing}")
    async def thing(thing: int) -> int:
        return thing

    for one in (1, 2):
        await http.get(f"/things/{one}")
    await http.get("/nowhere/7")
    await http.get("/api/v1/me")
    figures = (await http.get("/metrics")).text
    assert 'chengguan_http_requests_total{method="GET",route="/things/{thing}",status="200"} 2.0' in figures
    assert 'route="-",status="404"' in figures
    assert 'route="/api/v1/me",status="401"' in figures
    assert "chengguan_http_requests_in_flight 1.0" in figures
    assert "/nowhere" not in figures


@pytest.fixture
def configured_logs() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.mark.usefixtures("configured_logs")
def test_logs_are_json_lines_with_the_request_id(capsys: pytest.CaptureFixture[str]):
    logs.configure(LogSettings())
    structlog.contextvars.bind_contextvars(request_id="abc")
    structlog.get_logger("ours").info("done", place="井盖")
    try:
        raise ValueError("why")
    except ValueError:
        logging.getLogger("a.library").exception("failed")
    ours, theirs = map(json.loads, capsys.readouterr().err.splitlines())
    assert (ours["event"], ours["place"], ours["request_id"], ours["level"]) == (
        "done",
        "井盖",
        "abc",
        "info",
    )
    assert (theirs["logger"], theirs["request_id"]) == ("a.library", "abc")
    assert theirs["exception"][0]["exc_value"] == "why"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_database_url_is_taken_as_hosting_services_write_it(scheme: str):
    settings = Settings(database_url=f"{scheme}://u:p%40ss@db:5432/city?sslmode=require")
    assert settings.database_url == "postgresql+psycopg://u:p%40ss@db:5432/city?sslmode=require"
    assert libpq_url(settings.database_url) == "postgresql://u:p%40ss@db:5432/city?sslmode=require"


@pytest.mark.parametrize("url", ["mysql://db/city", "db", ""])
def test_another_kind_of_database_is_refused(url: str):
    with pytest.raises(ValidationError):
        Settings(database_url=url)


def test_the_signing_key_is_made_once_and_kept_private(tmp_path: Path):
    settings = Settings(data=tmp_path / "data", secret_key=None)
    key = signing_key(settings)
    assert len(key) >= 32
    assert signing_key(settings) == key
    assert [(file.name, file.stat().st_mode & 0o777) for file in settings.data.iterdir()] == [
        ("signing-key", 0o600)
    ]
    assert signing_key(Settings(data=tmp_path, secret_key=SecretStr("given " * 8))) == "given " * 8


def test_a_short_or_unkeepable_signing_key_is_refused(tmp_path: Path):
    with pytest.raises(ValidationError):
        Settings(secret_key=SecretStr("short"))
    (tmp_path / "signing-key").write_text("short")
    with pytest.raises(NotReady, match="delete it"):
        signing_key(Settings(data=tmp_path, secret_key=None))
    (tmp_path / "file").touch()
    with pytest.raises(NotReady, match="CHENGGUAN_SECRET_KEY"):
        signing_key(Settings(data=tmp_path / "file" / "below", secret_key=None))
