"""The workflow as it is lived: each story goes through the API, in the small city, by the clock."""

from __future__ import annotations

from datetime import datetime

import pytest

from app.cases import jobs
from app.dispatch import service as rulebooks
from app.dispatch.rulebook import ReworkClock
from app.identity.principal import SYSTEM
from tests.cases.desk import at, due, offered
from tests.world import MANHOLE, RULEBOOK, middle


async def test_from_report_to_closure(desk):
    case = await desk.report("lan", "W1", description="小吃店把桌椅摆到人行道上")
    assert case["stage"] == "reported"
    assert case["lamp"] == "green"
    assert case["area_code"] == "990101001001001"
    assert case["area_class"] == "A"
    assert case["chief_name"] == "陈街长"
    assert case["number"].startswith("990101-20260302-")
    desk.later(minutes=5)
    await desk.act("clerk", case, "accept")
    await desk.act("leader", case, "file", condition="E0405-1")
    desk.later(minutes=5)
    await desk.act("dispatcher", case, "dispatch")
    assert (case["stage"], case["lead_unit"]) == ("signing", "west_office")
    assert case["assisting_units"] == ["enforcement"]
    assert due(case, "handling") == at("2026-03-02 11:10")  # 2 工作时
    desk.later(minutes=20)
    await desk.act("west_officer", case, "sign")
    desk.later(minutes=30)
    await desk.act("west_officer", case, "hand_back", result="桌椅已收回店内")
    assert (case["stage"], case["overdue"]) == ("checking", False)
    assert case["inspector_name"] == "wei"  # lan reported it, dong is not on duty in this street
    await desk.act("wei", case, "check", passed=True)
    await desk.act("leader", case, "close")
    assert (case["stage"], case["lamp"]) == ("closed", None)
    assert all(clock["stopped_at"] for clock in case["clocks"])
    journal = (await desk.get("leader", f"/cases/{case['number']}/journal")).json()
    assert [entry["action"] for entry in journal] == [
        "report", "accept", "file", "dispatch", "sign", "hand_back", "check", "close",
    ]  # fmt: skip
    assert [entry["version"] for entry in journal] == list(range(1, 9))


async def test_a_hotline_report_is_verified_before_filing(desk):
    case = await desk.report("hotline", "W1", source="hotline", external_number="12345-001")
    assert (await desk.try_act("clerk", case, "accept")).json()["guard"] == "verified_if_needed"
    await desk.act("clerk", case, "request_verification")
    tasks = (await desk.get(case["inspector_name"], "/tasks")).json()
    assert [task["number"] for task in tasks] == [case["number"]]
    await desk.act(case["inspector_name"], case, "verify", exists=True)
    assert case["stage"] == "filing"
    await desk.act("leader", case, "file", condition="E0405-1")


async def test_what_is_not_there_is_refused(desk):
    case = await desk.report("hotline", "W1", source="hotline")
    await desk.act("clerk", case, "request_verification")
    await desk.act(case["inspector_name"], case, "verify", exists=False, note="现场没有")
    refused = await desk.try_act("leader", case, "file", condition="E0405-1")
    assert refused.status_code == 409
    assert "refuse" in refused.json()["allowed"]
    await desk.act("leader", case, "refuse", reason="not_found")
    assert case["stage"] == "refused"
    assert case["ended_at"] is not None


async def test_a_component_goes_to_its_owner_first(desk):
    case = await desk.report("lan", "W1", category="C0102", component_code=MANHOLE, description="井盖不见了")
    await desk.act("clerk", case, "accept")
    await desk.act("leader", case, "file", condition="C0102-1")
    await desk.act("dispatcher", case, "dispatch")
    assert case["lead_unit"] == "water"
    told = (await desk.get("plumber", f"/cases/{case['id']}/explanation")).json()
    assert told["decision"]["row"] == "components"
    assert any("水务公司" in sentence for sentence in told["decision"]["why"])
    # Without the component, its place answers.
    other = await desk.filed("W2", "C0102-1")
    await desk.act("dispatcher", other, "dispatch")
    assert other["lead_unit"] == "west_office"


async def test_a_decline_pauses_the_clock_and_the_same_unit_gets_the_rest(desk):
    case = await desk.handling()  # 09:00, 2 工作时: due 11:00
    desk.later(minutes=30)
    await desk.act("west_officer", case, "decline", reason="not_mine", note="这是环卫的事")
    (handling,) = [c for c in case["clocks"] if c["kind"] == "handling"]
    assert handling["paused"]
    assert handling["due_at"] is None
    desk.later(minutes=10)
    await desk.act("dispatcher", case, "return_to_unit", note="属店外经营，属地负责")
    assert case["stage"] == "handling"
    assert due(case, "handling") == at("2026-03-02 11:10")
    assert case["listed"] is False


async def test_another_unit_starts_anew(desk):
    case = await desk.handling()
    desk.later(minutes=60)
    await desk.act("west_officer", case, "decline", reason="not_mine", note="这是环卫的事")
    same = await desk.try_act("dispatcher", case, "redispatch", lead="west_office", note="x")
    assert same.status_code == 422
    await desk.act("dispatcher", case, "redispatch", lead="sanitation", note="确属环卫")
    assert (case["stage"], case["lead_unit"]) == ("signing", "sanitation")
    assert due(case, "handling") == at("2026-03-02 12:00")
    assert (await desk.try_act("west_officer", case, "sign")).status_code == 404  # no longer theirs
    await desk.act("sweeper", case, "sign")


async def test_the_last_decline_is_ruled_finally_and_the_case_listed(desk):
    case = await desk.handling()
    await desk.act("west_officer", case, "decline", reason="not_mine", note="一")
    await desk.act("dispatcher", case, "return_to_unit", note="维持")
    await desk.act("west_officer", case, "decline", reason="not_mine", note="二")
    await desk.act("dispatcher", case, "redispatch", lead="sanitation", note="终裁")
    assert case["listed"] is True
    await desk.act("sweeper", case, "sign")
    refused = await desk.try_act("sweeper", case, "decline", reason="not_mine", note="三")
    assert refused.status_code == 409
    assert refused.json()["guard"] == "declines_left"
    assert "decline" not in offered(case)


async def test_two_extensions_at_most_and_a_rejection_does_not_count(desk):
    case = await desk.handling()
    await desk.act("west_officer", case, "request_extension", reason="weather")
    pending = await desk.try_act("west_officer", case, "request_extension", reason="weather")
    assert pending.json()["guard"] == "nothing_pending"
    await desk.act("dispatcher", case, "reject_extension", note="天气尚好")
    for expected in ("2026-03-02 15:00", "2026-03-02 17:00"):  # 11:00 + 2 and + 4 working hours
        await desk.act("west_officer", case, "request_extension", reason="weather")
        await desk.act("dispatcher", case, "approve_extension")
        assert due(case, "handling") == at(expected)
    more = await desk.try_act("west_officer", case, "request_extension", reason="weather")
    assert more.json()["guard"] == "extensions_left"


async def test_an_extension_is_asked_for_before_the_limit_ends(desk):
    case = await desk.handling()
    desk.later(hours=2, minutes=1)
    late = await desk.try_act("west_officer", case, "request_extension", reason="weather")
    assert late.json()["guard"] == "not_overdue"


async def test_rework_goes_to_the_same_unit_and_late_stays_late(desk):
    case = await desk.handling()
    desk.later(hours=3)
    await desk.act("west_officer", case, "hand_back", result="好了")
    assert case["overdue"] is True
    await desk.act("wei", case, "check", passed=False, note="货物还在")
    assert (await desk.try_act("leader", case, "close")).json()["guard"] == "check_passed"
    await desk.act("leader", case, "rework", note="请收回货物")
    assert (case["stage"], case["lead_unit"], case["reworks"]) == ("handling", "west_office", 1)
    assert due(case, "handling") == at("2026-03-02 16:00")  # anew, from 12:00 over the lunch break
    desk.later(hours=2, minutes=30)
    await desk.act("west_officer", case, "hand_back", result="这次真的好了")
    assert case["overdue"] is True
    await desk.act("wei", case, "check", passed=True)
    await desk.act("leader", case, "recheck", note="照片看不清")
    assert case["check_passed"] is None
    await desk.act("wei", case, "check", passed=True)
    await desk.act("leader", case, "close")


async def test_each_rework_goes_on_with_the_rest_where_a_city_wants_it(desk, connection):
    policy = RULEBOOK.policy.model_copy(update={"rework_clock": ReworkClock.REST})
    thrifty = RULEBOOK.model_copy(update={"policy": policy})
    head = await rulebooks.save_draft(connection, thrifty, by=SYSTEM.id, now=desk.clock.now())
    await rulebooks.activate(connection, head.number, by=SYSTEM.id, now=desk.clock.now())
    case = await desk.handling()  # 2 工作时 from 09:00
    for used, expected in ((60, "11:10"), (30, "11:20"), (15, "11:30")):
        desk.later(minutes=used)
        await desk.act("west_officer", case, "hand_back", result="好了")
        await desk.act("wei", case, "check", passed=False)
        desk.later(minutes=10)
        await desk.act("leader", case, "rework", note="请收回货物")
        assert due(case, "handling") == at(f"2026-03-02 {expected}")


async def test_milestones_on_the_way(desk):
    case = await desk.handling("W1", "E0101-1")
    assert case["lead_unit"] == "enforcement_west"
    assert due(case, "milestone") == at("2026-03-02 15:00")  # 停工 in 4 工作时
    assert datetime.fromisoformat(case["due_at"]) == at("2026-03-02 15:00")
    unknown = await desk.try_act("enforcer", case, "reach_milestone", milestone="拆除")
    assert "停工" in unknown.json()["detail"]
    await desk.act("enforcer", case, "reach_milestone", milestone="停工")
    assert datetime.fromisoformat(case["due_at"]) == due(case, "handling")
    assert "reach_milestone" not in offered(case)


async def test_own_handling_is_audited_by_somebody_else(desk):
    case = await desk.report("wei", "W1", action="report_handled", result="当场劝导收回")
    assert case["stage"] == "auditing"
    await desk.act("clerk", case, "audit_pass")
    assert (case["stage"], case["self_handled"]) == ("closed", True)
    doubtful = await desk.report("wei", "W1", action="report_handled")
    await desk.act("clerk", doubtful, "audit_fail", note="照片里还有货物")
    assert (doubtful["stage"], doubtful["self_handled"]) == ("filing", False)


async def test_voiding_needs_a_second_person(desk):
    case = await desk.handling()
    await desk.act("leader", case, "request_voiding", reason="filed_in_error")
    own = await desk.try_act("leader", case, "approve_voiding")
    assert own.json()["guard"] == "not_requester"
    await desk.act("second_leader", case, "reject_voiding", note="问题确实存在")
    await desk.act("dispatcher", case, "request_voiding", reason="filed_in_error")
    # The case goes on meanwhile, and the request stays.
    await desk.act("west_officer", case, "hand_back", result="好了")
    assert case["pending"] == "voiding"
    await desk.act("leader", case, "approve_voiding")
    assert case["stage"] == "voided"
    assert all(clock["stopped_at"] for clock in case["clocks"])


async def test_supervision_orders_are_replied_to(desk, services):
    case = await desk.handling()
    past = await desk.try_act(
        "evaluator", case, "supervise", level="urgent", text="x", reply_due_at="2020-01-01T00:00:00Z"
    )
    assert past.status_code == 422
    for _ in range(2):  # two orders at once are two clocks
        await desk.act(
            "evaluator", case, "supervise", level="urgent", text="今日回复",
            reply_due_at=at("2026-03-02 10:00").isoformat(), listed=True,
        )  # fmt: skip
    assert case["listed"] is True
    orders = [c["id"] for c in case["clocks"] if c["kind"] == "replying"]
    await desk.act("west_officer", case, "reply_supervision", order=orders[0], text="正在清理")
    desk.later(hours=1, minutes=1)
    assert await jobs.sweep(services) == 1
    await desk.look("west_officer", case)
    late = {c["id"]: c["overran_at"] for c in case["clocks"] if c["kind"] == "replying"}
    assert late[orders[0]] is None
    assert late[orders[1]] is not None


async def test_an_appeal_takes_two_reviews_and_the_fact_stays(desk):
    case = await desk.handling()
    desk.later(hours=3)
    await desk.act("west_officer", case, "hand_back", result="好了")
    await desk.act("wei", case, "check", passed=True)
    await desk.act("leader", case, "close")
    await desk.act("west_officer", case, "appeal", text="道路封闭，无法进入")
    await desk.act("evaluator", case, "review_appeal", upheld=True, note="属实")
    same = await desk.try_act("evaluator", case, "decide_appeal", upheld=True, note="属实")
    assert same.json()["guard"] == "not_first_reviewer"
    await desk.act("second_evaluator", case, "decide_appeal", upheld=True, note="同意")
    assert (case["appeal"], case["exempt"], case["overdue"]) == ("granted", True, True)
    again = await desk.try_act("west_officer", case, "appeal", text="再来")
    assert again.json()["guard"] == "appealable"


async def test_only_a_late_case_is_appealed_and_in_time(desk):
    punctual = await desk.closed()
    assert (await desk.try_act("west_officer", punctual, "appeal", text="x")).status_code == 409
    late = await desk.handling("W2")
    desk.later(hours=3)
    await desk.act("west_officer", late, "hand_back", result="好了")
    await desk.act("wei", late, "check", passed=True)
    await desk.act("leader", late, "close")
    desk.later(days=16)
    assert (await desk.try_act("west_officer", late, "appeal", text="x")).json()["guard"] == "appealable"


async def test_a_duplicate_is_hinted_at_and_merged(desk):
    first = await desk.filed("W1")
    near = middle("W1") | {"x": middle("W1")["x"] + 0.0003}  # 29 m east
    reply = await desk.try_report("hotline", source="hotline", position=near, category="E0405")
    (hint,) = reply.json()["near"]
    assert hint["number"] == first["number"]
    assert 25 < hint["distance_m"] < 35
    duplicate = reply.json()["case"]
    itself = await desk.try_act("clerk", duplicate, "merge", into=duplicate["id"])
    assert itself.status_code == 422
    await desk.act("clerk", duplicate, "merge", into=first["id"])
    assert (duplicate["stage"], duplicate["merged_into"]) == ("merged", first["id"])
    await desk.look("leader", first)
    assert first["duplicates"] == 1
    another = await desk.report("hotline", "W1", source="hotline")
    ended = await desk.try_act("clerk", another, "merge", into=duplicate["id"])
    assert (ended.status_code, ended.json()["stage"]) == (409, "reported")
    assert "merge" in ended.json()["allowed"]  # into one that goes on
    # Neither another minor nor one far away nor one of last week is near.
    for body in ({"category": "E0110"}, {"position": middle("W2")}):
        assert (await desk.try_report("hotline", source="hotline", **body)).json()["near"] == []
    desk.later(hours=73)
    late = await desk.try_report("hotline", source="hotline", position=near, category="E0405")
    assert late.json()["near"] == []


async def test_reminders_notes_and_assistance(desk):
    case = await desk.handling()
    await desk.act("hotline", await desk.report("hotline", "W4", source="hotline"), "remind", note="又打来了")
    await desk.look("leader", case)
    await desk.act("leader", case, "remind", note="请抓紧")
    await desk.act("enforcer", await desk.look("enforcer", case), "assist", note="已到场配合")
    await desk.look("leader", case)
    await desk.act("leader", case, "note", text="领导关注")
    assert case["reminders"] == 1
    denied = await desk.try_act("enforcer", case, "hand_back", result="x")
    assert denied.status_code == 403


@pytest.mark.parametrize(
    ("lead", "reason", "status"),
    [("sanitation", "", 422), ("sanitation", "夜间由环卫值守", 200), ("nobody", "x", 422)],
)
async def test_a_dispatcher_may_differ_from_the_matrix_with_a_reason(desk, lead, reason, status):
    case = await desk.filed()
    reply = await desk.try_act("dispatcher", case, "dispatch", lead=lead, reason=reason)
    assert reply.status_code == status, reply.text
    if status == 200:
        told = (await desk.get("sweeper", f"/cases/{case['id']}/explanation")).json()
        assert told["decision"]["manual"] is True
        assert reason in told["decision"]["why"][-1]


async def test_a_lead_named_by_hand_does_not_assist_itself(desk):
    case = await desk.filed()  # the matrix: west_office, assisted by enforcement
    await desk.act("dispatcher", case, "dispatch", lead="enforcement", reason="需执法")
    assert (case["lead_unit"], case["assisting_units"]) == ("enforcement", [])
