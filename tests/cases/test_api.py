"""What a client may rely on: versions, repeats, where a report lands, and what the readings tell."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from app.cases.workflow import STAGE_LABELS, TRANSITIONS, Action
from app.geo import Datum, from_storage
from tests.world import MANHOLE, cell_code, middle

REPORT = {"position": middle("W1"), "description": "店门口堆满货物", "category": "E0405"}


async def entries(connection) -> int:
    """How many entries the journal has."""
    return (await connection.execute(text("SELECT count(*) FROM journal"))).scalar_one()


@pytest.fixture
def send(http, world):
    """Sends a request as somebody, with headers and body as they are."""

    async def sent(who, method, path, headers=None, **content):
        return await http.request(
            method, f"/api/v1{path}", headers={**world.headers[who], **(headers or {})}, **content
        )

    return sent


# -- versions --------------------------------------------------------------------------------------------


async def test_each_reply_tells_the_version(desk, send):
    reported = await desk.try_report("lan")
    case = reported.json()["case"]
    assert reported.headers["ETag"] == '"1"'
    assert reported.headers["Location"] == f"/api/v1/cases/{case['id']}"
    accepted = await desk.try_act("clerk", case, "accept")
    assert (accepted.headers["ETag"], accepted.json()["version"]) == ('"2"', 2)
    for reference in (case["id"], case["number"]):
        assert (await desk.get("clerk", f"/cases/{reference}")).headers["ETag"] == '"2"'


@pytest.mark.parametrize(
    ("tag", "status", "code"),
    [
        (None, 428, "version_required"),
        ('W/"1"', 422, "invalid_input"),
        ("*", 422, "invalid_input"),
        ('"1", "2"', 422, "invalid_input"),
        ("1", 422, "invalid_input"),
        ('"one"', 422, "invalid_input"),
        ('"-1"', 422, "invalid_input"),
        ("", 422, "invalid_input"),
        ('"0"', 412, "version_conflict"),
        ('"999999999999999999"', 412, "version_conflict"),
    ],
)
async def test_a_change_names_the_version_it_was_made_for(desk, send, connection, tag, status, code):
    case = await desk.report("lan")
    before = await entries(connection)
    headers = {} if tag is None else {"If-Match": tag}
    reply = await send("clerk", "POST", f"/cases/{case['id']}/actions", headers, json={"action": "accept"})
    assert (reply.status_code, reply.json()["code"]) == (status, code)
    assert await entries(connection) == before


async def test_who_comes_second_is_told_how_the_case_stands_now(desk):
    case = await desk.report("lan")
    seen = case["version"]
    await desk.act("clerk", case, "accept")
    late = await desk.try_act("leader", case, "refuse", version=seen, reason="not_found")
    assert late.status_code == 412
    assert late.json()["current"] == {"version": 2, "stage": "filing"}


# -- repeats ---------------------------------------------------------------------------------------------


async def test_a_report_sent_twice_is_one_case(send, connection):
    key = {"Idempotency-Key": "phone-7"}
    first = await send("lan", "POST", "/cases", key, json=REPORT)
    before = await entries(connection)
    again = await send("lan", "POST", "/cases", key, json=REPORT)
    assert (again.status_code, again.json()) == (first.status_code, first.json()) == (201, first.json())
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    for name in ("ETag", "Location"):
        assert again.headers[name] == first.headers[name]
    other = await send("lan", "POST", "/cases", key, json={**REPORT, "description": "别的事"})
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert await entries(connection) == before
    # A key is the sender's own.
    elses = await send("wei", "POST", "/cases", key, json=REPORT)
    assert elses.status_code == 201
    assert elses.json()["case"]["id"] != first.json()["case"]["id"]


async def test_an_action_sent_twice_is_done_once(desk, send, connection):
    case = await desk.report("lan")
    path = f"/cases/{case['id']}/actions"
    headers = {"Idempotency-Key": "desk-1", "If-Match": '"1"'}
    first = await send("clerk", "POST", path, headers, json={"action": "accept"})
    before = await entries(connection)
    # The version in If-Match is the old one by now; a repeat is answered all the same.
    again = await send("clerk", "POST", path, headers, json={"action": "accept"})
    assert (again.status_code, again.json(), again.headers["ETag"]) == (200, first.json(), '"2"')
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await send("clerk", "POST", path, headers, json={"action": "note", "text": "x"})
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert await entries(connection) == before


async def test_a_refused_request_may_be_corrected_under_its_key(desk, send):
    case = await desk.filed()
    headers = {"Idempotency-Key": "desk-2", "If-Match": f'"{case["version"]}"'}
    path = f"/cases/{case['id']}/actions"
    wrong = await send("dispatcher", "POST", path, headers, json={"action": "dispatch", "lead": "nobody"})
    assert wrong.status_code == 422
    right = await send("dispatcher", "POST", path, headers, json={"action": "dispatch"})
    assert right.status_code == 200
    assert "Idempotency-Replayed" not in right.headers


@pytest.mark.parametrize("key", ["", "x" * 201])
async def test_a_key_has_a_length(send, connection, key):
    before = await entries(connection)
    reply = await send("lan", "POST", "/cases", {"Idempotency-Key": key}, json=REPORT)
    assert reply.status_code == 422
    assert await entries(connection) == before


async def test_an_order_number_sent_again_is_answered_with_its_case(desk, connection):
    order = {"source": "hotline", "external_number": "12345-77"}
    first = await desk.try_report("hotline", **order)
    before = await entries(connection)
    again = await desk.try_report("hotline", **order, description="市民又来电", position=middle("E4"))
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["case"] == first.json()["case"]
    assert again.headers["Location"] == first.headers["Location"]
    assert await entries(connection) == before
    # The number is the sender's own: another's order 12345-77 is another order.
    other = await desk.try_report("clerk", **order)
    assert other.status_code == 201
    # It has moved on since: the answer is the case as it is now.
    case = first.json()["case"]
    await desk.act("clerk", case, "refuse", reason="outside_scope")
    assert (await desk.try_report("hotline", **order)).json()["case"]["stage"] == "refused"


# -- where a report lands --------------------------------------------------------------------------------


@pytest.mark.parametrize("datum", Datum)
async def test_each_datum_lands_in_the_same_cell_and_the_pair_is_kept(desk, datum):
    at = middle("W3")
    x, y = from_storage(at["x"], at["y"], datum)
    case = await desk.report("lan", position={"x": x, "y": y, "datum": datum.value})
    assert case["area_code"] == cell_code("W3")
    assert (case["raw_x"], case["raw_y"], case["datum"]) == (x, y, datum.value)
    assert case["lon"] == pytest.approx(at["x"], abs=1e-7)
    assert case["lat"] == pytest.approx(at["y"], abs=1e-7)
    kept = (await desk.get("clerk", f"/cases/{case['id']}")).json()
    assert (kept["raw_x"], kept["raw_y"], kept["datum"]) == (x, y, datum.value)


async def test_without_a_datum_a_position_is_a_phones(desk):
    x, y = from_storage(*(middle("W3")[axis] for axis in "xy"), Datum.GCJ02)
    case = await desk.report("lan", position={"x": x, "y": y})
    assert (case["area_code"], case["datum"]) == (cell_code("W3"), "gcj02")


async def test_a_place_outside_is_refused_with_the_nearest_cell_and_how_far_it_is(desk, connection):
    before = await entries(connection)
    reply = await desk.try_report("lan", position={"x": 119.999, "y": 30.0005, "datum": "cgcs2000"})
    assert reply.status_code == 422
    problem = reply.json()
    assert (problem["code"], problem["nearest_cell"]) == ("outside_district", cell_code("W1"))
    assert 96 < problem["distance_m"] < 97  # 0.001° of longitude at 30° north
    assert cell_code("W1") in problem["detail"]
    assert await entries(connection) == before


async def test_a_place_just_outside_snaps_to_the_nearest_cell(desk):
    case = await desk.report("lan", position={"x": 119.9998, "y": 30.0005, "datum": "cgcs2000"})
    assert case["area_code"] == cell_code("W1")  # 19 m west of it; the policy takes 30


# -- what the readings tell --------------------------------------------------------------------------------


async def test_the_journal_tells_who_said_what_and_what_it_changed(desk):
    case = await desk.report("lan", description="小吃店占道")
    desk.later(minutes=5)
    await desk.act("clerk", case, "refuse", reason="outside_scope", note="属交警")
    report, refuse = (await desk.get("lan", f"/cases/{case['number']}/journal")).json()
    assert (report["action"], report["from_stage"], report["to_stage"]) == ("report", None, "reported")
    assert report["command"]["description"] == "小吃店占道"
    assert report["changes"]["area_code"] == cell_code("W1")
    assert (refuse["action"], refuse["label"]) == ("refuse", "不予受理/立案")
    assert (refuse["from_stage"], refuse["to_stage"]) == ("reported", "refused")
    assert refuse["actor_name"] == "clerk"
    assert refuse["command"] == {"reason": "outside_scope", "note": "属交警"}
    assert refuse["changes"] == {
        "stage": "refused", "ended_at": "2026-03-02T01:05:00Z", "due_at": None, "amber_at": None,
    }  # fmt: skip
    assert report["hash"] != refuse["hash"]


async def test_the_explanation_tells_who_and_until_when_before_and_after_dispatch(desk):
    case = await desk.filed("W1", "C0102-1", component_code=MANHOLE)
    told = (await desk.get("dispatcher", f"/cases/{case['id']}/explanation")).json()
    assert (told["condition"], told["closing_condition"]) == ("C0102-1", "补装井盖")
    assert told["decision"]["proposed"] is True
    assert (told["decision"]["lead"], told["decision"]["lead_name"]) == ("water", "水务公司")
    await desk.act("dispatcher", case, "dispatch")
    told = (await desk.get("plumber", f"/cases/{case['id']}/explanation")).json()
    assert (told["decision"]["proposed"], told["decision"]["row"]) == (False, "components")
    (handling,) = [clock for clock in told["deadlines"] if clock["clock"] == "handling"]
    assert handling["due_at"] == "2026-03-02T03:00:00Z"  # 2 紧急工作时 from 09:00
    assert handling["unit"] == "water"
    assert "紧急" in handling["because"]


async def test_before_filing_nothing_is_decided(desk):
    case = await desk.report("lan")
    told = (await desk.get("lan", f"/cases/{case['id']}/explanation")).json()
    assert (told["condition"], told["decision"]) == (None, None)
    assert [clock["clock"] for clock in told["deadlines"]] == ["accepting"]


async def test_duplicates_are_told_likeliest_first(desk):
    def east_of(metres: float) -> dict:
        return middle("W1") | {"x": middle("W1")["x"] + metres / 96_500}

    far, near = [await desk.report("lan", position=east_of(metres)) for metres in (40, 10)]
    desk.later(minutes=1)
    await desk.report("lan", position=east_of(20), category="E0110")
    await desk.report("lan", position=east_of(70))
    case = await desk.report("wei")
    found = (await desk.get("clerk", f"/cases/{case['id']}/duplicates")).json()
    assert [one["number"] for one in found] == [near["number"], far["number"]]
    assert [round(one["distance_m"] / 10) for one in found] == [1, 4]
    asked = {"id", "number", "stage", "description", "reported_at", "distance_m", "score", "why"}
    assert found[0].keys() == asked
    # It is a duplicate of those before it, they are none of it.
    earlier = (await desk.get("clerk", f"/cases/{far['id']}/duplicates")).json()
    assert [one["number"] for one in earlier] == [near["number"]]


async def test_the_workflow_is_told_with_the_roles_of_the_policy(desk):
    told = (await desk.get("lan", "/workflow")).json()
    assert [stage["stage"] for stage in told["stages"]] == [stage.value for stage in STAGE_LABELS]
    rows = {row["action"]: row for row in told["transitions"]}
    assert set(rows) == {row.action.value for row in TRANSITIONS}
    assert rows["file"]["roles"] == ["shift_leader"]
    assert (rows["sign"]["sources"], rows["sign"]["target"]) == (["signing"], "handling")
    assert (rows["sign"]["party"], rows["sign"]["label"]) == ("lead_unit", "签收")
    assert rows["decline"]["guards"] == ["declines_left", "not_overdue"]
    assert rows[Action.NOTE]["target"] is None


async def test_when_the_calendar_has_ended_the_service_says_so_and_writes_nothing(desk, connection):
    """The small city's calendar ends with 2026; its administrator forgot the next one."""
    desk.clock.set(datetime(2026, 12, 31, 9, 30, tzinfo=UTC))  # 17:30 on the last evening
    case = await desk.filed()
    before = await entries(connection)
    reply = await desk.try_act("dispatcher", case, "dispatch")  # 2 工作时, and half of one is left
    assert (reply.status_code, reply.json()["code"]) == (503, "not_ready")
    assert "日历" in reply.json()["detail"]
    assert await entries(connection) == before
