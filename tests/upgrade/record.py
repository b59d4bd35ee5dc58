"""Keeps the database of the release that this code is: `make release-dump`, once, before it is tagged."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from app import logs, migrate
from app.cases import journal
from app.postgres import PrivateCluster
from app.settings import LogSettings
from tests import world as city
from tests.cases.desk import Desk
from tests.city import opened
from tests.upgrade.course import three_weeks
from tests.upgrade.release import RELEASES, Release, read

#: The oldest PostgreSQL that is supported; what it wrote, every later one reads.
OLDEST = 15


def main() -> None:
    release = Release(RELEASES / version("chengguan"))
    if release.folder.exists():
        sys.exit(f"{release.folder} is there already: a release is made once")
    logs.configure(LogSettings(level="WARNING", json_lines=False))
    folder = Path(tempfile.mkdtemp(prefix="chengguan-release-"))
    folder.chmod(0o755)
    try:
        with PrivateCluster(folder / "pg", durable=False) as cluster:
            major = int(cluster.ask("SHOW server_version_num", database="postgres")) // 10_000
            if major != OLDEST:
                sys.exit(f"this is PostgreSQL {major}: make the dump where {OLDEST} is installed")
            migrate.upgrade(cluster.url)
            told = asyncio.run(_live(cluster.url))
            options = [
                "--no-owner",
                "--no-privileges",
                "--no-comments",
                "--exclude-table-data=spatial_ref_sys",
            ]
            dump = cluster.run([cluster.program("pg_dump"), *cluster.address, *options, "chengguan"])
    finally:
        shutil.rmtree(folder)
    release.keep(_readable(dump), told)
    sys.stdout.write(f"{release.folder}: {release.dump.stat().st_size // 1024} KiB\n")


async def _live(url: str) -> dict[str, Any]:
    async with opened(url) as (http, services):
        world = await city.found(services.database)
        await city.log_in(http, world)
        repeat = await three_weeks(Desk(http, services, world), services)
        async with services.database.transaction() as connection:
            found = await journal.verify(connection)
        assert found.flaws == ()
        return {
            "at": services.clock.now().isoformat(),
            "people": list(city.PEOPLE),
            "password": city.PASSWORD,
            "journal": {"entries": found.entries, "cases": found.cases, "seals": found.seals},
            "repeat": repeat,
            "readings": await read(http, world.headers),
        }


def _readable(dump: str) -> str:
    """Without psql's own commands, which older ones do not know."""
    return "".join(
        f"{line}\n"
        for line in dump.splitlines()
        if not line.startswith("\\restrict ") and not line.startswith("\\unrestrict ")
    )


if __name__ == "__main__":
    main()
