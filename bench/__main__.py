"""`python -m bench`: measures, and writes what was measured into `docs/performance.json`."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvloop

from app.db import Database
from app.postgres import PrivateCluster
from bench import stories
from bench.city import City, city, install, people_in
from bench.contest import Server, compare, over_http
from bench.crew import log_in
from bench.district import CITY, VILLAGE
from bench.service import BARE, CHENGGUAN, environment, serving


async def _postmaster(database: Database) -> int:
    from sqlalchemy import text

    async with database.transaction() as connection:
        found = await connection.execute(
            text("SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int")
        )
        return int(found.scalar_one())


async def _measure(place: City, url: str, data: Path, asked: argparse.Namespace) -> None:
    env = environment(url, data)
    database = Database(url)
    await people_in(database, place)
    postmaster = await _postmaster(database)
    log = data / "log"
    with (
        serving((*CHENGGUAN, "serve"), env, log) as (pid, address),
        serving(BARE, env, log) as (bare_pid, bare),
    ):
        service = Server(pid, postmaster, address)
        crew = log_in(address, place)
        for connections in asked.connections:
            if "intake" in asked.works:
                sides = {
                    "service": over_http(service, stories.intake(place, crew, 1)),
                    "bare endpoint": over_http(
                        Server(bare_pid, postmaster, bare), stories.bare_intake(place, 2)
                    ),
                }
                found = await compare(
                    sides, seconds=asked.seconds, rounds=asked.rounds, connections=connections
                )
                print(connections, "intake", json.dumps(found, indent=1))
            if "lifecycle" in asked.works:
                sides = {
                    "service": over_http(service, stories.lifecycle(place, crew, 3), requests=stories.STEPS)
                }
                found = await compare(
                    sides, seconds=asked.seconds, rounds=asked.rounds, connections=connections
                )
                print(connections, "lifecycle", json.dumps(found, indent=1))
    await database.close()


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        Path(temporary).chmod(0o755)
        yield Path(temporary)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("works", nargs="*", default=["intake", "lifecycle"])
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--small", action="store_true")
    asked = parser.parse_args()
    place = city(VILLAGE if asked.small else CITY)
    with _folder() as data, PrivateCluster(data / "pg") as cluster:
        install(cluster.url, place, data, data / "log")
        uvloop.run(_measure(place, cluster.url, data, asked))


if __name__ == "__main__":
    main()
