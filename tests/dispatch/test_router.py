"""The rulebook over HTTP: Lanxi's administrator brings a new rulebook into force, others read it."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.dispatch import folder, service, workbook
from app.dispatch.rulebook import HandlingLimit, LimitUnit, Rulebook
from app.identity.principal import SYSTEM, Role
from app.requests import Services
from tests.dispatch.lanxi import DISTRICT, EVERYTHING, HARBOUR, QUAY_CELL, row, rulebook
from tests.identity.people import hire, login

BOOKS = "/api/v1/rulebooks"
STOP_WORK = HandlingLimit(condition="C0101-1", milestone="围护", amount=1, unit=LimitUnit.URGENT_HOUR)
FIRST = rulebook(EVERYTHING, limits=(*rulebook().limits, STOP_WORK))
SECOND = rulebook(EVERYTHING, row("STREET", "ENFORCE", category="E04", assisting=("@street_office",)))
BROKEN = rulebook(row("ALL", "GONE"))

Headers = dict[str, str]


@pytest.fixture
async def administrator(http: httpx.AsyncClient, services: Services) -> Headers:
    await hire(services, "lanxi.admin", Role.ADMINISTRATOR, areas=[DISTRICT])
    return await login(http, "lanxi.admin")


@pytest.fixture
async def inspector(http: httpx.AsyncClient, services: Services) -> Headers:
    await hire(services, "lanxi.walker", Role.INSPECTOR, areas=[HARBOUR])
    return await login(http, "lanxi.walker")


@pytest.fixture
async def in_force(services: Services) -> int:
    """FIRST, in force."""
    now = services.clock.now()
    async with services.database.transaction() as connection:
        head = await service.save_draft(connection, FIRST, by=SYSTEM.id, now=now)
        await service.activate(connection, head.number, by=SYSTEM.id, now=now)
    return head.number


def as_workbook(book: Rulebook) -> bytes:
    target = io.BytesIO()
    workbook.write_workbook(book, target)
    return target.getvalue()


def as_zip(book: Rulebook, path: Path, *, old: str = "", new: str = "") -> bytes:
    """The rulebook's folder, zipped; every `old` in its units replaced."""
    folder.write_folder(book, path)
    units = path / "units.csv"
    if old:
        units.write_text(units.read_text("utf-8").replace(old, new), "utf-8")
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for file in path.iterdir():
            archive.write(file, file.name)
    return target.getvalue()


async def upload(http: httpx.AsyncClient, who: Headers, content: bytes) -> httpx.Response:
    return await http.post(BOOKS, headers=who, files={"file": ("rulebook", content)})


async def drafted(http: httpx.AsyncClient, who: Headers, book: Rulebook) -> int:
    reply = await upload(http, who, as_workbook(book))
    assert reply.status_code == 201, reply.text
    return int(reply.json()["version"]["number"])


async def test_a_workbook_becomes_a_draft_and_then_the_rulebook_in_force(
    http: httpx.AsyncClient, administrator: Headers
) -> None:
    reply = await upload(http, administrator, as_workbook(FIRST))
    assert reply.status_code == 201
    draft = reply.json()
    assert draft["version"]["state"] == "draft"
    assert draft["report"]["ok"]
    number = draft["version"]["number"]
    assert (await http.get(f"{BOOKS}/active", headers=administrator)).status_code == 503

    activated = await http.post(f"{BOOKS}/{number}/activations", headers=administrator, json={})
    assert activated.status_code == 201
    assert activated.json()["state"] == "active"
    active = await http.get(f"{BOOKS}/active", headers=administrator)
    assert active.json()["number"] == number
    assert Rulebook.model_validate(active.json()["rulebook"]) == FIRST


async def test_a_zipped_folder_is_taken_too(
    http: httpx.AsyncClient, administrator: Headers, tmp_path: Path
) -> None:
    reply = await upload(http, administrator, as_zip(SECOND, tmp_path))
    assert reply.status_code == 201
    number = reply.json()["version"]["number"]
    stored = await http.get(f"{BOOKS}/{number}", headers=administrator)
    assert Rulebook.model_validate(stored.json()["rulebook"]) == SECOND


async def test_the_downloaded_workbook_uploaded_again_is_the_same_version(
    http: httpx.AsyncClient, administrator: Headers, in_force: int
) -> None:
    reply = await http.get(f"{BOOKS}/{in_force}/workbook", headers=administrator)
    assert f'rulebook-{DISTRICT}-{in_force}.xlsx"' in reply.headers["Content-Disposition"]
    again = await upload(http, administrator, reply.content)
    assert again.json()["version"]["number"] == in_force


async def test_files_that_hold_no_rulebook_are_refused_with_every_fault(
    http: httpx.AsyncClient, administrator: Headers, tmp_path: Path
) -> None:
    reply = await upload(http, administrator, b"not a workbook")
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_input")

    spoilt = as_zip(FIRST, tmp_path, old="department", new="bureau")
    reply = await upload(http, administrator, spoilt)
    assert (reply.status_code, reply.json()["code"]) == (422, "rulebook_refused")
    assert "units.csv, line 2, column kind" in reply.json()["fields"]
    assert (await http.get(BOOKS, headers=administrator)).json() == []


async def test_a_draft_with_errors_is_told_them_and_never_activated(
    http: httpx.AsyncClient, administrator: Headers
) -> None:
    number = await drafted(http, administrator, BROKEN)
    report = (await http.get(f"{BOOKS}/{number}/check", headers=administrator)).json()
    assert not report["ok"]
    assert {finding["where"] for finding in report["findings"]} >= {"matrix ALL"}
    reply = await http.post(f"{BOOKS}/{number}/activations", headers=administrator, json={})
    assert (reply.status_code, reply.json()["code"]) == (422, "rulebook_refused")
    assert reply.json()["findings"]


async def test_the_list_tells_which_version_holds(
    http: httpx.AsyncClient, administrator: Headers, in_force: int
) -> None:
    second = await drafted(http, administrator, SECOND)
    when = {"effective_from": "2026-03-03T00:00:00+08:00"}
    reply = await http.post(f"{BOOKS}/{second}/activations", headers=administrator, json=when)
    assert reply.status_code == 201
    listed = (await http.get(BOOKS, headers=administrator)).json()
    assert [(v["number"], v["state"]) for v in listed] == [(second, "scheduled"), (in_force, "active")]
    assert listed[0]["active_from"] == ["2026-03-02T16:00:00Z"]


@pytest.mark.parametrize(
    ("moment", "status"),
    [("2026-03-02T08:59:59+08:00", 422), ("2026-03-02T09:00:00+08:00", 409), ("2026-03-04T09:00", 422)],
    ids=["in the past", "taken", "without time zone"],
)
async def test_moments_that_cannot_be(
    http: httpx.AsyncClient, administrator: Headers, in_force: int, moment: str, status: int
) -> None:
    number = await drafted(http, administrator, SECOND)
    reply = await http.post(
        f"{BOOKS}/{number}/activations", headers=administrator, json={"effective_from": moment}
    )
    assert reply.status_code == status


async def test_what_a_draft_changes_over_the_rulebook_in_force(
    http: httpx.AsyncClient, administrator: Headers, in_force: int
) -> None:
    number = await drafted(http, administrator, SECOND)
    reply = (await http.get(f"{BOOKS}/{number}/diff", headers=administrator)).json()
    assert reply["against"] == in_force
    changed = {table["table"]: table for table in reply["tables"]}
    assert changed["matrix"]["added"] == ["STREET"]
    assert changed["limits"]["removed"] == ["C0101-1/*/围护"]
    other = await http.get(f"{BOOKS}/{in_force}/diff", headers=administrator, params={"against": number})
    assert {table["table"]: table["removed"] for table in other.json()["tables"]}["matrix"] == ["STREET"]


async def test_a_reporting_app_fetches_the_conditions_once(
    http: httpx.AsyncClient, administrator: Headers, inspector: Headers, in_force: int
) -> None:
    path = f"{BOOKS}/active/conditions"
    reply = await http.get(path, headers=inspector)
    assert [condition["code"] for condition in reply.json()] == [c.code for c in FIRST.conditions]
    first = reply.json()[0]
    assert (first["major_name"], first["minor_name"], first["closing"]) == ("公用设施", "上水井盖", "恢复")
    assert [limit["milestone"] for limit in first["limits"]] == ["", "围护"]

    kept = inspector | {"If-None-Match": reply.headers["ETag"]}
    assert (await http.get(path, headers=kept)).status_code == 304
    second = await drafted(http, administrator, SECOND)
    await http.post(
        f"{BOOKS}/{second}/activations",
        headers=administrator,
        json={"effective_from": "2026-03-02T09:00:01+08:00"},
    )
    assert (await http.get(path, headers=kept)).status_code == 304


async def test_conditions_are_narrowed_by_minor_and_kind(
    http: httpx.AsyncClient, inspector: Headers, in_force: int
) -> None:
    async def codes(**params: str) -> list[str]:
        reply = await http.get(f"{BOOKS}/active/conditions", headers=inspector, params=params)
        return [condition["code"] for condition in reply.json()]

    assert await codes(minor="C0101") == ["C0101-1", "C0101-2"]
    assert await codes(kind="event") == ["E0401-1"]
    assert await codes(minor="C0101", kind="event") == []


async def test_a_draft_is_tried_out_on_a_problem(
    http: httpx.AsyncClient, administrator: Headers, in_force: int
) -> None:
    number = await drafted(http, administrator, SECOND)
    trial: dict[str, Any] = {
        "condition": "E0401-1",
        "area_code": QUAY_CELL,
        "at": "2026-03-06T17:00:00+08:00",
    }
    reply = await http.post(f"{BOOKS}/{number}/explain", headers=administrator, json=trial)
    assert reply.status_code == 200, reply.text
    told = reply.json()
    assert (told["row"], told["lead"]["name"]) == ("STREET", "区行政执法局")
    assert [unit["code"] for unit in told["assisting"]] == ["HARBOUR"]
    assert told["losers"][0]["row"] == "ALL"
    assert told["why"]
    [deadline] = told["deadlines"]
    assert deadline["at"] == "2026-03-09T03:00:00Z"  # an hour on Friday, three on Monday morning

    before = await http.post(f"{BOOKS}/{in_force}/explain", headers=administrator, json=trial)
    assert before.json()["lead"]["code"] == "HARBOUR"


async def test_a_trial_at_a_position_asks_the_grid(
    http: httpx.AsyncClient, administrator: Headers, in_force: int
) -> None:
    position = {"x": 119.5, "y": 29.2, "datum": "wgs84"}
    trial: dict[str, Any] = {"condition": "C0101-1", "position": position}
    told = (await http.post(f"{BOOKS}/{in_force}/explain", headers=administrator, json=trial)).json()
    assert told["fallback"], "no grid is loaded, no street office known"
    assert {deadline["milestone"] for deadline in told["deadlines"]} == {"", "围护"}

    trial["component_code"] = "3307990101000001"
    reply = await http.post(f"{BOOKS}/{in_force}/explain", headers=administrator, json=trial)
    assert (reply.status_code, reply.json()["fields"]) == (422, {"component_code": "unknown"})


@pytest.mark.parametrize(
    "trial",
    [
        {"condition": "C0101-1"},
        {"condition": "C0101-1", "area_code": "33079"},
        {"condition": "C0101-9", "area_code": DISTRICT},
        {"condition": "C0101-1", "area_code": DISTRICT, "component_code": "3307990101000001"},
        {"condition": "C0101-1", "area_code": DISTRICT, "position": {"x": 119, "y": 29}},
    ],
)
async def test_trials_that_make_no_sense(
    http: httpx.AsyncClient, administrator: Headers, in_force: int, trial: dict[str, Any]
) -> None:
    reply = await http.post(f"{BOOKS}/{in_force}/explain", headers=administrator, json=trial)
    assert reply.status_code == 422


@pytest.mark.parametrize("path", ["/99", "/99/check", "/99/diff", "/99/workbook"])
async def test_a_version_that_is_not_there(
    http: httpx.AsyncClient, administrator: Headers, in_force: int, path: str
) -> None:
    assert (await http.get(BOOKS + path, headers=administrator)).status_code == 404


_ROUTES = [
    ("GET", "", "centre"),
    ("GET", "/{number}", "centre"),
    ("GET", "/{number}/check", "centre"),
    ("GET", "/{number}/diff", "centre"),
    ("GET", "/{number}/workbook", "centre"),
    ("POST", "/{number}/explain", "centre"),
    ("POST", "", "administrator"),
    ("POST", "/{number}/activations", "administrator"),
    ("GET", "/active", "everybody"),
    ("GET", "/active/conditions", "everybody"),
]


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.SYSTEM])
async def test_who_may_do_what(
    http: httpx.AsyncClient, services: Services, in_force: int, role: Role
) -> None:
    centre = {Role.INTAKE_CLERK, Role.SHIFT_LEADER, Role.DISPATCHER, Role.EVALUATOR, Role.ADMINISTRATOR}
    allowed = {
        "everybody": True,
        "centre": role in centre,
        "administrator": role is Role.ADMINISTRATOR,
    }
    unit = "ENFORCE" if role is Role.UNIT_OFFICER else None
    await hire(services, "somebody", role, areas=[DISTRICT], unit=unit)
    who = await login(http, "somebody")
    for method, path, group in _ROUTES:
        reply = await http.request(method, BOOKS + path.format(number=in_force), headers=who)
        assert (reply.status_code != 403) == allowed[group], (method, path)


async def test_nobody_unknown_gets_in(http: httpx.AsyncClient) -> None:
    for method, path, _ in _ROUTES:
        reply = await http.request(method, BOOKS + path.format(number=1))
        assert reply.status_code == 401, (method, path)
