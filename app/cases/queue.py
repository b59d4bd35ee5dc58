"""待办列表: finding cases by filters, sorted, in pages that cost the same wherever one stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import TIMESTAMP, ColumnElement, and_, func, literal, literal_column, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases.case import Case, Lamp
from app.cases.scope import of_units, within
from app.cases.store import CASE_COLUMNS, pairs_of, to_case
from app.cases.tables import CaseRow
from app.cases.workflow import Stage
from app.paging import PageRequest, cut

_CASE = CaseRow.__table__

#: A queue's count stops here: beyond it nobody needs the exact figure, and it would cost a full scan.
COUNT_CAP = 10_000

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
    inspector: UUID | None = None
    reporter: UUID | None = None
    listed: bool | None = None
    overdue: bool | None = None
    pending: bool | None = None

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
            found.append(c.geom.op("&&")(func.ST_MakeEnvelope(*self.bbox, 4490)))
        if self.words is not None:
            found += _containing(self.words)
        if self.inspector is not None:
            found.append(c.inspector_id == self.inspector)
        if self.reporter is not None:
            found.append(c.reporter_id == self.reporter)
        for column, wanted in ((c.listed, self.listed), (c.overdue, self.overdue)):
            if wanted is not None:
                found.append(column.is_(wanted))
        if self.pending is not None:
            found.append(c.pending.is_not(None) if self.pending else c.pending.is_(None))
        return found


_LAMPS: dict[Lamp, Callable[[datetime], ColumnElement[bool]]] = {
    Lamp.RED: lambda now: _CASE.c.due_at < now,
    Lamp.AMBER: lambda now: and_(_CASE.c.amber_at <= now, _CASE.c.due_at >= now),
    Lamp.GREEN: lambda now: _CASE.c.amber_at > now,
}


def _containing(words: str) -> list[ColumnElement[bool]]:
    """Every word stands somewhere in the number, the description or the address."""
    c = _CASE.c
    found: list[ColumnElement[bool]] = []
    for word in words.split():
        pattern = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        somewhere = or_(*(column.ilike(f"%{pattern}%") for column in (c.number, c.description, c.address)))
        pairs = pairs_of(word)
        found.append(and_(c.pairs.contains(pairs), somewhere) if pairs else somewhere)
    return found


async def page(
    connection: AsyncConnection,
    filters: Filters,
    visible: ColumnElement[bool],
    sort: Sort,
    request: PageRequest,
    now: datetime,
) -> tuple[list[Case], str | None]:
    """One page of the cases that may be seen and pass the filters, and the cursor of the next."""
    key = _DUE if sort is Sort.DUE else _CASE.c.reported_at
    wanted = select(*CASE_COLUMNS).where(visible, *filters.conditions(now)).limit(request.limit + 1)
    after = request.after(datetime, UUID)
    if sort is Sort.NEWEST:
        wanted = wanted.order_by(key.desc(), _CASE.c.id.desc())
        if after is not None:
            wanted = wanted.where(tuple_(key, _CASE.c.id) < tuple_(*map(literal, after)))
    else:
        wanted = wanted.order_by(key, _CASE.c.id)
        if after is not None:
            wanted = wanted.where(tuple_(key, _CASE.c.id) > tuple_(*map(literal, after)))
    found = [to_case(row) for row in await connection.execute(wanted)]
    shown, cursor = cut(found, request.limit, lambda case: _key(case, sort))
    return list(shown), cursor


def _key(case: Case, sort: Sort) -> tuple[datetime, UUID]:
    if sort is Sort.DUE:
        return case.due_at or _FAR_OFF, case.id
    return case.reported_at, case.id


async def count(
    connection: AsyncConnection, filters: Filters, visible: ColumnElement[bool], now: datetime
) -> int:
    """How many cases may be seen and pass the filters, up to `COUNT_CAP` + 1."""
    some = select(_CASE.c.id).where(visible, *filters.conditions(now)).limit(COUNT_CAP + 1).subquery()
    return int((await connection.execute(select(func.count()).select_from(some))).scalar_one())
