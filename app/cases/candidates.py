"""候选地点: the places that the words of a report may mean, kept for the clerk who locates the case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

from sqlalchemy import bindparam, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases.tables import PlaceCandidateRow
from app.db import table_of
from app.prepared import Prepared

_CANDIDATE = table_of(PlaceCandidateRow)


@dataclass(frozen=True, slots=True)
class Candidate:
    """候选地点 by CGCS2000 degrees. `locate` takes its `number`, 1 is the likeliest; `score` is 0 to 1;
    `precise` is a spot, not a whole road or area."""

    number: int
    name: str
    kind: str
    code: str
    lon: float
    lat: float
    area_code: str
    score: float
    precise: bool


_OF_CASE = Prepared(
    select(*(_CANDIDATE.c[name] for name in Candidate.__slots__))
    .where(_CANDIDATE.c.case_id == bindparam("case_id"))
    .order_by(_CANDIDATE.c.number)
)


async def keep(connection: AsyncConnection, case_id: UUID, found: Sequence[Candidate]) -> None:
    """Keeps the candidates of a case that has none yet."""
    if found:
        rows = [{"case_id": case_id, **asdict(one)} for one in found]
        await connection.execute(insert(_CANDIDATE), rows)


async def of_case(connection: AsyncConnection, case_id: UUID) -> list[Candidate]:
    """The case's candidates, the likeliest first."""
    return [Candidate(**row) for row in await _OF_CASE.rows(connection, case_id=case_id)]
