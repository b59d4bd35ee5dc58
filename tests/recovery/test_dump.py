"""逻辑备份: the city's dump, restored on another server, whose transaction counter is behind."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from app.cases import jobs, stream
from app.cases.actions import Note
from app.cases.service import act
from app.cases.stream import Cursor
from app.cases.workflow import Action
from app.errors import InvalidInput
from app.identity.service import principal_of_username
from app.postgres import PrivateCluster
from app.requests import Services
from app.session import private_cluster
from tests.cases.desk import Desk
from tests.city import Founded, copied, opened
from tests.recovery.conftest import Carried

#: More transactions than a new cluster has seen when the dump is in it.
BURN = "DO $$ BEGIN FOR i IN 1..8000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$"


async def _numbers(services: Services, statement: str) -> list[int]:
    async with services.database.transaction() as connection:
        return list((await connection.execute(text(statement))).scalars())


async def _read(desk: Desk, case: dict[str, Any]) -> list[Any]:
    paths = ("", "/journal", "/explanation")
    return [(await desk.get("leader", f"/cases/{case['id']}{path}")).json() for path in paths]


async def test_a_dump_is_restored_on_another_server(
    cluster: PrivateCluster, founded: Founded, open_folder: Path, as_documented: Carried
):
    name, world = founded
    cluster.ask(BURN, database="postgres")
    source = cluster.database_url(copied(cluster, name))
    dump = {"chengguan.dump": str(open_folder / "chengguan.dump")}
    async with opened(source) as (http, services):
        desk = Desk(http, services, world)
        cases = [await desk.closed("W1"), await desk.handling("E1")]
        await jobs.seal(services)
        _, cursor = await _follow(services, Cursor())
        cases.append(await desk.report("hotline", "W2", source="hotline", external_number="12345-7"))
        told = [await _read(desk, case) for case in cases]
        entries = await _numbers(services, "SELECT seq FROM journal ORDER BY seq")
    await asyncio.to_thread(as_documented, "chengguan db run pg_dump", dump, CHENGGUAN_DATABASE_URL=source)
    new = open_folder / "new"
    await asyncio.to_thread(as_documented, "chengguan db run pg_restore", dump, CHENGGUAN_DATA=str(new))
    with private_cluster(new) as restored:
        async with opened(restored.url) as (http, services):
            desk = Desk(http, services, world)
            assert [await _read(desk, case) for case in cases] == told
            behind = (
                "SELECT seq FROM journal WHERE xid >= pg_snapshot_xmin(pg_current_snapshot()) ORDER BY seq"
            )
            assert await _numbers(services, behind) == entries
            with pytest.raises(InvalidInput, match="restored or moved"):
                await _follow(services, cursor)
            read, there = await _follow(services, Cursor())
            assert read == entries
            kept = (await _follow(services, cursor, kept_here=True))[0]
            assert kept == entries[-1:]  # what was told after the receiver's cursor
            await _no_reader_overtakes_a_slower_writer(desk, services, there)
            known = await desk.try_report("hotline", "W2", source="hotline", external_number="12345-7")
            assert known.json()["case"]["number"] == cases[-1]["number"]
            fresh = await desk.act(desk.officer(cases[1]), cases[1], "hand_back", result="已处理")
            assert fresh["stage"] == "checking"


async def _follow(services: Services, cursor: Cursor, *, kept_here: bool = False) -> tuple[list[int], Cursor]:
    """The numbers of what follows a cursor, and the cursor behind it."""
    async with services.database.transaction() as connection:
        batch = await stream.read(connection, cursor, 1000, kept_here=kept_here)
    return [entry.seq for entry in batch.rows], batch.cursor


async def _no_reader_overtakes_a_slower_writer(desk: Desk, services: Services, cursor: Cursor) -> None:
    case = await desk.report("lan", "E2")
    note = Note(action=Action.NOTE, text="到场")
    async with services.database.transaction() as slow:
        leader = await principal_of_username(slow, "leader")
        await act(slow, UUID(case["id"]), note, leader, services.clock.now(), expected_version=None)
        await desk.report("lan", "E2")
        told, cursor = await _follow(services, cursor)
        assert len(told) == 2
    late, _ = await _follow(services, cursor)
    assert len(late) == 1
    assert told[0] < late[0] < told[1]
    assert int(case["number"].rsplit("-", 1)[1]) > 100_000  # numbers were passed over
