"""勤务报备: on and off duty, told in time, late, twice, or not at all."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from app.channels.inspectors.duty.jobs import end_shifts
from app.grid.store import on_duty
from tests.cases.desk import at
from tests.world import EAST, MONDAY_9AM, WEST, cell_code, middle

DUTY = "/inspectors/me/duty"


@pytest.fixture(autouse=True)
async def _nobody_on_duty(connection):
    await connection.execute(text("UPDATE duty_shift SET ended_at = started_at + interval '1 day'"))


@pytest.fixture
async def beat(phone):
    """wei patrols W1 and W2."""
    wanted = {"name": "西街一号", "cells": [cell_code("W1"), cell_code("W2")], "inspectors": ["wei"]}
    await phone("leader", "PUT", "/beats/W-1", json=wanted)


def _on(when: datetime = MONDAY_9AM, cell: str = "W1", **more):
    return {"on": True, "at": when.isoformat(), "position": middle(cell), **more}


def _off(when: datetime):
    return {"on": False, "at": when.isoformat()}


@pytest.fixture
def drawn(connection, services):
    """Whether wei is among those a checker is drawn from."""

    async def among(cell: str = "W1", moment: datetime | None = None) -> bool:
        found = await on_duty(connection, cell_code(cell), moment or services.clock.now())
        return "wei" in [one.username for one in found]

    return among


async def test_on_duty_on_the_own_beat_and_off(desk, phone, beat, drawn):
    before = await phone("wei", "GET", DUTY)
    assert before["on"] is False
    assert not await drawn()
    told = await phone("wei", "PUT", DUTY, json=_on())
    assert told["on"] is True
    assert told["shift"]["area_codes"] == [cell_code("W1"), cell_code("W2")]
    assert (await drawn("W1"), await drawn("W3")) == (True, False)
    assert await phone("wei", "GET", DUTY) == told
    listed = await phone("clerk", "GET", "/duty")
    assert [shift["username"] for shift in listed["items"]] == ["wei"]
    ended = desk.later(hours=3)
    told = await phone("wei", "PUT", DUTY, json=_off(ended))
    assert (told["on"], datetime.fromisoformat(told["shift"]["ended_at"])) == (False, ended)
    assert not await drawn()


async def test_a_task_goes_to_whoever_reported_for_duty(desk, phone, beat):
    await phone("wei", "PUT", DUTY, json=_on())
    case = await desk.handed_back("W1")
    assert case["inspector_name"] == "wei"
    elsewhere = await desk.handed_back("W3")
    assert elsewhere["inspector_name"] is None


async def test_a_repeat_changes_nothing(desk, phone, beat, connection):
    first = await phone("wei", "PUT", DUTY, json=_on())
    desk.later(minutes=5)
    assert await phone("wei", "PUT", DUTY, json=_on()) == first
    assert (await phone("wei", "PUT", DUTY, json=_on(desk.clock.now())))["shift"] == first["shift"]
    over = desk.later(hours=1)
    off = await phone("wei", "PUT", DUTY, json=_off(over))
    desk.later(hours=1)
    assert await phone("wei", "PUT", DUTY, json=_off(over)) == off
    assert await phone("wei", "PUT", DUTY, json=_off(desk.clock.now())) == off
    assert await phone("wei", "PUT", DUTY, json=_on()) == off  # long past, and told before
    shifts = "SELECT count(*) FROM duty_shift WHERE username = 'wei' AND started_at > '2026-01-01'"
    assert (await connection.execute(text(shifts))).scalar_one() == 1


async def test_areas_of_the_day_instead_of_a_beat(desk, phone, drawn):
    refused = await phone("wei", "PUT", DUTY, 422, json=_on())
    assert "area_codes" in refused["fields"]
    await phone("wei", "PUT", DUTY, 403, json=_on(area_codes=[EAST]))
    await phone("wei", "PUT", DUTY, 422, json=_on(area_codes=[WEST + "009"]))
    await phone("wei", "PUT", DUTY, json=_on(area_codes=[WEST]))
    assert await drawn("W4")
    later = desk.later(minutes=1)
    refused = await phone("wei", "PUT", DUTY, 409, json=_on(later, area_codes=[WEST + "001"]))
    assert refused["code"] == "conflict"
    await phone("wei", "PUT", DUTY, json=_on(later, area_codes=[WEST]))


async def test_reported_late_it_counts_from_when_it_was(desk, phone, beat, drawn):
    desk.clock.set(at("2026-03-02 14:00"))
    told = await phone("wei", "PUT", DUTY, json=_on(at("2026-03-02 09:30")))
    assert datetime.fromisoformat(told["shift"]["started_at"]) == at("2026-03-02 09:30")
    told = await phone("wei", "PUT", DUTY, json=_off(at("2026-03-02 12:00")))
    assert datetime.fromisoformat(told["shift"]["ended_at"]) == at("2026-03-02 12:00")
    assert await drawn(moment=at("2026-03-02 10:00"))
    assert not await drawn(moment=at("2026-03-02 12:00"))
    within = await phone("wei", "PUT", DUTY, json=_on(at("2026-03-02 11:00")))
    assert within["on"] is False  # that shift is over already


async def test_a_moment_that_cannot_be(desk, phone, beat):
    for when in (MONDAY_9AM + timedelta(minutes=3), MONDAY_9AM - timedelta(hours=13)):
        refused = await phone("wei", "PUT", DUTY, 422, json=_on(when))
        assert "at" in refused["fields"]
    a_little_fast = await phone("wei", "PUT", DUTY, json=_on(MONDAY_9AM + timedelta(minutes=1)))
    assert datetime.fromisoformat(a_little_fast["shift"]["started_at"]) == MONDAY_9AM
    for wrong in ({"on": True, "at": MONDAY_9AM.isoformat()}, {"on": "yes"}, _on(note="hello")):
        await phone("wei", "PUT", DUTY, 422, json=wrong)


async def test_who_forgets_to_go_off_duty_is_off_duty_all_the_same(desk, services, phone, beat, drawn):
    await phone("wei", "PUT", DUTY, json=_on())
    desk.later(hours=11, minutes=59)
    assert await end_shifts(services) == 0
    assert await drawn()
    desk.later(minutes=1)
    assert not await drawn()  # at once, before any job has run
    assert (await phone("wei", "GET", DUTY))["on"] is False
    assert await end_shifts(services) == 1
    assert await end_shifts(services) == 0
    shift = (await phone("wei", "GET", DUTY))["shift"]
    assert shift["ended_at"] == shift["until"]
    late = await phone("wei", "PUT", DUTY, json=_off(at("2026-03-02 17:00")))
    assert datetime.fromisoformat(late["shift"]["ended_at"]) == at("2026-03-02 17:00")
    again = await phone("wei", "PUT", DUTY, json=_off(at("2026-03-02 16:00")))
    assert again == late


async def test_a_new_shift_after_a_forgotten_one(desk, phone, beat, drawn):
    await phone("wei", "PUT", DUTY, json=_on())
    morning = desk.later(hours=23)
    told = await phone("wei", "PUT", DUTY, json=_on(morning))
    assert told["on"] is True
    assert datetime.fromisoformat(told["shift"]["started_at"]) == morning
    assert await drawn()


async def test_a_shift_entered_with_its_end(desk, phone, drawn):
    until = MONDAY_9AM + timedelta(hours=4)
    body = {"area_codes": [WEST], "until": until.isoformat()}
    await phone("wei", "POST", "/duty", 422, json=body | {"until": MONDAY_9AM.isoformat()})
    told = await phone("wei", "POST", "/duty", 201, json=body)
    assert datetime.fromisoformat(told["until"]) == until
    desk.later(hours=4)
    assert not await drawn()
    await phone("wei", "POST", "/duty", 201, json={"area_codes": [WEST]})


async def test_what_is_told_of_where_it_began(phone, beat, connection):
    await phone("wei", "PUT", DUTY, json=_on(cell="W3"))
    row = (await connection.execute(text("SELECT begins, in_beat, lon FROM duty_report"))).one()
    assert (row.begins, row.in_beat, row.lon) == (True, False, middle("W3")["x"])
