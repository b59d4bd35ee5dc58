"""How the server's archiver is getting on, on a private cluster or a city's own server."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_STATE = text(
    """
    SELECT current_setting('archive_mode') <> 'off'
             AND (current_setting('archive_library') <> '' OR current_setting('archive_command')
                  NOT IN ('', '(disabled)', '/bin/true')) AS archiving,
           current_setting('basic_archive.archive_directory', true) AS folder,
           last_archived_wal, last_archived_time, last_failed_wal, last_failed_time,
           last_failed_time IS NOT NULL
             AND last_failed_time >= coalesce(last_archived_time, last_failed_time) AS failing
    FROM pg_stat_archiver
    """
)


@dataclass(frozen=True, slots=True)
class ArchiveState:
    """归档状态. `failing`: the newest attempt failed; the server keeps the log and tries again."""

    archiving: bool
    folder: str | None
    last_archived_wal: str | None
    last_archived_time: datetime | None
    last_failed_wal: str | None
    last_failed_time: datetime | None
    failing: bool


async def archive_state(connection: AsyncConnection) -> ArchiveState:
    """What the server tells of its archive."""
    return ArchiveState(**(await connection.execute(_STATE)).one()._asdict())
