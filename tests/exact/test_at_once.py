"""At once, on many real connections: who wins, who is told what, and that nothing is ever half of each."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app import worker
from app.cases import journal
from app.dispatch import service as rulebooks
from app.grid.findings import TopologyReport
from app.grid.importing import store
from app.grid.layers import Layers
from app.grid.loading import load
from app.grid.manifest import read_manifest
from app.grid.topology import check
from app.main import create_app
from app.settings import PoolSettings
from tests.cases.desk import Desk
from tests.city import city_settings, client_of, copied
from tests.conftest import admin
from tests.exact import truth
from tests.exact.books import BOOKS, PATIENT, STRICT, lead_by_hand, limits_by_hand
from tests.grid.town import DISTRICT as TOWN
from tests.grid.town import clean_town, square
from tests.world import DISTRICT, FOUNDED, MANHOLE, cell_code, clock_at, middle

pytestmark = pytest.mark.cloned

CONNECTIONS = 24


@pytest.fixture
async def desk(cluster, founded, tmp_path) -> AsyncIterator[Desk]:
    """A desk in a city of its own, with a connection for everybody. In the end all is as the journal says."""
    name, world = founded
    clone = copied(cluster, name)
    made = city_settings(cluster.database_url(clone), tmp_path)
    app = create_app(made.model_copy(update={"pool": PoolSettings(size=CONNECTIONS)}), clock=clock_at())
    async with app.router.lifespan_context(app), client_of(app) as http:
        yield Desk(http, app.state.services, world)
        told = await truth.whole(app.state.services.database)
        for one in told.values():
            truth.check(one)
        async with app.state.services.database.transaction() as connection:
            assert (await journal.verify(connection)).flaws == ()
    admin(cluster, f"DROP DATABASE {clone} WITH (FORCE)")


async def versions_of(desk: Desk, case: dict[str, Any]) -> list[str]:
    """The actions of a case's journal."""
    return [entry["action"] for entry in (await desk.get("leader", f"/cases/{case['id']}/journal")).json()]


# -- two operators, one case -----------------------------------------------------------------------------


async def test_of_many_operators_at_once_one_wins_every_time(desk):
    for _ in range(12):
        case, other = await desk.report("lan"), await desk.report("lan", "W2")
        replies = await asyncio.gather(
            desk.try_act("clerk", case, "accept"),
            desk.try_act("leader", case, "refuse", reason="not_found"),
            desk.try_act("second_leader", case, "request_verification"),
            desk.try_act("leader", case, "merge", into=other["id"]),
            desk.try_act("clerk", case, "request_voiding", reason="filed_in_error"),
            *(
                desk.try_act(who, case, "note", text="看到了")
                for who in ("lan", "wei", "dispatcher", "evaluator")
            ),
        )
        assert sorted(reply.status_code for reply in replies) == [200] + [412] * 8
        (won,) = (reply.json() for reply in replies if reply.status_code == 200)
        now = {"version": 2, "stage": won["stage"]}
        assert all(reply.json()["current"] == now for reply in replies if reply.status_code == 412)
        assert len(await versions_of(desk, case)) == 2


async def test_who_lost_looks_again_and_nothing_is_lost(desk):
    case = await desk.report("lan")

    async def notes(who: str) -> None:
        """As a client does: look, try, and look again when somebody was quicker."""
        while True:
            seen = (await desk.get(who, f"/cases/{case['id']}")).json()
            reply = await desk.try_act(who, seen, "note", text=f"{who} 已阅")
            if reply.status_code == 200:
                return
            assert reply.status_code == 412, reply.text

    async with asyncio.timeout(60):
        await asyncio.gather(*(notes(who) for who in ("lan", "wei", "clerk", "leader", "dispatcher") * 4))
    assert await versions_of(desk, case) == ["report"] + ["note"] * 20


# -- one key, twenty connections ---------------------------------------------------------------------------


async def test_one_key_from_twenty_connections_is_one_case_and_one_answer(desk):
    for cell in ("W1", "E2", "W3"):
        headers = {**desk.world.headers["lan"], "Idempotency-Key": f"phone-{cell}"}
        report = {"position": middle(cell), "description": "店门口堆满货物", "category": "E0405"}
        replies = await asyncio.gather(
            *(desk.http.post("/api/v1/cases", headers=headers, json=report) for _ in range(20))
        )
        assert {reply.status_code for reply in replies} == {201}
        first = replies[0]
        assert all(reply.json() == first.json() for reply in replies)
        assert all(reply.headers["ETag"] == first.headers["ETag"] for reply in replies)
        assert ["Idempotency-Replayed" in reply.headers for reply in replies].count(False) == 1
        case = first.json()["case"]
        acts = {**desk.world.headers["clerk"], "Idempotency-Key": f"desk-{cell}", "If-Match": '"1"'}
        path = f"/api/v1/cases/{case['id']}/actions"
        replies = await asyncio.gather(
            *(desk.http.post(path, headers=acts, json={"action": "accept"}) for _ in range(20))
        )
        assert {reply.status_code for reply in replies} == {200}
        assert all(reply.json() == replies[0].json() for reply in replies)
        assert await versions_of(desk, case) == ["report", "accept"]
    told = await truth.whole(desk.services.database)
    assert len(told) == 3


async def test_of_two_requests_under_one_key_at_once_one_is_a_conflict(desk):
    for round_ in range(8):
        headers = {**desk.world.headers["lan"], "Idempotency-Key": f"phone-{round_}"}
        bodies = [
            {"position": middle(cell), "description": "占道", "category": "E0405"}
            for cell in ("W1", "E1")
            for _ in range(5)
        ]
        replies = await asyncio.gather(
            *(desk.http.post("/api/v1/cases", headers=headers, json=body) for body in bodies)
        )
        assert sorted(reply.status_code for reply in replies) == [201] * 5 + [409] * 5
        assert len({reply.json()["case"]["id"] for reply in replies if reply.status_code == 201}) == 1


# -- other rules while cases are filed and dispatched ------------------------------------------------------


async def test_each_case_is_judged_by_one_rulebook_while_others_come_into_force(desk):
    numbers, ids = {}, {}
    async with desk.services.database.transaction() as connection:
        for book, content in BOOKS.items():
            head = await rulebooks.save_draft(connection, content, by=UUID(int=0), now=FOUNDED)
            numbers[book], ids[str(head.id)] = head.number, book
    await activate(desk, numbers[PATIENT])
    cases = [await desk.report("lan", cell) for cell in ("W1", "E2") * 10]
    for case in cases:
        await desk.act("clerk", case, "request_verification")
        await desk.act(case["inspector_name"], case, "verify", exists=True)
    over = asyncio.Event()

    async def rules_change() -> None:
        for book in itertools.cycle((STRICT, PATIENT)):
            if over.is_set():
                return
            await activate(desk, numbers[book])
            await asyncio.sleep(0.03)

    async def files_and_dispatches(case: dict[str, Any], condition: str) -> None:
        # Who files is one of the things that differ: whoever may at the moment.
        for who in itertools.cycle(("leader", "clerk")):
            reply = await desk.try_act(who, case, "file", condition=condition)
            if reply.status_code == 200:
                break
            assert reply.status_code == 403, reply.text
        reply = await desk.try_act("dispatcher", reply.json(), "dispatch")
        assert reply.status_code == 200, reply.text

    async def work() -> None:
        some = itertools.cycle(("E0405-1", "E0110-1", "E0101-1", "C0102-1"))
        queue = [(case, next(some)) for case in cases]
        for start in range(0, len(queue), 4):
            await asyncio.gather(*(files_and_dispatches(*one) for one in queue[start : start + 4]))
        over.set()

    async with asyncio.timeout(120):
        await asyncio.gather(rules_change(), work())
    told = await truth.whole(desk.services.database)
    judged_by = set()
    for case in told.values():
        row, book = case.case, ids[case.case["rulebook_id"]]
        judged_by.add(book)
        street = row["area_code"][:9]
        lead, assisting = lead_by_hand(book, row["condition"], street, row["component_owner"])
        assert (row["lead_unit"], tuple(row["assisting_units"])) == (lead, assisting)
        limits = limits_by_hand(book, row["condition"], row["area_class"])
        handling = [c for c in case.clocks if c["kind"] in ("handling", "milestone")]
        assert {c["name"]: (c["amount"], c["limit_unit"]) for c in handling} == limits
        (filed,) = (entry for entry in case.journal if entry["action"] == "file")
        assert filed["actor_name"] == ("leader" if book == PATIENT else "clerk")
        explained = (await desk.get("leader", f"/cases/{row['id']}/explanation")).json()
        assert (explained["rulebook"], explained["rulebook_id"]) == (BOOKS[book].name, row["rulebook_id"])
        assert (explained["decision"]["lead"], explained["decision"]["row"]) == (lead, row["matrix_row"])
        assert row["matrix_row"] in {matrix_row.code for matrix_row in BOOKS[book].matrix}
    assert judged_by == {PATIENT, STRICT}, "the rules never changed while cases were filed"


async def activate(desk: Desk, number: int) -> None:
    desk.later(minutes=1)
    reply = await desk.http.post(
        f"/api/v1/rulebooks/{number}/activations", headers=desk.world.headers["admin"], json={}
    )
    assert reply.status_code == 201, reply.text


# -- another map while problems are reported ---------------------------------------------------------------


async def test_a_report_sees_the_map_wholly_before_or_wholly_after_an_import(desk, tmp_path):
    """Each import moves the border under the reporter's feet and changes the class, the chief, and the owner
    of the component beside it."""
    of_the_map = ("area_code", "area_class", "chief_name", "component_owner")
    between = {"x": 120.0011, "y": 30.0005, "datum": "cgcs2000"}
    before = (cell_code("W2"), "A", "陈街长", "water")
    after = (cell_code("W1"), "B", "王街长", "sanitation")
    maps = [drawn(tmp_path / "before", moved=False), drawn(tmp_path / "after", moved=True)]
    seen: list[tuple[Any, ...]] = []
    over = asyncio.Event()

    async def imports() -> None:
        for layers, report in maps * 4:
            now = desk.later(days=1)
            async with desk.services.database.transaction() as connection:
                await store(connection, layers, report, manifest_name="town.toml", now=now)
        over.set()

    async def reports() -> None:
        while not over.is_set():
            reply = await desk.try_report("lan", position=between, component_code=MANHOLE)
            assert reply.status_code == 201, reply.text
            case = reply.json()["case"]
            seen.append(tuple(case[name] for name in of_the_map))

    async with desk.services.database.transaction() as connection:
        layers, report = maps[0]
        await store(connection, layers, report, manifest_name="town.toml", now=desk.later(days=1))
    async with asyncio.timeout(120):
        await asyncio.gather(imports(), *(reports() for _ in range(4)))
    assert set(seen) == {before, after}


def drawn(folder: Path, *, moved: bool) -> tuple[Layers, TopologyReport]:
    """The town's map files, which are those of the small city but for the district's code."""
    town = clean_town()
    town.chiefs[0]["name"] = "王街长" if moved else "陈街长"
    town.layers["components"][0].fields["owner_unit"] = "sanitation" if moved else "water"
    if moved:
        west, east = town.layers["cells"][:2]
        west.shape, east.shape = square(0, 0, 1.2), square(1.2, 0, 0.8)
        west.fields["area_class"] = east.fields["area_class"] = "B"
    town.write(folder)
    for file in folder.iterdir():
        file.write_text(file.read_text().replace(TOWN, DISTRICT))
    manifest = read_manifest(folder / "town.toml")
    layers = load(manifest)
    return layers, check(layers, manifest.tolerance)


# -- the worker beside everybody else -----------------------------------------------------------------------


async def test_the_worker_beside_people_at_the_same_cases(desk):
    """Each overrun is recorded once and each suspension ends once, whoever was quicker."""
    late = [await desk.report("lan", cell) for cell in ("W1", "W2", "E1", "E2", "W3", "W4")]
    away = [await desk.handling(cell) for cell in ("W1", "W2", "E1", "E2")]
    until = (desk.clock.now() + timedelta(hours=1)).isoformat()
    for case in away:
        officer = desk.officer(case)
        await desk.act(officer, case, "request_suspension", reason="engineering", until=until)
        await desk.act("dispatcher", case, "approve_suspension")
    desk.later(hours=1, minutes=1)

    async def people(case: dict[str, Any], who: str, action: str) -> int:
        return (await desk.try_act(who, case, action)).status_code

    async with asyncio.timeout(60):
        *answers, _, _, _ = await asyncio.gather(
            *(people(case, "clerk", "accept") for case in late),
            *(people(case, "dispatcher", "resume") for case in away),
            *(worker.run_once(desk.services) for _ in range(3)),
        )
    assert set(answers) <= {200, 412}
    told = await truth.whole(desk.services.database)
    for case in late:
        actions = [entry["action"] for entry in told[case["id"]].journal]
        assert actions in (["report", "accept"], ["report", "record_overrun"])
        (accepting,) = (clock for clock in told[case["id"]].clocks if clock["kind"] == "accepting")
        reported = datetime.fromisoformat(case["reported_at"])
        assert truth.moment(accepting["overran_at"]) == reported + timedelta(minutes=15)
    for case in away:
        assert [entry["action"] for entry in told[case["id"]].journal].count("resume") == 1
        assert told[case["id"]].case["stage"] == "handling"
    done = await worker.run_once(desk.services)
    assert {job: many for job, many in done.items() if many and job != "seal"} == {}
