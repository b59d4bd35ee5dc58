"""What was done offline is handed in as one batch: in order, each by itself, each once."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from app.channels.inspectors.offline.service import forget
from tests.cases.desk import at
from tests.photos.pictures import uploaded
from tests.world import MONDAY_9AM, middle

PATH = "/inspectors/me/batch"
_ids = count(1)


def command(
    action: str, *, id: str | None = None, minutes: int = -30, about: dict[str, Any] | None = None, **body
):
    return {
        "id": id or f"phone-{next(_ids):04}",
        "at": (MONDAY_9AM + timedelta(minutes=minutes)).isoformat(),
        **(about or {}),
        "command": {"action": action, **body},
    }


def report(**more: Any) -> dict[str, Any]:
    told = {"position": middle("W1"), "description": "店门口堆满货物", "category": "E0405"}
    return command("report", **{**told, **more})


def on(case: dict[str, Any], version: int | None = None) -> dict[str, Any]:
    return {"case": case["number"], "known_version": version or case["version"]}


async def hand_in(
    phone, who: str, *commands: dict[str, Any], sent: timedelta = timedelta()
) -> list[dict[str, Any]]:
    now = phone.desk.clock.now()
    reply = await phone(who, "POST", PATH, json={"sent_at": (now + sent).isoformat(), "commands": commands})
    assert [one["id"] for one in reply["results"]] == [one["id"] for one in commands]
    return reply["results"]


async def test_commands_are_carried_out_in_their_order_and_answered_one_by_one(desk, phone):
    first = report()
    results = await hand_in(
        phone, "wei",
        first,
        command("note", about={"made_by": first["id"]}, text="已放置警示桩"),
        command("report", position={"x": 1, "y": 1, "datum": "cgcs2000"}, description="不在本区"),
        command("note", about={"case": "990101-20260302-9999999", "known_version": 1}, text="没有"),
        command("check", about={"made_by": first["id"]}, passed=True),
        report(description="另一处"),
    )  # fmt: skip
    assert [one["status"] for one in results] == [201, 200, 422, 404, 409, 201]
    assert results[1]["case"]["id"] == results[0]["case"]["id"]
    assert results[1]["case"]["version"] == 2
    assert results[2]["problem"]["code"] == "outside_district"
    assert results[4]["problem"]["code"] == "action_not_allowed"
    assert [one["id"] for one in results[5]["near"]] == [results[0]["case"]["id"]]
    mine = (await desk.get("wei", "/cases", mine=True)).json()["items"]
    assert len(mine) == 2


async def test_a_batch_whose_reply_was_lost_is_sent_again_as_it_is(desk, phone):
    first = report()
    batch = (
        first,
        command("note", about={"made_by": first["id"]}, text="一次"),
        command("note", text="无案卷"),
    )
    before = await hand_in(phone, "wei", *batch)
    desk.later(hours=30)
    again = await hand_in(phone, "wei", *batch)
    assert [one["replayed"] for one in again] == [True, True, False]
    for one, other in zip(before, again, strict=True):
        assert {**one, "replayed": None, "problem": None} == {**other, "replayed": None, "problem": None}
    case = before[0]["case"]
    assert (await desk.look("wei", case))["version"] == 2
    (changed,) = await hand_in(phone, "wei", {**first, "command": report()["command"] | {"address": "别处"}})
    assert (changed["status"], changed["problem"]["code"]) == (409, "idempotency_conflict")
    # Another phone may have the same ids.
    (other,) = await hand_in(phone, "lan", first)
    assert (other["status"], other["replayed"]) == (201, False)


async def test_what_happened_meanwhile_is_told_in_words(desk, phone):
    case = await desk.report("hotline")
    await desk.act("clerk", case, "request_verification")
    inspector, known = case["inspector_name"], case["version"]
    desk.later(minutes=12)
    await desk.act("leader", case, "request_voiding", reason="filed_in_error")
    await desk.act("second_leader", case, "approve_voiding")
    (result,) = await hand_in(phone, inspector, command("verify", about=on(case, known), exists=True))
    problem = result["problem"]
    assert (result["status"], problem["code"]) == (412, "version_conflict")
    assert problem["detail"].startswith(
        "您离线期间：03-02 09:12 由leader申请作废；03-02 09:12 由second_leader批准作废，案卷已作废"
    )
    assert [one["action"] for one in problem["meanwhile"]] == ["request_voiding", "approve_voiding"]
    assert problem["current"] == {"version": case["version"], "stage": "voided"}


async def test_what_was_seen_in_another_round_is_not_taken_for_this_one(desk, phone):
    """The case is being checked again, by the same inspector: the first round's result came too late."""
    case = await desk.handed_back("W1")
    inspector, known = case["inspector_name"], case["version"]
    await desk.act(inspector, case, "check", passed=False)
    await desk.act("leader", case, "rework", note="重做")
    await desk.act(desk.officer(case), case, "hand_back", result="已重做")
    if case["inspector_name"] != inspector:
        await desk.act("leader", case, "assign_inspector", username=inspector)
    (late,) = await hand_in(phone, inspector, command("check", about=on(case, known), passed=True))
    assert (late["status"], late["problem"]["code"]) == (412, "version_conflict")
    assert (await desk.look("leader", case))["stage"] == "checking"
    (now,) = await hand_in(phone, inspector, command("check", about=on(case), passed=True))
    assert (now["status"], now["case"]["stage"]) == (200, "closing")


async def test_what_leaves_the_stage_alone_is_no_conflict(desk, phone):
    case = await desk.handed_back("W1")
    inspector, known = case["inspector_name"], case["version"]
    await desk.act("clerk", case, "remind", note="请抓紧")
    (missing,) = await hand_in(phone, inspector, command("check", about={"case": case["id"]}, passed=True))
    assert (missing["status"], missing["problem"]["code"]) == (428, "version_required")
    (done,) = await hand_in(phone, inspector, command("check", about=on(case, known), passed=True))
    assert done["status"] == 200


async def test_the_phones_clock_stands_beside_ours_and_judges_nothing(desk, phone):
    case = await desk.handed_back("W1")
    inspector = case["inspector_name"]
    (clock,) = [one for one in case["clocks"] if one["kind"] == "checking"]
    desk.later(hours=2)
    early = command("check", about=on(case), passed=True, minutes=-100_000)
    (done,) = await hand_in(phone, inspector, early, sent=timedelta(minutes=7))
    (stopped,) = [one for one in done["case"]["clocks"] if one["id"] == clock["id"]]
    assert stopped["stopped_at"] == "2026-03-02T03:00:00Z"
    assert stopped["overran_at"] is not None
    *_, entry = (await desk.get("leader", f"/cases/{case['id']}/journal")).json()
    assert entry["at"] == "2026-03-02T03:00:00Z"
    said = MONDAY_9AM - timedelta(minutes=100_000)
    assert entry["offline"] == {
        "id": early["id"], "at": said.isoformat(), "corrected": (said - timedelta(minutes=7)).isoformat(),
    }  # fmt: skip
    first = (await desk.get("leader", f"/cases/{case['id']}/journal")).json()[0]
    assert first["offline"] is None
    assert at("2026-03-02 11:00") == desk.clock.now()


async def test_photos_of_a_report_made_offline(desk, phone, world, connection):
    photo = "01985f3e-8a1c-7d44-9f0b-0a1b2c3d4e5f"
    first = report()
    attach = command("attach", about={"made_by": first["id"]}, photo=photo, kind="near")
    _, missing = await hand_in(phone, "wei", first, attach)
    assert (missing["status"], missing["problem"]["fields"]) == (422, {"photo": "unknown"})
    await uploaded(connection, photo, world.ids["wei"], "wei")
    again, attached = await hand_in(phone, "wei", first, attach)
    assert (again["replayed"], attached["status"], attached["case"]["photos"]) == (True, 200, 1)


async def test_a_report_that_was_refused_takes_what_builds_on_it_along(desk, phone):
    first = command("report", position=middle("E1"), description="不在辖区")
    results = await hand_in(phone, "wei", first, command("note", about={"made_by": first["id"]}, text="x"))
    assert [one["status"] for one in results] == [403, 409]
    assert results[1]["problem"]["made_by"] == first["id"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"action": "close"}, {"action": "verify"}, {"action": "note", "text": "a\u0000b"}, {}, {"action": 7},
        {"action": "note", "text": "x", "more": 1},
    ],
    ids=str,
)  # fmt: skip
async def test_one_command_that_is_none_holds_up_no_other(desk, phone, wrong):
    broken = {**report(), "command": wrong}
    results = await hand_in(phone, "wei", broken, report())
    assert [one["status"] for one in results] == [422, 201]
    assert results[0]["problem"]["fields"]


async def test_a_batch_is_of_some_size(desk, phone):
    await phone("wei", "POST", PATH, 422, json={"sent_at": MONDAY_9AM.isoformat(), "commands": []})
    many = [report(id=f"many-{n:04}") for n in range(51)]
    await phone("wei", "POST", PATH, 422, json={"sent_at": MONDAY_9AM.isoformat(), "commands": many})
    await phone("clerk", "POST", PATH, 403, json={"sent_at": MONDAY_9AM.isoformat(), "commands": many[:1]})


async def test_results_are_forgotten_after_their_time(desk, phone, services):
    await hand_in(phone, "wei", report(), report(position=middle("W2")))
    desk.later(days=29)
    assert await forget(services) == 0
    desk.later(days=2)
    assert await forget(services) == 2
