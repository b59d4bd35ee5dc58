"""回放 on the command line: a file of reports led through its life in the database's district."""

from __future__ import annotations

import secrets
from datetime import datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console

from app import logs
from app.dispatch.active import active_rulebook
from app.dispatch.rulebook import CodeSet, Rulebook
from app.errors import Conflict, Forbidden, InvalidInput
from app.replay import files
from app.replay.figures import Figures, shown
from app.replay.progress import bar
from app.replay.report import ReplayReport
from app.replay.roster import MARK, dismiss, enlist, roster
from app.replay.running import run
from app.replay.store import count_cases
from app.requests import Services
from app.session import with_services
from app.settings import Environment, LogSettings, Settings

output = Console()


def replay_file(
    file: Annotated[Path, typer.Argument(help="CSV 文件 of reports, see docs/replay.md.")],
    seed: Annotated[int, typer.Option(help="随机种子 The same seed makes the same choices.")] = 0,
    start: Annotated[
        datetime | None,
        typer.Option("--from", help="起始时刻 Shift the reports so that the first comes in at this moment."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="库中已有其他案卷时仍然回放 Even beside cases of other origin.")
    ] = False,
) -> None:
    """回放上报记录 Lead the reports of a file from report to closure, by a simulated clock."""
    settings = Settings()
    if settings.environment is Environment.PRODUCTION:
        raise Forbidden(
            "a replay writes cases, so it never runs in production: set CHENGGUAN_ENVIRONMENT=demo,"
            " and CHENGGUAN_DATABASE_URL or CHENGGUAN_DATA to a database kept for it"
        )
    logs.configure(LogSettings(level="WARNING"))
    output.print(shown(with_services(lambda parts: _run(parts, file, seed, start, force), settings)))


async def _run(parts: Services, file: Path, seed: int, start: datetime | None, force: bool) -> Figures:
    now = parts.clock.now()
    async with parts.database.transaction() as connection:
        rulebook = (await active_rulebook(connection, now)).rulebook
        others = await count_cases(connection, but_of=MARK)
    if others and not force:
        raise Conflict(
            f"the database holds {others} cases that no replay made: use a database kept for it, or --force"
        )
    zone = ZoneInfo(rulebook.calendar.timezone)
    reports = files.read(file, zone)
    if start is not None:
        reports = files.shifted(reports, start if start.tzinfo else start.replace(tzinfo=zone))
    _check(reports, rulebook, now)
    people = roster(rulebook)
    password = secrets.token_urlsafe(24)
    await enlist(parts.database, people, password, now)
    begin = reports[0].moment
    with bar(output, begin, now, rulebook.calendar.timezone) as watch:
        figures = await run(
            parts.settings, parts.database, reports, people,
            password=password, start=begin, end=now, seed=seed, watch=watch,
        )  # fmt: skip
    await dismiss(parts.database, people, now)
    return figures


def _check(reports: list[ReplayReport], rulebook: Rulebook, now: datetime) -> None:
    """Errors: `InvalidInput` for reports that the rulebook does not know, or that are yet to come."""
    if reports[-1].moment > now:
        raise InvalidInput("the last report lies in the future: name an earlier moment by --from")
    sources = {report.source for report in reports} - rulebook.codes_of(CodeSet.SOURCE).keys()
    conditions = {report.condition for report in reports} - {None} - rulebook.condition_by_code.keys()
    for name, unknown in (("sources", sources), ("conditions", conditions)):
        if unknown:
            listed = ", ".join(sorted(map(str, unknown))[:10])
            raise InvalidInput(f"the rulebook in force has no such {name}: {listed}")
