"""Every route is asked by everybody: the right role is let in, the wrong one and the foreign one are not."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.access.scene import ABROAD, BESIDE, HOME, ROLES, STREET, Scene
from tests.access.table import ROUTES, Route
from tests.contract import operations
from tests.world import World

each_route = pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)


def test_the_table_has_every_route_and_no_other():
    listed = [f"{route.method} {route.path}" for route in ROUTES]
    assert len(listed) == len(set(listed))
    assert set(listed) == set(operations())


def test_each_role_is_asked_for():
    assert set(HOME) - {"client", "anonymous"} == ROLES
    assert set(STREET) == set(ABROAD) == set(HOME) - {"anonymous"}


class Asker:
    """Sends a route's request as somebody, and takes back what it did."""

    def __init__(
        self, http: httpx.AsyncClient, world: World, scene: Scene, connection: AsyncConnection
    ) -> None:
        self.http, self.world, self.scene, self.connection = http, world, scene, connection

    def names(self, route: Route, caller: str) -> dict[str, Any]:
        return self.scene.names_for(caller) | route.names

    async def __call__(self, route: Route, who: str, caller: str) -> httpx.Response:
        """`caller` says in whose place `who` asks: for the same things."""
        names = self.names(route, caller)

        def filled(values: dict[str, str] | None) -> dict[str, str]:
            return {name: value.format(**names) for name, value in (values or {}).items()}

        savepoint = await self.connection.begin_nested()
        try:
            return await self.http.request(
                route.method,
                route.path.format(**names),
                params=route.params,
                json=route.json,
                data=filled(route.data) or None,
                content=route.content,
                headers=self.world.headers[who] | filled(route.headers),
                files={"file": ("book.xlsx", self.scene.workbook)} if route.uploads else None,
            )
        finally:
            await savepoint.rollback()


@pytest.fixture
def ask(http, world, scene, connection) -> Asker:
    return Asker(http, world, scene, connection)


@each_route
async def test_each_role_gets_what_the_table_says(ask: Asker, route: Route):
    got = {caller: (await ask(route, who, caller)).status_code for caller, who in HOME.items()}
    assert got == {caller: route.expected(caller) for caller in HOME}


@each_route
async def test_what_lies_in_another_street_or_district_is_out_of_reach(ask: Asker, route: Route):
    for caller in sorted(route.may - {"anonymous"}):
        asked = [(STREET[caller], route.foreign.street), (ABROAD[caller], route.foreign.district)]
        if route.of_case and caller in BESIDE:
            asked.append((BESIDE[caller], route.foreign.street))
        names = ask.names(route, caller)
        for who, outcome in asked:
            if outcome is None:
                continue
            reply = await ask(route, who, caller)
            if isinstance(outcome, int):
                assert reply.status_code == outcome, f"{who}: {reply.text}"
                continue
            home = await ask(route, HOME[caller], caller)
            assert outcome(home.json(), names), f"{caller} must see it, or this proves nothing"
            assert reply.status_code == route.status
            assert not outcome(reply.json(), names), f"{who} sees it"


def test_a_route_that_asks_of_no_place_says_why():
    for route in ROUTES:
        asks_of_a_place = None not in (route.foreign.street, route.foreign.district)
        assert asks_of_a_place != bool(route.foreign.why), route.operation
