"""案卷 commands of the command line: many reports taken in, and proof that nobody changed what happened."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from app.cases import bulk, jobs, journal
from app.cases.actions import Report
from app.cases.bulk import Outcome
from app.cases.journal import Verification
from app.errors import Conflict, InvalidInput
from app.identity.principal import Principal
from app.identity.service import principal_of_username
from app.requests import Services
from app.session import with_services

app = typer.Typer(no_args_is_help=True, help="案卷日志 The journal: verify, seal.")
reports = typer.Typer(no_args_is_help=True, help="上报 Reports: import.")
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


@reports.command("import")
def import_reports(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="每行一件 JSON One report a line.")
    ],
    account: Annotated[str, typer.Option("--as", help="上报人用户名 Account that reports.")],
) -> None:
    """批量受理 Take in many reports: a JSON object a line, as `POST /cases` takes it, with `external_number`.

    May be run again: orders known are passed over. Lines refused are written beside the file with the reason;
    exit code 1 when there are any.
    """
    refused = file.with_name(f"{file.name}.refused.jsonl")

    async def work(parts: Services) -> Counter[str]:
        told: Counter[str] = Counter()
        async with parts.database.transaction() as connection:
            actor = await principal_of_username(connection, account)
        with file.open() as lines, refused.open("w") as complaints:
            async with aclosing(_taken_in(parts, actor, _portions(lines))) as done:
                async for (line, _), outcome in done:
                    if outcome.refused is None:
                        told["known" if outcome.known else "taken"] += 1
                        continue
                    told["refused"] += 1
                    complaint = {"reason": outcome.refused.detail, "line": line.rstrip("\n")}
                    complaints.write(json.dumps(complaint, ensure_ascii=False) + "\n")
        return told

    found = with_services(work)
    output.print(
        f"受理 taken in {found['taken']} · 已有 known {found['known']} · 未受理 refused {found['refused']}"
    )
    if found["refused"]:
        output.print(f"未受理的见 the refused are in {refused}")
        raise typer.Exit(1)
    refused.unlink()


#: A line of the file, and what it says.
_Read = tuple[str, Report | InvalidInput]


#: Lines that are one transaction, and transactions under way at once: while the database writes one, the next
#: is made ready.
_PORTION, _AT_ONCE = 500, 3
#: How often a portion is tried of which another had one of the orders first: by then the order is known.
_TRIES = 3


async def _taken_in(
    parts: Services, actor: Principal, portions: Iterator[list[_Read]]
) -> AsyncGenerator[tuple[_Read, Outcome]]:
    """Each line with what came of it, in the file's order."""
    under_way: deque[tuple[list[_Read], asyncio.Task[list[Outcome]]]] = deque()
    try:
        while True:
            for portion in islice(portions, _AT_ONCE - len(under_way)):
                under_way.append((portion, asyncio.create_task(_outcomes(parts, actor, portion))))
                await asyncio.sleep(0)  # it begins before the next is read
            if not under_way:
                return
            portion, outcomes = under_way.popleft()
            for told in zip(portion, await outcomes, strict=True):
                yield told
    finally:
        for _, task in under_way:
            task.cancel()
        await asyncio.gather(*(task for _, task in under_way), return_exceptions=True)


async def _outcomes(parts: Services, actor: Principal, portion: list[_Read]) -> list[Outcome]:
    """What came of each line; one that cannot be read is refused."""
    reports = [said for _, said in portion if isinstance(said, Report)]
    for tries_left in reversed(range(_TRIES)):
        try:
            async with parts.database.transaction() as connection:
                taken = iter(await bulk.report_many(connection, reports, actor, parts.clock.now()))
            break
        except Conflict:
            if not tries_left:
                raise
    return [next(taken) if isinstance(said, Report) else Outcome(refused=said) for _, said in portion]


def _portions(lines: Iterator[str]) -> Iterator[list[_Read]]:
    """The file's lines with what each says, as many at a time as are taken in at once."""
    filled = (line for line in lines if line.strip())
    while portion := list(islice(filled, _PORTION)):
        yield [(line, _read(line)) for line in portion]


def _read(line: str) -> Report | InvalidInput:
    try:
        return Report.model_validate_json(line)
    except ValidationError as error:
        return InvalidInput("; ".join(_where(wrong) for wrong in error.errors()))


def _where(wrong: Any) -> str:
    return f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}".removeprefix(": ")
