"""pgbench: the bare statements without any service, from PostgreSQL's own load generator."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

from app.postgres import find_binaries
from bench.contest import Sample, Side
from bench.machine import cpu_seconds

#: As the service plans its lists (docs/decisions/0013-lists-planned-for-their-values.md).
FOR_THESE_VALUES = ("plan_cache_mode=force_custom_plan", "random_page_cost=0.1", "seq_page_cost=0.1")


#: A short round may find the disk busy from beginning to end, and nothing done.
_TRIES = 3


class Pgbench:
    """Scripts over the database on that socket."""

    def __init__(self, socket: str, database: str, postmaster: int, folder: Path) -> None:
        self._target = ("-h", socket, "-U", "chengguan", database)
        self._postmaster = postmaster
        self._folder = folder

    def side(self, name: str, script: str, *, options: Sequence[str] = (), prepared: bool = True) -> Side:
        """The side that runs the script over and over. `options` are the server's, for these sessions."""
        file = self._folder / f"{name}.sql"
        # A statement goes on where a line ends, so one line it must be.
        file.write_text("\n".join(" ".join(line.split()) for line in script.strip().split(";;")) + "\n")

        async def side(seconds: float, connections: int) -> Sample:
            for _ in range(_TRIES):
                before, own = cpu_seconds(self._postmaster), _children()
                told = await self._run(file, seconds, connections, options, prepared=prepared)
                used = {"postgres": cpu_seconds(self._postmaster) - before, "load": _children() - own}
                done = re.search(r"actually processed: (\d+)", told)
                rate = re.search(r"tps = ([\d.]+)", told)
                failed = re.search(r"failed transactions: (\d+)", told)
                if failed is not None and failed[1] != "0":
                    break
                if done is not None and rate is not None and float(rate[1]) > 0:
                    return Sample(int(done[1]), int(done[1]) / float(rate[1]), cpu=used)
            raise RuntimeError(told)

        return side

    async def _run(
        self, file: Path, seconds: float, connections: int, options: Sequence[str], *, prepared: bool
    ) -> str:
        command = [
            str(find_binaries() / "pgbench"), "-n", "-M", "prepared" if prepared else "simple",
            "-c", str(connections), "-j", str(min(connections, 2)), "-T", str(max(1, round(seconds))),
            "-f", str(file), *self._target,
        ]  # fmt: skip
        env = os.environ | {"PGOPTIONS": " ".join(f"-c {option}" for option in ("jit=off", *options))}
        running = await asyncio.create_subprocess_exec(
            *command, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        told, _ = await running.communicate()
        if running.returncode:
            raise RuntimeError(told.decode())
        return told.decode()


def _children() -> float:
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
