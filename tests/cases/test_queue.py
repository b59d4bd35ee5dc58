"""待办列表 held against a plain computation over the same cases: filters, scope, order, paging, figures."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from app.cases import queue
from app.cases.case import Case, Lamp
from app.cases.workflow import ENDS
from app.db import new_id
from app.identity.principal import CENTRE_ROLES, Role
from tests.cases.desk import put
from tests.cases.drawn import MINORS, NOW, cases, populated, shared_url
from tests.world import DISTRICT, EAST, PEOPLE, WEST, World, cell_code

__all__ = ["cases", "populated", "shared_url"]

BELOW = {"enforcement": {"enforcement", "enforcement_west", "enforcement_east"}}

# -- what a list should hold, said once more in plain words -----------------------------------------------

Filter = Callable[[Case], bool]


def _has(word: str) -> Filter:
    return lambda c: any(word.lower() in field.lower() for field in (c.description, c.address))


def _of(*units: str) -> Filter:
    return lambda c: c.lead_unit in units or not set(units).isdisjoint(c.assisting_units)


FILTERS: list[tuple[dict[str, Any], Filter]] = [
    ({"stage": "handling"}, lambda c: c.stage == "handling"),
    ({"stage": ["handling", "closed"]}, lambda c: c.stage in ("handling", "closed")),
    ({"unit": "sanitation"}, _of("sanitation")),
    ({"unit": "enforcement"}, _of("enforcement", "enforcement_west", "enforcement_east")),
    ({"unit": "enforcement_west"}, _of("enforcement_west")),
    ({"area": WEST}, lambda c: c.area_code.startswith(WEST)),
    ({"area": f"{EAST}001"}, lambda c: c.area_code.startswith(f"{EAST}001")),
    ({"area": cell_code("W1")}, lambda c: c.area_code == cell_code("W1")),
    ({"category": "component"}, lambda c: c.category == "C0102"),
    ({"category": "event"}, lambda c: c.category is not None and c.category.startswith("E")),
    ({"category": "E01"}, lambda c: MINORS.get(c.category or "") == "E01"),
    ({"category": "E0110"}, lambda c: c.category == "E0110"),
    ({"condition": "E0110-1"}, lambda c: c.condition == "E0110-1"),
    *(({"lamp": lamp.value}, lambda c, lamp=lamp: c.lamp(NOW) is lamp) for lamp in Lamp),
    ({"source": "hotline"}, lambda c: c.source == "hotline"),
    ({"since": "2026-02-25T09:00:00+08:00"}, lambda c: c.reported_at >= datetime(2026, 2, 25, 1, tzinfo=UTC)),
    ({"until": "2026-02-25T09:00:00+08:00"}, lambda c: c.reported_at < datetime(2026, 2, 25, 1, tzinfo=UTC)),
    # Along the cells' borders, where no case lies: a box is taken to a metre.
    ({"bbox": "120.001,30.0,120.003,30.001"}, lambda c: c.area_code in (cell_code("W2"), cell_code("E1"))),
    ({"q": "井盖"}, _has("井盖")),
    ({"q": "菜市场"}, _has("菜市场")),
    ({"q": "中心路 12"}, lambda c: _has("中心路")(c) and _has("12")(c)),
    ({"q": "CAFÉ"}, _has("café")),
    ({"q": "井盖 西街"}, lambda c: _has("井盖")(c) and _has("西街")(c)),
    ({"q": "100%"}, _has("100%")),
    ({"q": "%_"}, _has("%_")),
    ({"q": "满意\\"}, _has("满意\\")),
    ({"listed": True}, lambda c: c.listed),
    ({"listed": False}, lambda c: not c.listed),
    ({"overdue": True}, lambda c: c.overdue is True),
    ({"overdue": False}, lambda c: c.overdue is False),
    ({"pending": True}, lambda c: c.pending is not None),
    ({"pending": False}, lambda c: c.pending is None),
]  # fmt: skip


def _sees(world: World, who: str, case: Case) -> bool:
    person, own = PEOPLE[who], world.ids[who]
    if own in (case.reporter_id, case.inspector_id):
        return True
    if not case.area_code.startswith(person.areas):
        return False
    roles = set(person.roles)
    return (
        bool(roles & {*CENTRE_ROLES, Role.INSPECTOR})
        or (Role.UNIT_OFFICER in roles and _of(*BELOW.get(person.unit or "", {person.unit or ""}))(case))
        or (Role.STREET_CHIEF in roles and case.chief_account == who)
    )


def _in_order(cases: list[Case], sort: str) -> list[str]:
    if sort == "due":
        ordered = sorted(cases, key=lambda c: (c.due_at is None, c.due_at or NOW, c.id))
    else:
        ordered = sorted(cases, key=lambda c: (c.reported_at, c.id), reverse=sort == "newest")
    return [str(case.id) for case in ordered]


async def _listed(desk, who: str, **params: Any) -> list[str]:
    """The ids of the whole list, page by page."""
    ids, cursor = [], None
    while True:
        reply = await desk.get(who, "/cases", **params, **({"cursor": cursor} if cursor else {}))
        assert reply.status_code == 200, reply.text
        page = reply.json()
        ids += [case["id"] for case in page["items"]]
        assert len(page["items"]) <= params.get("limit", 50)
        if (cursor := page["next_cursor"]) is None:
            return ids
        assert len(page["items"]) == params.get("limit", 50)


# -- the stories ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("params", "passes"), FILTERS, ids=[str(params) for params, _ in FILTERS])
async def test_each_filter(desk, cases, params, passes):
    expected = [case for case in cases if passes(case)]
    assert 0 < len(expected) < len(cases)
    assert await _listed(desk, "leader", limit=200, **params) == _in_order(expected, "due")
    counted = (await desk.get("leader", "/cases/count", **params)).json()
    assert counted == {"count": len(expected), "capped": False}


async def test_any_filters_scope_sort_and_page_size_together(desk, cases, world):
    lot = Random(7)
    found = 0
    for _ in range(120):
        drawn = lot.sample(FILTERS, lot.choice([0, 1, 2, 2, 3]))
        chosen = {key: (value, passes) for params, passes in drawn for key, value in params.items()}
        params = {key: value for key, (value, _) in chosen.items()}
        who, sort = lot.choice(list(PEOPLE)), lot.choice(list(queue.Sort)).value
        expected = [
            case for case in cases
            if _sees(world, who, case) and all(passes(case) for _, passes in chosen.values())
        ]  # fmt: skip
        limit = lot.choice([1, 7, 50, 200]) if len(expected) < 20 else lot.choice([7, 50, 200])
        assert await _listed(desk, who, sort=sort, limit=limit, **params) == _in_order(expected, sort)
        counted = (await desk.get(who, "/cases/count", **params)).json()["count"]
        assert counted == len(expected), (who, params)
        found += bool(expected)
    assert found > 60  # most of the draws were about something


@pytest.mark.parametrize("who", PEOPLE)
async def test_everybody_sees_what_is_theirs(desk, cases, world, who):
    expected = [case for case in cases if _sees(world, who, case)]
    assert await _listed(desk, who, limit=200) == _in_order(expected, "due")
    for case in cases[:30]:
        status = (await desk.get(who, f"/cases/{case.number}")).status_code
        assert status == (200 if _sees(world, who, case) else 404)
    mine = [case for case in cases if case.reporter_id == world.ids[who]]
    assert await _listed(desk, who, mine=True) == _in_order(mine, "due")


async def test_scope_in_so_many_words(desk, cases, world):
    """The same as above without the oracle's help, for the cases that matter."""
    ids = {who: set(await _listed(desk, who, limit=200)) for who in PEOPLE}
    assert ids["leader"] == ids["admin"] == {str(case.id) for case in cases}
    assert ids["hotline"] == {str(case.id) for case in cases if case.source == "hotline"}
    for case in cases:
        assert (str(case.id) in ids["east_dispatcher"]) == case.area_code.startswith(EAST)
    led_below = {str(case.id) for case in cases if case.lead_unit == "enforcement_west"}
    assert led_below
    assert led_below <= ids["enforcer"]
    assisted = {str(case.id) for case in cases if "sanitation" in case.assisting_units}
    assert assisted - {str(case.id) for case in cases if case.lead_unit == "sanitation"}
    assert assisted <= ids["sweeper"]
    assert ids["west_officer"] != ids["east_officer"]


@pytest.mark.parametrize("sort", list(queue.Sort))
async def test_paging_while_cases_arrive(desk, cases, connection, sort):
    """Nothing that was there is skipped or shown twice, and each page is in order."""
    lot = Random(11)
    known = {str(case.id) for case in cases}
    shown: list[str] = []
    cursor = None
    while True:
        page = (await desk.get("leader", "/cases", sort=sort.value, limit=9,
                               **({"cursor": cursor} if cursor else {}))).json()  # fmt: skip
        shown += [case["id"] for case in page["items"]]
        arrived = lot.choice(cases).model_copy(
            update={"id": new_id(), "number": f"{DISTRICT}-20260302-{9_000_000 + len(shown)}"}
        )
        await put(connection, arrived)
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(set(shown)) == len(shown)
    assert [case for case in shown if case in known] == _in_order(cases, sort)


async def test_the_tasks_of_an_inspector(desk, cases, world):
    for who in ("wei", "lan", "dong"):
        tasks = (await desk.get(who, "/tasks")).json()
        expected = [case for case in cases if case.inspector_id == world.ids[who]]
        assert [task["id"] for task in tasks] == _in_order(expected, "due")
    assert (await desk.get("leader", "/tasks")).json() == []


async def test_what_a_list_shows(desk, cases):
    by_id = {str(case.id): case for case in cases}
    shown = (await desk.get("leader", "/cases", limit=200)).json()["items"]
    for item in shown:
        case = by_id[item["id"]]
        lamp = case.lamp(NOW)
        assert item["lamp"] == (lamp.value if lamp else None)
        assert (item["number"], item["description"], item["stage"]) == (
            case.number,
            case.description,
            case.stage,
        )
        assert (item["category_name"] is None) == (case.category is None)


@pytest.mark.parametrize("reference", ["{number}", "{serial}"])
async def test_a_case_is_found_by_its_number_and_by_its_serial(desk, cases, reference):
    wanted = cases[42]
    words = reference.format(number=wanted.number, serial=wanted.number.rsplit("-", 1)[1])
    assert await _listed(desk, "leader", q=words) == [str(wanted.id)]
    assert await _listed(desk, "leader", q=f"{words} {wanted.description[:2]}") == [str(wanted.id)]
    assert await _listed(desk, "leader", q=f"{words} 没有这样的话") == []


@pytest.mark.parametrize(
    ("params", "where"),
    [
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "W10"}, "cursor"),  # []
        ({"cursor": "é"}, "cursor"),
        ({"bbox": "1,2,3"}, "bbox"),
        ({"bbox": "120.1,30,120,31"}, "bbox"),
        ({"bbox": "120,30,nan,31"}, "bbox"),
        ({"bbox": "120,30,121,91"}, "bbox"),
        ({"bbox": "a,b,c,d"}, "bbox"),
        ({"colour": "red"}, "colour"),
        ({"stage": "lost"}, "stage"),
        ({"lamp": "blue"}, "lamp"),
        ({"sort": "random"}, "sort"),
        ({"area": "99010"}, "area"),
        ({"area": "99010x"}, "area"),
        ({"since": "2026-03-02"}, "since"),
        ({"since": "2026-03-02T00:00:00"}, "since"),
        ({"limit": 0}, "limit"),
        ({"limit": 201}, "limit"),
        ({"q": "井"}, "q"),
        ({"q": "井盖 坏"}, "q"),
        ({"q": "   "}, "q"),
        ({"q": "井" * 51}, "q"),
        ({"q": "井盖\x00"}, "q"),
        ({"unit": "x" * 65}, "unit"),
    ],
)
async def test_a_query_that_cannot_be_meant_is_refused(desk, params, where):
    reply = await desk.get("leader", "/cases", **params)
    assert reply.status_code == 422, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    assert where in reply.text


async def test_a_cursor_belongs_to_its_order(desk, cases):
    cursor = (await desk.get("leader", "/cases", sort="due", limit=5)).json()["next_cursor"]
    other = await desk.get("leader", "/cases", sort="newest", limit=5, cursor=cursor)
    assert (other.status_code, "cursor" in other.text) == (422, True)


@pytest.mark.parametrize(
    "params", [{"unit": "nobody"}, {"category": "X99"}, {"condition": "X"}, {"area": "110101"}]
)
async def test_what_nobody_has_is_an_empty_list(desk, cases, params):
    assert await _listed(desk, "leader", **params) == []
    assert (await desk.get("leader", "/cases/count", **params)).json() == {"count": 0, "capped": False}


async def test_counting_stops_at_a_cap(desk, cases, monkeypatch):
    monkeypatch.setattr(queue, "COUNT_CAP", 20)
    assert (await desk.get("leader", "/cases/count")).json() == {"count": 20, "capped": True}
    few = sum(case.stage == "handling" for case in cases)
    handling = (await desk.get("leader", "/cases/count", stage="handling")).json()
    assert handling == {"count": few, "capped": False}


@pytest.mark.parametrize("who", ["leader", "east_dispatcher", "enforcer", "hotline"])
@pytest.mark.parametrize("hours", [(None, None), (100, 50), (0, -1)])
async def test_figures_are_those_of_a_hand_count(desk, cases, world, who, hours):
    since, until = (NOW - timedelta(hours=h) if h is not None else None for h in hours)
    params = {k: v.isoformat() for k, v in (("since", since), ("until", until)) if v}
    counted = (await desk.get(who, "/cases/figures", **params)).json()
    chosen = [
        case for case in cases
        if _sees(world, who, case) and (not since or case.reported_at >= since)
        and (not until or case.reported_at < until)
    ]  # fmt: skip
    judged = [case for case in chosen if case.overdue is not None and not case.exempt]
    on_time = [case for case in judged if not case.overdue]
    assert counted == {
        "reported": len(chosen),
        "filed": sum(case.filed_at is not None for case in chosen),
        "open": sum(case.stage not in ENDS for case in chosen),
        "closed": sum(case.stage == "closed" for case in chosen),
        "refused": sum(case.stage == "refused" for case in chosen),
        "voided": sum(case.stage == "voided" for case in chosen),
        "merged": sum(case.stage == "merged" for case in chosen),
        "self_handled": sum(case.self_handled for case in chosen),
        "judged": len(judged),
        "on_time": len(on_time),
        "on_time_rate": len(on_time) / len(judged) if judged else None,
        "declines": sum(case.declines for case in chosen),
        "extensions": sum(case.extensions for case in chosen),
        "suspensions": sum(case.suspensions for case in chosen),
        "reworks": sum(case.reworks for case in chosen),
        "listed": sum(case.listed for case in chosen),
    }
