"""时点恢复: a city at work is backed up, meets with a disaster, and goes on from the moment before it."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
from sqlalchemy import text

from app import migrate, worker
from app.cases import jobs
from app.main import create_app
from app.postgres import PrivateCluster
from app.requests import Services
from app.session import private_cluster
from app.settings import Settings, TokenSettings
from tests import world as city
from tests.cases.desk import Desk
from tests.city import client_of
from tests.recovery.conftest import Carried, command, hasty_cluster
from tests.recovery.ledger import Ledger, lasting
from tests.world import World

#: Seconds after which something that has to come is taken to have failed.
PATIENCE = 120
STAFF = ("lan", "clerk", "leader", "dispatcher", "west_officer", "east_officer")


def _settings(data: Path) -> Settings:
    return Settings(data=data, tokens=TokenSettings(access_minutes=60 * 24))


@asynccontextmanager
async def _open(data: Path, world: World) -> AsyncIterator[tuple[Desk, Services]]:
    """The service over the private cluster in a data folder, and somebody at each desk."""
    app = create_app(_settings(data), clock=city.clock_at())
    async with app.router.lifespan_context(app), client_of(app) as http:
        yield Desk(http, app.state.services, world), app.state.services


async def _log_in(http: httpx.AsyncClient, world: World) -> None:
    for name in STAFF:
        form = {"grant_type": "password", "username": name, "password": city.PASSWORD}
        reply = await http.post("/api/v1/auth/token", data=form)
        assert reply.status_code == 200, reply.text
        world.headers[name] = {"Authorization": f"Bearer {reply.json()['access_token']}"}


async def _work(desk: Desk, cell: str, stop: asyncio.Event) -> None:
    """Leads one case after another as far as the check, until told to stop."""
    while not stop.is_set():
        await desk.handed_back(cell)


async def _more(changes: int, ledger: Ledger, at_work: list[asyncio.Task[None]]) -> None:
    """Waits for so many more acknowledged changes; nobody may give up meanwhile."""
    wanted = ledger.count() + changes
    async with asyncio.timeout(PATIENCE):
        while ledger.count() < wanted:
            assert not any(task.done() for task in at_work)
            await asyncio.sleep(0.02)


async def _newest_seal(services: Services) -> int:
    async with services.database.transaction() as connection:
        return (await connection.execute(text("SELECT max(number) FROM journal_seal"))).scalar_one()


def _destroy(cluster: PrivateCluster) -> None:
    """The server dies at once, and all its files are gone."""
    os.kill(int((cluster.data / "postmaster.pid").read_text().splitlines()[0]), signal.SIGKILL)
    shutil.rmtree(
        cluster.data.rename(cluster.data.with_name("lost"))
    )  # all at once: it is being looked after


async def test_a_city_goes_on_from_the_moment_before_a_disaster(open_folder: Path, as_documented: Carried):
    old, store = open_folder / "old", open_folder / "store"
    folders = {"/mnt/backup/chengguan": str(store)}
    world, ledger = World(), Ledger()
    with hasty_cluster(old) as cluster:
        migrate.upgrade(cluster.url)
        async with _open(old, world) as (desk, services):
            world.ids |= (await city.found(services.database)).ids
            await _log_in(desk.http, world)
            ledger.watch(desk.http)
            stop = asyncio.Event()
            crowd = [asyncio.create_task(_work(desk, cell, stop)) for cell in ("W1", "E1", "W3", "E3")]
            background = asyncio.create_task(worker.work(services))
            await _more(20, ledger, [background, *crowd])

            before = ledger.count()
            (taken, status) = await asyncio.to_thread(
                as_documented, "chengguan backup take", folders, CHENGGUAN_DATA=str(old)
            )
            assert ledger.count() > before  # nobody had to wait for it
            assert "any moment since" in taken.stdout
            assert str(store / "wal") in status.stdout
            await _more(20, ledger, [background, *crowd])
            assert await jobs.seal(services) > 0
            await _more(20, ledger, [background, *crowd])
            moment = datetime.now(UTC)
            await _more(20, ledger, [background, *crowd])

            stop.set()
            await asyncio.gather(*crowd)
            async with services.database.transaction() as connection:
                await connection.execute(text("UPDATE case_file SET stage = 'closed', description = '误改'"))
            assert (await command("journal", "verify", CHENGGUAN_DATA=str(old))).exit_code == 1
            again = await command("backup", "take", str(store), CHENGGUAN_DATA=str(old))
            assert again.exit_code == 0, again.output
            background.cancel()
            await asyncio.gather(background, return_exceptions=True)
            _destroy(cluster)
    shutil.rmtree(old)

    new, second = open_folder / "new", open_folder / "second"
    documented = {"/srv/restored": str(new), "2026-03-02T11:30+08:00": moment.isoformat()}
    restored, verified, _ = await asyncio.to_thread(
        as_documented,
        "chengguan backup restore",
        {"/mnt/backup/chengguan-2": str(second), "/mnt/backup/chengguan ": f"{store} ", **documented},
    )
    assert "已恢复" in restored.stdout
    assert "完好" in verified.stdout
    assert "封印 seals 0" not in verified.stdout
    async with _open(new, world) as (desk, services):
        await _holds_what_was_acknowledged(desk, ledger, moment, world)
        await _goes_on(desk, services, ledger)
    assert (await command("journal", "verify", CHENGGUAN_DATA=str(new))).exit_code == 0

    # The old folder still goes to its very end, the wrong change included.
    end = open_folder / "end"
    assert (await command("backup", "restore", str(store), "--into", str(end))).exit_code == 0
    with private_cluster(end) as cluster:
        assert cluster.ask("SELECT DISTINCT description FROM case_file") == "误改"


async def _holds_what_was_acknowledged(desk: Desk, ledger: Ledger, moment: datetime, world: World) -> None:
    assert (await desk.get("leader", "/cases")).status_code == 401  # the signing key is not in a backup
    await _log_in(desk.http, world)
    there = 0
    for case, versions in ledger.cases.items():
        reply = await desk.get("leader", f"/cases/{case}")
        version = reply.json()["version"] if reply.status_code == 200 else 0
        assert ledger.at_least(case, moment) <= version <= ledger.at_most(case, moment)
        if version:
            there += 1
            assert lasting(reply.json()) == lasting(versions[version].case)
    assert there > 5
    assert there < len(ledger.cases)
    counted = await desk.get("leader", "/cases/count")
    assert counted.json()["count"] == there


async def _goes_on(desk: Desk, services: Services, ledger: Ledger) -> None:
    """Cases that were under way end, new ones get numbers nobody was told, jobs run."""
    waiting = (await desk.get("leader", "/cases", stage=["dispatching", "signing", "handling"])).json()[
        "items"
    ]
    for case in waiting:
        await desk.look("leader", case)
        if case["stage"] == "dispatching":
            await desk.act("dispatcher", case, "dispatch")
        if case["stage"] == "signing":
            await desk.act(desk.officer(case), case, "sign")
        await desk.act(desk.officer(case), case, "hand_back", result="已处理")
    fresh = await desk.handed_back("W1")
    assert fresh["number"] not in ledger.numbers()
    serials = [int(number.rsplit("-", 1)[1]) for number in ledger.numbers()]
    assert int(fresh["number"].rsplit("-", 1)[1]) > max(serials) + 50_000
    before = await _newest_seal(services)
    background = asyncio.create_task(worker.work(services))
    async with asyncio.timeout(PATIENCE):
        while await _newest_seal(services) == before:
            assert not background.done()
            await asyncio.sleep(0.1)
    background.cancel()
    await asyncio.gather(background, return_exceptions=True)
