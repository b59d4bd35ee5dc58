"""The embedded default: a private PostGIS cluster, made and started when no database URL is set.

The cluster lives in a folder of its own, listens on a unix socket only (in a folder nobody else may
enter) and is owned by an unprivileged user when we run as root, since the server refuses to be root.
Every process that uses it holds a shared lock; the last one to leave stops it, and a process that was
killed leaves no lock behind.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any
from urllib.parse import quote

from app.errors import NotReady

DATABASE = "chengguan"
#: Replaying the log of a busy week takes a while.
_RECOVERY_SECONDS = 86_400
_SERVER_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "120",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    # A page's first change after a checkpoint goes to the log whole: 50 kB for each old case that is touched.
    "wal_compression": "lz4",
    # Only a start can switch archiving on, so it is on; until a backup names a folder the log goes nowhere.
    "archive_mode": "on",
    "archive_command": "/bin/true",
    "log_min_messages": "warning",
    "timezone": "UTC",
}


def find_binaries(version: str | None = None) -> Path:
    """The folder of a server's programs: of that major version, or of the newest installed.

    Errors: `NotReady` when no PostgreSQL 15 or later with PostGIS is installed, or not that version.
    """
    installed = {
        int(folder.parent.name): folder
        for folder in Path("/usr/lib/postgresql").glob("*/bin")
        if (folder / "initdb").exists() and _has_postgis(folder.parent.name)
    }
    if version is not None:
        if int(version) in installed:
            return installed[int(version)]
        raise NotReady(
            f"the private cluster was made by PostgreSQL {version}, no longer installed with PostGIS:"
            f" install postgresql-{version}-postgis-3"
        )
    if installed and max(installed) >= 15:
        return installed[max(installed)]
    raise NotReady(
        "no PostgreSQL 15+ with PostGIS found: run `make install`, or set CHENGGUAN_DATABASE_URL to a server"
    )


def _has_postgis(version: str) -> bool:
    return Path(f"/usr/share/postgresql/{version}/extension/postgis.control").exists()


class PrivateCluster:
    """A PostGIS cluster in `folder`, used as a context manager; `url` is valid while it is entered.

    `durable=False` trades safety against crashes for speed; only for tests.
    """

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.folder = folder.absolute()
        self._durable = durable
        self._owner = _unprivileged_owner()
        self._home = self._reachable_home()
        self._data = self._home / "pgdata"
        self._lock = self._data / "postmaster.pid"
        self._socket = self._socket_folder()
        self._lock_file: int | None = None

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the service's database (user `chengguan`, trusted on the private socket)."""
        return self.database_url(DATABASE)

    def database_url(self, database: str) -> str:
        """SQLAlchemy URL of another database of the same cluster."""
        return f"postgresql+psycopg://chengguan@/{database}?host={quote(str(self._socket), safe='')}"

    @property
    def data(self) -> Path:
        """The folder of the server's own files; there once the cluster was made."""
        return self._data

    @property
    def address(self) -> tuple[str, str]:
        """How PostgreSQL's client programs are told of the cluster."""
        return f"--host={self._socket}", "--username=chengguan"

    def program(self, name: str) -> str:
        """The path of one of PostgreSQL's programs, of the cluster's own version."""
        return str(self._binaries() / name)

    def ask(self, *statements: str, database: str = DATABASE) -> str:
        """What the statements give, as text; the superuser asks, each in a transaction of its own."""
        options = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        asked = [f"--command={statement}" for statement in statements]
        return self.run([self.program("psql"), *self.address, *options, f"--dbname={database}", *asked])

    def own(self, folder: Path) -> None:
        """Makes a folder for the server's user alone. Errors: `NotReady` where that user cannot go."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._owner is not None:
            os.chown(folder, self._owner.pw_uid, self._owner.pw_gid)
            if self._execute(["/usr/bin/test", "-w", str(folder)]).returncode != 0:
                raise NotReady(f"the user {self._owner.pw_name}, who runs the server, cannot reach {folder}")

    def recover(self, fill: Callable[[], None], settings: Mapping[str, str]) -> None:
        """Makes the cluster of a copy that `fill` puts into `data`, and replays the log by these settings.

        When this returns the server runs, and is open for writing. Errors: `NotReady` when there is a cluster
        already, or the log cannot be replayed; nothing is left then.
        """
        self._make_home()
        with _exclusive(self._home / "starting"):
            if self._data.exists():
                raise NotReady(f"{self._data} holds a cluster already: restore into a new folder")
            try:
                self.own(self._data)
                fill()
                self._start(settings, timeout_seconds=_RECOVERY_SECONDS)
                while self.ask("SELECT pg_is_in_recovery()") == "t":
                    time.sleep(0.2)
            except BaseException:
                self.stop()
                shutil.rmtree(self._data)
                raise

    def __enter__(self) -> PrivateCluster:
        self._make_home()
        with _exclusive(self._home / "starting"):
            if not (self._data / "PG_VERSION").exists():
                self._initialise()
            if not self._is_running():
                self._start()
            self._lock_file = os.open(self._home / "in-use", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._lock_file, fcntl.LOCK_SH)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with _exclusive(self._home / "starting"):
            assert self._lock_file is not None
            try:
                fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass  # somebody else still uses it
            else:
                self.stop()
            finally:
                os.close(self._lock_file)
                self._lock_file = None

    def stop(self) -> None:
        """Disconnects everybody and shuts down cleanly; does nothing when it is not running."""
        if self._is_running():
            self.run([*self._pg_ctl(), "stop", "--mode=fast", "--wait", "--timeout=60"])

    def revive(self) -> bool:
        """Starts the server again when it died while the cluster is entered; tells whether it had.

        Errors: `NotReady` when it does not start.
        """
        if self._is_running():
            return False
        with _exclusive(self._home / "starting"):
            if self._is_running():
                return False  # somebody else was quicker
            self._start()
        return True

    def _initialise(self) -> None:
        binaries = find_binaries()
        shutil.rmtree(self._data, ignore_errors=True)
        self.run(
            [
                str(binaries / "initdb"),
                f"--pgdata={self._data}",
                "--username=chengguan",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                *([] if self._durable else ["--no-sync"]),
            ]
        )
        settings = dict(_SERVER_SETTINGS)
        if not self._durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        lines = "".join(f"{name} = '{value}'\n" for name, value in settings.items())
        with (self._data / "postgresql.auto.conf").open("a") as conf:
            conf.write(lines)
        self._start()
        self.ask(f"CREATE DATABASE {DATABASE}", database="postgres")

    def _start(
        self, settings: Mapping[str, str] = MappingProxyType({}), *, timeout_seconds: int = 60
    ) -> None:
        for lock in (self._lock, *self._socket.glob(".s.PGSQL.*.lock")):
            if Path(f"/proc/{_process_in(lock)}").exists():
                # A zombie, or somebody else who was given the number: the server would not start beside it.
                lock.unlink()
        self._make_socket_folder()
        given = [f"--{name}={value}" for name, value in settings.items()]
        self.run(
            [
                *self._pg_ctl(),
                "start",
                "--wait",
                f"--timeout={timeout_seconds}",
                f"--log={self._home / 'postgres.log'}",
                f"--options={shlex.join(['-k', str(self._socket), *given])}",
            ]
        )

    def _binaries(self) -> Path:
        """A cluster is served by the major version that made it, also beside a newer one."""
        made_by = self._data / "PG_VERSION"
        return find_binaries(made_by.read_text().strip() if made_by.exists() else None)

    def _pg_ctl(self) -> list[str]:
        return [self.program("pg_ctl"), f"--pgdata={self._data}"]

    def _is_running(self) -> bool:
        """Whether the process in the lock file lives and serves this folder."""
        try:
            arguments = Path(f"/proc/{_process_in(self._lock)}/cmdline").read_text().split("\0")
            return self._data.samefile(arguments[arguments.index("-D") + 1])
        except (OSError, ValueError):
            return False

    def run(self, command: Sequence[str]) -> str:
        """Runs a program as the server's user; gives what it wrote. Errors: `NotReady` when it fails."""
        done = self._execute(command)
        if done.returncode != 0:
            log = self._home / "postgres.log"
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-5:]) if log.exists() else ""
            raise NotReady(f"{Path(command[0]).name} failed: {done.stdout.strip()[-400:]} {tail}".strip())
        return done.stdout.strip()

    def _execute(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        demoted: dict[str, Any] = {}
        if self._owner is not None:
            demoted = {"user": self._owner.pw_uid, "group": self._owner.pw_gid, "extra_groups": []}
        # Output goes to a file, not a pipe: the server inherits it and would hold a pipe open for ever.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(  # noqa: S603
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                check=False,
                start_new_session=True,
                text=True,
                **demoted,
            )
            output.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, output.read(), "")

    def _reachable_home(self) -> Path:
        """`folder`, or, where the unprivileged owner cannot reach it (below /root), a place in /var/lib."""
        if self._owner is None:
            return self.folder
        ancestor = self.folder
        while not ancestor.exists():
            ancestor = ancestor.parent
        reachable = self._execute(["/usr/bin/test", "-x", str(ancestor)]).returncode == 0
        return self.folder if reachable else Path("/var/lib/chengguan") / _short_hash(self.folder)

    def _socket_folder(self) -> Path:
        """A short path, since the kernel allows a socket's path 107 characters."""
        inside = self._home / "socket"
        if len(str(inside)) < 80:
            return inside
        return Path(tempfile.gettempdir()) / f"chengguan-{os.getuid()}-{_short_hash(self._home)}"

    def _make_home(self) -> None:
        self._home.mkdir(parents=True, exist_ok=True)
        if self._owner is not None:
            os.chown(self._home, self._owner.pw_uid, self._owner.pw_gid)

    def _make_socket_folder(self) -> None:
        self._socket.mkdir(mode=0o700, exist_ok=True)
        owner = os.getuid() if self._owner is None else self._owner.pw_uid
        if self._socket.stat().st_uid not in (owner, os.getuid()):
            raise NotReady(
                f"{self._socket} belongs to somebody else; remove it or choose another data folder"
            )
        self._socket.chmod(0o700)
        if self._owner is not None:
            os.chown(self._socket, self._owner.pw_uid, self._owner.pw_gid)


class _exclusive:  # noqa: N801
    """Holds a lock file while entered, so that two processes never start or stop at once."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + 120
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise NotReady(f"another process has been holding {self._path} for two minutes") from None
                time.sleep(0.05)
            else:
                return

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def _unprivileged_owner() -> pwd.struct_passwd | None:
    """The user the server runs as: None for ourselves, a system user when we are root."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise NotReady("running as root, and there is no user `postgres` for the database server to run as")


def _process_in(lock: Path) -> str:
    """The process number in a lock file of the server's; `none` without one."""
    try:
        return lock.read_text().split()[0]
    except (FileNotFoundError, IndexError):
        return "none"


def _short_hash(path: Path) -> str:
    return hashlib.sha256(str(path).encode()).hexdigest()[:10]
