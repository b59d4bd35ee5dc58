"""热线 commands of the command line: check a mapping, renew the encryption of callers."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console

from app.channels.hotline import mapping, store
from app.channels.hotline.vault import vault_of
from app.requests import Services
from app.session import with_services

app = typer.Typer(no_args_is_help=True, help="12345热线 The hotline: check-mapping, reencrypt.")
output = Console(highlight=False)


@app.command("check-mapping")
def check_mapping(
    file: Annotated[str, typer.Argument(help="对照文件 A mapping file, or the name of one that is shipped.")],
) -> None:
    """校验字段对照 Check a mapping whole; exit code 1 with everything that is wrong."""
    found = mapping.load(file)
    output.print(f"[green]可用 usable[/green]: {found.name}")
    if unused := found.unused():
        output.print(f"未对照的字段 fields it does not tell of: {'、'.join(unused)}")


@app.command()
def reencrypt() -> None:
    """重新加密来电人 Bring all callers' data to the newest key; the older keys may then go."""

    async def work(parts: Services) -> int:
        vault = vault_of(parts.settings)
        done, last, some = 0, UUID(int=0), 1
        while some:
            async with parts.database.transaction() as connection:
                some, last = await store.renew_callers(connection, vault.renewed, last, 500)
            done += some
        return done

    output.print(f"重新加密 renewed: {with_services(work)}")
