"""恢复: a new private cluster from a backup folder, as it was at a moment."""

from __future__ import annotations

import shlex
from datetime import datetime

from app.backup.folder import BackupFolder, Base
from app.errors import NotReady
from app.postgres import PrivateCluster


def restore(source: BackupFolder, cluster: PrivateCluster, at: datetime | None) -> tuple[Base, str]:
    """Makes `cluster` as the backed-up one was at the moment, or as far as the archive reaches.

    Gives the base backup it began with and the moment of the last transaction. The new cluster does not
    archive its log: its first own backup, into a folder of its own, begins that.
    Errors: `NotFound` when no base backup is old enough; `NotReady` when the archive does not reach so far.
    """
    base = source.newest(at)

    def fill() -> None:
        for archive, into in (("base.tar.gz", cluster.data), ("pg_wal.tar.gz", cluster.data / "pg_wal")):
            cluster.run(["tar", "-xzf", str(base.folder / archive), "-C", str(into)])
        manifest = f"--manifest-path={base.folder / 'backup_manifest'}"
        cluster.run([cluster.program("pg_verifybackup"), "--quiet", manifest, str(cluster.data)])
        cluster.run(["touch", str(cluster.data / "recovery.signal")])

    wanted = (
        {} if at is None else {"recovery_target_time": at.isoformat(), "recovery_target_action": "promote"}
    )
    try:
        cluster.recover(fill, {"archive_mode": "off", "restore_command": _fetch(source), **wanted})
    except NotReady as error:
        if _TOO_LATE not in error.detail:
            raise
        raise NotReady(
            f"the archive does not reach {at}: leave --at out to go as far as it reaches"
        ) from error
    with cluster:
        reached = cluster.ask("SELECT pg_last_xact_replay_timestamp()")
        cluster.ask(
            "ALTER SYSTEM SET archive_library = ''",
            "ALTER SYSTEM SET archive_command = '/bin/true'",
            _SKIP_NUMBERS,
        )
    return base, reached


#: What the server says when no transaction at or after the moment is in the log.
_TOO_LATE = "recovery ended before configured recovery target was reached"
#: What was given out after the moment is forgotten here, but not by those who were told it: no other case may
#: get it on the same day. Nothing is done where there are no numbers yet.
_SKIP_NUMBERS = """
    SELECT setval(quote_ident(sequencename)::regclass, (last_value + 100000) % max_value + 1)
    FROM pg_sequences WHERE sequencename = 'case_serial' AND last_value IS NOT NULL
"""


def _fetch(source: BackupFolder) -> str:
    """The shell command by which the server gets a piece of the log, compressed or not."""
    piece = shlex.quote(str(source.wal)).replace("%", "%%") + "/%f"
    return f'if test -f {piece}.gz; then gzip -dc {piece}.gz > "%p"; else cp {piece} "%p"; fi'
