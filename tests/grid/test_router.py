"""The grid over HTTP: what each may see and do of the town, and what is refused."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from app.clock import ManualClock
from app.geo import Datum, from_storage
from app.grid.store import on_duty
from app.grid.survey import import_district
from app.identity.principal import Role
from app.main import create_app
from app.settings import Settings
from tests.conftest import admin
from tests.grid.town import DISTRICT, EAST, MANHOLE, WEST, clean_town
from tests.identity.people import hire, login

_KEY = SecretStr("the tests' own key " * 3)
NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
W1 = WEST + "001001"
E1 = EAST + "001001"

PEOPLE = {
    "admin": (Role.ADMINISTRATOR, DISTRICT, None),
    "clerk": (Role.INTAKE_CLERK, DISTRICT, None),
    "wei": (Role.INSPECTOR, WEST, None),
    "dong": (Role.INSPECTOR, EAST, None),
    "plumber": (Role.UNIT_OFFICER, DISTRICT, "water"),
    "sweeper": ((Role.UNIT_OFFICER, Role.STREET_CHIEF), DISTRICT, "sanitation"),
    "east_admin": (Role.ADMINISTRATOR, EAST, None),
    "stranger": (Role.ADMINISTRATOR, "110101", None),
}


class Caller:
    """Sends requests as one of the people."""

    def __init__(self, http, headers):
        self._http, self._headers = http, headers

    async def __call__(self, method: str, path: str, status: int, **options):
        reply = await self._http.request(method, f"/api/v1{path}", headers=self._headers, **options)
        assert reply.status_code == status, reply.text
        return reply.json() if reply.content else None


@pytest.fixture(scope="module")
def settled(cluster, template, tmp_path_factory) -> tuple[str, dict[str, dict[str, str]]]:
    """A database with the town and its people, and the headers each sends."""
    name = f"town_{template}"
    admin(cluster, f"CREATE DATABASE {name} TEMPLATE {template}")
    url, folder = cluster.database_url(name), tmp_path_factory.mktemp("town")
    return url, asyncio.run(_settle(url, folder))


async def _settle(url: str, folder: Path) -> dict[str, dict[str, str]]:
    settings = Settings(database_url=url, data=folder, secret_key=_KEY)
    app = create_app(settings, clock=ManualClock(NOW))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://chengguan.test") as http,
    ):
        parts = app.state.services
        await import_district(parts.database, clean_town().write(folder), now=NOW)
        headers = {}
        for name, (roles, area, unit) in PEOPLE.items():
            await hire(
                parts, name, *(roles if isinstance(roles, tuple) else (roles,)), areas=[area], unit=unit
            )
            headers[name] = await login(http, name)
    return headers


@pytest.fixture(scope="module")
def shared_url(settled) -> str:
    return settled[0]


@pytest.fixture
def settings(shared_url, tmp_path) -> Settings:
    return Settings(database_url=shared_url, data=tmp_path, secret_key=_KEY)


@pytest.fixture
def people(http, settled) -> dict[str, Caller]:
    return {name: Caller(http, headers) for name, headers in settled[1].items()}


async def test_nobody_unknown_sees_anything(http):
    for path in ("/places?x=120&y=30", "/areas", "/road-segments", "/street-chiefs", "/components", "/duty"):
        assert (await http.get(f"/api/v1{path}")).status_code == 401


# Places


async def test_a_phone_asks_where_it_is(people):
    x, y = from_storage(120.0005, 30.0005, Datum.GCJ02)
    place = await people["wei"]("GET", "/places", 200, params={"x": x, "y": y, "datum": "gcj02"})
    assert place["raw"] == {"x": x, "y": y, "datum": "gcj02"}
    assert (place["lon"], place["lat"]) == pytest.approx((120.0005, 30.0005), abs=2e-8)
    assert (place["cell_code"], place["street_name"], place["district_name"]) == (W1, "西街", "海棠区")
    assert [chief["name"] for chief in place["chiefs"]] == ["陈街长"]
    assert place["nearest"] is None


async def test_a_place_outside_tells_the_nearest_cell(people):
    place = await people["clerk"]("GET", "/places", 200, params={"x": 119.999, "y": 30.0005})
    assert place["cell_code"] is None
    assert place["nearest"]["code"] == W1


async def test_a_place_of_others_is_not_shown(people):
    east = {"x": 120.0025, "y": 30.0005}
    await people["wei"]("GET", "/places", 404, params=east)
    await people["stranger"]("GET", "/places", 404, params=east)
    await people["dong"]("GET", "/places", 200, params=east)


async def test_a_place_that_is_none_is_refused(people):
    refusal = await people["wei"]("GET", "/places", 422, params={"x": 30, "y": 120})
    assert "y" in refusal["fields"]
    await people["wei"]("GET", "/places", 422, params={"x": "nan", "y": 30})
    await people["wei"]("GET", "/places", 422, params={"x": 120, "y": 30, "datum": "mars"})
    await people["wei"]("GET", "/places", 422, params={"x": 120, "y": 30, "at": "2026-03-02T09:00:00"})


# Areas


async def test_areas_come_in_pages(people):
    first = await people["clerk"]("GET", "/areas", 200, params={"level": "cell", "limit": 5})
    rest = await people["clerk"](
        "GET", "/areas", 200, params={"level": "cell", "limit": 5, "cursor": first["next_cursor"]}
    )
    codes = [area["code"] for area in first["items"] + rest["items"]]
    assert len(first["items"]) == 5
    assert len(codes) == len(set(codes)) == 8
    assert codes == sorted(codes)
    assert rest["next_cursor"] is None


async def test_areas_by_parent_and_moment(people):
    children = await people["clerk"]("GET", "/areas", 200, params={"parent": WEST})
    assert [area["code"] for area in children["items"]] == [WEST + "001", WEST + "002"]
    before = await people["clerk"]("GET", "/areas", 200, params={"at": "2025-01-01T00:00:00Z"})
    assert before["items"] == []


async def test_each_sees_the_own_areas_only(people):
    seen = await people["wei"]("GET", "/areas", 200)
    assert len(seen["items"]) == 7
    assert all(area["code"].startswith(WEST) for area in seen["items"])
    assert (await people["stranger"]("GET", "/areas", 200))["items"] == []


async def test_an_area_with_its_border_and_history(people):
    area = await people["wei"]("GET", f"/areas/{W1}", 200)
    assert area["geometry"]["type"] == "MultiPolygon"
    assert (area["level"], area["area_class"], area["parent_code"]) == ("cell", "A", WEST + "001")
    history = await people["wei"]("GET", f"/areas/{W1}/history", 200)
    assert [version["valid_to"] for version in history] == [None]
    for path in (f"/areas/{E1}", f"/areas/{E1}/history", f"/areas/{DISTRICT}", f"/areas/{WEST}009"):
        await people["wei"]("GET", path, 404)
    await people["wei"]("GET", f"/areas/{W1}", 404, params={"at": "2025-01-01T00:00:00Z"})


# Road segments and street chiefs


async def test_road_segments_of_a_street(people):
    seen = await people["clerk"]("GET", "/road-segments", 200, params={"street": WEST})
    (segment,) = seen["items"]
    assert (segment["code"], segment["geometry"]["type"]) == ("R-W", "MultiLineString")
    assert [one["code"] for one in (await people["dong"]("GET", "/road-segments", 200))["items"]] == ["R-E"]


async def test_chiefs_of_a_segment(people):
    chiefs = await people["clerk"]("GET", "/street-chiefs", 200, params={"limit": 1})
    assert [chief["name"] for chief in chiefs["items"]] == ["林街长"]
    more = await people["clerk"]("GET", "/street-chiefs", 200, params={"cursor": chiefs["next_cursor"]})
    assert [chief["name"] for chief in more["items"]] == ["陈街长"]
    assert (await people["wei"]("GET", "/street-chiefs", 200, params={"segment": "R-E"}))["items"] == []


DEPUTY = {"segment_code": "R-E", "level": "street", "deputy": 1, "name": "何副街长", "unit": "east_office"}


async def test_a_deputy_is_appointed_and_leaves(people, services):
    chief = await people["admin"]("POST", "/street-chiefs", 201, json=DEPUTY)
    assert chief["visible_range_m"] == 30
    place = await people["dong"]("GET", "/places", 200, params={"x": 120.003, "y": 30.001})
    assert [one["name"] for one in place["chiefs"]] == ["林街长", "何副街长"]
    services.clock.advance(timedelta(minutes=10))
    end = services.clock.now().isoformat()
    ended = await people["admin"]("PATCH", f"/street-chiefs/{chief['id']}", 200, json={"valid_to": end})
    assert ended["name"] == "何副街长"
    place = await people["dong"]("GET", "/places", 200, params={"x": 120.003, "y": 30.001})
    assert [one["name"] for one in place["chiefs"]] == ["林街长"]


async def test_terms_of_one_post_may_not_overlap(people):
    second = DEPUTY | {"deputy": 0}
    refusal = await people["admin"]("POST", "/street-chiefs", 409, json=second)
    assert refusal["detail"].startswith("林街长 holds this post from 2025-12-31")
    assert "with no end" in refusal["detail"]
    past = second | {"valid_from": "2025-01-01T00:00:00Z", "valid_to": "2025-12-01T00:00:00Z"}
    earlier = await people["admin"]("POST", "/street-chiefs", 201, json=past)
    longer = {"valid_to": "2026-02-01T00:00:00Z"}
    await people["admin"]("PATCH", f"/street-chiefs/{earlier['id']}", 409, json=longer)
    backwards = {"valid_to": "2024-02-01T00:00:00Z"}
    await people["admin"]("PATCH", f"/street-chiefs/{earlier['id']}", 422, json=backwards)


@pytest.mark.parametrize(
    "wrong",
    [{"segment_code": ""}, {"visible_range_m": 900}, {"deputy": -1}, {"name": " "}, {"colour": "red"}],
)
async def test_a_wrong_chief_is_refused(people, wrong):
    await people["admin"]("POST", "/street-chiefs", 422, json=DEPUTY | wrong)


async def test_only_the_areas_administrator_appoints(people):
    for name in ("clerk", "wei", "plumber"):
        await people[name]("POST", "/street-chiefs", 403, json=DEPUTY)
    await people["east_admin"]("POST", "/street-chiefs", 404, json=DEPUTY | {"segment_code": "R-W"})
    await people["stranger"]("POST", "/street-chiefs", 404, json=DEPUTY)
    chief = await people["east_admin"]("POST", "/street-chiefs", 201, json=DEPUTY)
    await people["clerk"]("PATCH", f"/street-chiefs/{chief['id']}", 403, json={"phone": "1"})
    await people["stranger"]("PATCH", f"/street-chiefs/{chief['id']}", 404, json={"phone": "1"})


# Components


async def test_components_in_a_box_by_category_and_cell(people):
    for params in (
        {"bbox": "120.0004,30.0004,120.0006,30.0006"},
        {"category": "C0102"},
        {"category": "C01"},
        {"cell": W1},
        {"cell": WEST},
    ):
        seen = await people["wei"]("GET", "/components", 200, params=params)
        assert [one["code"] for one in seen["items"]] == [MANHOLE]
    for params in ({"bbox": "121,30,122,31"}, {"category": "C02"}, {"cell": WEST + "002"}):
        assert (await people["wei"]("GET", "/components", 200, params=params))["items"] == []
    for box in ("1,2,3", "a,b,c,d", "122,30,121,31", "nan,0,1,1"):
        await people["wei"]("GET", "/components", 422, params={"bbox": box})


async def test_a_component_is_seen_to_be_damaged(people, services):
    before = services.clock.now()
    services.clock.advance(timedelta(minutes=5))
    changed = await people["wei"]("PATCH", f"/components/{MANHOLE}", 200, json={"state": "damaged"})
    assert (changed["state"], changed["owner_unit"]) == ("damaged", "water")
    assert changed["geometry"] == {"type": "Point", "coordinates": [120.0005, 30.0005]}
    then = await people["wei"]("GET", f"/components/{MANHOLE}", 200, params={"at": before.isoformat()})
    assert then["state"] == "intact"
    same_instant = await people["plumber"]("PATCH", f"/components/{MANHOLE}", 200, json={"state": "missing"})
    assert (same_instant["state"], same_instant["valid_from"]) == ("missing", changed["valid_from"])


async def test_who_may_not_set_a_state(people):
    state = {"state": "damaged"}
    await people["clerk"]("PATCH", f"/components/{MANHOLE}", 403, json=state)
    await people["sweeper"]("PATCH", f"/components/{MANHOLE}", 403, json=state)
    await people["dong"]("PATCH", f"/components/{MANHOLE}", 404, json=state)
    await people["stranger"]("PATCH", f"/components/{MANHOLE}", 404, json=state)
    await people["stranger"]("GET", f"/components/{MANHOLE}", 404)
    await people["wei"]("PATCH", f"/components/{MANHOLE}", 422, json={"state": "fine"})


# Duty


async def test_an_inspector_goes_on_duty_and_off(people, services, connection):
    shift = await people["wei"]("POST", "/duty", 201, json={"area_codes": [WEST + "001", WEST + "002001"]})
    assert shift["username"] == "wei"
    now = services.clock.now()
    for cell, expected in ((W1, ["wei"]), (WEST + "002001", ["wei"]), (WEST + "002002", []), (E1, [])):
        assert [one.username for one in await on_duty(connection, cell, now)] == expected
    assert [one.username for one in await on_duty(connection, WEST, now)] == ["wei"]
    assert await on_duty(connection, W1, now - timedelta(seconds=1)) == []
    services.clock.advance(timedelta(minutes=10))
    await people["wei"]("DELETE", "/duty", 204)
    assert await on_duty(connection, W1, services.clock.now()) == []
    assert len(await on_duty(connection, W1, now)) == 1
    await people["wei"]("DELETE", "/duty", 409)


async def test_one_is_on_duty_once(people):
    await people["wei"]("POST", "/duty", 201, json={"area_codes": [WEST]})
    refusal = await people["wei"]("POST", "/duty", 409, json={"area_codes": [WEST + "001"]})
    assert "on duty already" in refusal["detail"]


async def test_a_beat_lies_within_the_inspectors_areas(people):
    for foreign in ([EAST], [DISTRICT], [WEST + "001", E1]):
        refusal = await people["wei"]("POST", "/duty", 403, json={"area_codes": foreign})
        assert foreign[-1] in refusal["detail"]
    refusal = await people["wei"]("POST", "/duty", 422, json={"area_codes": [WEST + "009"]})
    assert WEST + "009" in refusal["fields"]["area_codes"]
    for wrong in ([], ["west"]):
        await people["wei"]("POST", "/duty", 422, json={"area_codes": wrong})


async def test_who_sees_who_is_on_duty(people):
    await people["wei"]("POST", "/duty", 201, json={"area_codes": [WEST + "001"]})
    await people["dong"]("POST", "/duty", 201, json={"area_codes": [EAST]})
    first = await people["clerk"]("GET", "/duty", 200, params={"limit": 1})
    assert [shift["username"] for shift in first["items"]] == ["wei"]
    rest = await people["clerk"]("GET", "/duty", 200, params={"cursor": first["next_cursor"]})
    assert [shift["username"] for shift in rest["items"]] == ["dong"]
    east = await people["east_admin"]("GET", "/duty", 200)
    assert [shift["username"] for shift in east["items"]] == ["dong"]
    assert (await people["stranger"]("GET", "/duty", 200))["items"] == []
    await people["wei"]("GET", "/duty", 403)
    await people["clerk"]("POST", "/duty", 403, json={"area_codes": [WEST]})
