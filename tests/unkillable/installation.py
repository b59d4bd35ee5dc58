"""A whole service of a test's own: API processes, the worker, a durable cluster, and who restarts them.

What a system's supervisor would restart (`serve` and `worker`, as systemd does with `Restart=always`) is
restarted here; everything else has to come back by itself.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
from sqlalchemy import make_url

from app.postgres import PrivateCluster
from tests.world import World

ROOT = Path(__file__).resolve().parent.parent.parent
#: Seconds after which something is taken never to happen, on a busy machine too.
PATIENCE = 120.0
API_PROCESSES = 2


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def children(pid: int) -> list[int]:
    """The live child processes, oldest first."""
    with suppress(FileNotFoundError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def command_of(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def kill(pid: int | None, how: signal.Signals = signal.SIGKILL) -> bool:
    """Whether there was somebody to be sent the signal."""
    if pid is None:
        return False
    with suppress(ProcessLookupError):
        os.kill(pid, how)
        return True
    return False


@dataclass
class Kept:
    """One command, started again half a second after it ended."""

    arguments: tuple[str, ...]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] = field(init=False)
    starts: int = 0

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", *self.arguments],
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.starts += 1

    def ended(self) -> bool:
        return self.process.poll() is not None


class Installation:
    """The running service. `world` tells who may do what in it."""

    def __init__(self, folder: Path, world: World, **settings: str) -> None:
        self.folder = folder
        self.world = world
        self.cluster = PrivateCluster(folder / "cluster")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CHENGGUAN_")}
        self.environment = {
            **kept,
            "PYTHONPATH": str(ROOT),
            "CHENGGUAN_DATA": str(folder),
            "CHENGGUAN_SERVER__PORT": str(self.port),
            "CHENGGUAN_SERVER__WORKERS": str(API_PROCESSES),
            "CHENGGUAN_WORKER__SWEEP_SECONDS": "1",
            "CHENGGUAN_WORKER__SEAL_MINUTES": "1",
            **settings,
        }
        self.log = folder / "service.log"
        self.api = Kept(("serve",), self.environment, self.log)
        self.worker = Kept(("worker",), self.environment, self.log)
        #: Seconds until it was ready the first time.
        self.started_in = 0.0
        self._stopping = threading.Event()

    # -- its life ------------------------------------------------------------------------------------------

    @contextmanager
    def running(self) -> Iterator[Installation]:
        supervisor = threading.Thread(target=self._supervise)
        for kept in (self.api, self.worker):
            kept.start()
        supervisor.start()
        try:
            self.started_in = self.until_ready()
            yield self
        finally:
            self._stopping.set()
            supervisor.join()
            self._stop()

    def _supervise(self) -> None:
        while not self._stopping.wait(0.5):
            for kept in (self.api, self.worker):
                if kept.ended():
                    kept.start()

    def _stop(self) -> None:
        leftover = self.processes()
        for kept in (self.api, self.worker):
            kill(kept.process.pid, signal.SIGTERM)
        for kept in (self.api, self.worker):
            with suppress(subprocess.TimeoutExpired):
                kept.process.wait(60)
        for pid in leftover:
            kill(pid)
        with self.cluster:
            pass  # whoever was killed has left it running: the last to leave stops it

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", timeout=PATIENCE)

    def until_ready(self) -> float:
        """Waits until the API is ready; gives the seconds that took."""
        began = time.monotonic()
        while True:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/health/ready", timeout=5).status_code == 200:
                    return time.monotonic() - began
            if time.monotonic() - began > PATIENCE:
                raise AssertionError(f"not ready after {PATIENCE:.0f} s:\n{self.told()}")
            time.sleep(0.1)

    def told(self, lines: int = 40) -> str:
        """The end of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    # -- its processes -------------------------------------------------------------------------------------

    def api_processes(self) -> list[int]:
        return [pid for pid in children(self.api.process.pid) if "spawn_main" in command_of(pid)]

    def postmaster(self) -> int | None:
        with suppress(OSError, ValueError):
            return int((self.folder / "cluster" / "pgdata" / "postmaster.pid").read_text().split("\n")[0])
        return None

    def backends(self) -> list[int]:
        """The server's processes that work for somebody."""
        found = self.postmaster()
        return [pid for pid in children(found or 0) if command_of(pid).startswith("postgres: chengguan")]

    def processes(self) -> list[int]:
        """All of ours but the database's."""
        return [self.api.process.pid, *self.api_processes(), self.worker.process.pid]

    # -- what is in its database ---------------------------------------------------------------------------

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        url = make_url(self.cluster.url)
        with psycopg.connect(host=url.query["host"], user="chengguan", dbname=url.database) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "app.cli", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
