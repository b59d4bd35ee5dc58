"""Receivers that fail in every way: everything arrives, in order within each case, none known twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.cases import stream
from app.cases.stream import Cursor
from app.channels.outbox import delivery, pace
from app.channels.outbox.delivery import Outbox
from app.clock import ManualClock, WallClock
from app.requests import Services
from tests.cases.desk import Desk
from tests.cases.test_stream import Scribe
from tests.channels.outbox.receiver import Receiver
from tests.world import DISTRICT

pytestmark = pytest.mark.cloned

Changed = Callable[..., Services]
Start = Callable[..., Receiver]


async def register(city: Desk, receiver: Receiver, name: str = "市平台", **more: Any) -> dict[str, Any]:
    """An administrator makes the receiver, which keeps its secret; plain HTTP to this machine is let pass."""
    new = {"name": name, "url": "https://receiver.example.com/", "areas": [DISTRICT], **more}
    reply = await city.http.post("/api/v1/webhooks", headers=city.world.headers["admin"], json=new)
    assert reply.status_code == 201, reply.text
    receiver.secret = reply.json()["secret"]
    made: dict[str, Any] = reply.json()["webhook"]
    async with city.services.database.transaction() as connection:
        named = text("UPDATE webhook SET url = :url WHERE id = CAST(CAST(:id AS text) AS uuid)")
        await connection.execute(named, {"url": receiver.url, "id": made["id"]})
    return made


async def look(city: Desk, webhook: dict[str, Any]) -> dict[str, Any]:
    reply = await city.get("admin", f"/webhooks/{webhook['id']}")
    found: dict[str, Any] = reply.json()
    return found


async def letters(city: Desk, webhook: dict[str, Any], **params: Any) -> list[dict[str, Any]]:
    reply = await city.get("admin", f"/webhooks/{webhook['id']}/deliveries", **params)
    found: list[dict[str, Any]] = reply.json()["items"]
    return found


async def journal_versions(city: Desk) -> dict[str, list[int]]:
    async with city.services.database.transaction() as connection:
        batch = await stream.read(connection, Cursor(), 5000)
    told: dict[str, list[int]] = {}
    for entry in batch.rows:
        told.setdefault(str(entry.case_id), []).append(entry.version)
    return told


async def send(services: Services) -> int:
    """One look for what is due, to its end."""
    return await Outbox(patience_seconds=None)(services)


async def until_all_is_sent(services: Services, *, within: timedelta) -> None:
    """Looks again each five minutes of the story until nothing waits any more."""
    assert isinstance(services.clock, ManualClock)
    end = services.clock.now() + within
    while services.clock.now() < end:
        await send(services)
        services.clock.advance(timedelta(minutes=5))


async def test_what_happens_arrives_signed_and_in_order(city: Desk, services_with: Changed, receivers: Start):
    services = replace(services_with(), clock=WallClock())
    receiver = receivers()
    webhook = await register(city, receiver)
    await asyncio.gather(*(city.closed(cell) for cell in ("W1", "W2", "E1")))
    assert await send(services) == 3 * 8
    assert receiver.versions() == await journal_versions(city)
    assert receiver.forged == 0
    headers = {name.lower(): value for name, value in receiver.headers[0].items()}
    assert headers["content-type"] == "application/cloudevents+json"
    assert headers["webhook-id"] in receiver.known
    kept = await look(city, webhook)
    assert (kept["delivered"], kept["waiting"], kept["failures"]) == (24, 0, 0)
    assert await send(services) == 0
    feed = (await city.get("leader", "/feed", limit=500)).json()
    assert {event["id"]: event for event in feed} == receiver.known


async def test_a_receiver_is_told_of_its_areas_and_actions_only(
    city: Desk, services_with: Changed, receivers: Start
):
    before = await city.filed("W1")
    west, filings, everything = receivers(), receivers(), receivers()
    for receiver in (west, filings, everything):
        receiver.at_wall_time = False
    await register(city, west, "西街", areas=["990101001"])
    await register(city, filings, "立案", actions=["file"], from_the_beginning=True)
    await register(city, everything, "全部", from_the_beginning=True)
    here, there = await city.filed("W1"), await city.filed("E1")
    await send(services_with())
    assert west.versions() == {here["id"]: [1, 2, 3]}
    assert filings.versions() == {case["id"]: [3] for case in (before, here, there)}
    assert everything.versions() == {case["id"]: [1, 2, 3] for case in (before, here, there)}


async def test_one_case_that_is_refused_waits_and_the_others_go_on(
    city: Desk, services_with: Changed, receivers: Start
):
    bad, good = await city.report("lan", "W1"), await city.report("lan", "E1")
    healed = False

    def mood(event: dict[str, Any], _: int) -> int:
        return 500 if event["partitionkey"] == bad["id"] and not healed else 200

    receiver = receivers(mood, at_wall_time=False)
    services = services_with()
    webhook = await register(city, receiver, from_the_beginning=True)
    for _ in range(4):
        for case in (bad, good):
            await city.act("leader", case, "note", text="又一条")
        await send(services)
        city.later(seconds=0.5)
    assert receiver.versions() == {good["id"]: [1, 2, 3, 4, 5]}
    waiting = await letters(city, webhook)
    assert [one["version"] for one in waiting] == [1, 2, 3, 4, 5]
    assert (waiting[0]["attempts"], waiting[0]["status"]) == (1, 500)
    assert waiting[0]["error"].startswith("HTTP 500 nono")
    assert [one["attempts"] for one in waiting[1:]] == [0, 0, 0, 0]
    city.later(minutes=1)
    await send(services)
    assert (await letters(city, webhook))[0]["attempts"] == 2
    healed = True
    city.later(minutes=1)
    assert await send(services) == 5
    assert receiver.versions()[bad["id"]] == [1, 2, 3, 4, 5]
    assert await letters(city, webhook) == []


async def test_a_dead_letter_is_sent_again_or_given_up(city: Desk, services_with: Changed, receivers: Start):
    first, second = await city.report("lan", "W1"), await city.report("lan", "E1")
    healed = False
    receiver = receivers(lambda event, _: 200 if healed or event["data"]["version"] > 1 else 422)
    receiver.at_wall_time = False
    services = services_with(attempts=3)
    webhook = await register(city, receiver, from_the_beginning=True)
    for case in (first, second):
        await city.act("leader", case, "note", text="后一条")
    for _ in range(8):
        await send(services)
        city.later(hours=1)
    dead = await letters(city, webhook, dead="true")
    assert [(one["version"], one["attempts"], one["status"]) for one in dead] == [(1, 3, 422)] * 2
    assert {one["case_number"] for one in dead} == {first["number"], second["number"]}
    assert [one["version"] for one in await letters(city, webhook, dead="false")] == [2, 2]
    assert receiver.known == {}
    assert (await look(city, webhook))["dead"] == 2
    headers = city.world.headers["admin"]
    path = f"/api/v1/webhooks/{webhook['id']}"
    (given_up,) = [one for one in dead if one["case_id"] == second["id"]]
    for status in (204, 404):
        gone = await city.http.delete(f"{path}/deliveries/{given_up['id']}", headers=headers)
        assert gone.status_code == status
    healed = True
    again = await city.http.post(f"{path}/resend", headers=headers, json={})
    assert again.json() == {"resent": 1}
    await send(services)
    assert receiver.versions() == {first["id"]: [1, 2], second["id"]: [2]}
    assert (await look(city, webhook))["waiting"] == 0


async def test_gone_for_an_hour_under_load(city: Desk, services_with: Changed, receivers: Start):
    """The backlog stays in the journal, and the receiver is asked now and then only."""
    services = services_with(timeout_seconds=1.0)
    receiver = receivers(at_wall_time=False)
    await register(city, receiver)
    scribe = await Scribe.of(city)
    cases = [await city.report("lan", cell) for cell in ("W1", "W2", "E1", "E2")]
    await send(services)
    assert len(receiver.known) == 4
    receiver.stop()
    asked = 0
    for minute in range(0, 60, 3):
        for case in cases:
            async with services.database.transaction() as connection:
                await scribe.note(connection, case["id"], f"第 {minute} 分钟")
        asked += await send(services)
        city.later(minutes=3)
    assert asked == 0
    async with services.database.transaction() as connection:
        waiting = (await connection.execute(text("SELECT count(*) FROM webhook_delivery"))).scalar_one()
    assert waiting < 4 * 15  # the rest stays where it is
    receiver.listen()
    await until_all_is_sent(services, within=timedelta(minutes=30))
    assert receiver.versions() == await journal_versions(city)
    assert len(receiver.known) == 4 + 80


async def test_the_slow_and_the_dead_hold_up_nobody(city: Desk, services_with: Changed, receivers: Start):
    services = replace(services_with(timeout_seconds=30.0), clock=WallClock())
    patience = asyncio.Event()
    slow, quick = receivers(lambda _, __: 0.0 if patience.is_set() else 4.0), receivers()
    await register(city, slow, "慢", from_the_beginning=True)
    await register(city, quick, "快", from_the_beginning=True)
    outbox = Outbox(patience_seconds=0.1)
    case = await city.report("lan")
    loop = asyncio.get_running_loop()
    begun = loop.time()
    async with asyncio.timeout(60):
        for version in range(2, 5):
            await city.act("leader", case, "note", text="新情况")
            while len(quick.known) < version:
                await outbox(services)
        assert loop.time() - begun < 4.0
        assert slow.known == {}
        patience.set()
        while len(slow.known) < 4:
            await outbox(services)
            await asyncio.sleep(0.05)
    await Outbox(patience_seconds=None)(services)
    assert slow.versions() == quick.versions() == {case["id"]: [1, 2, 3, 4]}


async def test_two_workers_send_nothing_twice(city: Desk, services_with: Changed, receivers: Start):
    services = services_with(timeout_seconds=30.0)
    receiver = receivers(at_wall_time=False)
    await register(city, receiver)
    scribe = await Scribe.of(city)
    cases = [await city.report("lan", cell) for cell in ("W1", "E1", "E2")]
    done = asyncio.Event()

    async def work() -> None:
        while not done.is_set() or await send(services):
            await send(services)
            await asyncio.sleep(0)

    workers = [asyncio.create_task(work()) for _ in range(3)]
    for _ in range(15):
        for case in cases:
            async with services.database.transaction() as connection:
                await scribe.note(connection, case["id"])
    done.set()
    await asyncio.gather(*workers)
    assert receiver.versions() == await journal_versions(city)
    assert len(receiver.requests) == len(receiver.known) == 48


async def test_every_mood_under_load(city: Desk, services_with: Changed, receivers: Start):
    """Refusals, time-outs, cut connections, answers that come too late, several writers, two workers."""
    dice = random.Random(20260302)

    def moody(_: dict[str, Any], times: int) -> int | float | None:
        if times > 3:
            return 200
        return dice.choice([200, 200, 200, 204, 500, 503, 429, 400, 302, None, 0.6])

    services = services_with(timeout_seconds=0.4)
    steady, unsteady = receivers(at_wall_time=False), receivers(moody, at_wall_time=False)
    await register(city, steady, "稳")
    await register(city, unsteady, "不稳")
    scribe = await Scribe.of(city)
    cases = [await city.report("lan", cell) for cell in ("W1", "W2", "E1", "E2", "E3")]
    done = asyncio.Event()

    async def write() -> None:
        for _ in range(12):
            async with services.database.transaction() as connection:
                await scribe.note(connection, dice.choice(cases)["id"])
            await asyncio.sleep(0.01)

    async def work() -> None:
        while not done.is_set():
            await send(services)
            city.later(seconds=dice.randrange(60))
            await asyncio.sleep(0.02)

    workers = [asyncio.create_task(work()) for _ in range(2)]
    await asyncio.gather(*(write() for _ in range(3)))
    done.set()
    await asyncio.gather(*workers)
    await until_all_is_sent(services, within=timedelta(hours=3))
    told = await journal_versions(city)
    assert sum(map(len, told.values())) == 5 + 36
    assert steady.versions() == unsteady.versions() == told
    assert steady.forged == unsteady.forged == 0
    statuses = {status for _, status in unsteady.requests}
    assert {500, 0} & statuses


async def test_a_worker_that_was_stopped_amid_a_batch_is_taken_over_from(
    city: Desk, services_with: Changed, receivers: Start
):
    services = services_with()
    receiver = receivers(at_wall_time=False)
    await register(city, receiver, from_the_beginning=True)
    await city.filed("W1")
    (webhook,) = [one["id"] for one in (await city.get("admin", "/webhooks")).json()["items"]]
    stopped = await delivery._take(services, webhook)
    assert stopped is not None
    await delivery._send(services, stopped)
    assert await send(services) == 0  # the other one's lease holds
    city.later(minutes=3)
    assert await send(services) == 3
    async with services.database.transaction() as connection:
        await delivery._account(connection, services, stopped)  # comes to itself too late
    assert await send(services) == 0
    assert len(receiver.requests) == 6
    assert receiver.versions() == await journal_versions(city)


async def test_who_takes_nothing_for_days_is_switched_off_and_goes_on_where_it_stopped(
    city: Desk, services_with: Changed, receivers: Start
):
    services = services_with(disable_hours=24)
    receiver = receivers(lambda *_: 503, at_wall_time=False)
    webhook = await register(city, receiver)
    cases = [await city.report("lan") for _ in range(pace.DOWN + 1)]
    for _ in range(30):
        await send(services)
        city.later(hours=1)
    kept = await look(city, webhook)
    assert (kept["active"], kept["down"]) == (False, True)
    assert "停用" in kept["disabled_because"]
    asked = len(receiver.requests)
    await send(services)
    assert len(receiver.requests) == asked < 100
    receiver.mood = lambda *_: 200
    await city.act("leader", cases[0], "note", text="停用期间")
    again = await city.http.patch(
        f"/api/v1/webhooks/{webhook['id']}", headers=city.world.headers["admin"], json={"active": True}
    )
    assert (again.json()["active"], again.json()["disabled_because"]) == (True, None)
    await until_all_is_sent(services, within=timedelta(hours=7))
    assert receiver.versions() == await journal_versions(city)


async def test_a_receiver_that_is_gone_for_good_is_switched_off_at_once(
    city: Desk, services_with: Changed, receivers: Start
):
    receiver = receivers(lambda *_: 410, at_wall_time=False)
    webhook = await register(city, receiver)
    await city.report("lan")
    await send(services_with())
    kept = await look(city, webhook)
    assert (kept["active"], kept["waiting"]) == (False, 1)
    assert "410" in kept["disabled_because"]


async def test_both_secrets_count_for_a_day(city: Desk, services_with: Changed, receivers: Start):
    old, new = receivers(at_wall_time=False), receivers(at_wall_time=False)
    webhook = await register(city, old)
    given = await city.http.post(
        f"/api/v1/webhooks/{webhook['id']}/secret", headers=city.world.headers["admin"]
    )
    case = await city.report("lan")
    await send(services_with())
    assert (len(old.known), old.forged) == (1, 0)
    city.later(hours=25)
    await city.act("leader", case, "note", text="一天之后")
    await send(services_with())
    assert (len(old.known), old.forged) == (1, 1)
    new.secret = old.secret = given.json()["secret"]
    city.later(hours=1)
    await send(services_with())
    assert len(old.known) == 2


def test_attempts_come_ever_more_seldom_and_not_all_at_once():
    now = datetime(2026, 3, 2, 1, tzinfo=UTC)
    for attempts, longest in (
        (1, 5),
        (2, 10),
        (5, 80),
        (12, 10_240),
        (13, 20_480),
        (14, 21_600),
        (99, 21_600),
    ):
        delays = {(pace.again_at(now, attempts) - now).total_seconds() for _ in range(50)}
        assert len(delays) > 40
        assert longest / 2 <= min(delays) <= max(delays) <= longest
    assert (pace.probe_at(now, 10**6) - now) <= timedelta(minutes=5)
