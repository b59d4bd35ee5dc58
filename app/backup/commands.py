"""备份 commands of the command line: take one, go back to a moment, look at the archive."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.backup import store
from app.backup.folder import BackupFolder
from app.backup.restoring import restore as restore_cluster
from app.backup.store import ArchiveState
from app.backup.taking import take as take_backup
from app.clock import WallClock
from app.errors import InvalidInput, NotReady
from app.requests import Services
from app.session import private_cluster, with_services
from app.settings import Settings

app = typer.Typer(no_args_is_help=True, help="备份 Backups of the private cluster: take, restore, status.")
output = Console(highlight=False, soft_wrap=True)

Folder = Annotated[Path, typer.Argument(help="备份目录 Backup folder, on another disk or machine.")]


@app.command()
def take(
    folder: Folder,
    keep: Annotated[int, typer.Option(min=1, help="保留份数 Base backups kept.")] = 7,
) -> None:
    """备份 Take a base backup while the service goes on, and archive every change from then on."""
    settings = Settings()
    if settings.database_url is not None:
        raise InvalidInput(
            "the database is a server of its own: back it up with its tools (docs/operations.md)"
        )
    with private_cluster(settings.data) as cluster:
        base = take_backup(cluster, BackupFolder(folder), keep=keep, clock=WallClock())
    output.print(
        f"已备份 taken: {base.folder}\n可恢复至此后任一时刻 any moment since {base.moment.isoformat()}"
    )


@app.command()
def restore(
    folder: Folder,
    into: Annotated[Path, typer.Option(help="新数据目录 New data folder, CHENGGUAN_DATA from then on.")],
    at: Annotated[
        str | None,
        typer.Option(help="恢复到的时刻 ISO 8601 with offset; the last archived change if left out."),
    ] = None,
) -> None:
    """恢复 Make a new private cluster, as it was at a moment."""
    moment = None if at is None else _moment(at)
    cluster = private_cluster(into)
    base, reached = restore_cluster(BackupFolder(folder), cluster, moment)
    output.print(f"已恢复 restored from {base.folder.name}; last change: {reached}")
    output.print(f"校验 verify: CHENGGUAN_DATA={into} chengguan journal verify")


@app.command()
def status() -> None:
    """归档状态 Tell whether the database's log is archived; exit code 1 when it is not."""

    async def work(parts: Services) -> ArchiveState:
        async with parts.database.transaction() as connection:
            return await store.archive_state(connection)

    state = with_services(work)
    if not state.archiving:
        raise NotReady("the database's log is not archived; `chengguan backup take` begins that")
    output.print(
        f"最近归档 last archived: {state.last_archived_wal} {state.last_archived_time} {state.folder or ''}"
    )
    if state.failing:
        raise NotReady(
            f"{state.last_failed_wal} cannot be archived since {state.last_failed_time}:"
            " look at the archive's disk and the server's log"
        )


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{text} is no moment: write 2026-03-02T11:30+08:00") from None
    if moment.tzinfo is None:
        raise InvalidInput(f"{text} tells no offset from UTC: write {text}+08:00")
    return moment
