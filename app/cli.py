"""命令行: the `chengguan` command. Each group of commands lives with its package."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Annotated, Any

import typer
from rich.console import Console
from sqlalchemy.exc import OperationalError, ProgrammingError
from typer.core import TyperGroup

from app import logs, migrate, server
from app.errors import ChengguanError, NotReady
from app.session import reachable_database, with_services
from app.settings import Settings

output = Console()
complaints = Console(stderr=True, highlight=False, soft_wrap=True)


class _Commands(TyperGroup):
    """Turns what the domain refuses into one line on standard error and exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except ChengguanError as error:
            reason = error.detail
        except OperationalError as error:
            reason = f"the database cannot be reached: {str(error.orig).strip().splitlines()[0]}"
        except ProgrammingError as error:
            if getattr(error.orig, "sqlstate", None) != "42P01":
                raise
            reason = "the database lacks a table: run `chengguan db migrate`"
        complaints.print(f"[red]错误 Error[/red]: {reason}", markup=True)
        raise typer.Exit(1)


app = typer.Typer(
    name="chengguan",
    cls=_Commands,
    help="数字化城市管理: 从上报到核查结案。\n\nFrom a report in a grid cell to a verified, closed case.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
database = typer.Typer(no_args_is_help=True, help="数据库 The database: migrate, status.")
app.add_typer(database, name="db")


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="监听地址 Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="端口 Port; 0 picks a free one.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="进程数 API processes.")] = None,
) -> None:
    """启动接口服务 Serve the API until stopped."""
    settings = Settings()
    logs.configure(settings.log)
    server.serve(
        settings,
        host=host or settings.server.host,
        port=settings.server.port if port is None else port,
        workers=workers or settings.server.workers,
        tell=lambda url: output.print(f"接口 API: [link]{url}/docs[/link]"),
    )


@app.command()
def worker() -> None:
    """启动后台任务 Run the background jobs until stopped."""
    from app import worker as worker_jobs

    settings = Settings()
    logs.configure(settings.log)
    with_services(worker_jobs.work, settings)


@database.command("migrate")
def migrate_database() -> None:
    """升级表结构 Bring the schema to what the code needs."""
    with reachable_database(Settings()) as url:
        before = migrate.revision(url)
        migrate.upgrade(url)
        after = migrate.revision(url)
    output.print(f"{before or '空 empty'} → {after}" if before != after else f"已是最新 up to date: {after}")


@database.command("status")
def status() -> None:
    """查看表结构版本 Show how far the schema is; exit code 1 when it is behind."""
    with reachable_database(Settings()) as url:
        at = migrate.revision(url)
    if at != migrate.newest():
        raise NotReady(
            f"the schema is at {at}, the code needs {migrate.newest()}: run `chengguan db migrate`"
        )
    output.print(f"已是最新 up to date: {at}")


for _package, _name in (
    ("grid", "grid"),
    ("dispatch", "rulebook"),
    ("identity", "account"),
    ("cases", "journal"),
):
    if importlib.util.find_spec(f"app.{_package}.commands"):
        app.add_typer(importlib.import_module(f"app.{_package}.commands").app, name=_name)
if importlib.util.find_spec("app.demo") and importlib.util.find_spec("app.demo.commands"):
    _demo = importlib.import_module("app.demo.commands")
    app.command()(_demo.demo)
    app.command()(_demo.replay)


def main() -> None:
    app()
