"""Scope where the table's one request for each route does not reach: things named inside a request, and
callers who answer for a part of a street."""

from __future__ import annotations

import io

import pytest

from app.dispatch.workbook import write_workbook
from tests.world import DISTRICT, EAST, MANHOLE, RULEBOOK, WEST, middle


async def test_a_component_of_another_street_cannot_be_named(desk):
    """The inspector of 东街 names the manhole in 西街: it is not there for him, in whatever he sends."""
    named = await desk.try_report("dong", "E1", category="C0102", component_code=MANHOLE)
    unknown = await desk.try_report("dong", "E1", category="C0102", component_code="0000000000000000")
    assert (named.status_code, unknown.status_code) == (422, 422)
    for reply in (named, unknown):
        assert reply.json()["fields"] == {"component_code": "unknown"}
    case = await desk.report("dong", "E1", category="C0102")
    await desk.act("street_intake_clerk", case, "accept")
    filed = await desk.try_act(
        "street_shift_leader", case, "file", condition="C0102-1", component_code=MANHOLE
    )
    assert filed.status_code == 422
    assert (await desk.try_report("wei", component_code=MANHOLE, category="C0102")).status_code == 201


async def test_a_case_of_another_street_cannot_be_merged_into(desk):
    mine, foreign = await desk.report("dong", "E1"), await desk.report("wei", "W1")
    reply = await desk.try_act("street_intake_clerk", mine, "merge", into=foreign["id"])
    assert (reply.status_code, reply.json()["fields"]) == (422, {"into": "unknown"})
    await desk.look("clerk", foreign)
    assert (foreign["version"], foreign["duplicates"]) == (1, 0)


async def test_a_report_on_the_border_hints_at_nothing_across_it(desk):
    across = await desk.report("lan", "E1", position={**middle("E1"), "x": 120.00205})
    at = {**middle("W2"), "x": 120.00195}  # ten metres west of it, in 西街
    blind = await desk.try_report("wei", position=at)
    assert blind.json()["near"] == []
    seeing = await desk.try_report("lan", position=at)
    assert across["number"] in [near["number"] for near in seeing.json()["near"]]
    case = blind.json()["case"]
    for who, sees in (("chief", False), ("clerk", True)):
        found = (await desk.get(who, f"/cases/{case['id']}/duplicates")).json()
        assert (across["number"] in [near["number"] for near in found]) is sees


async def test_a_foreign_inspector_is_given_no_task(desk):
    case = await desk.handed_back("W1")
    for name in ("dong", "street_inspector", "far_inspector", "clerk", "nobody"):
        reply = await desk.try_act("leader", case, "assign_inspector", username=name)
        assert (reply.status_code, reply.json()["fields"]) == (422, {"username": "not eligible"})


async def test_a_task_is_listed_for_its_inspector_alone(desk):
    case = await desk.handed_back("W1")
    assert case["inspector_name"] == "wei"
    for who in ("wei", "lan", "dong", "street_inspector", "clerk", "west_officer", "client"):
        listed = [task["id"] for task in (await desk.get(who, "/tasks")).json()]
        assert listed == ([case["id"]] if who == "wei" else []), who


async def test_filters_widen_nothing(desk):
    """Whatever a foreigner filters by, a case of 西街 does not come up."""
    case = await desk.handling("W1")
    filters = (
        {"area": WEST}, {"area": case["area_code"]}, {"area": DISTRICT}, {"unit": "west_office"},
        {"q": case["number"]}, {"stage": "handling"}, {"bbox": "119,29,121,31"}, {"category": "E0405"},
    )  # fmt: skip
    for params in filters:
        assert case["id"] in str((await desk.get("clerk", "/cases", **params)).json())
        for who in ("street_dispatcher", "far_dispatcher", "street_unit_officer", "sweeper", "other_chief"):
            assert (await desk.get(who, "/cases", **params)).json()["items"] == [], (who, params)
            assert (await desk.get(who, "/cases/count", **params)).json()["count"] == 0


async def test_the_reporter_sees_the_own_report_and_no_more(desk):
    case, others = await desk.report("hotline", "W1"), await desk.report("client", "W1")
    for who, own, foreign in (("hotline", case, others), ("client", others, case)):
        assert (await desk.get(who, f"/cases/{own['id']}")).status_code == 200
        assert (await desk.get(who, f"/cases/{foreign['id']}")).status_code == 404
        listed = [one["id"] for one in (await desk.get(who, "/cases")).json()["items"]]
        assert own["id"] in listed
        assert foreign["id"] not in listed


@pytest.mark.parametrize(
    ("who", "status"),
    [("plumber", 200), ("west_officer", 403), ("street_unit_officer", 404), ("no_unit", 403)],
)
async def test_an_officer_keeps_the_own_units_components(desk, world, connection, who, status):
    if who == "no_unit":
        orphaned = "UPDATE component SET maintainer_unit = NULL"
        await connection.exec_driver_sql(orphaned)
        await connection.exec_driver_sql("UPDATE account SET unit = NULL WHERE username = 'west_officer'")
        who = "west_officer"
    reply = await desk.http.patch(
        f"/api/v1/components/{MANHOLE}", headers=world.headers[who], json={"state": "damaged"}
    )
    assert reply.status_code == status, reply.text


@pytest.mark.parametrize(("area", "status"), [(WEST, 201), (DISTRICT, 201), (f"{WEST}001", 404)])
async def test_a_streets_chief_is_appointed_by_who_administers_all_of_it(
    desk, world, connection, area, status
):
    await connection.exec_driver_sql(
        "UPDATE account SET areas = ARRAY[$1::text] WHERE username = 'admin'", (area,)
    )
    new = {"segment_code": "R-W", "level": "street", "deputy": 1, "name": "副街长"}
    reply = await desk.http.post("/api/v1/street-chiefs", headers=world.headers["admin"], json=new)
    assert reply.status_code == status, reply.text
    # Who answers for a part of the street sees the chief all the same.
    assert "陈街长" in (await desk.get("admin", "/street-chiefs")).text


@pytest.mark.parametrize(
    ("where", "status"),
    [
        ({"area_code": EAST}, 200),
        ({"area_code": DISTRICT}, 200),
        ({"area_code": WEST}, 404),
        ({"position": middle("E1")}, 200),
        ({"position": middle("W1")}, 404),
    ],
)
async def test_a_rulebook_is_tried_on_the_own_areas(desk, world, where, status):
    reply = await desk.http.post(
        "/api/v1/rulebooks/1/explain",
        headers=world.headers["street_dispatcher"],
        json={"condition": "E0405-1", **where},
    )
    assert reply.status_code == status, reply.text


async def test_nobody_gives_away_more_than_they_have(desk, world):
    """An administrator of 东街 reaches for the district: by an account, by a key, by the own account."""
    headers = world.headers["street_administrator"]
    person = {
        "username": "xin",
        "display_name": "新",
        "password": "正确的口令 horse",
        "roles": ["dispatcher"],
    }
    for areas in ([DISTRICT], [EAST, WEST], ["990102"]):
        made = await desk.http.post("/api/v1/accounts", headers=headers, json={**person, "areas": areas})
        key = await desk.http.post(
            "/api/v1/api-clients",
            headers=headers,
            json={"name": "x", "roles": ["integration"], "areas": areas},
        )
        own = await desk.http.patch(
            f"/api/v1/accounts/{world.ids['street_administrator']}", headers=headers, json={"areas": areas}
        )
        assert [reply.status_code for reply in (made, key, own)] == [403, 403, 403]


async def test_a_login_ends_with_the_account_and_a_key_with_its_client(desk, world):
    for who, path, ended in (
        ("wei", f"/accounts/{world.ids['wei']}", {"active": False}),
        ("client", f"/api-clients/{world.ids['client']}", None),
    ):
        assert (await desk.get(who, "/me")).status_code == 200
        await desk.http.request(
            "DELETE" if ended is None else "PATCH",
            f"/api/v1{path}",
            headers=world.headers["admin"],
            json=ended,
        )
        assert (await desk.get(who, "/me")).status_code == 401


async def test_a_role_taken_away_counts_from_the_next_request(desk, world):
    case = await desk.report("lan")
    changed = await desk.http.patch(
        f"/api/v1/accounts/{world.ids['clerk']}",
        headers=world.headers["admin"],
        json={"roles": ["evaluator"]},
    )
    assert changed.status_code == 200
    assert (await desk.try_act("clerk", case, "accept")).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."},
        {"Authorization": "Basic d2VpOng="},
        {"X-API-Key": "cg_000000000000_nonsense"},
        {"X-API-Key": "nonsense"},
        {"X-API-Key": ""},
    ],
    ids=str,
)
async def test_what_is_no_token_and_no_key_lets_nobody_in(desk, headers):
    reply = await desk.http.get("/api/v1/me", headers=headers)
    assert reply.status_code == 401
    assert reply.headers["WWW-Authenticate"] == "Bearer"


async def test_a_rulebook_of_another_district_is_not_brought_in(desk, world, scene):
    """Its administrator may, and the district's own staff do not see it then."""
    content = io.BytesIO()
    write_workbook(RULEBOOK.model_copy(update={"district_code": "990102"}), content)
    file = {"file": ("book.xlsx", content.getvalue())}
    own = await desk.http.post("/api/v1/rulebooks", headers=world.headers["admin"], files=file)
    assert own.status_code == 403
    theirs = await desk.http.post("/api/v1/rulebooks", headers=world.headers["far_administrator"], files=file)
    assert theirs.status_code == 201
    number = theirs.json()["version"]["number"]
    assert (await desk.get("admin", f"/rulebooks/{number}")).status_code == 404
    listed = [version["number"] for version in (await desk.get("admin", "/rulebooks")).json()]
    assert listed == [scene.names["number"], 1]
