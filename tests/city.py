"""小城 as fixtures: a database with the city of `tests/world.py` in it, everybody logged in.

A package of tests that happens there imports the fixtures by name into its conftest.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import gettempdir
from typing import TypeAlias
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from app.main import create_app
from app.postgres import PrivateCluster
from app.requests import Services
from app.settings import HotlineSettings, OutboxSettings, Settings, TokenSettings
from tests import world as city
from tests.cases.desk import Desk
from tests.conftest import admin
from tests.contract import hold_to_contract
from tests.world import World

_DAYS = 24 * 60
_KEY = SecretStr("the tests' own key " * 3)
_CALLER_KEY = SecretStr("a" * 43 + "=")

#: Name of a database, and the city in it.
Founded: TypeAlias = tuple[str, World]
#: The service over a database of its own.
Opened: TypeAlias = tuple[httpx.AsyncClient, Services]


def city_settings(url: str, data: Path) -> Settings:
    """Tokens hold for the whole of a story, however far its clock is moved; the live feed ends at once, since
    a client in process is given a reply when it is whole."""
    return Settings(
        database_url=url,
        data=data,
        secret_key=_KEY,
        tokens=TokenSettings(access_minutes=400 * _DAYS),
        outbox=OutboxSettings(live_seconds=0.05),
        hotline=HotlineSettings(caller_keys=(_CALLER_KEY,)),
    )


def client_of(app: FastAPI) -> httpx.AsyncClient:
    """A client in process. A reply that the API's description does not announce fails the test."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://chengguan.test",
        event_hooks={"response": [hold_to_contract]},
    )


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Opened]:
    """The service over a database with real transactions: nothing is taken back."""
    app = create_app(city_settings(url, Path(gettempdir())), clock=city.clock_at())
    async with app.router.lifespan_context(app), client_of(app) as http:
        yield http, app.state.services


def copied(
    cluster: PrivateCluster,
    origin: str,
    prepare: Callable[[httpx.AsyncClient, Services], Awaitable[None]] | None = None,
) -> str:
    """Name of a new copy of a database, which nobody may be connected to, with something done in it."""
    name = f"city_{uuid4().hex[:12]}"
    admin(cluster, f"CREATE DATABASE {name} TEMPLATE {origin}")

    async def prepared() -> None:
        async with opened(cluster.database_url(name)) as (http, services):
            await prepare(http, services)

    if prepare is not None:
        asyncio.run(prepared())
    return name


@cache
def found_once(cluster: PrivateCluster, template: str) -> Founded:
    """Once a run: each package that imports the fixture would otherwise found its own city."""
    world = World()

    async def found(http: httpx.AsyncClient, services: Services) -> None:
        world.ids |= (await city.found(services.database)).ids
        await city.log_in(http, world)

    return copied(cluster, template, found), world


@pytest.fixture(scope="session")
def founded(cluster: PrivateCluster, template: str) -> Founded:
    return found_once(cluster, template)


@pytest.fixture(scope="session")
def shared_url(cluster: PrivateCluster, founded: Founded) -> str:
    return cluster.database_url(founded[0])


@pytest.fixture
def world(founded: Founded) -> World:
    return founded[1]


@pytest.fixture
def settings(shared_url: str, tmp_path: Path) -> Settings:
    return city_settings(shared_url, tmp_path)


@cache
def _routes() -> FastAPI:
    """Built once a run: FastAPI prepares a route when first asked, which takes longer than the asking."""
    return create_app(Settings(database_url="postgresql://nowhere/nothing"))


@pytest.fixture
def app(services: Services) -> FastAPI:
    """The API over the test's services; these are made ready by the test, not by the app's start."""
    made = _routes()
    made.state.services = services
    return made


@pytest.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        yield client


@pytest.fixture
def desk(http: httpx.AsyncClient, services: Services, world: World) -> Desk:
    return Desk(http, services, world)


@pytest.fixture
def cloned_city(cluster: PrivateCluster, founded: Founded) -> Iterator[AbstractAsyncContextManager[Opened]]:
    """The city in a database of the test's own, where requests at once are transactions at once."""
    name = copied(cluster, founded[0])
    yield opened(cluster.database_url(name))
    admin(cluster, f"DROP DATABASE {name} WITH (FORCE)")
