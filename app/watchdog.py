"""看门狗: what keeps the service together when one of its processes is killed.

Whoever uses the private cluster watches its server and starts it again; of several that notice at once,
one does it. An API process goes when the one that started it is gone, so that the next start finds the
address free.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from app.errors import NotReady
from app.postgres import PrivateCluster

log = structlog.get_logger(__name__)

#: Seconds between two looks at the server: one read of a file in /proc.
_LOOK_SECONDS = 0.5


@contextmanager
def watched(cluster: PrivateCluster) -> Iterator[None]:
    """Brings the server of an entered cluster back for as long as this is entered."""
    ended = threading.Event()
    watching = threading.Thread(target=_watch, args=(cluster, ended), name="watchdog", daemon=True)
    watching.start()
    try:
        yield
    finally:
        ended.set()
        watching.join()


def _watch(cluster: PrivateCluster, ended: threading.Event) -> None:
    while not ended.wait(_LOOK_SECONDS):
        try:
            if cluster.revive():
                log.warning("database_restarted")
        except NotReady as error:  # the disk is full, or old backends still finish: they may be gone soon
            log.error("database_not_restarted", reason=error.detail)


def leave_with_parent() -> None:
    """Ends this process, as if told to stop, once the one that started it as its worker is gone."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent watch", daemon=True).start()


def is_told_to_stop() -> bool:
    """Whether the server of this process is leaving: it waits for answers under way, and those that have no
    end of their own must find one."""
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)  # it takes the signal by a method
    return getattr(server, "should_exit", False) is True
