"""待办列表: finding cases by filters, sorted, in pages that cost the same wherever one stands.

A filter is a condition made once, with named places for its values. So a list that was asked for with the
same filters before is compiled already, and the driver has its statement prepared.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any
from uuid import UUID

import asyncpg
from pydantic import AwareDatetime
from sqlalchemy import (
    TIMESTAMP,
    ColumnElement,
    Double,
    Integer,
    Interval,
    Select,
    Text,
    and_,
    any_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases.case import Lamp
from app.cases.scope import Sight, below, of_units
from app.cases.store import plan_for_these_values
from app.cases.summary import READ
from app.cases.tables import CaseRow
from app.cases.workflow import Stage
from app.db import table_of
from app.errors import InvalidInput
from app.paging import PageRequest, cut
from app.prepared import Prepared

_CASE = table_of(CaseRow)

#: A queue's count stops here: nobody needs the exact figure beyond it, and it would be the dearest of all.
COUNT_CAP = 1_000

#: Cases that owe nothing come last when sorted by due time. The same words as in the indexes.
_FAR_OFF = datetime(9999, 12, 31, tzinfo=UTC)
_NEVER = literal_column("'9999-12-31 00:00:00+00'::timestamptz", TIMESTAMP(True))
_DUE = func.coalesce(_CASE.c.due_at, _NEVER)
_NOTHING = literal_column("interval '0'", Interval())


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

    def conditions(self, now: datetime) -> tuple[list[ColumnElement[bool]], dict[str, Any]]:
        """The filters as SQL conditions, and the values for their places."""
        told: dict[str, Any] = {
            **_one_or_more("stage", self.stages or None),
            "units": sorted(self.units) or None,
            "area": self.area,
            **_one_or_more("category", self.categories),
            "condition": self.condition,
            **_one_or_more("source", self.sources or None),
            "since": self.since,
            "until": self.until,
            "bbox": self.bbox,
            "reporter": self.reporter,
        }
        values = {name: value for name, value in told.items() if value is not None}
        found = [_CONDITIONS[name] for name in values]
        found += [
            choice[wanted] for name, choice in _CHOICES.items() if (wanted := getattr(self, name)) is not None
        ]
        for place, word in enumerate(self.words.lower().split() if self.words is not None else ()):
            cased = word != word.upper()
            found.append(_containing(place, len(word) > 2, cased, _NUMBER.fullmatch(word) is not None))
            values |= {f"word_{place}": word, f"whole_{place}": [word], f"pairs_{place}": _pairs(word)}
        return found, values | dict(zip(_SIDES, self.bbox or (), strict=False)) | {"now": now}


def _one_or_more(name: str, wanted: Collection[str] | None) -> dict[str, Any]:
    """The value for a column's place; only of one value the planner knows that an index has them in order."""
    if wanted is None:
        return {}
    return {f"one_{name}": next(iter(wanted))} if len(wanted) == 1 else {f"some_{name}": sorted(wanted)}


def _by_value(name: str) -> dict[str, ColumnElement[bool]]:
    column = _CASE.c[name]
    return {
        f"one_{name}": column == bindparam(f"one_{name}"),
        f"some_{name}": column == any_(bindparam(f"some_{name}", type_=ARRAY(Text))),
    }


_SIDES = ("west", "south", "east", "north")

#: The filters that come with a value.
_CONDITIONS: dict[str, ColumnElement[bool]] = {
    **_by_value("stage"),
    "units": of_units(bindparam("units", type_=ARRAY(Text))),
    "area": below(bindparam("area", type_=Text())),
    **_by_value("category"),
    "condition": _CASE.c.condition == bindparam("condition"),
    **_by_value("source"),
    "since": _CASE.c.reported_at >= bindparam("since"),
    "until": _CASE.c.reported_at < bindparam("until"),
    # To about a metre: PostGIS rounds boxes. An exact test besides would mislead the planner.
    "bbox": _CASE.c.geom.op("&&")(
        func.ST_MakeEnvelope(*(bindparam(side, type_=Double()) for side in _SIDES), literal_column("4490"))
    ),
    "reporter": _CASE.c.reporter_id == bindparam("reporter"),
}

_NOW = bindparam("now", type_=TIMESTAMP(True))

#: Those that are a choice.
_CHOICES: dict[str, dict[Any, ColumnElement[bool]]] = {
    # In terms of the indexed due time: where the lamp is known, so is the part of the index to read.
    "lamp": {
        Lamp.RED: _NOW > _DUE,
        Lamp.AMBER: and_(_NOW <= _DUE, _DUE < _NEVER, _CASE.c.amber_at <= _NOW),
        Lamp.GREEN: and_(_NOW <= _DUE, _DUE < _NEVER, _CASE.c.amber_at > _NOW),
    },
    "listed": {wanted: _CASE.c.listed.is_(wanted) for wanted in (True, False)},
    "overdue": {wanted: _CASE.c.overdue.is_(wanted) for wanted in (True, False)},
    "pending": {True: _CASE.c.pending.is_not(None), False: _CASE.c.pending.is_(None)},
    "placed": {wanted: _CASE.c.placed.is_(wanted) for wanted in (True, False)},
}

#: What may be a case number or its serial.
_NUMBER = re.compile(r"[0-9-]{7,}")


def _pairs(word: str) -> list[str]:
    """Pairs that do not overlap are enough to look up: the planner takes each for independent of the others,
    and would think a common phrase rare."""
    return sorted({word[at : at + 2] for at in (*range(0, len(word) - 1, 2), len(word) - 2)})


@lru_cache
def _containing(place: int, longer: bool, cased: bool, number: bool) -> ColumnElement[bool]:
    """The word, of two characters or more, stands in the description or the address, or is the case number or
    its serial. Chinese is not `cased`, and lowering is what costs."""
    c = _CASE.c
    said = c.pairs.contains(bindparam(f"pairs_{place}", type_=ARRAY(Text)))
    if longer:
        texts = c.description + "\n" + c.address
        here = func.strpos(func.lower(texts) if cased else texts, bindparam(f"word_{place}", type_=Text()))
        said = and_(said, here > 0)
    return or_(said, c.pairs.contains(bindparam(f"whole_{place}", type_=ARRAY(Text)))) if number else said


def page_statement(
    conditions: Sequence[ColumnElement[bool]], sort: Sort, *, begun: bool, narrow: bool
) -> Select[Any]:
    """The rows of one page and one more; when `begun`, those behind `last_at`, `last_id`.

    Of a narrow area all cases are found by the area, and sorted. The planner does not see that: its
    statistics of codes count in hundredths of all, and for such a hundredth it would walk along the order's
    index, for a cell from end to end. So there it is given an order that no index has.
    """
    at = _DUE if sort is Sort.DUE else _CASE.c.reported_at
    wanted = select(*(_CASE.c[name] for name in READ)).where(*conditions)
    if begun:
        here = tuple_(at, _CASE.c.id)
        there = tuple_(
            bindparam("last_at", type_=TIMESTAMP(True)), bindparam("last_id", type_=_CASE.c.id.type)
        )
        wanted = wanted.where(here < there if sort is Sort.NEWEST else here > there)
    key = (at + _NOTHING if narrow else at, _CASE.c.id)
    ordered = wanted.order_by(*(column.desc() if sort is Sort.NEWEST else column for column in key))
    return ordered.limit(bindparam("most", type_=Integer()))


def count_statement(conditions: Sequence[ColumnElement[bool]]) -> Select[int]:
    """The number of cases, up to `most`."""
    some: Select[Any] = select(literal_column("1")).select_from(_CASE).where(*conditions)
    return select(func.count()).select_from(some.limit(bindparam("most", type_=Integer())).subquery())


@lru_cache(maxsize=512)
def _page(conditions: tuple[ColumnElement[bool], ...], sort: Sort, begun: bool, narrow: bool) -> Prepared:
    return Prepared(page_statement(conditions, sort, begun=begun, narrow=narrow))


@lru_cache(maxsize=512)
def _count(conditions: tuple[ColumnElement[bool], ...]) -> Prepared:
    return Prepared(count_statement(conditions))


async def page(
    connection: AsyncConnection,
    filters: Filters,
    seen: Sight,
    sort: Sort,
    request: PageRequest,
    now: datetime,
) -> tuple[Sequence[asyncpg.Record], str | None]:
    """One page of the cases that may be seen and pass the filters, as rows of `summary.READ`, and the cursor
    of the next. Errors: `InvalidInput` for a cursor of another list."""
    conditions, values = filters.conditions(now)
    behind = after(request, sort)
    await plan_for_these_values(connection)
    found = await _page((seen.condition, *conditions), sort, bool(behind), seen.narrow).rows(
        connection, **seen.values, **values, **behind, most=request.limit + 1
    )
    return cut(found, request.limit, lambda row: _key(row, sort))


def after(request: PageRequest, sort: Sort) -> dict[str, Any]:
    """Behind what the page begins; nothing for the first."""
    if (last := request.after(Sort, AwareDatetime, UUID)) is None:
        return {}
    began, last_at, last_id = last
    if began is not sort:
        raise InvalidInput(
            "此游标属于另一种排序 / this cursor was given in another order: begin again without it",
            fields={"cursor": "of another order"},
        )
    return {"last_at": last_at, "last_id": last_id}


def _key(row: asyncpg.Record, sort: Sort) -> tuple[Sort, datetime, UUID]:
    at = row["reported_at"] if sort is not Sort.DUE else row["due_at"] or _FAR_OFF
    return sort, at, row["id"]


async def count(connection: AsyncConnection, filters: Filters, seen: Sight, now: datetime) -> int:
    """How many cases may be seen and pass the filters, up to `COUNT_CAP` + 1."""
    conditions, values = filters.conditions(now)
    await plan_for_these_values(connection)
    found: int = await _count((seen.condition, *conditions)).value(
        connection, **seen.values, **values, most=COUNT_CAP + 1
    )
    return found
