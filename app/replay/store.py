"""What a replay must know of the cases there are before it adds to them."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases.tables import CaseRow


async def count_cases(connection: AsyncConnection, *, but_of: str | None = None) -> int:
    """How many cases there are, without those whose reporters' names begin so."""
    counted = select(func.count()).select_from(CaseRow)
    if but_of is not None:
        counted = counted.where(~CaseRow.reporter_name.startswith(but_of, autoescape=True))
    return int((await connection.execute(counted)).scalar_one())
