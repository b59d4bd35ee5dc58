"""逻辑备份: the city's dump, restored on another server, whose transaction counter is behind."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from sqlalchemy import text

from app.cases import jobs
from app.postgres import PrivateCluster
from app.requests import Services
from app.session import private_cluster
from tests.cases.desk import Desk
from tests.city import Founded, copied, opened
from tests.recovery.conftest import Carried

#: The rule of decision 0006 for those who follow the journal by cursor: what is behind them stays behind.
SETTLED = """
    SELECT seq FROM journal
    WHERE seq <= (SELECT coalesce(max(last_seq), 0) FROM journal_seal)
       OR xid < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY seq
"""
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
            behind = "SELECT seq FROM journal WHERE xid >= pg_snapshot_xmin(pg_current_snapshot())"
            assert await _numbers(services, behind) == entries
            assert await _numbers(services, SETTLED) == entries  # by the seal alone
            await _no_reader_overtakes_a_slower_writer(desk, services)
            known = await desk.try_report("hotline", "W2", source="hotline", external_number="12345-7")
            assert known.json()["case"]["number"] == cases[-1]["number"]
            fresh = await desk.act(desk.officer(cases[1]), cases[1], "hand_back", result="已处理")
            assert fresh["stage"] == "checking"


async def _no_reader_overtakes_a_slower_writer(desk: Desk, services: Services) -> None:
    before = await _numbers(services, SETTLED)
    async with services.database.transaction() as slow:
        await slow.execute(text("SELECT pg_current_xact_id()"))
        quick = await desk.report("lan", "E2")
        assert await _numbers(services, SETTLED) == before
    (entry,) = set(await _numbers(services, SETTLED)) - set(before)
    assert entry > max(before)
    assert int(quick["number"].rsplit("-", 1)[1]) > 100_000  # numbers were passed over
