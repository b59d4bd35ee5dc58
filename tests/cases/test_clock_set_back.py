"""The machine's clock is set back by an hour amid the work; or another machine's is an hour behind."""

from __future__ import annotations

from datetime import datetime

from app.cases import jobs
from tests.cases.desk import Desk, due


async def test_a_case_goes_on_and_its_time_never_goes_back(desk: Desk):
    """Everybody stays logged in, no clock is cut short or given more, a repeat is known as one."""
    case = await desk.filed()
    desk.later(minutes=10)
    await desk.act("dispatcher", case, "dispatch")
    dispatched, due_before = desk.clock.now(), due(case, "handling")
    desk.later(hours=-1)

    headers = {
        **desk.world.headers[desk.officer(case)],
        "If-Match": f'"{case["version"]}"',
        "Idempotency-Key": desk.key(),
    }
    path = f"/api/v1/cases/{case['id']}/actions"
    first = await desk.http.post(path, headers=headers, json={"action": "sign"})
    again = await desk.http.post(path, headers=headers, json={"action": "sign"})
    assert (first.status_code, again.json()) == (200, first.json())
    case = first.json()
    assert due(case, "handling") == due_before
    assert await jobs.sweep(desk.services) == 0
    await desk.act(desk.officer(case), case, "hand_back", result="已处理")
    assert not case["overdue"]

    desk.later(hours=2)
    await desk.act(case["inspector_name"], case, "check", passed=True)
    await desk.act("leader", case, "close")
    told = (await desk.get("leader", f"/cases/{case['id']}/journal")).json()
    moments = [datetime.fromisoformat(entry["at"]) for entry in told]
    assert moments == sorted(moments)
    assert moments[4:6] == [dispatched, dispatched], "the repeated hour is one moment"
    for clock in case["clocks"]:
        assert clock["started_at"] <= clock["stopped_at"], clock


async def test_reports_of_the_repeated_hour_are_taken(desk: Desk):
    earlier = await desk.report()
    desk.later(hours=-1)
    later = await desk.report()
    assert later["number"] > earlier["number"]
    assert await desk.act("clerk", later, "accept")
    assert await jobs.seal(desk.services) > 0
