"""`chengguan demo`: from nothing to a district at work, and again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from app.db import Database
from app.demo import installation
from app.replay import files
from tests import world

ROOT = Path(__file__).resolve().parent.parent.parent
#: Seconds after which a command is taken to hang, on a busy machine too.
PATIENCE = 300


def chengguan(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    command, settings = _command(arguments, environment)
    return subprocess.run(command, env=settings, capture_output=True, text=True, timeout=PATIENCE)


@contextmanager
def serving(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """The command while it runs, its output as a pipe; killed in the end if it still runs."""
    command, settings = _command(arguments, environment)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    process = subprocess.Popen(command, env=settings, text=True, start_new_session=True, **pipes)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its worker too: it holds the pipe
        process.communicate()


def _command(arguments: tuple[str, ...], given: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CHENGGUAN_")}
    ours = {"COLUMNS": "150", "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    return [sys.executable, "-m", "app.cli", *arguments], {**kept, **ours, **given}


def test_from_nothing_to_a_district_at_work(open_folder: Path) -> None:
    folder = open_folder
    ours = {"CHENGGUAN_DATA": str(folder)}
    first = chengguan("demo", "--no-serve", "--days", "1", "--per-day", "40", **ours)
    assert first.returncode == 0, first.stderr
    assert re.search(r"意外 surprises +│ 0 ", first.stdout)
    assert int(re.search(r"上报 reported +│ (\d+)", first.stdout)[1]) > 10  # type: ignore[index]
    password = (folder / "demo" / "demo-password").read_text()
    assert password in first.stdout
    assert (folder / "demo" / "demo-password").stat().st_mode & 0o777 == 0o600
    kept = _journal(folder)

    second = chengguan("demo", "--no-serve", **ours)
    assert second.returncode == 0, second.stderr
    assert "loaded already" in second.stdout
    assert "办理情况" not in second.stdout
    assert _journal(folder) == kept

    _replays_beside_it(folder)
    with serving("demo", **ours) as process:
        assert process.stdout is not None
        told = ""
        while not (address := re.search(r"(http://127\.0\.0\.1:\d+)/docs", told)):
            line = process.stdout.readline()
            assert line, told
            told += line
        account = re.search(r"shift_leader +│ (\S+)", told)
        assert account is not None, told
        transport = httpx.HTTPTransport(retries=10)
        with httpx.Client(base_url=address[1], transport=transport, timeout=30) as client:
            assert client.get("/docs").status_code == 200
            form = {"username": account[1], "password": password}
            token = client.post("/api/v1/auth/token", data=form).json()["access_token"]
            queue = client.get("/api/v1/cases", headers={"Authorization": f"Bearer {token}"})
            assert queue.json()["items"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def _replays_beside_it(folder: Path) -> None:
    """A file of a city's own records, in the demo's district."""
    yesterday = datetime.now(UTC) - timedelta(days=1)
    rules = installation.rulebook(yesterday)
    begin = installation.beginning(rules, yesterday, days=1)  # just after midnight today has none
    told = installation.arrivals(rules, begin, yesterday, per_day=100, seed=5)
    files.write(list(told)[:5], folder / "reports.csv")
    here = {"CHENGGUAN_DATA": str(folder / "demo")}
    command = ("replay", str(folder / "reports.csv"))
    production = chengguan(*command, **here)
    assert (production.returncode, "production" in production.stderr) == (1, True)
    here["CHENGGUAN_ENVIRONMENT"] = "demo"
    beside = chengguan(*command, **here)
    assert (beside.returncode, "--force" in beside.stderr) == (1, True)
    forced = chengguan(*command, "--force", **here)
    assert forced.returncode == 0, forced.stderr
    assert re.search(r"上报 reported +│ 5（", forced.stdout)
    assert re.search(r"意外 surprises +│ 0 ", forced.stdout)


def _journal(folder: Path) -> str:
    """What a verification of the journal says of entries and cases."""
    verified = chengguan("journal", "verify", CHENGGUAN_DATA=str(folder / "demo"))
    assert verified.returncode == 0, verified.stdout + verified.stderr
    return verified.stdout


def test_the_demo_keeps_off_production(tmp_path: Path) -> None:
    refused = chengguan(
        "demo", "--no-serve", CHENGGUAN_ENVIRONMENT="production", CHENGGUAN_DATA=str(tmp_path)
    )
    assert (refused.returncode, "production" in refused.stderr) == (1, True)


async def test_the_demo_keeps_off_other_districts(cloned_url: str, tmp_path: Path) -> None:
    database = Database(cloned_url)
    await world.found(database)
    await database.close()
    refused = chengguan("demo", "--no-serve", CHENGGUAN_DATABASE_URL=cloned_url, CHENGGUAN_DATA=str(tmp_path))
    assert (refused.returncode, "district of its own" in refused.stderr) == (1, True)
