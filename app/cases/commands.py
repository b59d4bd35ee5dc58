"""案卷日志 commands of the command line: proof that nobody changed what happened."""

from __future__ import annotations

import typer
from rich.console import Console
from rich.table import Table

from app.cases import jobs, journal
from app.cases.journal import Verification
from app.requests import Services
from app.session import with_services

app = typer.Typer(no_args_is_help=True, help="案卷日志 The journal: verify, seal.")
output = Console(highlight=False)


@app.command()
def verify() -> None:
    """校验日志 Verify every chain, every seal and every case row; exit code 1 when something is wrong."""

    async def work(parts: Services) -> Verification:
        async with parts.database.transaction() as connection:
            return await journal.verify(connection)

    found = with_services(work)
    output.print(f"案卷 cases {found.cases} · 日志 entries {found.entries} · 封印 seals {found.seals}")
    if not found.flaws:
        output.print("[green]完好 intact[/green]")
        return
    table = Table()
    for heading in ("案卷 case", "版本 version", "问题 flaw"):
        table.add_column(heading, overflow="fold")
    for flaw in found.flaws:
        table.add_row(flaw.number or str(flaw.case_id or ""), str(flaw.version or ""), flaw.what)
    output.print(table)
    raise typer.Exit(1)


@app.command()
def seal() -> None:
    """立即封印 Seal what was written since the last seal; the worker does so every hour."""
    output.print(f"封存 sealed: {with_services(jobs.seal)}")
