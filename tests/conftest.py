"""A real PostGIS for every test: one private cluster a run, a template database made by the migrations,
a savepoint for ordinary tests and a cloned database for those marked `cloned`."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from random import randrange
from typing import Any

import httpx
import psycopg
import pytest
import structlog
from fastapi import FastAPI
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis
from pydantic import SecretStr
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import migrate
from app.clock import ManualClock
from app.db import Database, plainly
from app.main import create_app
from app.postgres import PrivateCluster
from app.requests import Services
from app.settings import Settings

structlog.configure(
    processors=[structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
)

# On a machine that others use too: no time limit for one example.
_PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
hypothesis.register_profile("shared", **_PATIENT)
hypothesis.register_profile("thorough", max_examples=1000, **_PATIENT)
hypothesis.load_profile("shared")

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=6, help="how many processes tests/unkillable kills")
    parser.addoption("--seed", type=int, default=randrange(10**6), help="of what it kills, and when")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files come first, so that the workers of a parallel run finish together."""
    longest = (
        "tests/journey/test_journey", "tests/test_bench", "tests/journey/", "tests/grid/test_futian",
        "tests/hostile/test_every_answer", "tests/unkillable/", "tests/exact/", "tests/recovery/",
    )  # fmt: skip
    items.sort(
        key=lambda item: next((i for i, path in enumerate(longest) if path in item.nodeid), len(longest))
    )


def shared_file(path: str) -> Path:
    """A file of the shared real data; the test is skipped where it is absent."""
    found = SHARED / path
    if not found.exists():
        pytest.skip(f"real data not present: {found}")
    return found


def admin(cluster: PrivateCluster, statement: str) -> None:
    url = make_url(cluster.database_url("postgres"))
    with psycopg.connect(
        host=url.query["host"], user="chengguan", dbname="postgres", autocommit=True
    ) as conn:
        conn.execute(statement.encode())


def _open_folder() -> Path:
    """A new folder that the server's unprivileged user may enter; pytest's own folders are closed to it."""
    folder = Path(tempfile.mkdtemp(prefix="chengguan-tests-"))
    folder.chmod(0o755)
    return folder


_HOME = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    given = getattr(config, "workerinput", {}).get("cluster_home")
    config.stash[_HOME] = Path(given) if given else _open_folder()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tells an xdist worker of the run's folder."""
    node.workerinput["cluster_home"] = str(node.config.stash[_HOME])


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(config.stash[_HOME], ignore_errors=True)


@contextmanager
def open_folder_of_own() -> Iterator[Path]:
    """A folder for a private cluster, gone afterwards."""
    folder = _open_folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder for a private cluster of the test's own."""
    with open_folder_of_own() as folder:
        yield folder


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[PrivateCluster]:
    """The run's cluster, shared by the xdist workers; the last one to finish stops it."""
    with PrivateCluster(request.config.stash[_HOME] / "pg", durable=False) as running:
        yield running


@pytest.fixture(scope="session")
def template(cluster: PrivateCluster) -> str:
    """Name of a database with every migration applied; one for each xdist worker."""
    name = f"template_{uuid.uuid4().hex[:12]}"
    admin(cluster, f"CREATE DATABASE {name}")
    migrate.upgrade(cluster.database_url(name))
    return name


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def shared_url(cluster: PrivateCluster, template: str) -> str:
    """URL of the database of the tests that take everything back; nobody connects to the template."""
    admin(cluster, f"CREATE DATABASE shared_{template} TEMPLATE {template}")
    return cluster.database_url(f"shared_{template}")


async def until_blocked(database: Database, task: asyncio.Task[Any]) -> None:
    """Returns when the task waits for a lock that another holds."""
    async with database.transaction() as watching:
        waiting = text(  # here: other tests wait for locks of their own
            "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
            " WHERE NOT granted AND datname = current_database()"
        )
        while (await watching.execute(waiting)).scalar_one() == 0:
            assert not task.done()
            await asyncio.sleep(0.01)


class _TakenBack(Exception):
    """Ends a test's transaction."""


@pytest.fixture
async def connection(shared_url: str) -> AsyncIterator[AsyncConnection]:
    """A connection whose every change is taken back after the test."""
    database = Database(shared_url)
    with suppress(_TakenBack):
        async with database.transaction() as opened:
            yield opened
            raise _TakenBack
    await database.close()


class SavepointDatabase(Database):
    """A database whose transactions are savepoints on the test's own connection."""

    def __init__(self, connection: AsyncConnection, url: str) -> None:
        super().__init__(url)
        self._connection = connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        with plainly():
            async with self._connection.begin_nested():
                yield self._connection


@pytest.fixture
def settings(shared_url: str, tmp_path: Path) -> Settings:
    """Settings of a test's service; its data folder is the test's own."""
    return Settings(
        database_url=shared_url,
        data=tmp_path,
        secret_key=SecretStr("the tests' own key " * 3),
    )


@pytest.fixture
def services(settings: Settings, connection: AsyncConnection) -> Services:
    """The service's parts on the test's connection, at 09:00 on a Monday in Shenzhen."""
    assert settings.database_url is not None
    assert settings.secret_key is not None
    return Services(
        settings=settings,
        database=SavepointDatabase(connection, settings.database_url),
        clock=ManualClock(datetime(2026, 3, 2, 1, 0, tzinfo=UTC)),
        secret=settings.secret_key.get_secret_value(),
    )


@pytest.fixture
async def app(services: Services) -> AsyncIterator[FastAPI]:
    """The API over the test's services."""
    made = create_app(services.settings, clock=services.clock, database=services.database)
    async with made.router.lifespan_context(made):
        yield made


@pytest.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client that speaks to the API in process."""
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://chengguan.test"
    ) as client:
        yield client


@pytest.fixture
def cloned_url(cluster: PrivateCluster, template: str) -> Iterator[str]:
    """URL of a fresh database of the test's own."""
    name = f"clone_{uuid.uuid4().hex[:12]}"
    admin(cluster, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield cluster.database_url(name)
    admin(cluster, f"DROP DATABASE {name} WITH (FORCE)")
