"""Running the API: one or several uvicorn processes on one socket."""

from __future__ import annotations

import resource
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from app.errors import NotReady
from app.session import reachable_database
from app.settings import Settings, gather_figures, name_database

#: Seconds that requests under way are given when the service is told to stop.
GRACE_SECONDS = 20
#: Connections of clients a process may hold, where the system allows it.
CONNECTIONS = 65_536
#: Seconds after which a process that does not answer its parent is replaced; a slow start is no hang.
STARTUP_SECONDS = 60


def serve(
    settings: Settings,
    *,
    host: str,
    port: int,
    workers: int,
    tell: Callable[[str], None],
    api: str | Callable[[], FastAPI] = "app.main:build",
) -> None:
    """Serves until SIGINT or SIGTERM; `tell` is given the base URL before the first request is taken.

    `api` makes the service: by name, or with one worker as a function.
    The private cluster, when that is the database, runs for as long as this does.
    Errors: `NotReady` when the address is taken or the database cannot start.
    """
    _allow_many_connections()
    with reachable_database(settings) as database, _listen(host, port) as listening:
        tell(_address(listening))
        config = uvicorn.Config(
            api,
            factory=True,
            workers=workers,
            loop="app.loop:Loop",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
            timeout_worker_healthcheck=STARTUP_SECONDS,
        )
        if workers > 1:
            with tempfile.TemporaryDirectory(prefix="chengguan-figures-") as folder:
                gather_figures(Path(folder))
                name_database(database)
                _Workers(config, sockets=[listening]).run()
        else:
            server = uvicorn.Server(config)
            server.run(sockets=[listening])
            if not server.started:
                raise NotReady("the API did not start; the log above says why")


class _Workers(Multiprocess):
    """API processes that are replaced at once when they die, also while they start."""

    def keep_subprocess_alive(self) -> None:
        for process in self.processes:
            # While we hold the child's end of the pipe too, its death does not end the wait for its word.
            process.child_conn.close()
        super().keep_subprocess_alive()


def _allow_many_connections() -> None:
    """Raises the number of files the system lets a process open, often 1,024: whoever cannot be let in
    cannot be told to come later either."""
    open_files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS if most == resource.RLIM_INFINITY else min(CONNECTIONS, most)
    if open_files != resource.RLIM_INFINITY and open_files < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Only of a socket that says TCP does asyncio turn off Nagle's wait, 40 ms on an answer of two writes.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen()  # at once: who comes before the service is up waits instead of being refused
    except OSError as error:
        listening.close()
        raise NotReady(f"cannot listen on {host} port {port}: {error.strerror}") from error
    listening.set_inheritable(True)
    return listening


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
