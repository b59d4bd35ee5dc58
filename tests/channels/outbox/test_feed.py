"""The feed: CloudEvents of what the caller may see, from any place on, page by page."""

from __future__ import annotations

from typing import Any

import pytest

from app.cases import stream
from app.channels.outbox.events import BATCH_MEDIA_TYPE
from tests.cases.desk import Desk

pytestmark = pytest.mark.cloned


async def read(desk: Desk, who: str, after: str | None = None, **params: Any) -> tuple[list[Any], str]:
    """Everything that follows, page by page as the `Link` says, and the last cursor."""
    query = {**params, **({} if after is None else {"after": after})}
    reply = await desk.get(who, "/feed", **query)
    found = []
    while True:
        assert reply.status_code == 200, reply.text
        assert reply.headers["content-type"] == BATCH_MEDIA_TYPE
        found += reply.json()
        if reply.headers["Feed-More"] == "false":
            return found, reply.headers["Feed-Cursor"]
        reply = await desk.http.get(reply.links["next"]["url"], headers=desk.world.headers[who])


async def test_an_entry_is_told_as_a_cloudevent(city: Desk):
    case = await city.dispatched("W1")
    events, _ = await read(city, "leader")
    assert [event["type"] for event in events] == [
        f"chengguan.case.{action}" for action in ("report", "accept", "file", "dispatch")
    ]
    journal = (await city.get("leader", f"/cases/{case['id']}/journal")).json()
    for event, entry in zip(events, journal, strict=True):
        assert event["specversion"] == "1.0"
        assert event["source"] == "urn:chengguan:990101"
        assert (event["subject"], event["partitionkey"]) == (case["number"], case["id"])
        assert event["sequence"] == f"{entry['version']:010}"
        assert event["time"] == entry["at"]
        assert event["data"]["changes"] == entry["changes"]
        assert event["data"]["command"] == entry["command"]
        assert event["data"]["label"] == entry["label"]
    assert len({event["id"] for event in events}) == 4


async def test_each_sees_what_they_may_see(city: Desk):
    west, east = await city.dispatched("W1"), await city.dispatched("E1")
    seen = {
        "leader": {west["number"], east["number"]},
        "wei": {west["number"]},
        "dong": {east["number"]},
        "west_officer": {west["number"]},
        "chief": {west["number"]},
        "hotline": set(),
    }
    for who, numbers in seen.items():
        events, _ = await read(city, who)
        assert {event["subject"] for event in events} == numbers, who


async def test_pages_lead_through_everything_and_on(city: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stream, "_SCANNED", 3)
    monkeypatch.setattr(stream, "_ROUNDS", 2)
    cases = [await city.filed("W1"), await city.filed("E1"), await city.filed("W2")]
    every, _ = await read(city, "leader")
    assert [len(every), len({event["id"] for event in every})] == [9, 9]
    for limit in (1, 2, 4):
        for who in ("leader", "dong", "hotline"):
            paged, cursor = await read(city, who, limit=limit)
            whole = [event for event in every if who == "leader" or event["subject"] == cases[1]["number"]]
            assert paged == ([] if who == "hotline" else whole)
            assert (await read(city, who, cursor))[0] == []
    begun, cursor = await read(city, "leader", "now")
    assert begun == []
    await city.act("leader", cases[0], "note", text="新情况")
    (event,), _ = await read(city, "leader", cursor)
    assert event["data"]["command"] == {"text": "新情况"}


@pytest.mark.parametrize("after", ["x", "W10", "e30", "9" * 8000])
async def test_what_is_no_cursor_is_refused(desk: Desk, after: str):
    for path in ("/feed", "/feed/live"):
        reply = await desk.get("leader", path, after=after)
        assert reply.status_code == 422
        assert "cursor" in reply.json()["fields"]
