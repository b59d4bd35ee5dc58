"""Several at one moment, on connections of their own: one case, one winner, and nobody waits for ever."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import text

from app.cases import journal, service
from app.cases.actions import Accept
from app.cases.permission import Situation
from app.cases.workflow import Action
from app.identity.principal import SYSTEM
from app.identity.service import principal_of_username
from tests.cases.desk import Desk
from tests.conftest import until_blocked
from tests.world import middle

pytestmark = pytest.mark.cloned

REPORT = {"position": middle("W1"), "description": "店门口堆满货物", "category": "E0405"}


@pytest.fixture
async def desk(cloned_city, world):
    """A desk in a city of its own. In the end every case is what its journal says."""
    async with cloned_city as (http, services):
        yield Desk(http, services, world)
        async with services.database.transaction() as connection:
            verified = await journal.verify(connection)
        assert verified.flaws == ()
        assert verified.entries > 0


async def cases(desk: Desk) -> int:
    async with desk.services.database.transaction() as connection:
        return (await connection.execute(text("SELECT count(*) FROM case_file"))).scalar_one()


async def test_one_report_sent_five_times_at_once_is_one_case(desk):
    headers = {**desk.world.headers["lan"], "Idempotency-Key": "phone-1"}
    replies = await asyncio.gather(
        *(desk.http.post("/api/v1/cases", headers=headers, json=REPORT) for _ in range(5))
    )
    assert [reply.status_code for reply in replies] == [201] * 5
    assert len({reply.json()["case"]["id"] for reply in replies}) == 1
    assert ["Idempotency-Replayed" in reply.headers for reply in replies].count(False) == 1
    assert await cases(desk) == 1


async def test_one_order_sent_five_times_at_once_is_one_case(desk):
    order = {"source": "hotline", "external_number": "12345-1"}
    replies = await asyncio.gather(*(desk.try_report("hotline", **order) for _ in range(5)))
    assert sorted(reply.status_code for reply in replies) == [200] * 4 + [201]
    assert len({reply.json()["case"]["id"] for reply in replies}) == 1
    assert await cases(desk) == 1


async def test_different_reports_at_once_have_different_numbers(desk):
    replies = await asyncio.gather(*(desk.try_report("lan") for _ in range(8)))
    assert len({reply.json()["case"]["number"] for reply in replies}) == 8


async def test_one_action_sent_twice_at_once_is_done_once(desk):
    case = await desk.report("lan")
    headers = {**desk.world.headers["clerk"], "Idempotency-Key": "desk-1", "If-Match": '"1"'}
    path = f"/api/v1/cases/{case['id']}/actions"
    replies = await asyncio.gather(
        *(desk.http.post(path, headers=headers, json={"action": "accept"}) for _ in range(2))
    )
    assert [reply.status_code for reply in replies] == [200, 200]
    assert sorted("Idempotency-Replayed" in reply.headers for reply in replies) == [False, True]
    assert (await desk.look("clerk", case))["version"] == 2


async def test_of_two_operators_at_once_one_wins(desk):
    for _ in range(5):
        case = await desk.report("lan")
        accepted, refused = await asyncio.gather(
            desk.try_act("clerk", case, "accept"),
            desk.try_act("leader", case, "refuse", reason="not_found"),
        )
        assert sorted((accepted.status_code, refused.status_code)) == [200, 412]
        won, lost = sorted((accepted, refused), key=lambda reply: reply.status_code)
        now = {"version": 2, "stage": won.json()["stage"]}
        assert lost.json()["current"] == now
        await desk.look("clerk", case)
        assert {name: case[name] for name in now} == now


async def test_merges_that_cross_do_not_block_each_other(desk):
    for _ in range(5):
        one, other = await desk.report("lan"), await desk.report("lan")
        async with asyncio.timeout(10):
            replies = await asyncio.gather(
                desk.try_act("clerk", one, "merge", into=other["id"]),
                desk.try_act("leader", other, "merge", into=one["id"]),
            )
        assert sorted(reply.status_code for reply in replies) == [200, 412]
        await desk.look("clerk", one)
        await desk.look("clerk", other)
        assert sorted((one["stage"], other["stage"])) == ["merged", "reported"]
        merged, goes_on = sorted((one, other), key=lambda case: case["stage"])
        assert (merged["merged_into"], goes_on["duplicates"]) == (goes_on["id"], 1)


async def test_merges_in_a_ring_do_not_block_each_other(desk):
    ring = [await desk.report("lan") for _ in range(3)]
    async with asyncio.timeout(10):
        replies = await asyncio.gather(
            *(
                desk.try_act("clerk", case, "merge", into=ring[(place + 1) % 3]["id"])
                for place, case in enumerate(ring)
            )
        )
    assert {reply.status_code for reply in replies} <= {200, 409, 412}
    stages = [(await desk.look("clerk", case))["stage"] for case in ring]
    assert stages.count("reported") >= 1
    assert stages.count("merged") == [reply.status_code for reply in replies].count(200) >= 1


async def test_who_waited_for_a_case_sees_its_clocks_as_the_other_left_them(desk):
    case = await desk.report("lan")
    database, now = desk.services.database, desk.services.clock.now()
    case_id = UUID(case["id"])

    async def see_it() -> Situation:
        async with database.transaction() as connection:
            return await service.locked(connection, case_id, SYSTEM, now)

    async with database.transaction() as connection:
        ahead = await service.locked(connection, case_id, SYSTEM, now)
        waiting = asyncio.create_task(see_it())
        await until_blocked(database, waiting)
        clerk = await principal_of_username(connection, "clerk")
        accepted = await service.carry_out(
            connection, Accept(action=Action.ACCEPT), replace(ahead, actor=clerk)
        )
    assert (await waiting).folded == accepted.folded
    assert accepted.folded.clocks != ahead.folded.clocks
