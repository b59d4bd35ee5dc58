"""How often a class is right is measured; one that is too often wrong is muted, and heard again when it got
better or somebody says so."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cases.desk import Desk
from tests.channels.sensors.conftest import Camera, Leads
from tests.world import RULEBOOK


@pytest.fixture(autouse=True)
def _quick(set_up) -> None:
    set_up(min_precision=0.5, enough_decisions=4, probe_hours=24, probes=2)


async def decide(camera: Camera, leads: Leads, *verdicts: bool, label: str = "rubbish") -> None:
    """One lead after the other, thirty metres apart, and what was there."""
    for real in verdicts:
        answer = await camera.sees(
            label=label, east=-40 + 30 * (camera.count % 3), cell=_CELLS[camera.count % 8]
        )
        assert answer["outcome"] == "opened", answer
        await leads.verify(answer["lead"], real=real)
        leads.desk.later(hours=5)


_CELLS = ("W1", "W2", "W3", "W4", "E1", "E2", "E3", "E4")


async def standing(desk: Desk, label: str = "rubbish") -> dict[str, Any]:
    classes = (await desk.get("leader", "/sensors/classes")).json()["items"]
    (found,) = [one for one in classes if one["label"] == label]
    return dict(found)


async def notices(desk: Desk) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await desk.get("leader", "/sensors/notices")).json()["items"]
    return found


async def test_precision_is_counted_by_source_and_class(
    camera: Camera, second: Camera, leads: Leads, desk: Desk
) -> None:
    await decide(camera, leads, True, False, True)
    seen = await camera.sees()
    await second.sees(label="litter")
    await leads.verify(seen["lead"], real=True)
    mine, theirs = await standing(desk), await standing(desk, "litter")
    assert (mine["confirmed"], mine["decided"], mine["precision"]) == (3, 4, 0.75)
    assert (theirs["confirmed"], theirs["decided"], theirs["precision"]) == (1, 1, 1.0)
    assert mine["interval"] == pytest.approx([0.3006, 0.9544], abs=1e-4)
    assert (mine["client_name"], mine["muted_at"]) == ("视频平台", None)


async def test_a_class_too_often_wrong_is_muted_with_a_notice(
    camera: Camera, leads: Leads, desk: Desk
) -> None:
    await decide(camera, leads, True, False, False)
    assert await notices(desk) == []
    await decide(camera, leads, False)
    (notice,) = await notices(desk)
    assert (notice["kind"], notice["label"], notice["confirmed"], notice["decided"]) == (
        "muted", "rubbish", 1, 4,
    )  # fmt: skip
    assert (await standing(desk))["muted_at"] is not None
    answer = await camera.sees()
    assert (answer["outcome"], answer["lead"]) == ("muted", None)
    assert await leads.all() == []


async def test_half_right_is_enough(camera: Camera, leads: Leads, desk: Desk) -> None:
    await decide(camera, leads, False, False, True, True, True, False)
    assert await notices(desk) == []


async def test_another_class_of_the_source_is_still_heard(camera: Camera, leads: Leads) -> None:
    await camera.learns("goods", category="E0405")
    await decide(camera, leads, False, False, False, False)
    assert (await camera.sees())["outcome"] == "muted"
    assert (await camera.sees(label="goods"))["outcome"] == "opened"


async def test_decisions_of_long_ago_do_not_count(camera: Camera, leads: Leads, desk: Desk) -> None:
    await decide(camera, leads, False, False, False)
    desk.later(days=31)
    await decide(camera, leads, False)
    assert (await standing(desk))["decided"] == 1
    assert await notices(desk) == []


async def test_somebody_says_it_is_to_be_heard_again(camera: Camera, leads: Leads, desk: Desk) -> None:
    await decide(camera, leads, False, False, False, False)
    path = f"/api/v1/sensors/sources/{camera.id}/classes/rubbish/unmute"
    headers = desk.world.headers["leader"]
    reply = await desk.http.post(path, headers=headers, json={"note": "镜头已清洁"})
    assert reply.status_code == 204
    newest, _ = await notices(desk)
    assert (newest["kind"], newest["actor_name"], newest["note"]) == ("unmuted", "leader", "镜头已清洁")
    assert (await standing(desk))["decided"] == 0
    await decide(camera, leads, False)
    assert (await camera.sees("E4"))["outcome"] == "opened"
    assert (await desk.http.post(path, headers=headers, json={"note": "再来"})).status_code == 409


async def test_now_and_then_it_is_tried_and_heard_again_when_it_got_better(
    camera: Camera, leads: Leads, desk: Desk
) -> None:
    await decide(camera, leads, False, False, False, False)
    assert (await camera.sees("E1"))["outcome"] == "muted"
    for cell in ("W1", "W3"):
        desk.later(hours=25)
        tried = await camera.sees(cell)
        assert tried["outcome"] == "opened"
        assert (await leads.look(tried["lead"]))["probe"] is True
        assert (await camera.sees("E2"))["outcome"] == "muted"
        await leads.verify(tried["lead"], real=True)
    newest, _ = await notices(desk)
    assert (newest["kind"], newest["actor_name"]) == ("unmuted", "system")
    found = await camera.sees("E3")
    assert (await leads.look(found["lead"]))["probe"] is False


async def test_tried_and_still_wrong_it_stays_muted(camera: Camera, leads: Leads, desk: Desk) -> None:
    await decide(camera, leads, False, False, False, False)
    for cell in ("W1", "W3", "E1"):
        desk.later(hours=25)
        await leads.verify((await camera.sees(cell))["lead"], real=False)
    assert len(await notices(desk)) == 1
    assert (await camera.sees("E4"))["outcome"] == "muted"


# -- what classes mean -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"category": "E01"}, "category"),
        ({"category": "E9999"}, "category"),
        ({"condition": "E0405-1"}, "condition"),
        ({"source": "dreams"}, "source"),
        ({"radius_m": 0}, "radius_m"),
        ({"window_minutes": 0}, "window_minutes"),
        ({"min_confidence": 2}, "min_confidence"),
    ],
    ids=str,
)
async def test_a_class_means_something_of_the_rulebook(camera: Camera, rule, field) -> None:
    reply = await camera.learns(**rule)
    assert reply.status_code == 422
    assert field in reply.json()["fields"]


async def test_a_class_told_anew_keeps_its_record(camera: Camera, leads: Leads, desk: Desk) -> None:
    await decide(camera, leads, False, False, False, False)
    told = (await camera.learns(category="E0405", min_confidence=0.7)).json()
    assert (told["category"], told["min_confidence"], told["decided"]) == ("E0405", 0.7, 4)
    assert told["muted_at"] is not None
    assert RULEBOOK.category_by_code["E0405"].name == "店外经营"
