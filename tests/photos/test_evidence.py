"""Photos as evidence: what speaks against one stays on the case and in the record of who attached it."""

from __future__ import annotations

import asyncio
import io
from datetime import datetime, timedelta

import pytest
from PIL import Image
from sqlalchemy import text

from app.cases.photo import Doubt, Photo, PhotoKind, bands, examine
from app.cases.photo import Used as UsedBefore
from app.db import new_id
from tests.cases.desk import at
from tests.photos.pictures import picture, scenery, uploaded
from tests.world import MONDAY_9AM, RULEBOOK

#: A step from the middle of W1, a minute before the stories begin.
HERE = {"place": (120.0006, 30.0005), "taken": datetime(2026, 3, 2, 8, 59)}


async def attach(desk, phone, case, seed: int, kind: str = "near", who: str = "wei", **told):
    photo = await phone.upload(who, picture(seed, **{**HERE, **told}))
    await desk.act(who, case, "attach", photo=photo, kind=kind)
    return photo


async def doubts(phone, case, who: str = "clerk") -> list[list[str]]:
    found = (await phone.get(who, f"/cases/{case['id']}/photos")).json()
    return [[doubt["doubt"] for doubt in photo["doubts"]] for photo in found]


async def test_a_photo_of_the_place_and_the_hour_is_evidence(desk, phone):
    case = await desk.report("wei")
    photo = await attach(desk, phone, case, 1)
    assert (case["photos"], case["doubtful_photos"]) == (1, 0)
    (shown,) = (await phone.get("clerk", f"/cases/{case['number']}/photos")).json()
    assert (shown["id"], shown["kind"], shown["attached_name"]) == (photo, "near", "wei")
    assert shown["version"] == case["version"]
    assert shown["distance_m"] == pytest.approx(9.6, abs=0.1)
    assert (shown["age_minutes"], shown["doubts"], shown["same_as"]) == (1, [], None)
    *_, entry = (await desk.get("clerk", f"/cases/{case['id']}/journal")).json()
    assert entry["command"] == {"photo": photo, "kind": "near"}
    assert entry["evidence"] == {
        "sha256": shown["sha256"], "doubts": [], "distance_m": shown["distance_m"], "age_minutes": 1,
        "same_as": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"place": (120.01, 30.0005)}, ["too_far"]),
        ({"taken": datetime(2026, 3, 1, 8, 59)}, ["too_old"]),
        ({"taken": datetime(2026, 3, 1, 9, 1)}, []),
        ({"taken": datetime(2026, 3, 2, 9, 5)}, []),
        ({"taken": datetime(2026, 3, 2, 9, 15)}, ["ahead"]),
        ({"taken": datetime(2026, 3, 2, 3, 0), "offset": "+02:00"}, []),
        ({"taken": datetime(2026, 3, 2, 8, 59), "offset": "-10:00"}, ["ahead"]),
        ({"place": None}, ["no_place"]),
        ({"place": (0.0, 0.0)}, ["no_place"]),
        ({"taken": None}, ["no_time"]),
        ({"place": None, "taken": None}, ["no_place", "no_time"]),
    ],
    ids=str,
)
async def test_what_speaks_against_a_photo_is_told(desk, phone, told, expected):
    case = await desk.report("wei")
    await attach(desk, phone, case, 1, **told)
    assert await doubts(phone, case) == [expected]
    assert case["doubtful_photos"] == bool(expected)


async def test_the_same_picture_again_is_told_whosever_and_in_whichever_file(desk, phone):
    first, second = await desk.report("wei"), await desk.report("lan", "W2")
    photo = await attach(desk, phone, first, 7)
    await attach(desk, phone, second, 7, who="lan")  # the same file
    await attach(desk, phone, second, 7, "far", who="lan", quality=40)  # compressed again
    await attach(desk, phone, second, 7, "reference", who="lan", size=(1000, 750), format="PNG")
    await attach(desk, phone, second, 8, "after", who="lan")  # another one
    assert await doubts(phone, second) == [["used_before"], ["looks_used"], ["looks_used"], []]
    assert await doubts(phone, first) == [[]]
    assert second["doubtful_photos"] == 3
    shown = (await phone.get("clerk", f"/cases/{second['id']}/photos")).json()
    assert {one["same_as"] for one in shown[:3]} == {photo}


async def test_walls_and_nights_do_not_look_like_each_other(desk, phone):
    case = await desk.report("wei")
    for kind, shade in (("near", 3), ("far", 9)):
        made = io.BytesIO()
        Image.new("RGB", (200, 200), (shade,) * 3).save(made, "JPEG")
        photo = await phone.upload("wei", made.getvalue())
        await desk.act("wei", case, "attach", photo=photo, kind=kind)
    assert await doubts(phone, case) == [["no_place", "no_time"]] * 2


async def test_a_case_takes_a_photo_once_and_so_many_of_a_kind(desk, phone, world, connection):
    case = await desk.report("wei")
    photos = [str(new_id()) for _ in range(7)]
    for photo in photos:
        await uploaded(connection, photo, world.ids["wei"], "wei")
    for photo in photos[:6]:
        await desk.act("wei", case, "attach", photo=photo, kind="near")
    twice = await desk.try_act("wei", case, "attach", photo=photos[0], kind="far")
    assert (twice.status_code, twice.json()["fields"]) == (422, {"photo": "attached already"})
    full = await desk.try_act("wei", case, "attach", photo=photos[6], kind="near")
    assert (full.status_code, full.json()["fields"]) == (422, {"kind": "too many"})
    await desk.act("wei", case, "attach", photo=photos[6], kind="far")
    assert case["photos"] == 7


async def test_only_the_own_photos_that_are_there(desk, phone, world, connection):
    case = await desk.report("wei")
    others = await phone.upload("lan", picture())
    begun = await phone.begin("wei", 100)
    unfinished = begun.headers["Location"].rsplit("/", 1)[-1]
    for photo in (others, unfinished, str(new_id())):
        reply = await desk.try_act("wei", case, "attach", photo=photo, kind="near")
        assert (reply.status_code, reply.json()["fields"]) == (422, {"photo": "unknown"})
    assert (await desk.look("wei", case))["version"] == 1


async def test_a_report_may_bring_its_photos(desk, phone):
    near = await phone.upload("wei", picture(1, **HERE))
    far = await phone.upload("wei", picture(2, place=(121.0, 30.0), taken=HERE["taken"]))
    photos = [{"photo": near, "kind": "near"}, {"photo": far, "kind": "far"}]
    case = await desk.report("wei", photos=photos)
    assert (case["version"], case["photos"], case["doubtful_photos"]) == (3, 2, 1)
    assert await doubts(phone, case) == [[], ["too_far"]]
    refused = await desk.try_report("wei", photos=[{"photo": str(new_id()), "kind": "near"}])
    assert refused.status_code == 422
    mine = (await desk.get("wei", "/cases", mine=True)).json()["items"]
    assert [one["id"] for one in mine] == [case["id"]]


async def test_units_bring_photos_of_what_they_did(desk, phone):
    case = await desk.handling("W1")
    officer = desk.officer(case)
    await attach(desk, phone, case, 3, "after", who=officer)
    assert case["photos"] == 1
    case = await desk.closed("W2")
    photo = await phone.upload("wei", picture(4))
    late = await desk.try_act("wei", case, "attach", photo=photo, kind="after")
    assert (late.status_code, late.json()["code"]) == (409, "action_not_allowed")


async def test_where_and_when_is_for_the_centre_and_the_photographer(desk, phone):
    case = await desk.handling("W1")
    photo = await attach(desk, phone, case, 5, who="wei")
    for who, knows in (("clerk", True), ("wei", True), ("lan", False), ("west_officer", False)):
        (shown,) = (await phone.get(who, f"/cases/{case['id']}/photos")).json()
        assert (shown["taken"] is not None) is knows
        assert ("original" in shown["links"]) is knows
        told = await phone.photo(who, photo)
        assert (told["exif"] is not None) is knows
        original = await phone.get(who, f"/photos/{photo}/original")
        assert original.status_code == (200 if knows else 403)
        assert (await phone.get(who, shown["links"]["picture"].removeprefix("/api/v1"))).status_code == 200
    for stranger in ("dong", "east_dispatcher", "plumber", "hotline"):
        assert (await phone.get(stranger, f"/photos/{photo}/picture")).status_code == 404
        assert (await phone.get(stranger, f"/cases/{case['id']}/photos")).status_code == 404


async def test_the_record_of_an_inspector(desk, phone, world):
    west, east = await desk.report("lan", "W1"), await desk.report("lan", "E1")
    await attach(desk, phone, west, 1, who="lan")
    await attach(desk, phone, west, 2, "far", who="lan", place=(120.5, 30.0), taken=None)
    desk.later(minutes=10)
    await attach(desk, phone, east, 3, who="lan", place=(120.0025, 30.0005))
    await attach(desk, phone, east, 1, "far", who="lan", place=(120.0025, 30.0005), quality=50)
    path = f"/inspectors/{world.ids['lan']}/evidence"
    for who in ("clerk", "lan"):
        record = (await phone.get(who, path)).json()
        assert (record["photos"], record["doubtful"]) == (4, 2)
        assert record["by_doubt"] == {"too_far": 1, "no_time": 1, "looks_used": 1}
        assert [one["case"] for one in record["newest"]] == [east["id"], west["id"]]
    # Who sees less is told less.
    record = (await phone.get("east_dispatcher", path)).json()
    assert (record["photos"], record["by_doubt"]) == (2, {"looks_used": 1})
    since = (MONDAY_9AM + timedelta(minutes=5)).isoformat()
    record = (await phone.get("clerk", path, since=since)).json()
    assert (record["photos"], len(record["newest"])) == (2, 1)
    for who in ("wei", "west_officer", "hotline"):
        assert (await phone.get(who, path)).status_code == 403


@pytest.mark.cloned
async def test_one_picture_attached_to_many_cases_at_once_is_new_in_one_only(cloned_city, world):
    from tests.cases.desk import Desk

    async with cloned_city as (http, services):
        desk = Desk(http, services, world)
        cases = [await desk.report("lan") for _ in range(5)]
        photos = [str(new_id()) for _ in cases]
        async with services.database.transaction() as connection:
            for photo in photos:
                await uploaded(connection, photo, world.ids["lan"], "lan", sha256="ab" * 32)
        await asyncio.gather(
            *(
                desk.act("lan", case, "attach", photo=photo, kind="near")
                for case, photo in zip(cases, photos, strict=True)
            )
        )
        async with services.database.transaction() as connection:
            asked = "SELECT count(*) FROM case_photo WHERE 'used_before' = ANY (doubts)"
            assert (await connection.execute(text(asked))).scalar_one() == 4


def test_the_limits_are_the_rulebooks():
    policy = RULEBOOK.policy.model_copy(update={"photo_radius_m": 5000, "photo_hours": 1})
    photo = Photo(new_id(), "", None, at("2026-03-02 07:30"), 120.04, 30.0)
    here = {"place": (120.0, 30.0), "now": MONDAY_9AM}
    used = UsedBefore(new_id(), same_file=True)
    found = examine(photo, PhotoKind.NEAR, used, policy=policy, **here)
    assert found.doubts == (Doubt.TOO_OLD, Doubt.USED_BEFORE)
    assert found.distance_m == pytest.approx(3860, rel=0.002)
    assert (found.age_minutes, found.same_as) == (90, used.photo)
    nowhere = examine(photo, PhotoKind.NEAR, None, policy=policy, place=None, now=MONDAY_9AM)
    assert (nowhere.doubts, nowhere.distance_m) == ((Doubt.TOO_OLD,), None)


def test_looks_that_nearly_agree_share_a_quarter():
    look = 0x1234_5678_9ABC_DEF0 - (1 << 63)
    for flipped in ((), (0,), (1, 17, 33), (0, 1, 63), (15, 16, 63)):
        other = look
        for bit in flipped:
            other ^= -(1 << 63) if bit == 63 else 1 << bit
        assert set(bands(look)) & set(bands(other))
    assert bands(None) == []


def test_the_tests_pictures_differ():
    assert scenery(1).tobytes() != scenery(2).tobytes()
