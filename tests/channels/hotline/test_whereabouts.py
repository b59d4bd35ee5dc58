"""找地点: orders with coordinates, and those whose address the gazetteer knows, or does not surely know."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import insert, select

from app.channels.hotline.mapping import SHIPPED
from app.db import new_id
from app.grid import gazetteer
from app.grid.tables import ImportRun, Poi
from app.settings import HotlineSettings
from tests.channels.hotline.conftest import task
from tests.city import city_settings
from tests.world import DISTRICT, EAST, FOUNDED, cell_code


@pytest.fixture
def settings(shared_url, tmp_path):
    """The installation of a city whose hotline writes as 上海城运, in the map's own datum."""
    told = (SHIPPED / "shanghai.toml").read_text().replace('datum = "gcj02"', 'datum = "cgcs2000"')
    (tmp_path / "city.toml").write_text(told)
    changed = HotlineSettings(mapping=str(tmp_path / "city.toml"))
    return city_settings(shared_url, tmp_path).model_copy(update={"hotline": changed})


async def test_an_order_with_coordinates_is_a_report_like_any_other(desk, office):
    answer = await office.take(task(cell="W1"))
    case = await desk.look("clerk", {"id": answer["case"]})
    assert (case["placed"], case["area_code"], case["chief_name"]) == (True, cell_code("W1"), "陈街长")
    assert (await office.order("SH-0001"))["place"] == {"by": "position"}


async def test_coordinates_outside_the_district_are_refused_with_the_nearest_cell(office):
    (answer,) = await office.push(task(coordx=121.0, coordy=31.0))
    assert (answer["outcome"], answer["code"]) == ("refused", "outside_district")
    assert cell_code("E4") in answer["reason"]


@pytest.fixture
async def named(connection):
    """海棠广场 in W1, and a pharmacy in each street."""
    run = (await connection.scalars(select(ImportRun.id))).first()
    for code, name, x, y in (
        ("P1", "海棠广场", 120.0005, 30.0005),
        ("P2", "便民药房", 120.0012, 30.0012),
        ("P3", "便民药房", 120.0035, 30.0012),
    ):
        await connection.execute(
            insert(Poi).values(
                id=new_id(), district_code=DISTRICT, code=code, name=name, aliases=[],
                geom=f"SRID=4490;POINT({x} {y})", valid_from=FOUNDED, import_id=run,
            )
        )  # fmt: skip
    await gazetteer.renew(connection)


def said(address: str, street: str = "") -> dict[str, object]:
    return task(coordx="", coordy="", address=address, streetName=street)


async def test_the_place_of_an_address_is_kept_with_its_score(named, desk, office):
    answer = await office.take(said("海棠广场门口"))
    case = await desk.look("clerk", {"id": answer["case"]})
    assert (case["placed"], case["area_code"], case["chief_name"]) == (True, cell_code("W1"), "陈街长")
    place = (await office.order("SH-0001"))["place"]
    assert (place["by"], place["name"]) == ("words", "海棠广场")
    assert 0.8 <= place["score"] <= 1
    (entry,) = (await desk.get("clerk", f"/cases/{case['id']}/journal")).json()
    assert (entry["command"]["found_as"], entry["command"]["score"]) == ("海棠广场", place["score"])


async def test_the_street_that_is_named_tells_two_of_a_name_apart(named, desk, office):
    answer = await office.take(said("便民药房旁", "东街街道办"))
    case = await desk.look("clerk", {"id": answer["case"]})
    assert (case["placed"], case["area_code"]) == (True, cell_code("E4"))


@pytest.mark.parametrize("address", ["便民药房旁", "中心路上", "老地方", ""])
async def test_what_means_no_one_spot_is_never_guessed(named, desk, office, address):
    answer = await office.take(said(address))
    case = await desk.look("clerk", {"id": answer["case"]})
    assert (case["placed"], case["area_code"]) == (False, DISTRICT)
    candidates = (await desk.get("clerk", f"/cases/{case['id']}/place-candidates")).json()
    assert {one["name"] for one in candidates} <= {"便民药房", "中心路"}
    assert (address in ("老地方", "")) == (candidates == [])


async def test_the_clerk_locates_by_a_candidate(named, desk, office):
    answer = await office.take(said("便民药房旁"))
    case = await desk.look("clerk", {"id": answer["case"]})
    candidates = (await desk.get("clerk", f"/cases/{case['id']}/place-candidates")).json()
    eastern = next(one for one in candidates if one["area_code"].startswith(EAST))
    await desk.act("clerk", case, "locate", candidate=eastern["number"])
    assert (case["placed"], case["area_code"]) == (True, cell_code("E4"))


async def test_a_higher_threshold_asks_the_clerk_more_often(named, desk, office, services, monkeypatch):
    strict = services.settings.hotline.model_copy(update={"place_score": 1.0})
    changed = replace(services, settings=services.settings.model_copy(update={"hotline": strict}))
    monkeypatch.setattr(office.http._transport.app.state, "services", changed)
    answer = await office.take(said("海棠广场门口"))
    assert answer["placed"] is False
