"""Many sightings of one thing become one lead; somebody goes there; then it is a case, or it is nothing."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.cases import journal
from app.channels.sensors.jobs import give_leads
from app.requests import Services
from tests.cases.desk import Desk
from tests.channels.sensors.conftest import Camera, Leads, hired
from tests.photos.phone import Phone
from tests.photos.pictures import picture
from tests.world import WEST, World, cell_code, log_in, middle

# -- one thing is one lead -------------------------------------------------------------------------------


async def test_many_sightings_of_one_thing_are_one_lead(camera: Camera, leads: Leads, desk: Desk) -> None:
    first = await camera.sees(confidence=0.6, picture="https://video.example/1.jpg")
    desk.later(minutes=10)
    second = await camera.sees(east=10, confidence=0.95, picture="https://video.example/2.jpg")
    desk.later(minutes=10)
    third = await camera.sees(east=-10, confidence=0.7, picture="https://video.example/3.jpg")
    assert [one["outcome"] for one in (first, second, third)] == ["opened", "joined", "joined"]
    (lead,) = await leads.all()
    assert {first["lead"], second["lead"], third["lead"]} == {lead["id"]}
    assert (lead["state"], lead["sightings"], lead["confidence"]) == ("open", 3, 0.95)
    assert lead["picture"] == "https://video.example/2.jpg"
    assert lead["first_seen_at"] == "2026-03-02T01:00:00Z"
    assert lead["last_seen_at"] == "2026-03-02T01:20:00Z"
    assert lead["due_at"] == "2026-03-03T01:00:00Z"
    assert (lead["area_code"], lead["category_name"]) == (cell_code("W1"), "暴露垃圾")


async def test_another_place_and_another_thing_are_others(camera: Camera, leads: Leads) -> None:
    await camera.learns("goods", category="E0405")
    found = [
        await camera.sees(),
        await camera.sees(east=25),
        await camera.sees(label="goods"),
        await camera.sees("E1"),
    ]
    assert [one["outcome"] for one in found] == ["opened"] * 4
    assert len(await leads.all()) == 4


async def test_two_sources_see_the_same_thing(camera: Camera, second: Camera, leads: Leads) -> None:
    opened = await camera.sees()
    joined = await second.sees(label="litter", east=5)
    assert (joined["outcome"], joined["lead"]) == ("joined", opened["lead"])
    (lead,) = await leads.all()
    assert lead["sightings"] == 2


async def test_what_comes_late_was_seen_first(camera: Camera, leads: Leads, desk: Desk) -> None:
    now = desk.clock.now()
    await camera.sends(camera.sighting(at=now), camera.sighting(at=now - timedelta(hours=2)))
    (lead,) = await leads.all()
    assert datetime.fromisoformat(lead["first_seen_at"]) == now - timedelta(hours=2)


async def test_a_repeat_is_answered_as_the_first(camera: Camera, leads: Leads) -> None:
    one, other = camera.sighting(), camera.sighting(confidence=0.1)
    first = await camera.sends(one, other, one)
    again = await camera.sends(one, other)
    assert [(a["outcome"], a["repeated"]) for a in first] == [
        ("opened", False), ("unsure", False), ("opened", True),
    ]  # fmt: skip
    assert [(a["outcome"], a["repeated"]) for a in again] == [("opened", True), ("unsure", True)]
    assert again[0]["lead"] == first[0]["lead"]
    assert [lead["sightings"] for lead in await leads.all()] == [1]


async def test_each_is_answered_by_itself(camera: Camera, desk: Desk, connection) -> None:
    now = desk.clock.now()
    answers = await camera.sends(
        camera.sighting(),
        camera.sighting(label="dinosaur"),
        camera.sighting(position={"x": 121.0, "y": 31.0, "datum": "wgs84"}),
        camera.sighting(position={"x": 1e300, "y": 31.0, "datum": "wgs84"}),
        camera.sighting(at=now + timedelta(minutes=6)),
        camera.sighting(at=now - timedelta(days=8)),
        camera.sighting(confidence=0.49),
    )
    assert [one["outcome"] for one in answers] == ["opened", *["refused"] * 5, "unsure"]
    assert all(one["reason"] for one in answers if one["outcome"] == "refused")
    assert await connection.scalar(text("SELECT count(*) FROM sensor_observation")) == 2


async def test_a_source_of_one_street_sees_there_only(connection, desk: Desk) -> None:
    camera = await hired(connection, desk, "西街视频", WEST)
    await camera.learns()
    assert (await camera.sees("W1"))["outcome"] == "opened"
    refused = await camera.sees("E1")
    assert (refused["outcome"], "outside this source" in refused["reason"]) == ("refused", True)


@pytest.mark.parametrize(
    "change",
    [{"confidence": 1.1}, {"own_id": ""}, {"seen_at": "yesterday"}, {"picture": "a\x00b"}, {"colour": "red"}],
    ids=str,
)
async def test_a_batch_that_is_none_is_refused_whole(camera: Camera, desk: Desk, connection, change) -> None:
    batch = [camera.sighting(), camera.sighting() | change]
    reply = await desk.http.post(
        "/api/v1/sensors/observations", headers=camera.headers, json={"observations": batch}
    )
    assert reply.status_code == 422
    assert await connection.scalar(text("SELECT count(*) FROM sensor_observation")) == 0


async def test_the_same_thing_seen_at_once_is_one_lead(cloned_city) -> None:
    async with cloned_city as (http, services):
        world = (await _world(http, services)).world
        desk = Desk(http, services, world)
        async with services.database.transaction() as connection:
            cameras = [await hired(connection, desk, f"视频 {n}") for n in range(2)]
        for camera in cameras:
            await camera.learns()
        answers = await asyncio.gather(*(cameras[n % 2].sees(east=n) for n in range(8)))
        assert sorted(one["outcome"] for one in answers) == ["joined"] * 7 + ["opened"]
        assert len({one["lead"] for one in answers}) == 1
        (lead,) = await Leads(desk, world).all()
        assert lead["sightings"] == 8


async def _world(http: Any, services: Services) -> Desk:
    """The admin and the clerk, logged in."""
    world = World()
    await log_in(http, world, "admin", "clerk")
    return Desk(http, services, world)


# -- somebody goes there ---------------------------------------------------------------------------------


async def test_it_is_given_to_who_is_on_duty_there_and_has_the_fewest(camera: Camera, leads: Leads) -> None:
    for cell in ("W1", "W2", "W3"):
        await camera.sees(cell)
    given = [lead["inspector_name"] for lead in await leads.all()]
    assert sorted(given) == ["lan", "lan", "wei"]
    assert {lead["area_code"] for lead in await leads.all("wei", mine=True)} == {cell_code("W2")}
    assert (await camera.sees("E1"))["lead"] in [lead["id"] for lead in await leads.all("dong", mine=True)]


async def test_nobody_there_it_waits_for_who_comes(
    camera: Camera, leads: Leads, services: Services, connection
) -> None:
    await connection.execute(text("UPDATE duty_shift SET ended_at = '2026-03-01'"))
    lead = (await camera.sees())["lead"]
    assert (await leads.look(lead))["inspector_name"] is None
    assert await give_leads(services) == 0
    await connection.execute(text("UPDATE duty_shift SET ended_at = NULL WHERE username = 'wei'"))
    assert await give_leads(services) == 1
    assert (await leads.look(lead))["inspector_name"] == "wei"
    assert await give_leads(services) == 0


async def test_the_centre_gives_it_to_another(camera: Camera, leads: Leads) -> None:
    lead = (await camera.sees())["lead"]
    assert (await leads.give("clerk", lead, username="wei")).json()["inspector_name"] == "wei"
    for unable in ("dong", "clerk", "nobody"):
        reply = await leads.give("clerk", lead, username=unable)
        assert (reply.status_code, reply.json()["fields"]) == (422, {"username": "not eligible"})
    await leads.verify(lead, real=False)
    assert (await leads.give("clerk", lead, username="lan")).status_code == 409


async def test_a_lead_nobody_went_to_stays_and_is_late(camera: Camera, leads: Leads, desk: Desk) -> None:
    lead = (await camera.sees())["lead"]
    desk.later(hours=23)
    fresh = (await camera.sees("E1"))["lead"]
    assert await leads.all(late=True) == []
    desk.later(hours=2)
    (late,) = await leads.all(late=True)
    assert (late["id"], late["late"], late["state"]) == (lead, True, "open")
    assert [one["id"] for one in await leads.all()] == [lead, fresh]
    assert (await leads.verify(lead, real=True))["late"] is False


async def test_the_hours_to_go_there_are_the_citys(camera: Camera, leads: Leads, set_up) -> None:
    set_up(verify_hours=2)
    await camera.sees()
    (lead,) = await leads.all()
    assert lead["due_at"] == "2026-03-02T03:00:00Z"


# -- it is real ------------------------------------------------------------------------------------------


async def test_what_was_seen_on_the_spot_is_a_case_that_needs_no_verification(
    camera: Camera, leads: Leads, desk: Desk
) -> None:
    """Reports of this source must be verified: this one has been."""
    await camera.learns(source="hotline", condition="E0110-1")
    lead = (await camera.sees())["lead"]
    found = await leads.verify(lead, real=True, note="人行道上三袋垃圾", address="中心路 1 号")
    assert (found["state"], found["inspector_name"]) == ("confirmed", "lan")
    case = (await desk.get("clerk", f"/cases/{found['case_id']}")).json()
    assert (case["source"], case["category"], case["condition"]) == ("hotline", "E0110", "E0110-1")
    assert (case["verified"], case["reporter_name"], case["stage"]) == (True, "lan", "reported")
    assert (case["description"], case["address"]) == ("人行道上三袋垃圾", "中心路 1 号")
    assert (case["lon"], case["lat"]) == (120.0005, 30.0005)
    await desk.act("clerk", case, "accept")
    await desk.act("leader", case, "file", condition="E0110-1")
    unseen = await desk.report("hotline", source="hotline", category="E0110")
    reply = await desk.try_act("clerk", unseen, "accept")
    assert (reply.status_code, reply.json()["guard"]) == (409, "verified_if_needed")


async def test_the_inspectors_photo_is_the_cases(camera: Camera, leads: Leads, desk: Desk) -> None:
    lead = (await camera.sees())["lead"]
    phone = Phone(desk.http, desk.world)
    near = [{"photo": await phone.upload("lan", picture()), "kind": "near"}]
    nobodys = [{"photo": lead, "kind": "near"}]
    assert (await leads.try_verify("lan", lead, real=True, photos=nobodys)).status_code == 422
    assert (await leads.look(lead))["state"] == "open"
    found = await leads.verify(lead, real=True, photos=near)
    kept = (await desk.get("clerk", f"/cases/{found['case_id']}/photos")).json()
    assert [one["kind"] for one in kept] == ["near"]


async def test_the_journal_adds_up(camera: Camera, leads: Leads, connection) -> None:
    await leads.verify((await camera.sees())["lead"], real=True)
    checked = await journal.inspect(connection)
    assert (checked.cases, checked.flaws) == (1, ())


async def test_the_inspector_says_where_it_really_is(camera: Camera, leads: Leads, desk: Desk) -> None:
    lead = (await camera.sees("W1"))["lead"]
    found = await leads.verify(lead, real=True, position=middle("W2"))
    case = (await desk.get("clerk", f"/cases/{found['case_id']}")).json()
    assert case["area_code"] == cell_code("W2")


async def test_while_its_case_is_open_it_is_the_same_thing(camera: Camera, leads: Leads, desk: Desk) -> None:
    lead = (await camera.sees())["lead"]
    found = await leads.verify(lead, real=True)
    desk.later(days=3)
    again = await camera.sees()
    assert (again["outcome"], again["lead"]) == ("joined", lead)
    case = (await desk.get("clerk", f"/cases/{found['case_id']}")).json()
    await desk.act("clerk", case, "refuse", reason="outside_scope")
    desk.later(minutes=1)
    anew = await camera.sees()
    assert (anew["outcome"], anew["lead"] == lead) == ("opened", False)


# -- it is nothing ---------------------------------------------------------------------------------------


async def test_what_was_nothing_ends_with_the_reason(camera: Camera, leads: Leads, desk: Desk) -> None:
    lead = (await camera.sees())["lead"]
    found = await leads.verify(lead, real=False, note="是树影")
    assert (found["state"], found["case_id"]) == ("rejected", None)
    assert [event["kind"] for event in found["events"]] == ["opened", "given", "rejected"]
    assert found["events"][-1]["data"] == {"real": False, "note": "是树影"}
    assert (await desk.get("clerk", "/cases")).json()["items"] == []
    assert [one["id"] for one in await leads.all(state="rejected")] == [lead]
    assert await leads.all() == []


async def test_for_a_while_the_same_false_alarm_calls_nobody(
    camera: Camera, leads: Leads, desk: Desk
) -> None:
    await camera.learns(window_minutes=60)
    lead = (await camera.sees())["lead"]
    await leads.verify(lead, real=False)
    desk.later(minutes=59)
    assert (await camera.sees())["outcome"] == "joined"
    desk.later(minutes=2)
    assert (await camera.sees())["outcome"] == "opened"


async def test_only_who_was_sent_there_says_what_there_is(camera: Camera, leads: Leads) -> None:
    lead = (await camera.sees("W1"))["lead"]
    assert (await leads.look(lead))["inspector_name"] == "lan"
    assert (await leads.try_verify("wei", lead, real=True)).status_code == 403
    assert (await leads.try_verify("dong", lead, real=True)).status_code == 404
    assert (await leads.try_verify("clerk", lead, real=True)).status_code == 403
    silent = await leads.try_verify("lan", lead, real=False)
    assert (silent.status_code, silent.json()["fields"]) == (422, {"note": "missing"})
    first = await leads.try_verify("lan", lead, real=True)
    again = await leads.try_verify("lan", lead, real=True)
    assert (again.status_code, again.json()["case_id"]) == (200, first.json()["case_id"])
    other = await leads.try_verify("lan", lead, real=False, note="没有")
    assert (other.status_code, other.json()["current"]["state"]) == (409, "confirmed")


async def test_what_happened_to_a_lead_is_never_changed(camera: Camera, connection) -> None:
    await camera.sees()
    for change in ("UPDATE sensor_lead_event SET kind = 'x'", "DELETE FROM sensor_lead_event",
                   "TRUNCATE sensor_notice"):  # fmt: skip
        savepoint = await connection.begin_nested()
        with pytest.raises(DBAPIError, match="append-only"):
            await connection.execute(text(change))
        await savepoint.rollback()
