"""What happens to cases without anybody asking: tasks given out, overruns recorded, suspensions ended."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text

from app.cases import jobs
from tests.cases.desk import at, due, offered


async def test_a_suspension_ends_by_itself(desk, services):
    case = await desk.handling()
    desk.later(minutes=30)
    until = at("2026-04-01 09:00").isoformat()
    too_long = await desk.try_act(
        "west_officer", case, "request_suspension", reason="engineering", until="2028-01-01T00:00:00Z"
    )
    assert too_long.status_code == 422
    await desk.act("west_officer", case, "request_suspension", reason="engineering", until=until)
    await desk.act("dispatcher", case, "approve_suspension")
    assert case["stage"] == "suspended"
    assert "hand_back" not in offered(await desk.look("west_officer", case))
    desk.clock.set(at("2026-04-01 08:59"))
    assert await jobs.sweep(services) == 0
    desk.clock.set(at("2026-04-01 10:00"))  # the worker was down for an hour
    assert await jobs.sweep(services) == 1
    await desk.look("west_officer", case)
    assert case["stage"] == "handling"
    assert due(case, "handling") == at("2026-04-01 10:30")  # the rest of 1.5 h from 09:00, not from 10:00
    again = await desk.try_act(
        "west_officer", case, "request_suspension", reason="engineering", until="2026-05-01T00:00:00Z"
    )
    assert again.json()["guard"] == "suspensions_left"


async def test_the_checker_is_neither_reporter_nor_of_the_unit(desk):
    for reporter, expected in (("wei", "lan"), ("lan", "wei")):
        case = await desk.report(reporter, "W1")
        await desk.act("clerk", case, "accept")
        await desk.act("leader", case, "file", condition="E0405-1")
        await desk.act("dispatcher", case, "dispatch")
        await desk.act("west_officer", case, "sign")
        await desk.act("west_officer", case, "hand_back", result="好了")
        assert case["inspector_name"] == expected
        other = {"wei": "lan", "lan": "wei"}[expected]
        assert (await desk.try_act(other, case, "check", passed=True)).status_code == 403
        named = await desk.try_act("clerk", case, "assign_inspector", username=reporter)
        assert named.status_code == 422


async def test_a_task_without_anybody_on_duty_waits_for_one(desk, services, connection, world):
    await connection.execute(
        text("UPDATE duty_shift SET ended_at = started_at + interval '1 day' WHERE username <> 'dong'")
    )
    case = await desk.handed_back("W1")
    assert case["inspector_id"] is None
    assert await jobs.assign_tasks(services) == 0
    await connection.execute(text("UPDATE duty_shift SET ended_at = NULL WHERE username = 'wei'"))
    assert await jobs.assign_tasks(services) == 1
    await desk.look("clerk", case)
    assert case["inspector_name"] == "wei"
    assert await jobs.assign_tasks(services) == 0


async def test_each_overrun_is_recorded_once_also_after_the_worker_was_down(desk, services):
    case = await desk.report("wei", "W1")
    desk.later(minutes=16)
    assert await jobs.sweep(services) == 1
    assert await jobs.sweep(services) == 0
    await desk.look("clerk", case)
    assert case["lamp"] == "red"
    (clock,) = case["clocks"]
    assert datetime.fromisoformat(clock["overran_at"]) == at("2026-03-02 09:15")
    # One that ran out and was stopped before the worker looked is recorded all the same, by the stop.
    other = await desk.report("wei", "W2")
    desk.later(minutes=40)
    await desk.act("clerk", other, "accept")
    stopped = [c for c in other["clocks"] if c["kind"] == "accepting"]
    assert stopped[0]["overran_at"] is not None
    desk.later(days=30)
    assert await jobs.sweep(services) == 1  # the other's filing; the first was recorded long ago
    journal = (await desk.get("clerk", f"/cases/{case['id']}/journal")).json()
    assert [entry["action"] for entry in journal] == ["report", "record_overrun"]


async def test_the_lamp_goes_green_amber_red(desk):
    case = await desk.report("wei", "W1")  # 15 minutes; amber from 12
    lamps = []
    for _ in range(4):
        await desk.look("clerk", case)
        lamps.append(case["lamp"])
        desk.later(minutes=6)
    assert lamps == ["green", "green", "amber", "red"]
