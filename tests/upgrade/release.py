"""A stored release: the database its code left behind, and what its API said of it."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from app.postgres import PrivateCluster
from tests.conftest import admin

RELEASES = Path(__file__).parent / "releases"

#: Who reads the queue and the like; the first also reads each case.
READERS = ("leader", "dispatcher", "west_officer", "wei", "chief", "evaluator", "admin", "hotline")
_FOR_EACH = (
    "/me",
    "/cases?limit=200",
    "/cases?stage=handling&sort=newest&limit=200",
    "/cases/count",
    "/tasks",
)
_FOR_ONE = (
    "/cases/figures",
    "/duty",
    "/rulebooks",
    "/rulebooks/active",
    "/rulebooks/1",
    "/rulebooks/1/check",
    "/rulebooks/2/diff?against=1",
    "/areas?limit=100",
    "/areas/990101001/history",
    "/road-segments",
    "/street-chiefs",
    "/components",
    "/places?x=120.0005&y=30.0005&datum=cgcs2000",
)
_FOR_THE_ADMINISTRATOR = ("/accounts?limit=100", "/api-clients")
_OF_A_CASE = ("", "/journal", "/explanation", "/duplicates")

#: The reply to each question, by who asked what.
Readings = dict[str, Any]
Headers = dict[str, dict[str, str]]


@dataclass(frozen=True)
class Release:
    """The files of one release."""

    folder: Path

    @property
    def version(self) -> str:
        return self.folder.name

    @property
    def dump(self) -> Path:
        """Plain SQL, so that every later PostgreSQL can read it."""
        return self.folder / "database.sql.gz"

    @property
    def told(self) -> dict[str, Any]:
        """`at`, `people`, `password`, `journal` (entries, cases, seals), `repeat` and `readings`."""
        told: dict[str, Any] = json.loads(gzip.decompress(self._told.read_bytes()))
        return told

    @property
    def _told(self) -> Path:
        return self.folder / "told.json.gz"

    def keep(self, dump: str, told: dict[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.dump.write_bytes(gzip.compress(dump.encode(), mtime=0))
        text = json.dumps(told, ensure_ascii=False, sort_keys=True, indent=0)
        self._told.write_bytes(gzip.compress(text.encode(), mtime=0))

    def restore(self, cluster: PrivateCluster) -> str:
        """Makes a database of the dump; gives its name."""
        name = f"release_{uuid4().hex[:12]}"
        admin(cluster, f"CREATE DATABASE {name}")
        psql = [cluster.program("psql"), *cluster.address, f"--dbname={name}", "-X", "-q"]
        statements = gzip.decompress(self.dump.read_bytes())
        done = subprocess.run([*psql, "--set=ON_ERROR_STOP=1"], input=statements, capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
        return name


def releases() -> list[Release]:
    """All stored releases, the oldest first."""
    folders = (path for path in RELEASES.iterdir() if path.is_dir())
    return [Release(path) for path in sorted(folders, key=lambda path: [*map(int, path.name.split("."))])]


async def log_in(http: httpx.AsyncClient, people: Iterable[str], password: str) -> Headers:
    """What each of the people sends."""
    headers = {}
    for name in people:
        form = {"grant_type": "password", "username": name, "password": password}
        reply = await http.post("/api/v1/auth/token", data=form)
        assert reply.status_code == 200, reply.text
        headers[name] = {"Authorization": f"Bearer {reply.json()['access_token']}"}
    return headers


async def read(http: httpx.AsyncClient, headers: Headers) -> Readings:
    """What the API says to the readers, of everything and of each case."""
    readings: Readings = {}

    async def ask(who: str, path: str) -> Any:
        reply = await http.get(f"/api/v1{path}", headers=headers[who])
        assert reply.status_code == 200, f"{who} {path}: {reply.text}"
        readings[f"{who} {path}"] = reply.json()
        return reply.json()

    for who in READERS:
        for path in _FOR_EACH:
            await ask(who, path)
    for path in _FOR_ONE:
        await ask(READERS[0], path)
    for path in _FOR_THE_ADMINISTRATOR:
        await ask("admin", path)
    for case in readings[f"{READERS[0]} /cases?limit=200"]["items"]:
        for path in _OF_A_CASE:
            await ask(READERS[0], f"/cases/{case['id']}{path}")
    return readings


def moment(told: dict[str, Any]) -> datetime:
    """When the readings were taken."""
    return datetime.fromisoformat(told["at"])
