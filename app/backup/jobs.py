"""后台任务 of backups: an archive that fails is seen."""

from __future__ import annotations

import structlog

from app.backup import store
from app.requests import Services

log = structlog.get_logger(__name__)


async def watch_archive(services: Services) -> int:
    """Tells in the log, as an error, that the database's log cannot be archived; gives 1 if so."""
    async with services.database.transaction() as connection:
        state = await store.archive_state(connection)
    if not (state.archiving and state.failing):
        return 0
    log.error(
        "archive_failing", piece=state.last_failed_wal, last_archived=str(state.last_archived_time or "never")
    )
    return 1
