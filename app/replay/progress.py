"""进度: how far a replay is, on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from app.replay.running import Watch


@contextmanager
def bar(output: Console, start: datetime, end: datetime, timezone: str) -> Iterator[Watch]:
    """A bar over the simulated time; what it gives is told each moment and the number of cases."""
    zone = ZoneInfo(timezone)
    columns = (
        TextColumn("回放 replay"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.description}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=output) as progress:
        task = progress.add_task("", total=(end - start).total_seconds())

        def watch(moment: datetime, cases: int) -> None:
            told = f"{moment.astimezone(zone):%m-%d %H:%M} 案卷 cases {cases}"
            progress.update(task, completed=(moment - start).total_seconds(), description=told)

        yield watch
