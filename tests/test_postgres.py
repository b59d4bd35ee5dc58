"""The private cluster: made, shared, stopped by the last to leave, found again with its data, kept alive."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from app.postgres import PrivateCluster
from app.watchdog import watched


def _execute(cluster: PrivateCluster, statement: str) -> list[tuple[object, ...]]:
    url = make_url(cluster.url)
    with psycopg.connect(host=url.query["host"], user="chengguan", dbname="chengguan") as conn:
        cursor = conn.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_data_outlives_the_server(open_folder: Path):
    home = open_folder / "private"
    with PrivateCluster(home, durable=True) as first:
        _execute(first, "CREATE TABLE kept AS SELECT 1 AS one")
        assert _execute(first, "SHOW fsync") == [("on",)]
        with PrivateCluster(home) as second:
            assert _execute(second, "SELECT one FROM kept") == [(1,)]
        assert _execute(first, "SELECT one FROM kept") == [(1,)]  # the second did not stop it
    assert not first._is_running()
    with PrivateCluster(home) as again:
        assert _execute(again, "SELECT one FROM kept") == [(1,)]


def _kill(cluster: PrivateCluster) -> None:
    """Ends the server without giving it time for anything, and waits until its processes are gone."""
    number = int((cluster.folder / "pgdata" / "postmaster.pid").read_text().split("\n")[0])
    os.kill(number, signal.SIGKILL)
    while cluster._is_running():
        time.sleep(0.01)


def _answers(cluster: PrivateCluster) -> bool:
    try:
        return _execute(cluster, "SELECT 1") == [(1,)]
    except psycopg.OperationalError:
        return False


def _until_it_answers(cluster: PrivateCluster) -> None:
    deadline = time.monotonic() + 60
    while not _answers(cluster):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_killed_server_is_brought_back_once_by_those_who_use_it(open_folder: Path):
    with ExitStack() as stack:
        users = [stack.enter_context(PrivateCluster(open_folder / "private")) for _ in range(3)]
        for user in users:
            stack.enter_context(watched(user))
        _execute(users[0], "CREATE TABLE kept AS SELECT 1 AS one")
        for _ in range(2):
            _kill(users[0])
            _until_it_answers(users[0])
            assert _execute(users[0], "SELECT one FROM kept") == [(1,)]
    assert not users[0]._is_running()


@pytest.mark.parametrize("other", ["somebody else", "a zombie"])
def test_the_dead_server_s_number_may_be_another_s_by_now(open_folder: Path, other: str):
    """After a restart of the machine; or where nobody buries the dead, as in a container."""
    with PrivateCluster(open_folder / "private") as cluster:
        _execute(cluster, "CREATE TABLE kept AS SELECT 1 AS one")
        home = open_folder / "private"
        locks = [home / "pgdata" / "postmaster.pid", home / "socket" / ".s.PGSQL.5432.lock"]
        dead = locks[0].read_text().split("\n", 1)[0]
        _kill(cluster)
        with subprocess.Popen(["sleep", "60" if other == "somebody else" else "0"]) as process:
            if other == "a zombie":
                os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            for lock in locks:
                lock.write_text(lock.read_text().replace(dead, str(process.pid), 1))
            assert cluster.revive()
            assert _execute(cluster, "SELECT one FROM kept") == [(1,)]
            assert not cluster.revive()
            process.kill()
