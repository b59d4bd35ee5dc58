"""What a device missed: after any number of syncs it has exactly the open cases its owner may see."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.channels.outbox import sync
from tests.cases.desk import Desk
from tests.cases.test_stream import Scribe

pytestmark = pytest.mark.cloned


class Device:
    """Keeps what it is given, as the app of an inspector does."""

    def __init__(self, desk: Desk, who: str) -> None:
        self.desk, self.who = desk, who
        self.cases: dict[str, dict[str, Any]] = {}
        self.token: str | None = None
        self.gone: list[tuple[str, str]] = []

    async def sync(self) -> int:
        """Until there is no more; gives how many replies it took."""
        replies = 0
        while True:
            params = {} if self.token is None else {"since": self.token}
            reply = await self.desk.get(self.who, "/sync", **params)
            assert reply.status_code == 200, reply.text
            told = reply.json()
            replies += 1
            if told["reset"]:
                self.cases = {}
            self.cases |= {case["id"]: case for case in told["cases"]}
            for one in told["gone"]:
                self.gone.append((one["number"], one["reason"]))
                self.cases.pop(one["id"], None)
            self.token = told["token"]
            if not told["more"]:
                return replies

    async def is_right(self) -> None:
        """Holds it against the list of open cases."""
        open_stages = ["reported", "verifying", "auditing", "filing", "dispatching", "signing", "handling",
                       "ruling", "suspended", "checking", "closing"]  # fmt: skip
        listed = (await self.desk.get(self.who, "/cases", stage=open_stages, limit=200)).json()["items"]
        assert {one["id"]: one["version"] for one in self.cases.values()} == {
            case["id"]: case["version"] for case in listed
        }


async def test_a_device_has_what_its_owner_may_see(city: Desk):
    west, east = await city.filed("W1"), await city.filed("E1")
    ended = await city.closed("W2")
    wei, dong, officer = (Device(city, who) for who in ("wei", "dong", "west_officer"))
    for device in (wei, dong, officer):
        await device.sync()
        await device.is_right()
    assert set(wei.cases) == {west["id"]}
    assert ended["id"] not in wei.cases
    await city.act("dispatcher", west, "dispatch")
    await city.act("leader", east, "note", text="新情况")
    for device in (wei, dong, officer):
        await device.sync()
        await device.is_right()
    assert set(officer.cases) == {west["id"]}
    assert [device.gone for device in (wei, dong, officer)] == [[], [], []]


async def test_what_ends_or_goes_to_another_leaves_a_tombstone_with_those_who_had_it(city: Desk):
    case, foreign = await city.dispatched("W1"), await city.dispatched("E1")
    wei, officer, dong = (Device(city, who) for who in ("wei", "west_officer", "dong"))
    for device in (wei, officer, dong):
        await device.sync()
    await city.act("west_officer", case, "decline", reason="not_mine", note="不是我的")
    await city.act("dispatcher", case, "redispatch", lead="sanitation", note="属环卫")
    for device in (wei, officer, dong):
        await device.sync()
        await device.is_right()
    assert officer.gone == [(case["number"], "out_of_scope")]
    assert wei.gone == dong.gone == []
    assert foreign["id"] in dong.cases


async def test_a_case_that_ends_is_gone_for_all_who_had_it_and_for_no_others(city: Desk):
    wei, dong = Device(city, "wei"), Device(city, "dong")
    case = await city.checked("W1")
    for device in (wei, dong):
        await device.sync()
    await city.act("leader", case, "close")
    for device in (wei, dong):
        await device.sync()
        await device.is_right()
    assert wei.gone == [(case["number"], "ended")]
    assert dong.gone == []
    # Begun and ended between two syncs: the device never had it.
    await city.closed("W2")
    await wei.sync()
    await wei.is_right()


async def test_other_rights_mean_a_new_list(city: Desk):
    west, east = await city.filed("W1"), await city.filed("E1")
    device = Device(city, "wei")
    await device.sync()
    changed = await city.http.patch(
        f"/api/v1/accounts/{city.world.ids['wei']}",
        headers=city.world.headers["admin"],
        json={"areas": ["990101002"]},
    )
    assert changed.status_code == 200
    await device.sync()
    assert set(device.cases) == {east["id"]}
    assert west["id"] not in device.cases


async def test_complete_while_many_write(city: Desk, monkeypatch: pytest.MonkeyPatch):
    """Small pages, slow transactions, cases that end and change hands while devices page and sync."""
    monkeypatch.setattr(sync, "PAGE", 2)
    monkeypatch.setattr(sync, "_SCANNED", 3)
    cases = [await city.handed_back(cell) for cell in ("W1", "W2", "E1", "E2")]
    scribe = await Scribe.of(city)
    done = asyncio.Event()

    async def live(which: int) -> None:
        case = cases[which]
        async with scribe.database.transaction() as slow:
            await scribe.note(slow, case["id"])
            await asyncio.sleep(0.2)
        await city.look("leader", case)
        await city.act(case["inspector_name"], case, "check", passed=True)
        if which % 2:
            await city.act("leader", case, "close")
        await city.report("lan", "W3")

    async def keep(device: Device) -> None:
        while not done.is_set():
            await device.sync()
            await asyncio.sleep(0.01)
        await device.sync()
        await device.is_right()

    devices = [Device(city, who) for who in ("wei", "dong", "lan", "leader", "west_officer")]
    keeping = [asyncio.create_task(keep(device)) for device in devices]
    await asyncio.gather(*map(live, range(len(cases))))
    done.set()
    await asyncio.gather(*keeping)
    assert {number for number, _ in devices[3].gone} == {cases[1]["number"], cases[3]["number"]}


@pytest.mark.parametrize("since", ["", "x", "W10", "WyJsaXN0IiwieCIsIngiLG51bGxd"])
async def test_what_is_no_token_is_refused(desk: Desk, since: str):
    reply = await desk.get("wei", "/sync", since=since)
    assert reply.status_code == 422
    assert "cursor" in reply.json()["fields"]
