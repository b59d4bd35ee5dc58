"""What an inspector has to do, where the inspector stands, and what may be reported."""

from __future__ import annotations

import pytest

from app.dispatch import service as rulebooks
from app.geo import Datum, from_storage
from tests.world import RULEBOOK, cell_code, middle

HERE = middle("W1")
#: Metres of a thousandth of a degree at 30° north, from east to west.
_CELL_M = 96.5


async def _tasks_of_wei(desk):
    """Three checks, the farthest due first: E2 is for the inspector of all streets only."""
    tasks = {}
    for cell in ("W4", "W2", "W1"):
        case = await desk.handed_back(cell)
        if case["inspector_name"] != "wei":
            await desk.act("leader", case, "assign_inspector", username="wei")
        tasks[cell] = case["id"]
        desk.later(minutes=1)
    return tasks


async def test_tasks_come_by_due_time_or_by_distance(desk):
    tasks = await _tasks_of_wei(desk)
    due = (await desk.get("wei", "/tasks")).json()
    assert [task["id"] for task in due] == [tasks["W4"], tasks["W2"], tasks["W1"]]
    assert {task["kind"] for task in due} == {"check"}
    assert {task["distance_m"] for task in due} == {None}
    near = (await desk.get("wei", "/tasks", sort="distance", **HERE)).json()
    assert [task["id"] for task in near] == [tasks["W1"], tasks["W2"], tasks["W4"]]
    assert near[0]["distance_m"] == 0
    assert near[1]["distance_m"] == pytest.approx(_CELL_M, abs=0.5)
    assert (await desk.get("wei", "/tasks", sort="distance", limit=1, **HERE)).json() == near[:1]
    assert (await desk.get("dong", "/tasks", sort="distance", **HERE)).json() == []


async def test_the_position_is_in_the_datum_told(desk):
    await _tasks_of_wei(desk)
    x, y = from_storage(HERE["x"], HERE["y"], Datum.GCJ02)
    near = (await desk.get("wei", "/tasks", sort="distance", x=x, y=y)).json()
    assert near[0]["distance_m"] == pytest.approx(0, abs=0.1)
    wrong = (await desk.get("wei", "/tasks", sort="distance", x=x, y=y, datum="wgs84")).json()
    assert wrong[0]["distance_m"] > 100


@pytest.mark.parametrize(
    "params",
    [
        {"sort": "distance"}, {"x": 120}, {"y": 30}, {"x": 999, "y": 30}, {"x": "nan", "y": 30},
        {"kind": "sleep"}, {"limit": 0}, {"limit": 201}, {"sort": "near", **HERE}, {"colour": "red"},
    ],
)  # fmt: skip
async def test_what_cannot_be_asked(desk, params):
    assert (await desk.get("wei", "/tasks", **params)).status_code == 422


async def test_verifications_and_what_to_report_back(desk):
    verifying = await desk.report("hotline", "W1", source="hotline")
    await desk.act("clerk", verifying, "request_verification")
    who = verifying["inspector_name"]
    ended = await desk.report(who, "W2")
    await desk.act("clerk", ended, "refuse", reason="not_found")

    async def kinds(*wanted):
        listed = (await desk.get(who, "/tasks", kind=list(wanted))).json()
        return [(task["kind"], task["id"]) for task in listed]

    assert await kinds() == await kinds("verify") == [("verify", verifying["id"])]
    assert await kinds("report_back") == [("report_back", ended["id"])]
    assert await kinds("verify", "check", "report_back") == [
        ("verify", verifying["id"]),
        ("report_back", ended["id"]),
    ]
    desk.later(days=8)
    assert await kinds("report_back") == []


# -- the cell -----------------------------------------------------------------------------------------------


async def test_the_cell_one_stands_in(desk, phone):
    near = await desk.report("lan", "W1")
    far = await desk.report("lan", "W1", position={**HERE, "x": HERE["x"] + 0.0004})
    ended = await desk.report("lan", "W1")
    await desk.act("clerk", ended, "refuse", reason="not_found")
    await desk.report("lan", "W2")
    cell = await phone("wei", "GET", "/inspectors/me/cell", params=HERE)
    assert (cell["cell_code"], cell["area_class"]) == (cell_code("W1"), "A")
    assert (cell["street_code"], cell["community_code"]) == (cell_code("W1")[:9], cell_code("W1")[:12])
    assert [case["id"] for case in cell["cases"]] == [near["id"], far["id"]]
    assert [case["distance_m"] for case in cell["cases"]] == [0, pytest.approx(_CELL_M * 0.4, abs=0.5)]
    assert cell["more"] is False
    first = await phone("wei", "GET", "/inspectors/me/cell", params={**HERE, "limit": 1})
    assert ([case["id"] for case in first["cases"]], first["more"]) == ([near["id"]], True)


async def test_a_place_that_is_no_cell_of_mine(phone):
    at = "/inspectors/me/cell"
    await phone("wei", "GET", at, 404, params=middle("E1"))
    outside = await phone("wei", "GET", at, 422, params={"x": 121, "y": 31, "datum": "cgcs2000"})
    assert outside["code"] == "outside_district"
    await phone("wei", "GET", at, 422, params={"x": 120})
    await phone("wei", "GET", at, 422, params={"x": 1e9, "y": 31})


# -- what may be reported -----------------------------------------------------------------------------------


async def test_the_conditions_to_choose_from(phone, services):
    told = await phone("wei", "GET", "/inspectors/conditions")
    assert told["rulebook"] == 1
    assert [(major["code"], major["kind"]) for major in told["majors"]] == [
        ("C01", "component"), ("E01", "event"), ("E04", "event"),
    ]  # fmt: skip
    rubbish = told["majors"][1]["minors"][1]
    assert (rubbish["code"], rubbish["name"]) == ("E0110", "暴露垃圾")
    assert rubbish["conditions"] == [{"code": "E0110-1", "text": "路面有成堆垃圾"}]
    codes = [one["code"] for m in told["majors"] for n in m["minors"] for one in n["conditions"]]
    assert codes == [condition.code for condition in RULEBOOK.conditions]


async def test_the_conditions_are_sent_again_only_when_the_rulebook_changed(phone, services, connection):
    path = "/inspectors/conditions"
    first = await phone.send("wei", "GET", path)
    tag = {"If-None-Match": first.headers["ETag"]}
    assert first.headers["Cache-Control"] == "private, no-cache"
    same = await phone.send("wei", "GET", path, headers=tag)
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", first.headers["ETag"])
    first_condition = RULEBOOK.conditions[0].model_copy(update={"text": "井盖没了"})
    revised = RULEBOOK.model_copy(update={"conditions": (first_condition, *RULEBOOK.conditions[1:])})
    now, by = services.clock.now(), phone.desk.world.ids["admin"]
    head = await rulebooks.save_draft(connection, revised, by=by, now=now)
    await rulebooks.activate(connection, head.number, by=by, now=now)
    changed = await phone.send("wei", "GET", path, headers=tag)
    assert changed.status_code == 200
    assert changed.json()["majors"][0]["minors"][0]["conditions"][0]["text"] == "井盖没了"
    assert changed.headers["ETag"] != first.headers["ETag"]
