"""Statements that every request passes: compiled once, carried out by the driver itself.

SQLAlchemy spends 0.2 to 0.5 ms of Python on each execution, the driver 0.03 (`docs/performance.md`). What
is rare keeps the comfort; what an inspector or operator waits for is a `Prepared`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import asyncpg
from sqlalchemy import Executable
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import driver_of, json_text

_DIALECT = PGDialect_asyncpg(json_serializer=json_text)  # type: ignore[no-untyped-call]


class Prepared:
    """A Core statement or a text. Its parameters are named `bindparam`s, given with each execution.

    Not for what becomes SQL only with its values, like `in_()`: write `== any_(…)` with an array.
    """

    def __init__(self, statement: Executable) -> None:
        self._statement = statement

    async def rows(self, connection: AsyncConnection, **values: Any) -> list[asyncpg.Record]:
        """All rows, as mappings."""
        sql, parameters = self._compiled
        found: list[asyncpg.Record] = await driver_of(connection).fetch(
            sql, *[given(values) for given in parameters]
        )
        return found

    async def row(self, connection: AsyncConnection, **values: Any) -> asyncpg.Record | None:
        """The first row, or None."""
        sql, parameters = self._compiled
        return await driver_of(connection).fetchrow(sql, *[given(values) for given in parameters])

    async def value(self, connection: AsyncConnection, **values: Any) -> Any:
        """The first column of the first row, or None."""
        found = await self.row(connection, **values)
        return None if found is None else found[0]

    @cached_property
    def _compiled(self) -> tuple[str, list[Callable[[dict[str, Any]], Any]]]:
        """The SQL, and for each of its `$n` what gives the value the driver takes."""
        compiled: Any = self._statement.compile(dialect=_DIALECT)  # type: ignore[attr-defined]
        return compiled.string, [_giver(compiled.binds[name]) for name in compiled.positiontup]


def _giver(parameter: Any) -> Callable[[dict[str, Any]], Any]:
    """Takes the parameter's value from those given; a literal of the statement gives its own."""
    name, default, required = parameter.key, parameter.effective_value, parameter.required
    convert = parameter.type.dialect_impl(_DIALECT).bind_processor(_DIALECT)

    def give(values: dict[str, Any]) -> Any:
        value = values[name] if required else values.get(name, default)
        return value if convert is None else convert(value)

    return give
