"""账号 commands of the command line: the way to the first administrator."""

from __future__ import annotations

import sys
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from app.identity import service
from app.identity.account import Account, label
from app.identity.principal import SYSTEM, Role
from app.requests import Services
from app.session import with_services

app = typer.Typer(no_args_is_help=True, help="账号 Accounts: create, list.")
output = Console()


@app.command()
def create(
    username: Annotated[str, typer.Argument(help="用户名 a-z 0-9 . _ @ -")],
    name: Annotated[str, typer.Option(help="姓名 Name people see.")],
    role: Annotated[list[Role], typer.Option(help="岗位 Role; may be given again.")],
    area: Annotated[list[str], typer.Option(help="辖区编码 Area code, 6 to 15 digits; may be given again.")],
    unit: Annotated[str | None, typer.Option(help="所属单位 Unit code of the rulebook.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="从标准输入读口令 Read the password from standard input.")
    ] = False,
) -> None:
    """新建账号 Make an account; the password is asked for."""
    password = (
        sys.stdin.readline().rstrip("\r\n")
        if password_stdin
        else str(typer.prompt("口令 Password", hide_input=True, confirmation_prompt=True))
    )

    async def work(parts: Services) -> UUID:
        async with parts.database.transaction() as connection:
            return await service.create_account(
                connection,
                username=username,
                display_name=name,
                password=password,
                roles=role,
                areas=area,
                unit=unit,
                now=parts.clock.now(),
            )

    output.print(f"已新建 created: {username} ({with_services(work)})", highlight=False)


@app.command("list")
def list_accounts() -> None:
    """列出账号 List all accounts."""

    async def work(parts: Services) -> list[Account]:
        async with parts.database.transaction() as connection:
            return await service.list_accounts(connection, SYSTEM)

    table = Table()
    for heading in ("用户名 username", "姓名 name", "岗位 roles", "辖区 areas", "单位 unit", "启用 active"):
        table.add_column(heading, overflow="fold")
    for account in with_services(work):
        table.add_row(
            account.username,
            account.display_name,
            "\n".join(map(label, account.roles)),
            "\n".join(account.areas),
            account.unit or "",
            "是 yes" if account.active else "否 no",
        )
    Console().print(table)  # as wide as the terminal is now
