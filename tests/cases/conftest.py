"""The cases' tests happen in the small city of `tests/world.py`, with everybody logged in."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from app.main import create_app
from app.settings import Settings, TokenSettings
from tests import world as city
from tests.cases.desk import Desk
from tests.conftest import admin
from tests.world import World

_DAYS = 24 * 60
_KEY = SecretStr("the tests' own key " * 3)


def _settings(url: str, data: Path) -> Settings:
    """Tokens hold for the whole of a story, however far its clock is moved."""
    return Settings(
        database_url=url, data=data, secret_key=_KEY, tokens=TokenSettings(access_minutes=400 * _DAYS)
    )


@pytest.fixture(scope="session")
def founded(cluster, template, tmp_path_factory) -> tuple[str, World]:
    """A database with the city in it, and the city."""
    name = f"city_{template}"
    admin(cluster, f"CREATE DATABASE {name} TEMPLATE {template}")
    url = cluster.database_url(name)
    return url, asyncio.run(_found(url, tmp_path_factory.mktemp("city")))


async def _found(url: str, data: Path) -> World:
    app = create_app(_settings(url, data), clock=city.clock_at())
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://chengguan.test") as http,
    ):
        world = await city.found(app.state.services.database)
        await city.log_in(http, world)
    return world


@pytest.fixture(scope="session")
def shared_url(founded: tuple[str, World]) -> str:
    return founded[0]


@pytest.fixture
def world(founded: tuple[str, World]) -> World:
    return founded[1]


@pytest.fixture
def settings(shared_url: str, tmp_path: Path) -> Settings:
    return _settings(shared_url, tmp_path)


@pytest.fixture
def desk(http, services, world) -> Desk:
    return Desk(http, services, world)
