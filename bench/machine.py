"""机器: what the figures were measured on, and what processes use of it."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_LIBRARIES = ("fastapi", "pydantic", "sqlalchemy", "asyncpg", "psycopg", "uvicorn", "uvloop", "httptools")


def description() -> dict[str, str]:
    """The machine and the versions, for people."""
    cpu = re.search(r"model name\s*: (.*)", (_PROC / "cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s*(\d+)", (_PROC / "meminfo").read_text())
    return {
        "processor": f"{os.cpu_count()} × {cpu[1] if cpu else platform.machine()}",
        "memory": f"{int(memory[1]) / 2**20:.0f} GB" if memory else "",
        "system": f"Linux {platform.release()}",
        "Python": platform.python_version(),
    } | {name: version(name) for name in _LIBRARIES}


def _stat(process: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on; a name may hold spaces."""
    return (_PROC / str(process) / "stat").read_text().rpartition(")")[2].split()


def family(process: int) -> list[int]:
    """The process and all below it."""
    children: dict[int, list[int]] = {}
    for folder in _PROC.iterdir():
        if folder.name.isdecimal():
            try:
                children.setdefault(int(_stat(int(folder.name))[1]), []).append(int(folder.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
    found = [process]
    for parent in found:
        found += children.get(parent, [])
    return found


def cpu_seconds(process: int) -> float:
    """Processor time of the process and all below it, those that ended and were waited for included."""
    return sum(_times(family(process))) / _TICKS


def _times(processes: Iterable[int]) -> Iterator[int]:
    for process in processes:
        try:
            yield sum(map(int, _stat(process)[11:15]))
        except (FileNotFoundError, ProcessLookupError):
            continue


def accepted_by(port: int, processes: Iterable[int]) -> int:
    """Which of the processes holds the connection that a client made from this local port."""
    remote = f":{port:04X}"
    rows = (line.split() for line in (_PROC / "net" / "tcp").read_text().splitlines()[1:])
    sockets = {f"socket:[{row[9]}]" for row in rows if row[2].endswith(remote)}
    return next(process for process in processes if sockets & _files(process))


def _files(process: int) -> set[str]:
    found = set()
    for link in (_PROC / str(process) / "fd").iterdir():
        try:
            found.add(str(link.readlink()))
        except FileNotFoundError:
            continue
    return found


def memory_mb(process: int) -> dict[str, float]:
    """Memory of the process alone, in MB: resident, its fair share of what is shared, and its own."""
    rollup = (_PROC / str(process) / "smaps_rollup").read_text()
    kb = {name: int(value) for name, value in re.findall(r"(\w+):\s+(\d+) kB", rollup)}
    own = kb["Private_Clean"] + kb["Private_Dirty"]
    return {"rss": kb["Rss"] / 1024, "pss": kb["Pss"] / 1024, "uss": own / 1024}
