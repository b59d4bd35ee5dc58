"""巡查轨迹: points come in, once each; attendance and coverage come of them; days are made and dropped."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from app.channels.inspectors.tracks.jobs import tend_tracks
from app.geo import Datum
from tests.cases.desk import at
from tests.channels.inspectors.walk import NEW_SHIFT, TRACK, W1, W2, W3, points, stored, track
from tests.world import MONDAY_9AM, middle

OWN = "/inspectors/me/patrols"


@pytest.fixture(autouse=True)
async def _wei_is_on_duty_from_8_to_20(connection):
    await connection.execute(text(NEW_SHIFT))


@pytest.fixture
async def beat(phone):
    """wei patrols W1, W2 and W3."""
    wanted = {"name": "西街一号", "cells": [W1, W2, W3], "inspectors": ["wei"],
              "valid_from": "2026-01-01T00:00:00+08:00"}  # fmt: skip
    await phone("leader", "PUT", "/beats/W-1", json=wanted)


async def _today(phone, who="wei"):
    return (await phone(who, "GET", OWN))[0]


async def test_points_are_kept_once(desk, phone, connection):
    desk.later(hours=1)
    batch = track(points("W1", MONDAY_9AM, 6))
    assert await phone("wei", "POST", TRACK, json=batch) == {"stored": 6, "known": 0, "refused": []}
    assert await phone("wei", "POST", TRACK, json=batch) == {"stored": 0, "known": 6, "refused": []}
    more = track(points("W1", MONDAY_9AM, 9), points("W1", MONDAY_9AM, 2))
    assert await phone("wei", "POST", TRACK, json=more) == {"stored": 3, "known": 8, "refused": []}
    assert await stored(connection) == 9
    assert (await _today(phone))["points"] == 9


async def test_each_point_that_cannot_be_is_told_and_the_others_kept(desk, phone, connection):
    desk.later(hours=1)
    now = desk.clock.now()
    good = points("W1", MONDAY_9AM, 1)
    batch = track(
        points("W1", now + timedelta(minutes=3), 1),
        good,
        points("W1", now - timedelta(days=31), 1),
        points("W1", at("2026-03-02 07:59"), 1),
        [{**good[0], "at": at("2026-03-02 09:30").isoformat(), "x": 181.0}],
    )
    told = await phone("wei", "POST", TRACK, json=batch)
    assert (told["stored"], told["known"]) == (1, 0)
    assert [(one["index"], one["reason"]) for one in told["refused"]] == [
        (0, "future"), (2, "too_old"), (3, "off_duty"), (4, "no_place"),
    ]  # fmt: skip
    assert all(one["words"] for one in told["refused"])
    assert await stored(connection) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"points": []},
        {"points": [{"at": MONDAY_9AM.isoformat(), "x": 120, "y": 30}]},
        {"points": [{"at": 1772413200, "x": 120, "y": 30, "accuracy_m": 5}]},
        {"points": [{"at": MONDAY_9AM.isoformat(), "x": 120, "y": 30, "accuracy_m": -5}]},
        {"points": [{"at": MONDAY_9AM.isoformat(), "x": 120, "y": 30, "accuracy_m": 5, "mood": "good"}]},
        {"datum": "mars", "points": [{"at": MONDAY_9AM.isoformat(), "x": 120, "y": 30, "accuracy_m": 5}]},
        {"points": [{"at": MONDAY_9AM.isoformat(), "x": 120, "y": 30, "accuracy_m": 5}] * 2001},
    ],
)
async def test_what_is_no_track_is_refused_whole(phone, connection, wrong):
    await phone("wei", "POST", TRACK, 422, json=wrong)
    assert await stored(connection) == 0


async def test_only_inspectors_have_tracks(phone):
    for who in ("clerk", "leader", "chief", "admin", "hotline"):
        await phone(who, "POST", TRACK, 403, json=track(points("W1", MONDAY_9AM, 1)))


async def test_off_duty_nobody_is_followed(phone, connection):
    await connection.execute(text("UPDATE duty_shift SET ended_at = '2026-03-02 08:30+08'"))
    told = await phone("wei", "POST", TRACK, json=track(points("W1", MONDAY_9AM, 3)))
    assert {one["reason"] for one in told["refused"]} == {"off_duty"}
    assert (await stored(connection), (await _today(phone))["points"]) == (0, 0)


async def test_coverage_counts_the_cells_visited(desk, phone, beat):
    desk.later(hours=3)
    x = middle("W2")["x"]
    border = [{**point, "x": x - 0.0005} for point in points("W2", MONDAY_9AM + timedelta(hours=2), 3)]
    batch = track(
        points("W1", MONDAY_9AM, 3),
        points("W2", MONDAY_9AM + timedelta(hours=1), 2),
        points("W3", MONDAY_9AM + timedelta(minutes=30), 9, accuracy=51),
        border,  # between W1 and W2: W1's, always
    )
    await phone("wei", "POST", TRACK, json=batch)
    (covered,) = (await _today(phone))["beats"]
    assert covered == {
        "beat": "W-1", "name": "西街一号", "cells": 3, "covered": 1, "rate": 0.3333, "missed": [W2, W3],
    }  # fmt: skip
    # The third point in W2 comes in late, and out of order.
    late = track(points("W2", MONDAY_9AM - timedelta(minutes=1), 1, datum=Datum.GCJ02), datum="gcj02")
    await phone("wei", "POST", TRACK, json=late)
    await phone("wei", "POST", TRACK, json=batch)
    (covered,) = (await _today(phone))["beats"]
    assert (covered["covered"], covered["rate"], covered["missed"]) == (2, 0.6667, [W3])


async def test_attendance_is_the_shift_and_what_of_it_is_proven(desk, phone):
    desk.clock.set(at("2026-03-02 21:00"))
    await phone("wei", "POST", TRACK, json=track(points("W1", MONDAY_9AM, 61, every=60)))
    day = await _today(phone)
    assert (day["day"], day["username"], day["points"]) == ("2026-03-02", "wei", 61)
    assert (day["on_duty_minutes"], day["evidenced_minutes"]) == (720, 65)
    assert day["shifts"] == [
        {"started_at": "2026-03-02T00:00:00Z", "ended_at": "2026-03-02T12:00:00Z", "forgotten": True,
         "begun_in_beat": None}
    ]  # fmt: skip
    first, last = (datetime.fromisoformat(day[name]) for name in ("first_point_at", "last_point_at"))
    assert (first, last) == (MONDAY_9AM, MONDAY_9AM + timedelta(hours=1))


async def test_a_night_shift_belongs_to_two_days(desk, phone, connection):
    await connection.execute(
        text("UPDATE duty_shift SET started_at = '2026-03-01 22:00+08', ended_at = '2026-03-02 06:00+08'")
    )
    night = points("W1", at("2026-03-01 23:30"), 60, every=60)
    told = await phone("wei", "POST", TRACK, json=track(night))
    assert told["stored"] == 60
    monday, sunday = (await phone("wei", "GET", OWN, params={"since": "2026-03-01"}))[:2]
    assert (sunday["day"], sunday["on_duty_minutes"], sunday["points"]) == ("2026-03-01", 120, 30)
    assert (monday["day"], monday["on_duty_minutes"], monday["points"]) == ("2026-03-02", 360, 30)
    assert (sunday["evidenced_minutes"], monday["evidenced_minutes"]) == (30, 34)


async def test_a_shift_that_goes_on_counts_until_now(desk, phone):
    desk.later(minutes=30)
    day = await _today(phone)
    assert (day["on_duty_minutes"], day["shifts"][0]["ended_at"]) == (90, None)


async def test_the_beat_of_the_day_counts(desk, phone, beat):
    await phone("wei", "POST", TRACK, json=track(points("W1", MONDAY_9AM, 3)))
    desk.clock.set(at("2026-03-03 09:00"))
    change = {"name": "西街二号", "cells": [W2], "inspectors": ["wei"]}
    await phone("leader", "PUT", "/beats/W-1", json=change)
    tuesday, monday = (await phone("wei", "GET", OWN))[:2]
    assert [(one["name"], one["cells"], one["covered"]) for one in monday["beats"]] == [("西街一号", 3, 1)]
    assert [(one["name"], one["cells"], one["covered"]) for one in tuesday["beats"]] == [("西街二号", 1, 0)]


async def test_the_centre_sees_the_inspectors_of_its_areas(phone, beat):
    await phone("wei", "POST", TRACK, json=track(points("W1", MONDAY_9AM, 3)))

    async def names(who, **params):
        page = await phone(who, "GET", "/inspectors/patrols", params=params)
        return [one["username"] for one in page["items"]], page["next_cursor"]

    assert await names("leader") == (["dong", "lan", "wei"], None)
    assert await names("east_dispatcher") == (["dong"], None)
    first, cursor = await names("evaluator", limit=2)
    assert first == ["dong", "lan"]
    page = await phone("evaluator", "GET", "/inspectors/patrols", params={"limit": 2, "cursor": cursor})
    assert page["items"] == [await _today(phone)]
    other = await phone("leader", "GET", "/inspectors/patrols", params={"day": "2026-03-01"})
    assert {one["points"] for one in other["items"]} == {0}
    await phone("wei", "GET", "/inspectors/patrols", 403)


@pytest.mark.parametrize(
    "params",
    [
        {"since": "2026-01-01", "until": "2026-03-01"}, {"since": "2026-03-02", "until": "2026-03-01"},
        {"since": "20260301"}, {"until": "0001-01-01"}, {"until": "9999-12-31"}, {"since": "tomorrow"},
    ],
)  # fmt: skip
async def test_a_period_that_is_none(phone, params):
    await phone("wei", "GET", OWN, 422, params=params)


async def test_far_days_are_answered(phone):
    for day in ("0002-01-01", "9998-12-31"):
        assert len((await phone("leader", "GET", "/inspectors/patrols", params={"day": day}))["items"]) == 3
        assert await phone("wei", "GET", OWN, params={"since": day, "until": day})


# -- day partitions -----------------------------------------------------------------------------------------


async def _days(connection):
    found = await connection.execute(
        text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'track_point'::regclass")
    )
    return sorted(name.removeprefix("track_point_") for (name,) in found)


async def test_the_job_makes_days_ahead_and_drops_those_over(desk, services, connection, phone):
    assert await tend_tracks(services) == 4
    assert await _days(connection) == ["20260302", "20260303", "20260304", "20260305"]
    assert await tend_tracks(services) == 0
    await phone("wei", "POST", TRACK, json=track(points("W1", MONDAY_9AM, 3)))
    desk.clock.set(MONDAY_9AM + timedelta(days=30))
    assert await tend_tracks(services) == 4
    assert (await _days(connection))[0] == "20260302"  # its last points are kept for 30 days yet
    assert await stored(connection) == 3
    desk.clock.set(MONDAY_9AM + timedelta(days=31))
    assert await tend_tracks(services) == 2
    assert (await _days(connection))[0] == "20260303"
    assert await stored(connection) == 0
    record = await phone("wei", "GET", OWN, params={"since": "2026-03-02", "until": "2026-03-02"})
    assert record[0]["points"] == 3  # the record outlives the points
    desk.clock.set(MONDAY_9AM + timedelta(days=402))
    await tend_tracks(services)
    assert (await connection.execute(text("SELECT count(*) FROM patrol_visit"))).scalar_one() == 0


async def test_late_points_make_their_own_day(desk, phone, connection):
    desk.clock.set(MONDAY_9AM + timedelta(days=20))
    await phone("wei", "POST", TRACK, json=track(points("W1", MONDAY_9AM, 3)))
    assert await _days(connection) == ["20260302"]
