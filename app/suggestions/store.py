"""SQL of app.suggestions: filed cases to learn from, models kept, the grams of a text looked up."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Text, any_, bindparam, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases.tables import CaseRow
from app.cases.workflow import Stage
from app.db import driver_of, new_id, table_of
from app.errors import NotReady
from app.prepared import Prepared
from app.suggestions.model import Gram, GramTold, Learned, Measured
from app.suggestions.tables import ConditionGramRow, ConditionModelRow

_CASE = table_of(CaseRow)
_MODEL = table_of(ConditionModelRow)
_GRAM = table_of(ConditionGramRow)

_FILED = (_CASE.c.filed_at.is_not(None), _CASE.c.condition.is_not(None), _CASE.c.stage != Stage.VOIDED.value)


@dataclass(frozen=True, slots=True)
class ModelHead:
    """A stored model without its grams."""

    id: UUID
    rulebook_id: UUID
    learned_at: datetime
    cases: int
    conditions: list[str]
    sharpness: float
    measured: Measured


async def filed(connection: AsyncConnection, conditions: Iterable[str], most: int) -> list[tuple[str, str]]:
    """Description and condition of the newest filed cases of these conditions, the oldest first."""
    newest = (
        select(_CASE.c.description, _CASE.c.condition, _CASE.c.filed_at, _CASE.c.id)
        .where(*_FILED, _CASE.c.condition == any_(bindparam("conditions", list(conditions), ARRAY(Text))))
        .order_by(_CASE.c.filed_at.desc(), _CASE.c.id.desc())
        .limit(most)
    )
    return [(row.description, row.condition) for row in reversed((await connection.execute(newest)).all())]


async def count_filed(connection: AsyncConnection, most: int) -> int:
    """How many cases were filed, counted so far."""
    some = select(_CASE.c.id).where(*_FILED).limit(most).subquery()
    return int((await connection.execute(select(func.count()).select_from(some))).scalar_one())


_NEWEST = Prepared(select(_MODEL).order_by(_MODEL.c.learned_at.desc()).limit(1))
_GRAMS = Prepared(
    select(_GRAM.c.gram, _GRAM.c.idf, _GRAM.c.places, _GRAM.c.weights).where(
        _GRAM.c.model_id == bindparam("model"), _GRAM.c.gram == any_(bindparam("grams", type_=ARRAY(Text)))
    )
)


async def newest_model(connection: AsyncConnection) -> ModelHead | None:
    row = await _NEWEST.row(connection)
    return None if row is None else _head(dict(row))


def _head(row: dict[str, Any]) -> ModelHead:
    measured = row["measured"]
    read = Measured.model_validate_json if isinstance(measured, str) else Measured.model_validate
    return ModelHead(**{**row, "measured": read(measured)})


async def known_grams(connection: AsyncConnection, model: UUID, grams: Iterable[str]) -> dict[str, Gram]:
    """What the model learned of these grams."""
    rows = await _GRAMS.rows(connection, model=model, grams=list(grams))
    return {row["gram"]: Gram(row["idf"], row["places"], row["weights"]) for row in rows}


async def keep_model(
    connection: AsyncConnection,
    learned: Learned,
    grams: AsyncIterable[GramTold],
    *,
    rulebook_id: UUID,
    now: datetime,
) -> None:
    """Stores the model in place of those before it; their figures stay, their grams go. The new
    ones are stored as they come.

    Errors: `NotReady` when fewer come than the model has.
    """
    model = new_id()
    await connection.execute(delete(_GRAM))
    await connection.execute(
        insert(_MODEL).values(
            id=model,
            rulebook_id=rulebook_id,
            learned_at=now,
            cases=learned.cases,
            conditions=list(learned.conditions),
            sharpness=learned.sharpness,
            measured=learned.measured.model_dump(mode="json"),
        )
    )
    copied = await driver_of(connection).copy_records_to_table(
        _GRAM.name,
        records=((model, *gram) async for gram in grams),
        columns=["model_id", "gram", "idf", "places", "weights"],
    )
    if copied != f"COPY {learned.grams}":
        raise NotReady("learning ended amid what it had to tell")
