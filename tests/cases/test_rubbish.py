"""What no client should send: a clear refusal, and nothing half-written."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from sqlalchemy import text

from tests.world import cell_code, middle

REPORT = {"position": middle("W1"), "description": "店门口堆满货物", "category": "E0405"}
INJECTION = "'; DROP TABLE case_file; -- \" \\ %s {0} ${jndi:ldap://x}"
JSON = {"Content-Type": "application/json"}


async def written(connection) -> tuple[int, ...]:
    """Rows of everything a case is written to."""
    tables = ("journal", "case_file", "case_clock", "idempotent_requests")
    counts = " , ".join(f"(SELECT count(*) FROM {table})" for table in tables)
    return tuple((await connection.execute(text(f"SELECT {counts}"))).one())


@pytest.fixture
async def post(http, world, connection):
    """Posts as `lan`, in the name of nobody else, and sees that a refusal has written nothing."""

    async def posted(path: str, **content: Any):
        before = await written(connection)
        headers = {**world.headers["lan"], "Idempotency-Key": "k", **content.pop("headers", {})}
        reply = await http.post(f"/api/v1{path}", headers=headers, **content)
        if reply.status_code >= 400:
            assert await written(connection) == before
        return reply

    return posted


def report(**changes: Any) -> dict[str, Any]:
    return {**REPORT, **changes}


def at(x: Any, y: Any, datum: Any = "cgcs2000") -> dict[str, Any]:
    return report(position={"x": x, "y": y, "datum": datum})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (report(description="井盖\x00缺失"), "description"),
        (report(address="\x00"), "address"),
        (report(category="E0405\x00"), "category"),
        (report(external_number="1\x002"), "external_number"),
        (report(source="\x00"), "source"),
        (report(description=""), "description"),
        (report(description="  \n "), "description"),
        (report(description="长" * 2001), "description"),
        (report(address="长" * 201), "address"),
        (report(external_number="1" * 65), "external_number"),
        (report(description=None), "description"),
        (report(description=["井盖"]), "description"),
        (report(description={"$ne": ""}), "description"),
        (report(description=7), "description"),
        (report(category="E9999"), "category"),
        (report(category="E04"), "category"),
        (report(category=INJECTION), "category"),
        (report(condition="E9999-1"), "condition"),
        (report(condition=INJECTION[:64]), "condition"),
        (report(condition="E0110-1"), "category"),
        (report(component_code="0000000000000000"), "component_code"),
        (report(component_code=INJECTION[:64]), "component_code"),
        (report(source="rumour"), "source"),
        (report(source=INJECTION[:64]), "source"),
        (report(colour="red"), "colour"),
        (report(reporter_id="00000000-0000-0000-0000-000000000000"), "reporter_id"),
        (report(stage="closed"), "stage"),
        (report(action="close"), "action"),
        (report(action=None), "action"),
        (report(position=None), "position"),
        (report(position=[120.0005, 30.0005]), "position"),
        (report(position={"x": 120.0005}), "position.y"),
        (report(position={**middle("W1"), "z": 3}), "position.z"),
        (at(120.0005, 30.0005, "mars"), "position.datum"),
        (at("east", 30.0005), "position.x"),
        (at("NaN", 30.0005), "position.x"),
        (at("Infinity", 30.0005), "position.x"),
        (at(120.0005, None), "position.y"),
        (at(True, 30.0005), "position.x"),
        (at("120.0005", 30.0005), "position.x"),
        (at(30.0005, 120.0005), "y"),  # swapped: no latitude is 120
        (at(200, 30), "x"),
        (at(120, -90.001), "y"),
        (at(1e308, 1e308), "x"),
        (at(1e9, 3.5e6, "web_mercator"), "x"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_a_report_with_a_wrong_field_is_refused_and_the_field_named(post, body, field):
    reply = await post("/cases", json=body)
    assert reply.status_code == 422, reply.text
    assert (reply.json()["code"], list(reply.json()["fields"])) == ("invalid_input", [field])


@pytest.mark.parametrize("datum", ["cgcs2000", "wgs84", "gcj02", "bd09"])
@pytest.mark.parametrize(
    ("x", "y"), [(0, 90), (120, 90), (120, -90), (180, 0), (-180, 0), (0, 0), (-120.0005, -30.0005)]
)
async def test_poles_and_far_places_lie_outside(post, datum, x, y):
    reply = await post("/cases", json=at(x, y, datum))
    assert reply.status_code == 422, reply.text
    problem = reply.json()
    assert (problem["code"], problem["datum"]) == ("outside_district", datum)
    assert problem["nearest_cell"].startswith("990101")
    assert 5_000_000 < problem["distance_m"] < 20_100_000


async def test_degrees_sent_as_metres_lie_outside(post):
    reply = await post("/cases", json=at(120.0005, 30.0005, "web_mercator"))
    assert reply.json()["code"] == "outside_district"


@pytest.mark.parametrize(
    "words",
    [
        "🕳️ 井盖缺失 👨‍👩‍👧",
        "\u202eright to left\u202c",
        "\ufeff\u200b零宽",
        "𠮷野家门口 \U0002a6a5",
        "e\u0301 combining, ﬁ ligature",
        "\ufffe noncharacter",
        "line\nbreak\ttab\r\n\x1b[31m escape \x7f",
        "<script>alert(1)</script> & &amp; <!--",
        INJECTION,
        "../../../etc/passwd",
        "长" * 2000,
    ],
    ids=lambda words: ascii(words)[:20],
)
async def test_odd_words_are_kept_as_they_are(post, desk, words):
    reply = await post("/cases", json=report(description=words, address=words[:200].strip()))
    assert reply.status_code == 201, reply.text
    case = reply.json()["case"]
    assert case["description"] == words.strip()
    for path in ("", "/journal", "/explanation", "/duplicates"):
        assert (await desk.get("clerk", f"/cases/{case['id']}{path}")).status_code == 200
    longest = max(re.findall(r"[^\s\x00-\x1f]+", words), key=len)
    found = (await desk.get("clerk", "/cases", q=longest[:50])).json()["items"]
    assert [one["id"] for one in found] == [case["id"]]


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"", JSON, 422, "invalid_input"),
        (b"{", JSON, 422, "invalid_input"),
        (b"[]", JSON, 422, "invalid_input"),
        (b"null", JSON, 422, "invalid_input"),
        (b'"report"', JSON, 422, "invalid_input"),
        (json.dumps(at(float("nan"), 30)).encode(), JSON, 400, "unreadable"),
        (json.dumps(at(120, float("-inf"))).encode(), JSON, 400, "unreadable"),
        (b'{"position": {"x": 1e999, "y": 30}, "description": "x"}', JSON, 400, "unreadable"),
        (b'{"description": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", JSON, 400, "unreadable"),
        (b'{"description": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}", JSON, 400, "unreadable"),
        (b'{"description": "\xff\xfe"}', JSON, 400, "unreadable"),
        (json.dumps(report(description="\ud800")).encode(), JSON, 400, "unreadable"),
        (b'{"description": "' + b"x" * 10_000_000 + b'"}', JSON, 413, "too_large"),
        (json.dumps(REPORT).encode(), {"Content-Type": "text/plain"}, 422, "invalid_input"),
        (json.dumps(REPORT).encode(), {"Content-Type": "application/xml"}, 422, "invalid_input"),
        (b"description=x", {"Content-Type": "application/x-www-form-urlencoded"}, 422, "invalid_input"),
        (b"--x\r\n", {"Content-Type": "multipart/form-data; boundary=x"}, 422, "invalid_input"),
    ],
    ids=range(17),
)
async def test_a_body_that_is_no_report_is_refused(post, content, headers, status, code):
    reply = await post("/cases", content=content, headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (status, code), reply.text[:500]
    assert len(reply.content) < 2000


# -- actions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"action": "fly"},
        {"action": None},
        {"action": ["accept"]},
        {"action": "ACCEPT"},
        {"action": INJECTION},
        {"action": "report", **REPORT},
        {"action": "absorb", "duplicate": "00000000-0000-0000-0000-000000000000", "number": "1"},
        {"action": "record_overrun", "found_at": "2026-03-02T01:00:00Z"},
        {"action": "accept", "stage": "closed"},
        {"action": "accept", "note": "\x00"},
        {"action": "accept", "note": "x" * 2001},
        {"action": "merge"},
        {"action": "merge", "into": "not an id"},
        {"action": "merge", "into": "00000000-0000-0000-0000-000000000000"},
        {"action": "refuse", "reason": "because"},
        {"action": "refuse", "reason": INJECTION},
        {"action": "refuse", "reason": ""},
        {"action": "note", "text": ""},
        {"action": "note", "text": " "},
    ],
    ids=str,
)
async def test_an_action_with_wrong_content_is_refused(desk, connection, body):
    case = await desk.report("lan")
    before = await written(connection)
    reply = await desk.http.post(
        f"/api/v1/cases/{case['id']}/actions",
        headers={**desk.world.headers["clerk"], "If-Match": '"1"', "Idempotency-Key": "k"},
        json=body,
    )
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_input"), reply.text
    assert await written(connection) == before


FAR_YEARS = [
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-14:00",
    "10000-01-01T00:00:00Z",
    "-0001-01-01T00:00:00Z",
    "2026-03-03T09:00:00",  # no zone
    "2026-02-30T09:00:00Z",
    "tomorrow",
    "",
    1e300,
]


@pytest.mark.parametrize("until", FAR_YEARS)
async def test_no_suspension_ends_in_another_age(desk, connection, until):
    case = await desk.handling()
    before = await written(connection)
    body = {"reason": "engineering", "until": until}
    reply = await desk.try_act("west_officer", case, "request_suspension", **body)
    (field,) = reply.json()["fields"]
    assert (reply.status_code, field.split(".")[-1]) == (422, "until")
    assert await written(connection) == before


@pytest.mark.parametrize("due", FAR_YEARS)
async def test_no_reply_is_due_in_another_age(desk, connection, due):
    case = await desk.handling()
    before = await written(connection)
    reply = await desk.try_act(
        "evaluator", case, "supervise", level="urgent", text="今日回复", reply_due_at=due
    )
    assert reply.status_code == 422, reply.text
    assert await written(connection) == before


# -- readings --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reference",
    [
        "nothing",
        "990101-20260302-9999999",
        "%00",
        "%27%20OR%201=1",
        "..%2F..",
        "x" * 3000,
        "%F0%9F%95%B3",
        "%ff",
    ],
    ids=lambda reference: reference[:20],
)
async def test_what_names_no_case_is_not_found(desk, reference):
    for path in ("", "/journal", "/explanation", "/duplicates"):
        reply = await desk.get("clerk", f"/cases/{reference}{path}")
        assert reply.status_code in (404, 422), reply.text


@pytest.mark.parametrize(
    "params",
    [
        {"limit": 0}, {"limit": 201}, {"limit": "many"}, {"cursor": "rubbish"}, {"cursor": "WyJhIl0"},
        {"cursor": "x" * 1001}, {"sort": "random"}, {"stage": "lost"}, {"lamp": "blue"}, {"area": "west"},
        {"area": "9901%"}, {"unit": "\x00"}, {"q": "\x00\x00"}, {"q": "x"}, {"q": "长" * 51},
        {"bbox": "1,2,3"}, {"bbox": "nan,nan,nan,nan"}, {"bbox": "10,10,5,5"}, {"bbox": "-inf,0,inf,1"},
        {"since": "yesterday"}, {"since": "2026-03-02T09:00:00"}, {"colour": "red"},
        {"source": ["x"] * 21},
    ],
    ids=str,
)  # fmt: skip
async def test_a_list_is_asked_for_in_its_own_words(desk, params: dict[str, Any]):
    reply = await desk.get("clerk", "/cases", **params)
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_input"), reply.text
    paging = {"limit", "cursor", "sort"}
    if not paging & params.keys():
        assert (await desk.get("clerk", "/cases/count", **params)).status_code == 422


@pytest.mark.parametrize("words", ["%%", "__", "'' OR", "\\\\", "a&b|!c", "('x'", "*:*", "店_口", "店%"])
async def test_words_searched_for_are_only_words(desk, words):
    await desk.report("lan")
    reply = await desk.get("clerk", "/cases", q=words)
    assert (reply.status_code, reply.json()["items"]) == (200, [])


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/cases", {"since": "0001-01-01T00:00:00+14:00", "until": "9999-12-31T23:59:59-14:00"}),
        ("/cases/count", {"since": "0001-01-01T00:00:00Z", "until": "9999-12-31T23:59:59Z"}),
        ("/cases/figures", {"since": "0001-01-01T00:00:00+14:00", "until": "9999-12-31T23:59:59-14:00"}),
        ("/areas", {"at": "9999-12-31T23:59:59-14:00"}),
        ("/street-chiefs", {"at": "0001-01-01T00:00:00+14:00"}),
        ("/duty", {"at": "9999-12-31T23:59:59-14:00"}),
        (f"/areas/{cell_code('W1')}", {"at": "0001-01-01T00:00:00+14:00"}),
        ("/places", {"x": 120.0005, "y": 30.0005, "at": "9999-12-31T23:59:59-14:00"}),
        ("/places", {"x": 120.0005, "y": 90, "datum": "gcj02"}),
        ("/places", {"x": "nan", "y": "inf"}),
    ],
)
async def test_far_ages_and_places_are_answered_or_refused(desk, path, params):
    assert (await desk.get("clerk", path, **params)).status_code in (200, 404, 422)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_no_moment_is_stored_that_could_not_be_read_again(desk, moment):
    """Beyond the calendar's ends in UTC: the row would fail whoever reads the list it stands in."""
    (chief,) = (await desk.get("admin", "/street-chiefs")).json()["items"]
    term = {"segment_code": "R-E", "level": "street", "deputy": 0, "name": "王街长"}
    requests = (
        ("PATCH", f"/street-chiefs/{chief['id']}", {"valid_to": moment}),
        ("POST", "/street-chiefs", {**term, "valid_from": moment}),
        ("POST", "/street-chiefs", {**term, "valid_to": moment}),
        ("POST", "/rulebooks/1/activations", {"effective_from": moment}),
        ("POST", "/rulebooks/1/explain", {"condition": "E0405-1", "area_code": "990101", "at": moment}),
    )
    for method, path, body in requests:
        reply = await desk.http.request(
            method, f"/api/v1{path}", headers=desk.world.headers["admin"], json=body
        )
        assert (reply.status_code, reply.json()["code"]) == (422, "invalid_input"), path
    assert (await desk.get("admin", "/street-chiefs")).json()["items"] == [chief]
    assert (await desk.get("admin", "/rulebooks")).status_code == 200


@pytest.mark.parametrize("year", ["0002", "1900", "9998"])
async def test_a_trial_outside_the_calendar_says_so(desk, year):
    reply = await desk.http.post(
        "/api/v1/rulebooks/1/explain",
        headers=desk.world.headers["admin"],
        json={"condition": "E0405-1", "area_code": "990101001", "at": f"{year}-06-01T00:00:00Z"},
    )
    assert (reply.status_code, reply.json()["fields"]) == (422, {"at": "outside the calendar"})
