"""定位: reports whose place was said in words, and how the clerk finds it."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.cases import candidates, intake
from app.cases.candidates import Candidate
from app.cases.command import Position
from app.cases.intake import Spoken
from app.errors import Forbidden
from app.geo import Datum
from app.grid import lookup
from app.identity.principal import Principal, Role
from tests.cases.desk import offered
from tests.world import DISTRICT, EAST, MONDAY_9AM, WEST, cell_code, middle

WEST_001 = f"{WEST}001"


def candidate(number: int, cell: str, name: str) -> Candidate:
    at = middle(cell)
    return Candidate(number, name, "road", name, at["x"], at["y"], cell_code(cell), 0.7 - number / 10, True)


@pytest.fixture
def hotline(world):
    return Principal(world.ids["hotline"], "hotline", "account", frozenset({Role.INTEGRATION}), (DISTRICT,))


@pytest.fixture
async def unplaced(connection, desk, hotline):
    """A case of which only 西街 is known, with two candidates."""
    area = await lookup.area_said(connection, DISTRICT, "西街", "", MONDAY_9AM)
    command = Spoken(
        position=Position(x=area.lon, y=area.lat, datum=Datum.CGCS2000), description="路边有垃圾",
        address="西街老槐树边上", within=area.code, category="E0110",
    )  # fmt: skip
    taken = await intake.report(connection, command, hotline, MONDAY_9AM)
    found = [candidate(1, "W2", "槐树巷"), candidate(2, "W4", "老槐树公园")]
    await candidates.keep(connection, taken.situation.folded.case.id, found)
    return await desk.look("clerk", {"id": taken.situation.folded.case.id})


async def test_an_unplaced_case_lies_in_the_area_that_was_named(desk, unplaced):
    assert (unplaced["placed"], unplaced["area_code"], unplaced["street_code"]) == (False, WEST, WEST)
    assert unplaced["chief_name"] is unplaced["segment_code"] is unplaced["area_class"] is None
    assert "locate" in offered(unplaced)
    waiting = (await desk.get("clerk", "/cases", placed=False)).json()["items"]
    assert [case["id"] for case in waiting] == [unplaced["id"]]
    assert (await desk.get("dong", f"/cases/{unplaced['id']}")).status_code == 404  # of the other street


async def test_nobody_goes_there_and_nothing_is_filed_before_it_has_a_place(desk, unplaced):
    assert (await desk.try_act("clerk", unplaced, "request_verification")).json()["guard"] == "placed"
    await desk.act("clerk", unplaced, "accept")
    refused = (await desk.try_act("leader", unplaced, "file", condition="E0110-1")).json()
    assert refused["guard"] == "placed"
    assert {"locate", "refuse", "merge"} <= set(refused["allowed"])
    assert "file" not in refused["allowed"]
    await desk.act("clerk", unplaced, "locate", position=middle("W1"))
    await desk.act("leader", unplaced, "file", condition="E0110-1")
    assert unplaced["stage"] == "dispatching"


async def test_a_candidate_gives_the_case_everything_a_report_there_would_have(desk, unplaced):
    shown = (await desk.get("clerk", f"/cases/{unplaced['id']}/place-candidates")).json()
    assert [(one["number"], one["name"]) for one in shown] == [(1, "槐树巷"), (2, "老槐树公园")]
    await desk.act("clerk", unplaced, "locate", candidate=2)
    there = await desk.report("lan", "W4")
    same = ("placed", "lon", "lat", "area_code", "street_code", "area_class", "segment_code", "chief_name")
    assert {name: unplaced[name] for name in same} == {name: there[name] for name in same}
    *_, entry = (await desk.get("clerk", f"/cases/{unplaced['id']}/journal")).json()
    assert (entry["action"], entry["command"]) == ("locate", {"candidate": 2})
    assert entry["changes"]["area_code"] == cell_code("W4")


async def test_a_wrong_place_is_put_right_until_filing(desk):
    case = await desk.report("lan", "W1")
    await desk.act("clerk", case, "locate", position=middle("E2"))
    assert (case["area_code"], case["chief_name"]) == (cell_code("E2"), None)
    await desk.act("clerk", case, "accept")
    await desk.act("leader", case, "file", condition="E0405-1")
    assert (await desk.try_act("leader", case, "locate", position=middle("W1"))).status_code == 409


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({}, "invalid_input"),
        ({"position": middle("W1"), "candidate": 1}, "invalid_input"),
        ({"candidate": 3}, "invalid_input"),
        ({"position": {"x": 121.0, "y": 31.0, "datum": "cgcs2000"}}, "outside_district"),
    ],
)
async def test_what_is_no_place_is_refused(desk, unplaced, said, code):
    reply = await desk.try_act("clerk", unplaced, "locate", **said)
    assert (reply.status_code, reply.json()["code"]) == (422, code)


async def test_an_unplaced_case_is_nobodys_near_duplicate(desk, unplaced):
    spot = {"x": unplaced["lon"], "y": unplaced["lat"], "datum": "cgcs2000"}
    reply = await desk.try_report("lan", position=spot, category="E0110")
    assert reply.json()["near"] == []
    assert (await desk.get("clerk", f"/cases/{unplaced['id']}/duplicates")).json() == []


async def test_a_caller_out_of_the_areas_named_takes_in_nothing(connection, hotline):
    abroad = Principal(hotline.id, "hotline", "account", hotline.roles, (EAST,))
    command = Spoken(
        position=Position(x=120.001, y=30.001, datum=Datum.CGCS2000), description="路边有垃圾", within=WEST
    )
    with pytest.raises(Forbidden):
        await intake.report(connection, command, abroad, MONDAY_9AM)


@pytest.mark.parametrize(
    ("street", "community", "code"),
    [
        ("西街街道", "", WEST), ("西街", "", WEST), ("西街街道办事处", "", WEST), ("西街街道办", "", WEST),
        (EAST, "", EAST),
        ("", WEST_001, WEST_001), ("西街", WEST_001, WEST_001), ("东街", WEST_001, EAST),
        ("南街", "", DISTRICT), ("", "", DISTRICT),
    ],
)  # fmt: skip
async def test_the_smallest_area_that_was_named_without_doubt(connection, street, community, code):
    found = await lookup.area_said(connection, DISTRICT, street, community, MONDAY_9AM)
    assert found.code == code
    inside = text(
        "SELECT ST_Covers(geom, ST_SetSRID(ST_MakePoint(:x, :y), 4490)) FROM area WHERE code = :code"
    )
    assert (await connection.execute(inside, {"x": found.lon, "y": found.lat, "code": code})).scalar_one()


async def test_call_backs_and_supplements_reach_ended_cases(desk):
    case = await desk.closed()
    await desk.act("clerk", case, "call_back", reached=True, solved="partly", satisfaction="fair")
    assert case["stage"] == "closed"
    assert case["call_back"] == {
        "at": desk.clock.now().isoformat(), "reached": True, "contacted": None, "solved": "partly",
        "satisfaction": "fair",
    }  # fmt: skip
    await desk.act("clerk", case, "supplement", changes=[{"field": "address", "after": "2 号楼"}])
    refused = (await desk.try_act("clerk", case, "reveal_caller", reason="回访")).json()
    assert refused["guard"] == "caller_known"
