"""演示 on the command line: from nothing to a district at work, and the API over it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app import logs, migrate, server, worker
from app.clock import WallClock
from app.demo import installation
from app.demo.district import DEFAULT_SEED
from app.dispatch.rulebook import Rulebook
from app.errors import Forbidden
from app.identity.principal import ROLE_LABELS
from app.main import create_app
from app.replay.figures import Figures, shown
from app.replay.progress import bar
from app.requests import Services
from app.session import reachable_database, with_services
from app.settings import Environment, LogSettings, Settings

output = Console()
_QUIET = LogSettings(level="WARNING", json_lines=False)


def demo(
    days: Annotated[int, typer.Option(min=1, max=60, help="回放天数 Days replayed, up to now.")] = 7,
    per_day: Annotated[float, typer.Option(min=1, help="每个工作日上报数 Reports of a workday.")] = 30,
    seed: Annotated[int, typer.Option(help="随机种子 Seed of the reports and choices.")] = DEFAULT_SEED,
    serve: Annotated[bool, typer.Option(help="随后启动接口 Serve the API afterwards.")] = True,
    host: Annotated[str | None, typer.Option(help="监听地址 Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="端口 Port; 0 picks a free one.")] = None,
) -> None:
    """演示区：导入、回放、启动 Load the demo district, replay its reports, leave the API running."""
    settings = demo_settings(Settings())
    logs.configure(_QUIET)
    rules = installation.rulebook(WallClock().now())
    with reachable_database(settings) as url:
        # Looked at before it is migrated: a database of somebody else's stays as it is.
        installed = migrate.revision(url) is not None and with_services(installation.is_installed, settings)
        migrate.upgrade(url)
        if installed:
            output.print("演示数据已在库中 The demo is loaded already.")
            with_services(lambda parts: installation.enlist_where_unknown(parts, rules), settings)
        else:
            figures = with_services(lambda parts: _load(parts, rules, days, per_day, seed), settings)
            output.print(shown(figures))
        _show_accounts(settings, rules)
        if serve:
            _serve(settings, host or settings.server.host, settings.server.port if port is None else port)


def demo_settings(settings: Settings) -> Settings:
    """The settings of the demo: its own data folder, unless a database is named.

    Errors: `Forbidden` where the environment is said to be production.
    """
    if "environment" in settings.model_fields_set and settings.environment is Environment.PRODUCTION:
        raise Forbidden("the demo does not run in production: unset CHENGGUAN_ENVIRONMENT or set it to demo")
    return settings.model_copy(update={"environment": Environment.DEMO, "data": settings.data / "demo"})


async def _load(parts: Services, rules: Rulebook, days: int, per_day: float, seed: int) -> Figures:
    """Brings the demo into the empty database and lets it live up to now."""
    with output.status("") as status:
        await installation.prepare(parts, rules, status.update)
    now = parts.clock.now()
    begin = installation.beginning(rules, now, days)
    with bar(output, begin, now, rules.calendar.timezone) as watch:
        return await installation.live(parts, rules, begin, now, per_day=per_day, seed=seed, watch=watch)


def _show_accounts(settings: Settings, rules: Rulebook) -> None:
    """One account of each role, and the password of all."""
    table = Table("岗位 Role", "账号 Account", "姓名 Name", title="登录 Logging in", title_justify="left")
    told = set()
    for person in installation.people(rules):
        if person.role not in told:
            told.add(person.role)
            table.add_row(f"{ROLE_LABELS[person.role]} {person.role}", person.username, person.name)
    output.print(table)
    output.print(f"口令 password: [bold]{installation.password(settings)}[/bold]（所有账号 every account）")
    output.print(f"[dim]其他命令 other commands: CHENGGUAN_DATA={settings.data} chengguan account list[/dim]")


def _serve(settings: Settings, host: str, port: int) -> None:
    with _worker(settings):
        server.serve(
            settings,
            host=host,
            port=port,
            workers=1,
            tell=lambda url: output.print(f"接口 API: [link]{url}/docs[/link]（Ctrl-C 停止 to stop）"),
            api=partial(create_app, settings),
        )


@contextmanager
def _worker(settings: Settings) -> Iterator[None]:
    """The background jobs in a process of their own."""
    process = multiprocessing.get_context("spawn").Process(target=_work, args=(settings,), daemon=True)
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join(worker.GRACE_SECONDS)


def _work(settings: Settings) -> None:
    logs.configure(_QUIET)
    with_services(worker.work, settings)
