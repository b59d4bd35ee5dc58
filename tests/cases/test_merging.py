"""疑似重复、并案、撤销并案: hints are ranked, every reporter gets the answer, a merging can be undone."""

from __future__ import annotations

from typing import Any

import pytest

from app.cases import duplicates, jobs, journal
from tests.cases.desk import Desk, offered
from tests.cases.golden import END_STAGES
from tests.world import middle


def east(cell: str, degrees: float) -> dict[str, Any]:
    """A position so far east of a cell's middle; 0.0001 are 9.6 m."""
    place = middle(cell)
    return {**place, "x": round(place["x"] + degrees, 7)}


async def merged(desk: Desk, into: dict[str, Any], who: str = "hotline", **body: Any) -> dict[str, Any]:
    duplicate = await desk.report(who, "W1", source="hotline", **body)
    return await desk.act("clerk", duplicate, "merge", into=into["id"], note="同一处")


async def actions_of(desk: Desk, case: dict[str, Any], who: str = "leader") -> list[str]:
    return [one["action"] for one in (await desk.get(who, f"/cases/{case['id']}/journal")).json()]


# -- hints -----------------------------------------------------------------------------------------------


async def test_hints_are_ranked_by_likeness_and_say_why(desk):
    words = "店门口堆满货物"
    far = await desk.report("wei", "W1", position=east("W1", 0.0003), description=words)
    close = await desk.report("wei", "W1", position=east("W1", 0.0001), description=words)
    other = await desk.report(
        "wei", "W1", position=east("W1", 0.00005), description="垃圾成堆", category="E0110"
    )
    reply = (await desk.try_report("hotline", source="hotline", description=words)).json()
    assert [near["number"] for near in reply["near"]] == [close["number"], far["number"]]
    first, second = reply["near"]
    assert first["score"] > second["score"] >= 50
    assert first["why"] == ["相距 10 米", "相隔 0 分钟", "同一小类", "文字相同 100%"]
    again = (await desk.get("clerk", f"/cases/{reply['case']['id']}/duplicates")).json()
    assert again == reply["near"]
    assert other["number"] not in {near["number"] for near in again}


async def test_a_report_without_a_minor_is_compared_by_its_words(desk):
    known = await desk.report("wei", "W1", description="店门口堆满货物，行人只能走车道")
    alike = await desk.try_report(
        "hotline",
        source="hotline",
        category=None,
        description="店门口堆满货物没法走",
        position=east("W1", 0.0001),
    )
    (near,) = alike.json()["near"]
    assert (near["number"], near["why"][2]) == (known["number"], "小类未定")
    unlike = await desk.try_report(
        "hotline",
        source="hotline",
        category=None,
        description="路灯整夜不亮",
        address="东门",
        position=east("W1", 0.0001),
    )
    assert known["number"] not in {near["number"] for near in unlike.json()["near"]}


async def test_hints_leave_out_what_is_over_before_it_began(desk):
    refused = await desk.report("wei", "W1")
    await desk.act("clerk", refused, "refuse", reason="not_found")
    first = await desk.report("wei", "W1")
    await merged(desk, first)
    numbers = {near["number"] for near in (await desk.try_report("lan")).json()["near"]}
    assert numbers == {first["number"]}


# -- every reporter gets the answer ----------------------------------------------------------------------


async def test_the_closure_is_told_to_all_who_reported_directly_or_not(desk, services, connection):
    primary = await desk.report("lan", "W1")
    middle_one = await desk.report("hotline", "W1", source="hotline", external_number="12345-1")
    far_one = await merged(desk, middle_one, external_number="12345-2")
    await desk.act("clerk", await desk.look("clerk", middle_one), "merge", into=primary["id"])
    found = await duplicates.merged_into_it(connection, primary["id"])
    assert {str(case.id) for case in found} == {middle_one["id"], far_one["id"]}
    told = (await desk.get("leader", f"/cases/{primary['id']}/reports")).json()
    assert [(one["number"], one["reporter_name"], one["external_number"]) for one in told] == [
        (primary["number"], "lan", None),
        (middle_one["number"], "hotline", "12345-1"),
        (far_one["number"], "hotline", "12345-2"),
    ]
    await _to_the_end(desk, primary)
    assert await jobs.tell_outcomes(services) == 2
    assert await jobs.tell_outcomes(services) == 0
    for case in (middle_one, far_one):
        await desk.look("hotline", case)
        answer = (case["stage"], case["outcome"], case["outcome_text"])
        assert answer == ("merged", "closed", "货物已收回店内")
        assert case["outcome_at"] == primary["ended_at"]
        assert (await actions_of(desk, case, "hotline"))[-1] == "follow"
    # The answer is all the reporter sees of the other case.
    assert (await desk.get("hotline", f"/cases/{primary['id']}")).status_code == 404


async def _to_the_end(desk: Desk, case: dict[str, Any]) -> None:
    await desk.look("leader", case)
    await desk.act("clerk", case, "accept")
    await desk.act("leader", case, "file", condition="E0405-1")
    await desk.act("dispatcher", case, "dispatch")
    await desk.act("west_officer", case, "sign")
    await desk.act("west_officer", case, "hand_back", result="货物已收回店内")
    await desk.act(case["inspector_name"], case, "check", passed=True)
    await desk.act("leader", case, "close")


@pytest.mark.parametrize(
    ("end", "outcome", "said"), [("refuse", "refused", "现场不存在"), ("voiding", "voided", "误立案")]
)
async def test_why_nothing_was_done_is_told_too(desk, services, end, outcome, said):
    primary = await desk.report("lan", "W1")
    case = await merged(desk, primary)
    assert await jobs.tell_outcomes(services) == 0  # not before the end
    await desk.look("clerk", primary)
    if end == "refuse":
        await desk.act("clerk", primary, "refuse", reason="not_found", note="内部：现场照片已核")
    else:
        await desk.act("leader", primary, "request_voiding", reason="filed_in_error")
        await desk.act("second_leader", primary, "approve_voiding")
    assert await jobs.tell_outcomes(services) == 1
    await desk.look("hotline", case)
    assert (case["outcome"], case["outcome_text"]) == (outcome, said)
    assert "内部" not in (await desk.get("hotline", f"/cases/{case['id']}/journal")).text


async def test_who_does_not_see_a_report_is_not_told_of_its_reporter(desk):
    """The lead unit sees the case it handles, not the reports merged into it."""
    primary = await desk.handling("W1")
    await merged(desk, primary)
    told = (await desk.get("west_officer", f"/cases/{primary['id']}/reports")).json()
    assert [one["number"] for one in told] == [primary["number"]]
    assert len((await desk.get("clerk", f"/cases/{primary['id']}/reports")).json()) == 2


# -- undone ----------------------------------------------------------------------------------------------


async def test_unmerged_it_is_to_be_accepted_anew(desk, connection):
    primary = await desk.handling("W1")
    case = await merged(desk, primary)
    desk.later(minutes=40)
    await desk.look("clerk", case)
    assert offered(case) & {"accept", "merge", "unmerge"} == {"unmerge"}
    unsaid = await desk.try_act("clerk", case, "unmerge")
    assert unsaid.status_code == 422
    await desk.act("clerk", case, "unmerge", note="是隔壁另一家店")
    assert (case["stage"], case["merged_into"], case["ended_at"]) == ("reported", None, None)
    (clock,) = [one for one in case["clocks"] if one["stopped_at"] is None]
    assert (clock["kind"], clock["started_at"]) == ("accepting", "2026-03-02T01:40:00Z")
    await desk.look("leader", primary)
    assert primary["duplicates"] == 0
    assert (await actions_of(desk, primary))[-2:] == ["absorb", "release"]
    # It goes its own way, or into another.
    await desk.act("clerk", case, "merge", into=primary["id"])
    await desk.look("leader", primary)
    assert (primary["duplicates"], case["stage"]) == (1, "merged")
    assert (await journal.inspect(connection)).flaws == ()


async def test_unmerged_after_the_other_case_ended_the_answer_is_taken_back(desk, services, connection):
    primary = await desk.report("lan", "W1")
    case = await desk.report("hotline", "W1", source="hotline")
    below = await merged(desk, case)
    await desk.act("clerk", await desk.look("clerk", case), "merge", into=primary["id"])
    await _to_the_end(desk, primary)
    assert await jobs.tell_outcomes(services) == 2
    await desk.look("leader", case)
    await desk.act("leader", case, "unmerge", note="没有解决")
    assert (case["stage"], case["outcome"], case["outcome_text"]) == ("reported", None, None)
    await desk.look("leader", primary)
    assert (primary["stage"], primary["duplicates"]) == ("closed", 0)
    # What hangs on it waits for its answer again, and gets it.
    await desk.look("hotline", below)
    assert (below["stage"], below["outcome"]) == ("merged", None)
    await desk.act("clerk", case, "refuse", reason="outside_scope")
    assert await jobs.tell_outcomes(services) == 1
    await desk.look("hotline", below)
    assert (below["outcome"], below["outcome_text"]) == ("refused", "不属职责")
    assert (await journal.inspect(connection)).flaws == ()


async def test_no_other_end_has_a_way_back(desk):
    for stage in set(END_STAGES.split()) - {"merged"}:
        case = await desk.report("lan", "W1")
        if stage == "refused":
            await desk.act("clerk", case, "refuse", reason="not_found")
        elif stage == "voided":
            await desk.act("leader", case, "request_voiding", reason="filed_in_error")
            await desk.act("second_leader", case, "approve_voiding")
        else:
            await _to_the_end(desk, case)
        refused = await desk.try_act("leader", case, "unmerge", note="x")
        assert (refused.status_code, refused.json()["stage"]) == (409, stage)


async def test_merging_never_leads_in_a_circle(desk):
    first, second = await desk.report("lan", "W1"), await desk.report("lan", "W1")
    await desk.act("clerk", first, "merge", into=second["id"])
    circle = await desk.try_act("clerk", await desk.look("clerk", second), "merge", into=first["id"])
    assert circle.status_code == 409
    await desk.act("clerk", first, "unmerge", note="另一家")
    await desk.act("clerk", await desk.look("clerk", second), "merge", into=first["id"])
    circle = await desk.try_act("clerk", await desk.look("clerk", first), "merge", into=second["id"])
    assert circle.status_code == 409
