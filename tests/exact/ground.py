"""What every story stands on: the small city under two rulebooks, and a copy of it for each story."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

import pytest
import structlog
from fastapi import FastAPI
from sqlalchemy import text

from app.cases import draw, journal
from app.db import Database
from app.dispatch import service as rulebooks
from app.main import create_app
from app.postgres import PrivateCluster
from app.requests import Services
from app.settings import Settings
from tests.city import Founded, city_settings, client_of, copied
from tests.conftest import admin
from tests.exact.books import BOOKS, PATIENT
from tests.exact.commands import body_of
from tests.exact.model import Case, photos_of
from tests.exact.teller import Teller
from tests.photos.pictures import uploaded
from tests.world import FOUNDED, MONDAY_9AM, PEOPLE, World, clock_at


@dataclass(frozen=True)
class Ground:
    """What all stories stand on. Each gets a copy of the database for itself."""

    cluster: PrivateCluster
    origin: str
    world: World
    books: dict[str, Any]
    settings: Settings
    app: FastAPI
    runner: asyncio.Runner

    @property
    def secret(self) -> str:
        assert self.settings.secret_key is not None
        return self.settings.secret_key.get_secret_value()


@pytest.fixture(scope="package")
def ground(
    cluster: PrivateCluster, founded: Founded, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ground]:
    name, world = founded
    books: dict[str, Any] = {}

    async def prepare(_: Any, services: Services) -> None:
        async with services.database.transaction() as connection:
            for book, content in BOOKS.items():
                head = await rulebooks.save_draft(connection, content, by=UUID(int=0), now=FOUNDED)
                books[book] = {"number": head.number, "id": str(head.id)}
            await rulebooks.activate(connection, books[PATIENT]["number"], by=UUID(int=0), now=MONDAY_9AM)
            for who in PEOPLE:
                for photo in photos_of(who):
                    await uploaded(connection, photo, world.ids[who], who)
            # Nobody logs in anew in the months of a story.
            await connection.execute(
                text("UPDATE login_session SET expires_at = :end"), {"end": datetime(2030, 1, 1, tzinfo=UTC)}
            )

    origin = copied(cluster, name, prepare)
    made = city_settings(cluster.database_url(origin), tmp_path_factory.mktemp("data"))
    configured = structlog.get_config()
    # A story that goes wrong tells itself; a line for each request would bury it.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with asyncio.Runner() as runner:
        yield Ground(cluster, origin, world, books, made, create_app(made), runner)
    structlog.configure(**configured)


class Story:
    """A city of its own, and who tells what happens in it, until the `end`."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.chance = pytest.MonkeyPatch()
        # A story told again has the same chances.
        self.chance.setattr(draw, "fresh_seed", map("draw {}".format, count()).__next__)
        self.name = copied(ground.cluster, ground.origin)
        url = ground.cluster.database_url(self.name)
        self.services = Services(ground.settings, Database(url, pool_size=2), clock_at(), ground.secret)
        ground.app.state.services = self.services
        self.http = client_of(ground.app)
        self.teller = Teller(self.http, self.services, ground.world, ground.books)

    def do(self, step: Coroutine[Any, Any, None]) -> None:
        self.ground.runner.run(step)

    def act(
        self, who: str, case: Case, action: str, choice: int, *, key: str | None = None, off: int = 0,
        **said: Any,
    ) -> None:  # fmt: skip
        """Somebody does something to a case, on the version there is or one beside it."""
        body = body_of(who, action, case, self.teller.city, self.teller.now, choice) | said
        self.do(self.teller.act(who, case, body, version=case.version + off, key=key))

    def end(self) -> None:
        """What was told is sealed by its hashes, and the city is no more."""

        async def end() -> None:
            try:
                async with self.services.database.transaction() as connection:
                    assert (await journal.verify(connection)).flaws == ()
            finally:
                await self.http.aclose()
                await self.services.database.close()

        try:
            self.do(end())
        finally:
            self.chance.undo()
            admin(self.ground.cluster, f"DROP DATABASE {self.name} WITH (FORCE)")
