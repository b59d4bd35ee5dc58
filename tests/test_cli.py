"""The command line: help, one clear line for an error, and the commands that keep a service running."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner, Result

from app import migrate, server
from app.cli import app
from app.errors import NotReady
from app.settings import Settings

#: Seconds after which a process of a test is taken to hang, on a busy machine too.
PATIENCE = 180
ROOT = Path(__file__).resolve().parent.parent


def _environment(**given: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CHENGGUAN_")}
    return {**kept, "COLUMNS": "200", "PYTHONPATH": str(ROOT), **given}


def run(*arguments: str, **environment: str) -> Result:
    """A command carried out in this process."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("CHENGGUAN_"):
                patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        return CliRunner().invoke(app, arguments)


@contextmanager
def running(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", *arguments],
        env=_environment(PYTHONUNBUFFERED="1", **environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )

    def kill() -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its workers too: they hold the pipe

    watchdog = threading.Timer(PATIENCE, kill)
    watchdog.start()
    try:
        yield process
    finally:
        watchdog.cancel()
        kill()
        process.communicate()


def _read_until(process: subprocess.Popen[str], pattern: str) -> re.Match[str]:
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if found := re.search(pattern, line):
            return found
    raise AssertionError(f"{pattern} never came:\n{seen}")


def test_help_speaks_both_languages():
    help_text = run("--help").stdout
    for words in ("数字化城市管理", "From a report", "serve", "worker", "db", "account"):
        assert words in help_text


def test_a_wrong_command_is_a_usage_error():
    assert run("nonsense").exit_code == 2
    assert run("serve", "--port", "99999").exit_code == 2


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        (
            {"CHENGGUAN_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"},
            "the database cannot be reached",
        ),
        ({"CHENGGUAN_DATABASE_URL": "mysql://nobody@127.0.0.1:1/none"}, "CHENGGUAN_DATABASE_URL"),
        ({"CHENGGUAN_SERVER__WORKERS": "many"}, "CHENGGUAN_SERVER__WORKERS"),
        ({"CHENGGUAN_DATA": "/proc/nowhere"}, "/proc/nowhere"),
    ],
)
def test_what_goes_wrong_is_told_in_one_line(environment: dict[str, str], words: str):
    done = run("db", "status", **environment)
    assert done.exit_code == 1
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_migrating_by_command(cluster, cloned_url: str):
    migrate.downgrade(cloned_url, "0005_cases")
    environment = {"CHENGGUAN_DATABASE_URL": cloned_url}
    behind = run("db", "status", **environment)
    assert (behind.exit_code, "chengguan db migrate" in behind.stderr) == (1, True)
    assert "0005_cases → " in run("db", "migrate", **environment).stdout
    assert "up to date" in run("db", "migrate", **environment).stdout
    assert run("db", "status", **environment).exit_code == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_serving_on_a_free_port_until_told_to_stop(cloned_url: str, tmp_path: Path, workers: str):
    environment = {"CHENGGUAN_DATABASE_URL": cloned_url, "CHENGGUAN_DATA": str(tmp_path)}
    with running("serve", "--workers", workers, **environment) as process:
        address = _read_until(process, r"(http://127\.0\.0\.1:\d+)/docs")[1]
        with httpx.Client(base_url=address, timeout=PATIENCE) as client:
            assert client.get("/health/live").json() == {"status": "alive"}
            assert client.get("/docs").status_code == 200
            assert client.get("/openapi.json").json()["info"]["title"] == "城管 Chengguan"
        for _ in range(20):  # each over a connection of its own, so that every process gets some
            httpx.get(f"{address}/health/live", timeout=PATIENCE)
        for _ in range(5):
            figures = httpx.get(f"{address}/metrics", timeout=PATIENCE).text
            assert re.search(r'requests_total{method="GET",route="/health/live",status="200"} 21\.0', figures)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


def test_a_taken_port_is_told():
    settings = Settings(database_url="postgresql://127.0.0.1:1/none")
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(NotReady, match="cannot listen"):
        server.serve(settings, host="127.0.0.1", port=taken.getsockname()[1], workers=1, tell=pytest.fail)


def test_the_worker_runs_until_told_to_stop(cloned_url: str, tmp_path: Path):
    environment = {"CHENGGUAN_DATABASE_URL": cloned_url, "CHENGGUAN_DATA": str(tmp_path)}
    with running("worker", **environment) as process:
        _read_until(process, '"working"')
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


def test_without_a_database_url_the_private_cluster_runs_as_long_as_it_is_needed(open_folder: Path):
    environment = {"CHENGGUAN_DATA": str(open_folder)}
    assert run("db", "migrate", **environment).exit_code == 0
    with running("serve", **environment) as process:
        address = _read_until(process, r"(http://127\.0\.0\.1:\d+)/docs")[1]
        with httpx.Client(base_url=address, timeout=PATIENCE) as client:
            assert client.get("/health/ready").json()["checks"]["migrations"]["ok"]
        assert run("db", "status", **environment).exit_code == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    assert not (open_folder / "cluster" / "pgdata" / "postmaster.pid").exists()


def test_answers_do_not_wait_for_the_client_s_word():
    """asyncio turns off Nagle's algorithm only for sockets that name TCP: every answer took 40 ms without."""
    with server._listen("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP
