"""被测服务: the service as it is run, and the bare endpoint, each in processes of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.settings import variable
from bench.load import Address
from bench.machine import family

#: Of each server, as the targets have it.
PROCESSES = 2
ROOT = Path(__file__).resolve().parent.parent
CHENGGUAN = (str(Path(sys.executable).parent / "chengguan"),)
BARE = (sys.executable, "-m", "bench.bare")


def environment(url: str, data: Path) -> dict[str, str]:
    """What a process of the service is told: the defaults but for the database and the life of tokens."""
    settings = {
        variable("database_url"): "postgresql" + url[url.index(":") :],
        variable("data"): str(data),
        variable("server", "workers"): str(PROCESSES),
        variable("tokens", "access_minutes"): str(24 * 60),
    }
    others = {name: value for name, value in os.environ.items() if not name.startswith(variable(""))}
    return others | settings


def command(env: dict[str, str], *words: str, log: Path) -> None:
    """Runs a command of the service to its end. Errors: CalledProcessError."""
    with log.open("a") as written:
        subprocess.run(
            [*CHENGGUAN, *words], env=env, check=True, cwd=ROOT, stdout=written, stderr=subprocess.STDOUT
        )


@contextmanager
def serving(program: tuple[str, ...], env: dict[str, str], log: Path) -> Iterator[tuple[int, Address]]:
    """The server's first process and where it listens, until left. What it logs goes to the file."""
    with log.open("a") as written:
        server = subprocess.Popen(
            program, env=env, cwd=ROOT, stdout=subprocess.PIPE, stderr=written, text=True
        )
    try:
        yield server.pid, _address(server, log)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)
        assert server.stdout is not None
        server.stdout.close()


def _address(server: subprocess.Popen[str], log: Path) -> Address:
    assert server.stdout is not None
    found = re.search(r"http://([\d.]+):(\d+)", server.stdout.readline())
    if found is None:
        raise RuntimeError(f"the server did not start: {log.read_text()[-2000:]}")
    for _ in range(600):
        working = [process for process in family(server.pid) if _answers(process)]
        if len(working) == PROCESSES:
            return Address(found[1], int(found[2]), working)
        time.sleep(0.1)
    raise RuntimeError(f"the server has not {PROCESSES} processes: {log.read_text()[-2000:]}")


def _answers(process: int) -> bool:
    """Whether it is one of the server's workers, not what started them."""
    try:
        return b"spawn_main" in Path(f"/proc/{process}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
