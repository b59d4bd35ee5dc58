"""规则库 commands of the command line."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.dispatch import service
from app.dispatch.active import RulebookVersion
from app.dispatch.checking import check
from app.dispatch.explaining import Explanation
from app.dispatch.files import read_rulebook, write_rulebook
from app.dispatch.findings import Report, Severity
from app.dispatch.rulebook import Rulebook
from app.dispatch.service import ListedVersion, VersionState
from app.dispatch.store import VersionHead
from app.dispatch.workcalendar import zone_of
from app.errors import InvalidInput, RulebookRefused
from app.geo import Datum
from app.identity.principal import SYSTEM
from app.requests import Services
from app.session import with_services

app = typer.Typer(
    no_args_is_help=True, help="规则库 The rulebook: check, import, export, activate, explain, list."
)
output = Console(highlight=False)
complaints = Console(stderr=True, highlight=False, soft_wrap=True)

RulebookPath = Annotated[Path, typer.Argument(help="规则库 A rulebook's folder, .xlsx or .zip.")]
Number = Annotated[int, typer.Argument(min=1, help="版本号 The version's number.")]

_STATES = {
    VersionState.DRAFT: "草稿 draft",
    VersionState.SCHEDULED: "待启用 scheduled",
    VersionState.ACTIVE: "启用中 active",
    VersionState.RETIRED: "已停用 retired",
}


@app.command("check")
def check_rulebook(path: RulebookPath) -> None:
    """检查规则库 Find what is wrong with a rulebook; exit code 1 when there are errors."""
    rulebook = _read(path)
    report = check(rulebook)
    _print_report(report)
    output.print(
        f"{rulebook.name}: {len(rulebook.units)} 单位 units, {len(rulebook.conditions)} 立案条件 conditions,"
        f" {len(rulebook.matrix)} 矩阵行 rows; {len(report.errors)} 错误 errors,"
        f" {len(report.warnings)} 提示 warnings"
    )
    if not report.ok:
        raise typer.Exit(1)


@app.command("import")
def import_rulebook(path: RulebookPath) -> None:
    """导入为草稿 Store a rulebook as a draft version."""
    rulebook = _read(path)

    async def work(parts: Services) -> tuple[VersionHead, Report]:
        now = parts.clock.now()
        async with parts.database.transaction() as connection:
            head = await service.save_draft(connection, rulebook, by=SYSTEM.id, now=now)
            return head, await service.check_on_grid(connection, rulebook, now)

    head, report = with_services(work)
    _print_report(report)
    output.print(f"版本 version {head.number}: {head.name}")


@app.command()
def export(
    number: Annotated[str, typer.Argument(help="版本号或 active A version's number, or `active`.")],
    path: Annotated[Path, typer.Argument(help="目标 A folder, or a file ending in .xlsx.")],
) -> None:
    """导出 Write a version as a folder or a workbook."""
    wanted = _number(number)

    async def work(parts: Services) -> RulebookVersion:
        async with parts.database.transaction() as connection:
            return await service.version_or_active(connection, wanted, parts.clock.now())

    version = with_services(work)
    write_rulebook(version.rulebook, path)
    output.print(f"版本 version {version.number} → {path}")


@app.command()
def activate(
    number: Number,
    effective_from: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="启用时刻 ISO 8601, in the rulebook's time zone unless it names one; now if left out.",
        ),
    ] = None,
) -> None:
    """启用 Put a version in force from a moment."""

    async def work(parts: Services) -> VersionHead:
        async with parts.database.transaction() as connection:
            version = await service.numbered(connection, number)
            moment = _moment(effective_from, version.rulebook) if effective_from else None
            return await service.activate(
                connection, number, effective_from=moment, by=SYSTEM.id, now=parts.clock.now()
            )

    head = with_services(work)
    output.print(f"版本 version {head.number} 启用 in force from {head.active_from[-1].isoformat()}")


@app.command("list")
def list_versions() -> None:
    """列出版本 List all versions."""

    async def work(parts: Services) -> list[ListedVersion]:
        async with parts.database.transaction() as connection:
            return await service.list_versions(connection, parts.clock.now())

    table = Table("版本 number", "名称 name", "状态 state", "启用 active from", "导入 imported")
    for version in with_services(work):
        table.add_row(
            str(version.head.number),
            escape(version.head.name),
            _STATES[version.state],
            "\n".join(moment.isoformat() for moment in version.head.active_from),
            version.head.created_at.isoformat(timespec="seconds"),
        )
    output.print(table)


@app.command()
def explain(
    condition: Annotated[str, typer.Option(help="立案条件编码 Code of the condition.")],
    x: Annotated[float, typer.Option(help="经度或东坐标 Longitude, or metres east.")],
    y: Annotated[float, typer.Option(help="纬度或北坐标 Latitude, or metres north.")],
    datum: Annotated[Datum, typer.Option(help="坐标系 Datum of x and y.")],
    at: Annotated[str | None, typer.Option(help="时刻 ISO 8601; now if left out.")] = None,
    source: Annotated[str, typer.Option(help="问题来源 Code of the source.")] = "inspector",
    component: Annotated[str | None, typer.Option(help="部件标识码 The component's code.")] = None,
    number: Annotated[
        int | None, typer.Option(min=1, help="版本号 Version; the active one if left out.")
    ] = None,
) -> None:
    """试算 Tell who would act at a place, by when, and why."""

    async def work(parts: Services) -> tuple[RulebookVersion, Explanation]:
        async with parts.database.transaction() as connection:
            version = await service.version_or_active(connection, number, parts.clock.now())
            explanation = await service.explain_at(
                connection,
                version.rulebook,
                condition=condition,
                position=(x, y, datum),
                at=_moment(at, version.rulebook) if at else parts.clock.now(),
                source=source,
                component_code=component,
            )
            return version, explanation

    version, explanation = with_services(work)
    decision, units = explanation.decision, version.rulebook.unit_by_code
    output.print(f"[bold]主办 lead[/bold]: {escape(units[decision.lead].name)} ({escape(decision.lead)})")
    if decision.assisting:
        named = "、".join(units[code].name for code in decision.assisting)
        output.print(f"[bold]协办 assisting[/bold]: {escape(named)}")
    for sentence in decision.why:
        output.print(f"  {escape(sentence)}")
    for loser in decision.losers:
        output.print(f"  [dim]{escape(loser.row)}: {escape(loser.because)}[/dim]")
    for milestone, deadline in explanation.deadlines.items():
        output.print(f"[bold]{escape(milestone) or '时限 due'}[/bold]: {escape(deadline.because)}")


def _read(path: Path) -> Rulebook:
    """The rulebook at the path; every fault of a refused one is shown."""
    try:
        return read_rulebook(path)
    except RulebookRefused as refused:
        for place, fault in refused.fields.items():
            complaints.print(f"{escape(place)}: {escape(fault)}")
        raise


def _print_report(report: Report) -> None:
    if not report.findings:
        return
    table = Table("级别 severity", "位置 where", "问题 finding", "处理 remedy")
    for finding in report.findings:
        table.add_row(
            "[red]错误 error[/red]"
            if finding.severity is Severity.ERROR
            else "[yellow]提示 warning[/yellow]",
            escape(finding.where),
            escape(f"{finding.message}\n{finding.message_en}"),
            escape(f"{finding.remedy}\n{finding.remedy_en}"),
        )
    output.print(table)


def _number(text: str) -> int | None:
    if text == "active":
        return None
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 2**31:
        raise InvalidInput(f"{text} is no version: give its number, or `active`.")
    return int(text)


def _moment(text: str, rulebook: Rulebook) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"{text} is no moment: write it like 2026-03-01T08:00.") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone_of(rulebook.calendar))
    return moment.astimezone(UTC)
