"""超时扫描: the worker's look for clocks that ran out, in a process of its own, as the worker is."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from time import perf_counter, process_time
from typing import Any

import psycopg
import uvloop

from app.cases.jobs import sweep
from app.session import open_services
from bench.contest import Sample
from bench.machine import cpu_seconds
from bench.service import ROOT
from bench.statements import OVERRUN

#: Clocks made due at the least, where a hundredth of the cases would be fewer.
FEWEST = 500

_DUE = """
WITH chosen AS (
    SELECT id, case_id FROM case_clock
    WHERE stopped_at IS NULL AND kind = 'handling' AND overran_at IS NULL AND due_at > now() LIMIT %s
), due AS (
    UPDATE case_clock SET due_at = now() - interval '1 minute' FROM chosen WHERE case_clock.id = chosen.id
)
UPDATE case_file SET due_at = now() - interval '1 minute' FROM chosen WHERE case_file.id = chosen.case_id
"""
_LEFT = """
SELECT count(*) FROM case_clock WHERE stopped_at IS NULL AND overran_at IS NULL AND due_at < now()
"""


def make_due(connection: psycopg.Connection[Any], clocks: int) -> int:
    """Lets clocks run out until there are that many; gives how many there are."""
    connection.execute(_DUE.encode(), (max(0, clocks - left(connection)),))
    connection.execute("VACUUM ANALYZE case_clock")
    return left(connection)


def left(connection: psycopg.Connection[Any]) -> int:
    """Clocks that ran out and are not recorded."""
    row = connection.execute(_LEFT.encode()).fetchone()
    assert row is not None
    return int(row[0])


async def swept(
    connection: psycopg.Connection[Any], env: dict[str, str], postmaster: int, most_seconds: float
) -> Sample:
    """What one sweep recorded, stopped when it takes longer than that."""
    due, before = left(connection), cpu_seconds(postmaster)
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.sweep", str(most_seconds),
        env=env, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    told, _ = await running.communicate()
    seconds, own = json.loads(told)
    used = {"api": own, "postgres": cpu_seconds(postmaster) - before}
    return Sample(due - left(connection), seconds, cpu=used)


def recorded(connection: psycopg.Connection[Any], postmaster: int, most_seconds: float) -> Sample:
    """The same by one bare statement and commit for each, until none is left or the time is up."""
    statement = OVERRUN.format(now="now()").encode()
    done, before, began = 0, cpu_seconds(postmaster), perf_counter()
    while perf_counter() - began < most_seconds and connection.execute(statement).rowcount:
        done += 1
    seconds = perf_counter() - began
    return Sample(done, seconds, cpu={"postgres": cpu_seconds(postmaster) - before})


async def _sweep(most_seconds: float) -> tuple[float, float]:
    async with open_services() as services:
        began, used = perf_counter(), process_time()
        with suppress(TimeoutError):
            async with asyncio.timeout(most_seconds):
                await sweep(services)
        return perf_counter() - began, process_time() - used


if __name__ == "__main__":
    print(json.dumps(uvloop.run(_sweep(float(sys.argv[1])))))
