"""查对: codes and components a command names, looked up before anything is written."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases.command import Command
from app.dispatch.rulebook import Rulebook
from app.errors import InvalidInput
from app.grid import lookup
from app.grid.place import ComponentFact
from app.identity.principal import Principal


def unknown(field: str, code: str) -> InvalidInput:
    """The error for a code the rulebook in force does not have."""
    return InvalidInput(
        f"规则库中没有“{code}” / the rulebook in force has no such {field}", fields={field: "unknown code"}
    )


def check_codes(command: Command, rulebook: Rulebook) -> None:
    """Values that the rulebook lists must be in its lists."""
    for name, code_set in command.coded().items():
        known = rulebook.codes_of(code_set)
        value = getattr(command, name)
        if value not in known:
            choices = "、".join(f"{code.code}（{code.name}）" for code in known.values())
            raise InvalidInput(
                f"“{value}”不在代码集 {code_set} 中；可选：{choices} / choose one of the code set",
                fields={name: "not in the code set"},
            )


async def component(
    connection: AsyncConnection, code: str | None, now: datetime, asker: Principal
) -> ComponentFact | None:
    """The component of that code in the asker's areas, None when none is named. Errors: `InvalidInput`."""
    if code is None:
        return None
    return there_is(code, await lookup.component(connection, code, now, asker))


def there_is(code: str | None, found: ComponentFact | None) -> ComponentFact | None:
    """What was found of the component named. Errors: `InvalidInput` when one is named and none was found."""
    if code is not None and found is None:
        raise InvalidInput(f"没有部件 {code} / no such component", fields={"component_code": "unknown"})
    return found
