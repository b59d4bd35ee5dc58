"""命令行: the `chengguan` command. Each group of commands lives with its package."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from procrastinate.exceptions import ConnectorException
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from sqlalchemy.exc import OperationalError
from typer.core import TyperGroup

from app import logs, migrate, server, worker
from app.backup import commands as backup
from app.cases import commands as cases
from app.channels.catalogue import CHANNELS
from app.demo.commands import demo
from app.dispatch import commands as rulebook
from app.errors import ChengguanError, NotReady
from app.grid import commands as grid
from app.identity import commands as account
from app.replay.commands import replay_file
from app.session import libpq_environment, reachable_database, with_services
from app.settings import Settings, environment_with, variable
from app.suggestions import commands as suggestions

output = Console()
complaints = Console(stderr=True, highlight=False, soft_wrap=True)


class _Commands(TyperGroup):
    """Turns what the domain or the machine refuses into one line on standard error and exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            reason = _reason(error)
            if reason is None:
                raise
            complaints.print(f"[red]错误 Error[/red]: {escape(reason)}")
            raise typer.Exit(1) from error


def _reason(error: Exception) -> str | None:
    """What a person can do about the error; None for a fault of our own, whose trace is wanted."""
    match error:
        case ChengguanError():
            return error.detail
        case ValidationError(title=Settings.__name__):
            return "; ".join(f"{variable(*wrong['loc'])}: {wrong['msg']}" for wrong in error.errors())
        case OperationalError() | ConnectorException():
            cause = str(error.__cause__ or error).strip().splitlines()[0]
            return f"the database cannot be reached: {cause}"
        case OSError():
            return f"{error.filename}: {error.strerror}" if error.filename else str(error)
        case _:
            return None


app = typer.Typer(
    name="chengguan",
    cls=_Commands,
    help="数字化城市管理: 从上报到核查结案。\n\nFrom a report in a grid cell to a verified, closed case.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
database = typer.Typer(no_args_is_help=True, help="数据库 The database: migrate, status, run.")
for _name, _group in (
    ("db", database),
    ("grid", grid.app),
    ("rulebook", rulebook.app),
    ("account", account.app),
    ("report", cases.reports),
    ("journal", cases.app),
    ("suggestions", suggestions.app),
    ("backup", backup.app),
    *((channel.name, channel.commands()) for channel in CHANNELS if channel.commands),
):
    app.add_typer(_group, name=_name)


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


@app.command("worker")
def work() -> None:
    """启动后台任务 Run the background jobs until stopped."""
    settings = Settings()
    logs.configure(settings.log)
    with_services(worker.work, settings)


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


@database.command("run", context_settings={"allow_interspersed_args": False})
def run(
    command: Annotated[list[str], typer.Argument(help="程序及参数 A program with its arguments.")],
) -> None:
    """运行数据库工具 Run psql, pg_dump or the like on the service's database, told by the environment."""
    with reachable_database(Settings()) as url:
        program = subprocess.Popen(command, env=environment_with(libpq_environment(url)))  # noqa: S603
        try:
            while program.poll() is None:
                with suppress(KeyboardInterrupt):  # for the program to answer, not for us
                    program.wait()
        finally:
            program.terminate()
    raise typer.Exit(program.returncode)


app.command()(demo)
app.command("replay")(replay_file)


def main() -> None:
    signal.signal(signal.SIGTERM, _leave)
    app()


def _leave(_signal: int, _frame: FrameType | None) -> NoReturn:
    """Being told to stop is no failure; leaving by an exception stops the private cluster on the way."""
    sys.exit(0)


if __name__ == "__main__":
    main()
