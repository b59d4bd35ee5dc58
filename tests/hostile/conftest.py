"""Hostile requests are sent to the staffed city of the proofs of access, in databases of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import schemathesis
from schemathesis.python.asgi import shutdown_lifespans
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.main import create_app
from app.postgres import PrivateCluster
from tests.access.conftest import Staffed, founded, scene, staffed
from tests.access.scene import HOME, Scene
from tests.access.table import Route
from tests.city import app, city_settings, copied, desk, http, settings, shared_url, world
from tests.conftest import admin
from tests.world import World, clock_at

# A piece of an upload is any bytes.
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")

__all__ = ["app", "desk", "founded", "http", "scene", "settings", "shared_url", "staffed", "world"]


@dataclass(frozen=True)
class Api:
    """The API as its own description tells of it, over a city with real transactions."""

    schema: Any
    world: World
    scene: Scene

    def headers(self, caller: str) -> dict[str, str]:
        return self.world.headers[HOME.get(caller, caller)]


@pytest.fixture(scope="module")
def api(cluster: PrivateCluster, staffed: Staffed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Requests commit: what one leaves behind the next one finds."""
    (origin, people), things = staffed
    name = copied(cluster, origin)
    folder: Path = tmp_path_factory.mktemp("hostile")
    service = create_app(city_settings(cluster.database_url(name), folder), clock=clock_at())
    schema = schemathesis.openapi.from_asgi("/openapi.json", service)
    # The callers bring their own credentials, or none.
    schema.config.generation.update(with_security_parameters=False)
    # What tus refuses an unknown version with is a refusal, too.
    schema.config.checks.negative_data_rejection.expected_statuses.append("412")
    yield Api(schema, people, things)
    shutdown_lifespans()
    admin(cluster, f"DROP DATABASE {name} WITH (FORCE)")


class Sender:
    """Sends requests one by one, sees that a refusal has written nothing, and takes back what was done.

    Each reply is held against the API's description by the client itself (`tests/contract.py`).
    """

    def __init__(self, client: httpx.AsyncClient, connection: AsyncConnection, people: World, things: Scene):
        self.client, self.connection, self.world, self.scene = client, connection, people, things

    async def __call__(
        self,
        route: Route,
        *,
        who: str = "all_rounder",
        path: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        **content: Any,
    ) -> httpx.Response:
        """The route's request of the table of access, but for what is named."""
        names = self.scene.names | route.names

        def filled(values: dict[str, str] | None) -> dict[str, str]:
            return {name: value.format(**names) for name, value in (values or {}).items()}

        # Of a body given here, the table's own takes no part.
        if not content.keys() & {"json", "data", "content", "files"}:
            content |= {"json": route.json, "data": filled(route.data) or None}
        written = await rows_written(self.connection)
        after = ""
        savepoint = await self.connection.begin_nested()
        try:
            reply = await self.client.request(
                route.method,
                route.path.format(
                    **names | {name: quote(text, safe="") for name, text in (path or {}).items()}
                ),
                headers=self.world.headers[who] | filled(route.headers) | (headers or {}),
                **{"params": route.params, **content},
            )
            if reply.status_code >= 400 and await rows_written(self.connection) != written:
                after = await digest(self.connection)
        finally:
            await savepoint.rollback()
        assert reply.status_code < 500, (route.operation, reply.text)
        assert not after or after == await digest(self.connection), (route.operation, reply.text)
        return reply


async def rows_written(connection: AsyncConnection) -> int:
    """In this transaction so far, those taken back included: while it stands still there is no need to look
    closer."""
    counted = text("SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint FROM pg_stat_xact_user_tables")
    found: int = (await connection.execute(counted)).scalar_one()
    return found


#: Counting wrong passwords is what a refused login is meant to leave behind.
NOT_WORK = {"spatial_ref_sys", "login_throttle"}


async def digest(connection: AsyncConnection) -> str:
    """Of every row of every table that work is kept in."""
    tables = await connection.scalars(text("SELECT relname FROM pg_stat_user_tables ORDER BY 1"))
    each = (
        f"SELECT '{table}' AS name, md5(string_agg(t::text, chr(10) ORDER BY t::text)) AS rows FROM {table} t"
        for table in tables.all()
        if table not in NOT_WORK
    )
    whole = (
        f"SELECT md5(string_agg(name || coalesce(rows, ''), ' ')) FROM ({' UNION ALL '.join(each)}) AS every"
    )
    found: str = (await connection.execute(text(whole))).scalar_one()
    return found


@pytest.fixture
def send(http: httpx.AsyncClient, connection: AsyncConnection, world: World, scene: Scene) -> Sender:
    return Sender(http, connection, world, scene)
