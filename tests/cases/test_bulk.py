"""批量受理: many reports at once come to the same as each by itself."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from typer.testing import CliRunner

from app import cli
from app.cases import journal
from app.cases.actions import Report
from app.cases.bulk import Outcome, report_many
from app.cases.tables import CaseRow
from app.db import Database
from app.errors import Conflict, Forbidden, InvalidInput, OutsideDistrict
from app.identity.service import principal_of_username
from app.postgres import PrivateCluster
from tests.cases.desk import Desk
from tests.city import Founded, copied
from tests.conftest import until_blocked
from tests.world import MONDAY_9AM, middle

#: What a case made by itself and one made among many may differ in.
_OWN = {"id", "number", "version", "clocks", "available_actions", "external_number"}


def _report(order: str | None, cell: str = "W1", **said: Any) -> dict[str, Any]:
    return {
        "source": "inspector", "position": middle(cell), "description": "店门口堆满货物",
        "address": "中心路 1 号", "category": "E0405", "external_number": order, **said,
    }  # fmt: skip


async def _many(desk: Desk, *reports: dict[str, Any], who: str = "lan") -> list[Outcome]:
    async with desk.services.database.transaction() as connection:
        actor = await principal_of_username(connection, who)
        commands = [Report.model_validate(report) for report in reports]
        return await report_many(connection, commands, actor, desk.clock.now())


async def test_each_becomes_the_case_it_would_be_by_itself(desk: Desk, connection):
    cells = ("W1", "W2", "W3", "E1")
    alone = [await desk.report("lan", cell, external_number=f"alone-{cell}") for cell in cells]
    outcomes = await _many(desk, *(_report(f"many-{cell}", cell) for cell in cells))
    assert [outcome.known for outcome in outcomes] == [False] * 4
    for case, outcome in zip(alone, outcomes, strict=True):
        beside = (await desk.get("lan", f"/cases/{outcome.number}")).json()
        assert {k: v for k, v in beside.items() if k not in _OWN} == {
            k: v for k, v in case.items() if k not in _OWN
        }
        told = [{k: v for k, v in clock.items() if k != "id"} for clock in beside["clocks"]]
        assert told == [{k: v for k, v in clock.items() if k != "id"} for clock in case["clocks"]]
        (entry,) = (await desk.get("leader", f"/cases/{outcome.number}/journal")).json()
        assert (entry["action"], entry["command"]["address"]) == ("report", "中心路 1 号")
        found = (await desk.get("leader", "/cases", q=outcome.number)).json()["items"]
        assert [item["id"] for item in found] == [beside["id"]]
    await connection.execute(text("SAVEPOINT before"))
    assert (await journal.inspect(connection)).flaws == ()
    await desk.act("clerk", beside, "accept")


async def test_each_is_refused_by_itself_and_the_rest_is_taken(desk: Desk):
    outcomes = await _many(
        desk,
        _report("1"),
        _report(None),
        _report("2", category="E9999"),
        _report("3", position={"x": 0, "y": 0, "datum": "cgcs2000"}),
        _report("4", component_code="0000000000000000"),
        _report("5", source="rumour"),
        _report("6", "W2"),
    )
    kinds = [type(outcome.refused) for outcome in outcomes]
    wrong = [InvalidInput, InvalidInput, OutsideDistrict, InvalidInput, InvalidInput]
    assert kinds == [type(None), *wrong, type(None)]
    assert len({outcome.number for outcome in outcomes} - {None}) == 2
    assert {type(o.refused) for o in await _many(desk, _report("7"), who="dispatcher")} == {Forbidden}


async def test_an_order_is_one_case_however_often_it_comes(desk: Desk, connection):
    by_itself = await desk.report("lan", external_number="known")
    outcomes = await _many(desk, _report("new"), _report("known"), _report("new"), _report("bad", source="-"),
                           _report("bad", source="-"))  # fmt: skip
    assert [(outcome.known, bool(outcome.refused)) for outcome in outcomes] == [
        (False, False), (True, False), (True, False), (False, True), (False, True),
    ]  # fmt: skip
    assert outcomes[1].number == by_itself["number"]
    assert outcomes[2].number == outcomes[0].number
    again = await _many(desk, _report("new"), _report("known"))
    assert [(o.known, o.number) for o in again] == [(True, outcomes[0].number), (True, by_itself["number"])]
    numbers = (await connection.execute(select(CaseRow.external_number))).scalars().all()
    assert sorted(numbers) == ["known", "new"]
    assert await _many(desk) == []


@pytest.mark.cloned
async def test_of_two_at_once_with_one_order_one_is_told_to_send_again(
    cluster: PrivateCluster, founded: Founded
):
    async def take() -> Outcome:
        async with database.transaction() as connection:
            actor = await principal_of_username(connection, "lan")
            (outcome,) = await report_many(connection, [order], actor, MONDAY_9AM)
            began.set()
            await finish.wait()
            return outcome

    url = cluster.database_url(copied(cluster, founded[0]))
    database = Database(url, pool_size=3)
    order = Report.model_validate(_report("same"))
    began, finish = asyncio.Event(), asyncio.Event()
    first = asyncio.create_task(take())
    await began.wait()
    second = asyncio.create_task(take())
    await until_blocked(database, second)
    finish.set()
    assert (await first).number
    with pytest.raises(Conflict, match="send it all again"):
        await second
    assert (await take()).known
    await database.close()


@pytest.mark.cloned
def test_a_file_is_imported_and_may_be_imported_again(
    cluster: PrivateCluster, founded: Founded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    lines = [json.dumps(_report(f"{n}", cell)) for n, cell in enumerate(("W1", "W2", "E1"))]
    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.jsonl"
    good.write_text("\n\n".join(lines) + "\n")
    bad.write_text("\n".join([lines[0], "{", json.dumps(_report("9", source="-"))]))
    url = cluster.database_url(copied(cluster, founded[0]))
    monkeypatch.setenv("CHENGGUAN_DATABASE_URL", url.replace("+psycopg", ""))
    monkeypatch.setenv("CHENGGUAN_DATA", str(tmp_path))

    def imported(path: Path, who: str = "lan") -> tuple[int, str]:
        done = CliRunner().invoke(cli.app, ["report", "import", str(path), "--as", who])
        return done.exit_code, done.output

    assert imported(good) == (0, "受理 taken in 3 · 已有 known 0 · 未受理 refused 0\n")
    assert imported(good)[1].startswith("受理 taken in 0 · 已有 known 3")
    code, said = imported(bad)
    assert (code, said.splitlines()[0]) == (1, "受理 taken in 0 · 已有 known 1 · 未受理 refused 2")
    complaints = tmp_path / "bad.jsonl.refused.jsonl"
    refused = [json.loads(line) for line in complaints.read_text().splitlines()]
    assert [line["line"][0] for line in refused] == ["{", "{"]
    assert "rumour" not in refused[1]["reason"]
    assert not (tmp_path / "good.jsonl.refused.jsonl").exists()
    assert imported(good, "nobody")[0] == 1


@pytest.mark.cloned
def test_orders_that_come_again_in_portions_under_way_at_once_are_one_case_each(
    cluster: PrivateCluster, founded: Founded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("app.cases.commands._PORTION", 3)
    orders = ["a", "b", "c", "c", "b", "a", "d", "a", "e", "e", "d", "f"]
    lines = [json.dumps(_report(order)) for order in orders]
    lines[7:7] = ["{1", "{2"]
    path = tmp_path / "again.jsonl"
    path.write_text("\n".join(lines))
    url = cluster.database_url(copied(cluster, founded[0]))
    monkeypatch.setenv("CHENGGUAN_DATABASE_URL", url.replace("+psycopg", ""))
    monkeypatch.setenv("CHENGGUAN_DATA", str(tmp_path))
    done = CliRunner().invoke(cli.app, ["report", "import", str(path), "--as", "lan"])
    assert done.output.startswith("受理 taken in 6 · 已有 known 6 · 未受理 refused 2")
    refused = (tmp_path / "again.jsonl.refused.jsonl").read_text().splitlines()
    assert [json.loads(line)["line"] for line in refused] == ["{1", "{2"]
