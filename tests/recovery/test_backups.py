"""备份目录: what a backup refuses, what expires, and that an archive which fails is seen."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.backup.jobs import watch_archive
from app.session import open_services, private_cluster
from app.settings import Settings
from tests.recovery.conftest import command, hasty_cluster
from tests.test_cli import run

#: Seconds after which something that has to come is taken to have failed.
PATIENCE = 120


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder with a running cluster of data folder `data`, whose first backup is in `store`."""
    folder = Path(tempfile.mkdtemp(prefix="chengguan-backups-"))
    folder.chmod(0o755)
    with hasty_cluster(folder / "data"):
        unset = run("backup", "status", CHENGGUAN_DATA=str(folder / "data"))
        assert (unset.exit_code, "not archived" in unset.stderr) == (1, True)
        taken = run("backup", "take", str(folder / "store"), CHENGGUAN_DATA=str(folder / "data"))
        assert taken.exit_code == 0, taken.output
        yield folder
    shutil.rmtree(folder)


@pytest.fixture
def data(place: Path) -> dict[str, str]:
    return {"CHENGGUAN_DATA": str(place / "data")}


async def test_a_moment_that_cannot_be_reached_leaves_nothing_behind(place: Path):
    for at, words in (
        ("2026-03-02T11:30+08:00", "the oldest base backup"),
        (datetime.now(UTC).isoformat(), "the archive does not reach"),
        ("2026-03-02T11:30", "no offset"),
        ("noon", "no moment"),
    ):
        into = str(place / "never")
        refused = await command("backup", "restore", str(place / "store"), "--into", into, "--at", at)
        assert (refused.exit_code, words in refused.stderr) == (1, True), refused.output
        assert not private_cluster(place / "never").data.exists()


async def test_nothing_is_written_over(place: Path, data: dict[str, str]):
    over = await command("backup", "restore", str(place / "store"), "--into", str(place / "data"))
    assert (over.exit_code, "a cluster already" in over.stderr) == (1, True)
    foreign = await command("backup", "take", str(place / "data"), **data)
    assert (foreign.exit_code, "neither empty nor a backup folder" in foreign.stderr) == (1, True)


async def test_base_backups_expire_and_take_their_log_with_them(place: Path, data: dict[str, str]):
    store, new = place / "store", place / "new"
    log = []
    for _ in range(3):
        taken = await command("backup", "take", str(store), "--keep", "2", **data)
        assert taken.exit_code == 0, taken.output
        log.append([path for path in sorted((store / "wal").iterdir()) if len(path.stem) == 24])
    older, newer = sorted((store / "base").iterdir())
    assert log[2][0].stem > log[0][0].stem
    assert log[2][0].suffix == ".gz"
    shutil.rmtree(newer)  # the older one needs what is compressed
    restored = await command("backup", "restore", str(store), "--into", str(new))
    assert (restored.exit_code, older.name in restored.stdout) == (0, True), restored.output
    mixed = await command("backup", "take", str(store), CHENGGUAN_DATA=str(new))
    assert (mixed.exit_code, "another cluster" in mixed.stderr) == (1, True)


async def test_an_archive_that_fails_is_seen(place: Path, data: dict[str, str]):
    cluster = private_cluster(place / "data")

    async def watched(services, *, failing: bool) -> None:
        cluster.ask("SELECT pg_create_restore_point('more')", "SELECT pg_switch_wal()")
        async with asyncio.timeout(PATIENCE):
            while bool(await watch_archive(services)) != failing:  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    async with open_services(Settings(data=place / "data")) as services:
        assert (await command("backup", "status", **data)).exit_code == 0
        (place / "store").rename(place / "unmounted")
        await watched(services, failing=True)
        status = await command("backup", "status", **data)
        assert (status.exit_code, "cannot be archived" in status.stderr) == (1, True)
        nowhere = await command("backup", "take", str(place / "store"), **data)
        assert (nowhere.exit_code, "is its disk mounted?" in nowhere.stderr) == (1, True)
        (place / "unmounted").rename(place / "store")
        await watched(services, failing=False)
        assert (await command("backup", "status", **data)).exit_code == 0


async def test_a_server_of_one_s_own_is_left_to_its_own_tools(tmp_path: Path, cloned_url: str):
    refused = await command("backup", "take", str(tmp_path), CHENGGUAN_DATABASE_URL=cloned_url)
    assert (refused.exit_code, "a server of its own" in refused.stderr) == (1, True)
