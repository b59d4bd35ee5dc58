"""小城 in a durable cluster: founded once a run, copied for each service that is to be killed."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from app import migrate
from app.db import Database
from app.main import create_app
from app.postgres import PrivateCluster
from app.settings import Settings, TokenSettings
from tests import world as city
from tests.conftest import open_folder_of_own
from tests.unkillable.installation import Installation
from tests.world import World


def rulebook_of_today() -> city.Rulebook:
    """The city's rules with a calendar for those who live by the wall clock."""
    calendar = city.RULEBOOK.calendar.model_copy(update={"last_year": datetime.now(UTC).year + 2})
    return city.RULEBOOK.model_copy(update={"calendar": calendar})


async def _found(folder: Path, url: str) -> World:
    database = Database(url)
    world = await city.found(database, rulebook_of_today())
    settings = Settings(data=folder, database_url=url, tokens=TokenSettings(access_minutes=24 * 60))
    app = create_app(settings, database=database)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://chengguan.test") as http:
            await city.log_in(http, world, "lan", "clerk")
    await database.close()
    return world


@pytest.fixture(scope="session")
def durable_city() -> Iterator[tuple[Path, World]]:
    """The data folder of a stopped installation, and who is in it."""
    with open_folder_of_own() as folder:
        with PrivateCluster(folder / "cluster") as cluster:
            migrate.upgrade(cluster.url)
            world = asyncio.run(_found(folder, cluster.url))
        yield folder, world


@pytest.fixture
def copied_city(durable_city: tuple[Path, World]) -> Iterator[Callable[[Path | None], Path]]:
    """Makes data folders of the test's own."""
    with ExitStack() as stack:

        def copy(into: Path | None = None) -> Path:
            folder = into or stack.enter_context(open_folder_of_own())
            subprocess.run(["cp", "-a", f"{durable_city[0]}/.", str(folder)], check=True)
            return folder

        yield copy


@pytest.fixture
def installation(
    durable_city: tuple[Path, World], copied_city: Callable[[Path | None], Path]
) -> Iterator[Installation]:
    """A service that runs, with a database of its own."""
    with Installation(copied_city(None), durable_city[1]).running() as running:
        yield running
