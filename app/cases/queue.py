"""待办列表: finding cases by filters, sorted, in pages that cost the same wherever one stands."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime
from sqlalchemy import (
    TIMESTAMP,
    ColumnElement,
    Select,
    and_,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases.case import Case, Lamp
from app.cases.scope import of_units, within
from app.cases.store import CASE_COLUMNS, plan_for_these_values
from app.cases.tables import CaseRow
from app.cases.workflow import Stage
from app.errors import InvalidInput
from app.paging import PageRequest, cut

_CASE = CaseRow.__table__

#: A queue's count stops here: nobody needs the exact figure beyond it, and it would be the dearest of all.
COUNT_CAP = 1_000

#: Cases that owe nothing come last when sorted by due time. The same words as in the indexes.
_FAR_OFF = datetime(9999, 12, 31, tzinfo=UTC)
_DUE = func.coalesce(_CASE.c.due_at, literal_column("'9999-12-31 00:00:00+00'::timestamptz", TIMESTAMP(True)))


class Sort(StrEnum):
    """排序."""

    DUE = "due"
    NEWEST = "newest"
    OLDEST = "oldest"


@dataclass(frozen=True, slots=True)
class Filters:
    """筛选条件; None or empty leaves a thing open. `units` and `categories` are already spread out."""

    stages: tuple[Stage, ...] = ()
    units: frozenset[str] = frozenset()
    area: str | None = None
    categories: frozenset[str] | None = None
    condition: str | None = None
    lamp: Lamp | None = None
    sources: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    bbox: tuple[float, float, float, float] | None = None
    words: str | None = None
    reporter: UUID | None = None
    listed: bool | None = None
    overdue: bool | None = None
    pending: bool | None = None
    placed: bool | None = None

    def conditions(self, now: datetime) -> list[ColumnElement[bool]]:
        """The filters as SQL conditions."""
        c = _CASE.c
        found: list[ColumnElement[bool]] = []
        if self.stages:
            found.append(c.stage.in_([stage.value for stage in self.stages]))
        if self.units:
            found.append(of_units(self.units))
        if self.area is not None:
            found.append(within((self.area,)))
        if self.categories is not None:
            found.append(c.category.in_(sorted(self.categories)))
        if self.condition is not None:
            found.append(c.condition == self.condition)
        if self.lamp is not None:
            found.append(_LAMPS[self.lamp](now))
        if self.sources:
            found.append(c.source.in_(self.sources))
        if self.since is not None:
            found.append(c.reported_at >= self.since)
        if self.until is not None:
            found.append(c.reported_at < self.until)
        if self.bbox is not None:
            # To about a metre: PostGIS rounds boxes. An exact test besides would mislead the planner.
            found.append(c.geom.op("&&")(func.ST_MakeEnvelope(*self.bbox, 4490)))
        if self.words is not None:
            found += map(_containing, self.words.split())
        if self.reporter is not None:
            found.append(c.reporter_id == self.reporter)
        for column, wanted in ((c.listed, self.listed), (c.overdue, self.overdue), (c.placed, self.placed)):
            if wanted is not None:
                found.append(column.is_(wanted))
        if self.pending is not None:
            found.append(c.pending.is_not(None) if self.pending else c.pending.is_(None))
        return found


#: In terms of the indexed due time: where the lamp is known, so is the part of the index to read.
_LAMPS: dict[Lamp, Callable[[datetime], ColumnElement[bool]]] = {
    Lamp.RED: lambda now: now > _DUE,
    Lamp.AMBER: lambda now: and_(now <= _DUE, _DUE < _FAR_OFF, _CASE.c.amber_at <= now),
    Lamp.GREEN: lambda now: and_(now <= _DUE, _DUE < _FAR_OFF, _CASE.c.amber_at > now),
}

#: What may be a case number or its serial.
_NUMBER = re.compile(r"[0-9-]{7,}")


def _containing(word: str) -> ColumnElement[bool]:
    """The word, of two characters or more, stands in the description or the address, or is the case number or
    its serial.

    Pairs that do not overlap are enough to look up: the planner takes each for independent of the others, and
    would think a common phrase rare.
    """
    c = _CASE.c
    word = word.lower()
    pairs = {word[at : at + 2] for at in (*range(0, len(word) - 1, 2), len(word) - 2)}
    said = c.pairs.contains(sorted(pairs))
    if len(word) > 2:
        texts = c.description + "\n" + c.address
        cased = word != word.upper()  # Chinese is not, and lowering is what costs
        said = and_(said, func.strpos(func.lower(texts) if cased else texts, word) > 0)
    return or_(said, c.pairs.contains([word])) if _NUMBER.fullmatch(word) else said


def page_statement(
    filters: Filters, visible: ColumnElement[bool], sort: Sort, request: PageRequest, now: datetime
) -> Select[Any]:
    """The rows of one page and one more. Errors: `InvalidInput` for a cursor of another list."""
    key = (_DUE if sort is Sort.DUE else _CASE.c.reported_at, _CASE.c.id)
    wanted = select(*CASE_COLUMNS).where(visible, *filters.conditions(now)).limit(request.limit + 1)
    if (after := request.after(Sort, AwareDatetime, UUID)) is not None:
        began, *last = after
        if began is not sort:
            raise InvalidInput(
                "此游标属于另一种排序 / this cursor was given in another order: begin again without it",
                fields={"cursor": "of another order"},
            )
        here, there = tuple_(*key), tuple_(*map(literal, last))
        wanted = wanted.where(here < there if sort is Sort.NEWEST else here > there)
    return wanted.order_by(*(column.desc() if sort is Sort.NEWEST else column for column in key))


async def page(
    connection: AsyncConnection,
    filters: Filters,
    visible: ColumnElement[bool],
    sort: Sort,
    request: PageRequest,
    now: datetime,
) -> tuple[list[Case], str | None]:
    """One page of the cases that may be seen and pass the filters, and the cursor of the next."""
    statement = page_statement(filters, visible, sort, request, now)
    await plan_for_these_values(connection)
    found = [Case.model_validate(row._asdict()) for row in await connection.execute(statement)]
    shown, cursor = cut(found, request.limit, lambda case: _key(case, sort))
    return list(shown), cursor


def _key(case: Case, sort: Sort) -> tuple[Sort, datetime, UUID]:
    at = case.reported_at if sort is not Sort.DUE else case.due_at or _FAR_OFF
    return sort, at, case.id


def count_statement(filters: Filters, visible: ColumnElement[bool], now: datetime) -> Select[int]:
    """The number of cases, up to `COUNT_CAP` + 1."""
    some = select(_CASE.c.id).where(visible, *filters.conditions(now)).limit(COUNT_CAP + 1).subquery()
    return select(func.count()).select_from(some)


async def count(
    connection: AsyncConnection, filters: Filters, visible: ColumnElement[bool], now: datetime
) -> int:
    """How many cases may be seen and pass the filters, up to `COUNT_CAP` + 1."""
    await plan_for_these_values(connection)
    return (await connection.execute(count_statement(filters, visible, now))).scalar_one()
