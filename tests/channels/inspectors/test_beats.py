"""责任网格: set, changed, ended, looked up, and what is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.geo import Datum, from_storage
from app.settings import InspectorSettings
from tests.world import MONDAY_9AM, WEST, cell_code, middle

W1, W2, W3, E1 = (cell_code(cell) for cell in ("W1", "W2", "W3", "E1"))
TOMORROW = (MONDAY_9AM + timedelta(days=1)).isoformat()


def _beat(*cells: str, inspectors=("wei",), **more):
    return {"name": "西街一号", "cells": list(cells), "inspectors": list(inspectors), **more}


async def test_a_beat_is_set_and_drawn(phone):
    told = await phone("leader", "PUT", "/beats/W-1", json=_beat(W2, W1, W1))
    assert (told["code"], told["cells"]) == ("W-1", [W1, W2])
    assert [one["username"] for one in told["inspectors"]] == ["wei"]
    mine = await phone("wei", "GET", "/inspectors/me/beat")
    assert mine["type"] == "FeatureCollection"
    assert [one["properties"]["code"] for one in mine["features"]] == [W1, W2]
    assert mine["features"][0]["geometry"]["type"] == "MultiPolygon"
    assert mine["beats"] == [told]
    assert await phone("clerk", "GET", "/beats/W-1") == mine
    assert (await phone("lan", "GET", "/inspectors/me/beat"))["features"] == []
    assert (await phone("clerk", "GET", "/beats"))["items"] == [told]


async def test_the_map_is_drawn_in_the_datum_asked_for(phone):
    await phone("leader", "PUT", "/beats/W-1", json=_beat(W1))

    async def corner(datum):
        drawn = await phone("wei", "GET", "/inspectors/me/beat", params={"datum": datum})
        return min(map(tuple, drawn["features"][0]["geometry"]["coordinates"][0][0]))

    assert await corner("cgcs2000") == (120.0, 30.0)
    assert await corner("gcj02") == pytest.approx(from_storage(120.0, 30.0, Datum.GCJ02), abs=1e-7)


async def test_a_change_is_a_new_version_and_the_past_stays(desk, phone):
    await phone("leader", "PUT", "/beats/W-1", json=_beat(W1))
    began = desk.clock.now()
    desk.later(hours=1)
    await phone("leader", "PUT", "/beats/W-1", json=_beat(W1, W2, inspectors=["lan"]))

    async def cells(who, **params):
        drawn = await phone(who, "GET", "/inspectors/me/beat", params=params)
        return [one["properties"]["code"] for one in drawn["features"]]

    assert (await cells("wei"), await cells("lan")) == ([], [W1, W2])
    assert await cells("wei", at=began.isoformat()) == [W1]
    desk.later(hours=1)
    await phone("leader", "DELETE", "/beats/W-1", 204)
    assert await cells("lan") == []
    assert await cells("lan", at=(began + timedelta(hours=1)).isoformat()) == [W1, W2]
    await phone("clerk", "GET", "/beats/W-1", 404)
    await phone("leader", "DELETE", "/beats/W-1", 404)


async def test_the_same_again_changes_nothing(desk, phone):
    wanted = {"beats": [{"code": "W-1", **_beat(W1)}, {"code": "W-2", **_beat(W2)}]}
    assert await phone("leader", "PUT", "/beats", json=wanted) == {"added": 2, "changed": 0, "unchanged": 0}
    desk.later(hours=1)
    assert await phone("leader", "PUT", "/beats", json=wanted) == {"added": 0, "changed": 0, "unchanged": 2}
    wanted["beats"][0]["cells"] = [W3]
    assert await phone("leader", "PUT", "/beats", json=wanted) == {"added": 0, "changed": 1, "unchanged": 1}


async def test_a_cell_is_in_one_beat_at_a_time(desk, phone):
    await phone("leader", "PUT", "/beats/W-1", json=_beat(W1, W2))
    refused = await phone("leader", "PUT", "/beats/W-2", 409, json=_beat(W2, W3))
    assert (refused["cell"], refused["beat"]) == (W2, "W-1")
    await phone("clerk", "GET", "/beats/W-2", 404)  # nothing of it is stored
    desk.later(minutes=1)
    moved = {"beats": [{"code": "W-2", **_beat(W2, W3)}, {"code": "W-1", **_beat(W1)}]}
    assert (await phone("leader", "PUT", "/beats", json=moved))["added"] == 1
    temporary = _beat(W1, valid_from=TOMORROW, valid_to=(MONDAY_9AM + timedelta(days=2)).isoformat())
    await phone("leader", "PUT", "/beats/FAIR", 409, json=temporary)


async def test_where_the_city_shares_cells(desk, phone):
    shared = InspectorSettings(shared_cells=True)
    desk.services.settings.__dict__["inspectors"] = shared
    await phone("leader", "PUT", "/beats/W-1", json=_beat(W1, W2))
    await phone("leader", "PUT", "/beats/W-2", json=_beat(W2, W3))


async def test_a_change_may_be_planned_and_not_told_of_the_past(desk, phone):
    await phone("leader", "PUT", "/beats/W-1", json=_beat(W1))
    planned = _beat(W2, valid_from=TOMORROW)
    await phone("leader", "PUT", "/beats/W-1", json=planned)
    await phone("leader", "PUT", "/beats/W-1", json=planned)
    await phone("leader", "PUT", "/beats/W-1", 409, json=_beat(W3))
    desk.clock.set(MONDAY_9AM + timedelta(days=1, hours=1))
    assert (await phone("wei", "GET", "/inspectors/me/beat"))["features"][0]["properties"]["code"] == W2
    await phone("leader", "PUT", "/beats/W-1", 409, json=_beat(W3, valid_from=TOMORROW))
    await phone("leader", "PUT", "/beats/W-1", json=planned)
    await phone("leader", "PUT", "/beats/NEW", json=_beat(W3, valid_from="2026-01-01T00:00:00+08:00"))


@pytest.mark.parametrize(
    ("wanted", "status", "field"),
    [
        (_beat(WEST + "001099"), 422, "cells"),
        (_beat(WEST), 422, "cells"),
        (_beat(), 422, "cells"),
        (_beat(W1, inspectors=["nobody"]), 422, "inspectors"),
        (_beat(W1, inspectors=["clerk"]), 422, "inspectors"),
        (_beat(W1, inspectors=["dong"]), 422, "inspectors"),
        (_beat(W1, E1, inspectors=["wei"]), 422, "inspectors"),
        (_beat(W1, valid_from=TOMORROW, valid_to=TOMORROW), 422, "valid_to"),
        (_beat(W1) | {"name": "a\x00b"}, 422, "name"),
        (_beat(W1, colour="red"), 422, "colour"),
        (_beat("990102001001001"), 403, None),
    ],
)
async def test_nonsense_is_refused(phone, wanted, status, field):
    refused = await phone("leader", "PUT", "/beats/W-1", status, json=wanted)
    assert field is None or any(field in name for name in refused["fields"])
    both = {"beats": [{"code": "OK", **_beat(W3)}, {"code": "W-1", **wanted}]}
    many = await phone.send("leader", "PUT", "/beats", json=both)
    assert many.status_code == status
    assert (await phone("clerk", "GET", "/beats"))["items"] == []


async def test_a_beat_is_listed_once_in_an_import(phone):
    twice = {"beats": [{"code": "W-1", **_beat(W1)}, {"code": "W-1", **_beat(W2)}]}
    await phone("leader", "PUT", "/beats", 422, json=twice)
    await phone("leader", "PUT", "/beats", 422, json={"beats": []})
    await phone("leader", "PUT", "/beats/W 1", 422, json=_beat(W1))


async def test_who_sets_and_sees_beats(phone):
    for who in ("wei", "clerk", "dispatcher", "evaluator", "west_officer", "chief"):
        await phone(who, "PUT", "/beats/W-1", 403, json=_beat(W1))
    await phone("admin", "PUT", "/beats/W-1", json=_beat(W1))
    await phone("admin", "PUT", "/beats/E-1", json=_beat(E1, inspectors=["dong"]))

    async def codes(who):
        return [beat["code"] for beat in (await phone(who, "GET", "/beats"))["items"]]

    assert (await codes("admin"), await codes("lan")) == (["E-1", "W-1"],) * 2
    assert (await codes("wei"), await codes("east_dispatcher")) == (["W-1"], ["E-1"])
    page = await phone("admin", "GET", "/beats", params={"limit": 1})
    rest = await phone("admin", "GET", "/beats", params={"cursor": page["next_cursor"]})
    assert [beat["code"] for beat in rest["items"]] == ["W-1"]
    await phone("east_dispatcher", "GET", "/beats/W-1", 404)
    await phone("west_officer", "GET", "/beats", 403)


async def test_on_the_border_of_a_datum(phone):
    """A position and the beat drawn in one datum fall on each other."""
    await phone("leader", "PUT", "/beats/W-1", json=_beat(W1))
    drawn = await phone("wei", "GET", "/inspectors/me/beat", params={"datum": "bd09"})
    ring = drawn["features"][0]["geometry"]["coordinates"][0][0]
    here = middle("W1")
    x, y = from_storage(here["x"], here["y"], Datum.BD09)
    assert min(p[0] for p in ring) < x < max(p[0] for p in ring)
    assert min(p[1] for p in ring) < y < max(p[1] for p in ring)
