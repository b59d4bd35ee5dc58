"""网格 commands of the command line: looking at a district's map files, and importing them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from app.grid import loading
from app.grid.findings import FINDING_LABELS, TopologyReport, parse_kinds
from app.grid.importing import ImportResult
from app.grid.manifest import LAYER_LABELS, read_manifest
from app.grid.survey import import_district
from app.grid.topology import check as check_layers
from app.requests import Services
from app.session import with_services

app = typer.Typer(no_args_is_help=True, help="网格 The grid: check and import a district's maps.")
output = Console()

ManifestFile = Annotated[Path, typer.Argument(help="导入清单 TOML manifest naming the files (docs/grid.md).")]
ReportFile = Annotated[
    Path | None, typer.Option("--report", help="拓扑报告 Write the findings here, as GeoJSON.")
]


@app.command()
def check(manifest: ManifestFile, report: ReportFile = None) -> None:
    """检查图层 Look at the files, store nothing; exit code 1 when there are findings."""
    named = read_manifest(manifest)
    with _steps() as step:
        found = check_layers(loading.load(named, step), named.tolerance, step)
    _show(found, report)
    if found.findings:
        raise typer.Exit(1)


@app.command("import")
def import_(
    manifest: ManifestFile,
    accept: Annotated[
        str, typer.Option(help="容忍的问题类型 Kinds of findings to tolerate, with commas.")
    ] = "",
    report: ReportFile = None,
) -> None:
    """导入图层 Check the files against each other and what is stored, then store all or nothing."""
    accepted = parse_kinds(accept)

    async def work(parts: Services) -> ImportResult:
        with _steps() as step:
            return await import_district(
                parts.database,
                manifest,
                now=parts.clock.now(),
                accepted=accepted,
                progress=step,
                on_report=lambda found: _show(found, report),
            )

    result = with_services(work)
    table = Table("图层 layer", "新增 added", "变更 changed", "关闭 closed", "未变 unchanged")
    for kind, merged in result.counts.items():
        numbers = (merged.added, merged.changed, merged.closed, merged.unchanged)
        table.add_row(LAYER_LABELS[kind], *(f"{number:,}" for number in numbers))
    output.print(table)
    if result.run_id is None:
        output.print("没有变化 nothing has changed")


@contextmanager
def _steps() -> Iterator[loading.Progress]:
    """One line a step, with the time it took."""
    columns = (SpinnerColumn(finished_text="✓"), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=output) as progress:

        def step(words: str) -> None:
            finish()
            progress.add_task(words, total=1)

        def finish() -> None:
            for task in progress.tasks:
                progress.update(task.id, completed=1)

        yield step
        finish()


def _show(report: TopologyReport, file: Path | None) -> None:
    if file is not None:
        file.write_text(json.dumps(report.geojson(), ensure_ascii=False), encoding="utf-8")
        output.print(f"报告 report: {file}", highlight=False)
    if not report.findings:
        output.print("没有发现问题 no findings")
        return
    table = Table("问题 finding", "--accept", "数量 count", "最大 largest")
    for kind, count in report.counts.items():
        largest = max((one for one in report.findings if one.kind is kind), key=lambda one: one.size)
        size = f"{largest.size:,.1f} {largest.unit} {', '.join(largest.codes)}"
        table.add_row(FINDING_LABELS[kind], kind, f"{count:,}", size)
    output.print(table)
