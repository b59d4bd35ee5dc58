"""备份: a base backup of the private cluster, and from then on every piece of its log."""

from __future__ import annotations

import shutil
import time

from app.backup.folder import BackupFolder, Base
from app.clock import Clock
from app.errors import NotReady
from app.postgres import PrivateCluster

#: After so many seconds a piece of the log is archived although it is not full: so much is lost at most.
ARCHIVE_SECONDS = 300
#: How long a working archive may take for one piece.
_PATIENCE_SECONDS = 60

_ARCHIVES_TO = """
    SELECT current_setting('basic_archive.archive_directory', true)
    WHERE current_setting('archive_library') <> ''
"""


def take(cluster: PrivateCluster, to: BackupFolder, *, keep: int, clock: Clock) -> Base:
    """Takes a base backup of the running cluster into the folder, archives its log there from now on, and
    deletes all but the newest `keep` bases with what only they needed.

    Errors: `NotReady` when the log cannot be archived; `InvalidInput` when the folder is another cluster's.
    """
    identity = _identity(cluster)
    to.check(identity)
    if not to.marker.exists() and cluster.ask(_ARCHIVES_TO) == str(to.wal):
        raise NotReady(f"{to.folder} has the cluster's backups, but now it is empty: is its disk mounted?")
    for folder in (to.folder, to.base, to.wal):
        cluster.own(folder)
    to.marker.write_text(identity)
    _archive(cluster, to)
    shutil.rmtree(to.unfinished, ignore_errors=True)
    cluster.run(
        [
            cluster.program("pg_basebackup"),
            *cluster.address,
            f"--pgdata={to.unfinished}",
            "--format=tar",
            "--compress=client-gzip:1",
            "--wal-method=stream",
            "--checkpoint=fast",
        ]
    )
    base = to.finished(clock.now())
    _await(cluster, to)
    _expire(cluster, to, keep)
    return base


def _identity(cluster: PrivateCluster) -> str:
    """Two clusters differ in it, and so do a cluster and what was restored from its backup."""
    return cluster.ask(
        "SELECT system_identifier || ' timeline ' || timeline_id"
        " FROM pg_control_system(), pg_control_checkpoint()"
    )


def _archive(cluster: PrivateCluster, to: BackupFolder) -> None:
    if cluster.ask("SHOW archive_mode") != "on":
        cluster.ask("ALTER SYSTEM SET archive_mode = 'on'")
        raise NotReady(
            "the cluster archives its log from its next start on: stop the service, then run this again"
        )
    quoted = str(to.wal).replace("'", "''")
    cluster.ask(
        "LOAD 'basic_archive'",
        f"ALTER SYSTEM SET basic_archive.archive_directory = '{quoted}'",
        "ALTER SYSTEM SET archive_library = 'basic_archive'",
        "ALTER SYSTEM SET archive_command = ''",
        f"ALTER SYSTEM SET archive_timeout = {ARCHIVE_SECONDS}",
        "SELECT pg_reload_conf()",
    )


def _await(cluster: PrivateCluster, to: BackupFolder) -> None:
    """Proof that the archive works: all that was written until now has to turn up in it."""
    cluster.ask("SELECT pg_create_restore_point('backup')")  # or nothing might have been written
    piece = cluster.ask("SELECT pg_walfile_name(pg_switch_wal())")
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not (to.wal / piece).exists():
        if time.monotonic() > deadline:
            raise NotReady(f"{piece} does not turn up in {to.wal}: the cluster's postgres.log says why")
        time.sleep(0.2)
        # The server starts an archiver for a new folder anew, ten seconds after the one before and when it is
        # woken, as by this; by itself it looks once a minute.
        cluster.ask("SELECT")


def _expire(cluster: PrivateCluster, to: BackupFolder, keep: int) -> None:
    bases = to.bases()
    for base in bases[:-keep]:
        shutil.rmtree(base.folder)
    oldest, newest = (
        cluster.ask(f"SELECT pg_walfile_name('{base.begin}')") for base in (bases[-keep:][0], bases[-1])
    )
    cluster.run([cluster.program("pg_archivecleanup"), "-x", ".gz", str(to.wal), oldest])
    # A piece that was cut off before it was full is mostly zeros.
    if older := [str(path) for path in to.wal.glob("[0-9A-F]" * 24) if path.name < newest]:
        cluster.run(["gzip", "--fast", "--force", *sorted(older)])
