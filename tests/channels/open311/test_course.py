"""From the report to the end, as its client and a stranger follow it; and what clients add themselves."""

from __future__ import annotations

from typing import Any

import pytest

from app.cases.jobs import tell_outcomes
from app.cases.workflow import Stage
from app.channels.open311.telling import UPDATES, state
from app.requests import Services
from tests.cases.desk import Desk
from tests.channels.open311.conftest import W1, Client
from tests.channels.open311.schemas import check


async def case_of(desk: Desk, number: str) -> dict[str, Any]:
    found: dict[str, Any] = (await desk.get("clerk", f"/cases/{number}")).json()
    return found


async def led_to_the_end(desk: Desk, case: dict[str, Any]) -> None:
    await desk.act("clerk", case, "accept")
    await desk.act("leader", case, "file", condition="E0405-1")
    await desk.act("dispatcher", case, "dispatch")
    await desk.act("west_officer", case, "sign")
    await desk.act("west_officer", case, "note", text="店主不在")
    desk.later(minutes=30)
    await desk.act("west_officer", case, "hand_back", result="货物已收回店内")
    await desk.act(case["inspector_name"], case, "check", passed=True)
    await desk.act("leader", case, "close")


async def test_from_the_report_to_the_end(citizen: Client, stranger: Client, desk: Desk) -> None:
    number = await citizen.report()
    case = await case_of(desk, number)
    await desk.act("clerk", case, "accept")
    await desk.act("leader", case, "file", condition="E0405-1")
    await desk.act("dispatcher", case, "dispatch")
    told = await citizen.look(number)
    check("request", told)
    assert (told["status"], told["agency_responsible"]) == ("open", "西街街道办事处")
    assert told["expected_datetime"] == "2026-03-02T11:00:00+08:00"
    await desk.act("west_officer", case, "sign")
    desk.later(minutes=30)
    await desk.act("west_officer", case, "hand_back", result="货物已收回店内")
    await desk.act(case["inspector_name"], case, "check", passed=True)
    await desk.act("leader", case, "close")
    desk.later(minutes=5)
    await desk.act("clerk", case, "note", text="归档")
    for reader in (citizen, stranger):
        told = await reader.look(number)
        assert (told["status"], told["updated_datetime"]) == ("closed", "2026-03-02T09:30:00+08:00")
        assert told["status_notes"].startswith("已处置，经核查结案")
        closed = await reader.get("requests", status="closed")
        assert [one["service_request_id"] for one in closed] == [number]


async def test_updates_tell_what_concerns_the_citizen(citizen: Client, stranger: Client, desk: Desk) -> None:
    number = await citizen.report()
    await led_to_the_end(desk, await case_of(desk, number))
    told = await citizen.get("servicerequestupdates")
    assert [one["description"].split(" / ")[0] for one in told] == [
        "已受理", "已立案", "已派遣至西街街道办事处", "处置单位已签收", "处置单位反馈：已处置",
        "现场核查通过", "已结案",
    ]  # fmt: skip
    assert {one["service_request_id"] for one in told} == {number}
    assert [one["status"] for one in told] == ["open"] * 6 + ["closed"]
    assert told[-1]["updated_datetime"] == "2026-03-02T09:30:00+08:00"
    assert "货物已收回店内" in told[4]["description"]
    theirs = await stranger.get("servicerequestupdates")
    assert [one["update_id"] for one in theirs] == [one["update_id"] for one in told]
    assert "货物已收回店内" not in str(theirs)
    assert "店主不在" not in str(told)


async def test_updates_of_a_period_and_of_a_request(citizen: Client, desk: Desk) -> None:
    first, second = await citizen.report(), await citizen.report(service_code="E0110")
    await desk.act("clerk", await case_of(desk, first), "accept")
    desk.later(hours=2)
    await desk.act("clerk", await case_of(desk, second), "accept")

    async def of(**params: str | int) -> list[str]:
        found = await citizen.get("servicerequestupdates", **params)
        return [one["service_request_id"] for one in found]

    assert await of() == [first, second]
    assert await of(start_date="2026-03-02T02:00:00Z") == [second]
    assert await of(start_date="2026-03-02T00:00:00Z", end_date="2026-03-02T02:00:00Z") == [first]
    assert await of(service_request_id=second) == [second]
    assert await of(page_size=1, page=2) == [second]
    xml = await citizen.get_xml("servicerequestupdates")
    assert (xml.tag, {one.tag for one in xml}) == ("service_request_updates", {"request_update"})
    assert {child.tag for child in xml[0]} == {
        "update_id", "service_request_id", "status", "updated_datetime", "description", "media_url",
    }  # fmt: skip


async def test_a_refused_request_is_closed_and_says_why(
    citizen: Client, stranger: Client, desk: Desk
) -> None:
    number = await citizen.report()
    await desk.act("clerk", await case_of(desk, number), "refuse", reason="outside_scope", note="转交通警")
    for reader in (citizen, stranger):
        told = await reader.look(number)
        assert (told["status"], told["status_notes"]) == ("closed", "不予受理 / not accepted：不属职责")
        (update,) = await reader.get("servicerequestupdates")
        assert update["description"] == told["status_notes"]
        assert "交通警" not in str(update)


async def test_a_merged_request_is_closed_and_names_the_other(citizen: Client, desk: Desk) -> None:
    first, second = await citizen.report(), await citizen.report(description="同一处")
    into = await case_of(desk, first)
    await desk.act("clerk", await case_of(desk, second), "merge", into=into["id"])
    told = await citizen.look(second)
    assert told["status"] == "closed"
    assert told["status_notes"].endswith(f"：{first}")
    assert (await citizen.look(first))["status"] == "open"


async def test_a_merged_request_is_told_what_came_of_the_other(
    citizen: Client, desk: Desk, services: Services
) -> None:
    first, second = await citizen.report(), await citizen.report(description="同一处")
    into = await case_of(desk, first)
    await desk.act("clerk", await case_of(desk, second), "merge", into=into["id"])
    await led_to_the_end(desk, await desk.look("clerk", into))
    assert await tell_outcomes(services) == 1
    told = (await citizen.look(second))["status_notes"]
    assert first in told
    assert told.endswith("；已处置，经核查结案 / handled, checked and closed")
    updates = await citizen.get("servicerequestupdates", service_request_id=second)
    assert first in updates[-1]["description"]
    await desk.act("clerk", await case_of(desk, second), "unmerge", note="不是同一处")
    assert (await citizen.look(second))["status"] == "open"
    updates = await citizen.get("servicerequestupdates", service_request_id=second)
    assert updates[-1]["description"].startswith("撤销并案")


def test_only_what_ends_a_case_closes_it():
    assert {stage for stage in Stage if state(stage) == "closed"} == {
        Stage.CLOSED, Stage.REFUSED, Stage.VOIDED, Stage.MERGED,
    }  # fmt: skip


def test_what_people_at_work_say_to_each_other_is_no_update():
    assert not {"note", "remind", "supervise", "decline", "assist", "record_overrun"} & set(UPDATES)


# -- repeats ---------------------------------------------------------------------------------------------


async def test_the_same_again_within_minutes_is_the_same(citizen: Client, other: Client, desk: Desk) -> None:
    number = await citizen.report(device_id="phone-1")
    desk.later(minutes=5)
    assert await citizen.report(device_id="phone-1") == number
    different = [
        await citizen.report(device_id="phone-2"),
        await citizen.report(device_id="phone-1", description="又来了"),
        await citizen.report(device_id="phone-1", long="120.0006"),
        await citizen.report(device_id="phone-1", service_code="E0110"),
        await other.report(device_id="phone-1"),
    ]
    desk.later(minutes=10)
    different.append(await citizen.report(device_id="phone-1"))
    assert len({number, *different}) == 7


async def test_with_a_key_the_first_answer_is_given_again(citizen: Client, desk: Desk) -> None:
    form = {"service_code": "E0405", "description": "占道", **W1}
    first = await citizen.send("requests.xml", headers={"Idempotency-Key": "k-1"}, **form)
    desk.later(hours=1)
    again = await citizen.send("requests.xml", headers={"Idempotency-Key": "k-1"}, **form)
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["content-type"] == "text/xml; charset=utf-8"
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await citizen.send("requests.xml", headers={"Idempotency-Key": "k-1"}, **form, address_id="1")
    assert (other.status_code, "<code>409</code>" in other.text) == (409, True)
    long = await citizen.send("requests.xml", headers={"Idempotency-Key": "k" * 201}, **form)
    assert long.status_code == 400


# -- what clients add ------------------------------------------------------------------------------------


async def journal(desk: Desk, number: str) -> list[str]:
    entries = (await desk.get("clerk", f"/cases/{number}/journal")).json()
    said = [entry["command"]["changes"] for entry in entries if entry["action"] == "supplement"]
    return [change["after"] for changes in said for change in changes]


async def test_an_update_stands_in_the_journal_once(citizen: Client, desk: Desk) -> None:
    number = await citizen.report()
    form = {
        "service_request_id": number, "update_id": "4711", "status": "OPEN", "description": "还在那里",
        "updated_datetime": "2026-03-02T09:00:00+08:00", "email": "wang@example.org",
        "media_url": "https://example.org/2.jpg",
    }  # fmt: skip
    first = await citizen.send("servicerequestupdates.json", **form)
    assert first.status_code == 200, first.text
    again = await citizen.send("servicerequestupdates.xml", **form)
    (told,) = first.json()
    assert told["update_id"] in again.text
    assert await journal(desk, number) == ["还在那里\n照片 Picture: https://example.org/2.jpg"]
    await citizen.send("servicerequestupdates.json", service_request_id=number, description="无编号")
    await citizen.send("servicerequestupdates.json", service_request_id=number, description="无编号")
    assert await journal(desk, number) == [
        "还在那里\n照片 Picture: https://example.org/2.jpg",
        "无编号",
    ]


async def test_what_a_client_says_of_the_state_is_noted(citizen: Client, desk: Desk) -> None:
    number = await citizen.report()
    await citizen.send("servicerequestupdates.json", service_request_id=number, status="closed")
    case = await case_of(desk, number)
    await desk.act("clerk", case, "refuse", reason="not_found")
    await citizen.send(
        "servicerequestupdates.json", service_request_id=number, status="open", description="还在"
    )
    assert await journal(desk, number) == [
        "【称问题已解决 says it is solved】",
        "【要求重新办理 asks to reopen】还在",
    ]
    assert (await citizen.look(number))["status"] == "closed"


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"service_request_id": "990101-20260302-9999999"}, 404),
        ({"service_request_id": ""}, 400),
        ({"description": ""}, 400),
        ({"description": "x" * 1501}, 400),
        ({"description": "a\x00b"}, 400),
        ({"status": "fixed"}, 400),
        ({"media_url": "ftp://example.org/1"}, 400),
    ],
    ids=str,
)
async def test_an_update_that_is_none(citizen: Client, desk: Desk, form, status) -> None:
    number = await citizen.report()
    content = {"service_request_id": number, "description": "还在", **form}
    reply = await citizen.send("servicerequestupdates.json", **content)
    assert (reply.status_code, reply.json()[0]["code"]) == (status, status)
    assert await journal(desk, number) == []


async def test_nobody_adds_to_anothers_request(citizen: Client, other: Client, desk: Desk) -> None:
    number = await citizen.report()
    reply = await other.send("servicerequestupdates.json", service_request_id=number, description="x")
    assert reply.status_code == 404
    assert await journal(desk, number) == []
