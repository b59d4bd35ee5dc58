"""升级: the database of every release there was is brought to this code, reads as it did, and goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine, text

from app import migrate, worker
from app.cases import journal
from app.cases.workflow import ENDS
from app.clock import ManualClock
from app.postgres import PrivateCluster
from tests.cases.desk import Desk
from tests.city import Opened, copied, opened
from tests.conftest import admin
from tests.test_migrations import contents
from tests.upgrade.release import Headers, Release, log_in, moment, read, releases
from tests.world import World

#: What a reply said in a release and says differently since, on purpose: `field`: why.
CHANGED: dict[str, str] = {
    "available_actions": "what may be done next follows the code's workflow, not the case",
}
#: What the newest release has and its code does not need, so that it may be dropped: `table.column`: since.
RETIRED: dict[str, str] = {}

#: Every column that somebody can write: name, type, and whether a row may leave it out.
_COLUMNS = """
    SELECT table_name || '.' || column_name, udt_name,
           is_nullable = 'YES' OR column_default IS NOT NULL OR is_identity = 'YES' OR is_generated = 'ALWAYS'
    FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name NOT LIKE 'procrastinate%'
"""
_CHECKS = """
    SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f', 'u', 'x')
"""

Columns = dict[str, tuple[str, bool]]


@dataclass(frozen=True)
class Upgraded:
    """A release's database after the migrations of this code, and how it was before them."""

    release: Release
    told: dict[str, Any]
    name: str
    columns: Columns
    checks: set[str]


def _columns(url: str) -> Columns:
    return {name: (kind, optional) for name, kind, optional in _rows(url, _COLUMNS)}


def _checks(url: str) -> set[str]:
    return {line for (line,) in _rows(url, _CHECKS)}


def _rows(url: str, statement: str) -> list[Any]:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = list(connection.execute(text(statement)))
    engine.dispose()
    return found


@pytest.fixture(scope="module", params=releases(), ids=lambda release: release.version)
def upgraded(request: pytest.FixtureRequest, cluster: PrivateCluster) -> Iterator[Upgraded]:
    release: Release = request.param
    name = release.restore(cluster)
    url = cluster.database_url(name)
    columns, checks = _columns(url), _checks(url)
    migrate.upgrade(url)
    yield Upgraded(release, release.told, name, columns, checks)
    admin(cluster, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def url(cluster: PrivateCluster, upgraded: Upgraded) -> Iterator[str]:
    """A copy of the upgraded database for one test."""
    name = copied(cluster, upgraded.name)
    yield cluster.database_url(name)
    admin(cluster, f"DROP DATABASE {name} WITH (FORCE)")


@asynccontextmanager
async def _open(url: str, upgraded: Upgraded) -> AsyncIterator[Opened]:
    """The service of this code on the database, at the moment the release's readings were taken."""
    async with opened(url) as (http, services):
        assert isinstance(services.clock, ManualClock)
        services.clock.set(moment(upgraded.told))
        yield http, services


async def _log_in(http: httpx.AsyncClient, upgraded: Upgraded) -> Headers:
    """The passwords of the release still hold."""
    return await log_in(http, upgraded.told["people"], upgraded.told["password"])


def test_an_upgraded_database_is_like_a_new_one(url: str, shared_url: str):
    assert contents(url) == contents(shared_url)
    migrate.check(url)


async def test_every_chain_and_seal_holds(url: str, upgraded: Upgraded):
    async with _open(url, upgraded) as (_, services), services.database.transaction() as connection:
        found = await journal.verify(connection)
    assert found.flaws == ()
    told = {"entries": found.entries, "cases": found.cases, "seals": found.seals}
    assert told == upgraded.told["journal"]


async def test_everything_reads_as_the_release_told_it(url: str, upgraded: Upgraded):
    async with _open(url, upgraded) as (http, _):
        now = await read(http, await _log_in(http, upgraded))
    different = [
        line
        for path, told in upgraded.told["readings"].items()
        for line in _differences(told, now[path], path)
    ]
    assert different == []


def _differences(told: Any, now: Any, where: str) -> Iterator[str]:
    """Where a reply is not what it was. It may say more than it did."""
    if isinstance(told, dict) and isinstance(now, dict):
        for name in told.keys() - CHANGED.keys():
            if name in now:
                yield from _differences(told[name], now[name], f"{where} {name}")
            else:
                yield f"{where} {name} is gone"
    elif isinstance(told, list) and isinstance(now, list) and len(told) == len(now):
        for index, (before, after) in enumerate(zip(told, now, strict=True)):
            yield from _differences(before, after, f"{where} {index}")
    elif told != now:
        yield f"{where}: was {told!r}, is {now!r}"


async def test_a_request_sent_again_after_the_upgrade_gets_its_first_reply(url: str, upgraded: Upgraded):
    repeat = upgraded.told["repeat"]
    async with _open(url, upgraded) as (http, _):
        headers = (await _log_in(http, upgraded))["hotline"]
        headers |= {"Idempotency-Key": repeat["key"], "Content-Type": "application/json"}
        reply = await http.post("/api/v1/cases", headers=headers, content=repeat["body"])
    assert (reply.status_code, reply.headers["Idempotency-Replayed"]) == (201, "true")
    assert reply.json() == repeat["reply"]


async def test_every_case_goes_on_to_its_end(url: str, upgraded: Upgraded):
    async with _open(url, upgraded) as (http, services):
        world = World(headers=await _log_in(http, upgraded))
        desk = Desk(http, services, world)
        query = {"limit": 200}
        for summary in (await desk.get("leader", "/cases", **query)).json()["items"]:
            case = await desk.look("leader", summary)
            while case["stage"] not in ENDS:
                await _one_step(desk, case)
        fresh = await desk.report("wei", "W1")
        numbers = [one["number"] for one in (await desk.get("leader", "/cases", **query)).json()["items"]]
        assert max(numbers) == fresh["number"]
        desk.later(hours=12)
        done = await worker.run_once(services)
        assert (done["sweep"] > 0, done["seal"] > 0) == (True, True)
        async with services.database.transaction() as connection:
            assert (await journal.verify(connection)).flaws == ()


async def _one_step(desk: Desk, case: dict[str, Any]) -> None:
    """What is usually done in the case's stage, by whoever has to."""
    steps = {
        "reported": ("clerk", "accept", {}),
        "verifying": (case["inspector_name"], "verify", {"exists": True}),
        "auditing": ("clerk", "audit_pass", {}),
        "filing": ("leader", "file", {"condition": "E0405-1"}),
        "dispatching": ("dispatcher", "dispatch", {}),
        "signing": (case["lead_unit"] and desk.officer(case), "sign", {}),
        "handling": (case["lead_unit"] and desk.officer(case), "hand_back", {"result": "已处理"}),
        "ruling": ("dispatcher", "return_to_unit", {"note": "维持"}),
        "suspended": ("dispatcher", "resume", {}),
        "checking": (case["inspector_name"], "check", {"passed": True}),
        "closing": ("leader", "close", {}),
    }
    who, action, body = steps[case["stage"]]
    await desk.act(who, case, action, **body)


@pytest.mark.parametrize("upgraded", releases()[-1:], ids=lambda release: release.version, indirect=True)
def test_the_newest_release_goes_on_beside_this_code(url: str, upgraded: Upgraded):
    """蓝绿发布: what its code reads and writes is there, and what is new may be left out."""
    now = _columns(url)
    tables = {name.split(".")[0] for name in upgraded.columns}
    for name, (kind, optional) in upgraded.columns.items():
        if name not in RETIRED:
            assert name in now, f"{name} is gone"
            assert now[name][0] == kind, f"{name} has another type"
            assert now[name][1] >= optional, f"{name} may no longer be left out"
    for name in now.keys() - upgraded.columns.keys():
        assert name.split(".")[0] not in tables or now[name][1], f"{name} may not be left out"
    stricter = {line for line in _checks(url) - upgraded.checks if line.split()[0] in tables}
    assert stricter == set(), "what the release's code writes might break these"
    assert {name for name in RETIRED if name not in upgraded.columns} == set(), "gone: take them off the list"
