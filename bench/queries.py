"""各类查询: what the statements of the lists cost, asked as different callers ask them.

Milliseconds in which the database finds a page of 50 and a count, without sending: the median of some runs.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases import duplicates, queue, store
from app.cases.case import Case
from app.cases.schemas import QueuePageQuery
from app.cases.scope import sight, visible
from app.cases.tables import CaseRow
from app.db import Database
from app.identity.principal import Principal, Role
from app.paging import PageRequest, encode
from bench.city import City
from bench.district import DISTRICT

_RUNS = 9
#: Seconds after which a statement has been run often enough.
_ENOUGH = 2.0
_ANYBODY = UUID(int=1)

Asked = tuple[str, Principal, dict[str, Any]]


def asked(place: City, now: datetime) -> list[Asked]:
    """Every list somebody asks for."""
    leader = _caller(Role.SHIFT_LEADER)
    street = place.plan.street_codes[2]
    office = _caller(Role.UNIT_OFFICER, unit="street_xinglong")
    chief = _caller(Role.STREET_CHIEF, street)
    cells = (place.plan.code_at(0, 0), place.plan.code_at(1, 0))
    rare, common = place.conditions[-1], place.conditions[0]
    long_ago = encode(("newest", now - timedelta(days=5), UUID(int=0)))
    with_units = ["signing", "handling"]
    day = timedelta(days=1)
    west, south = place.plan.middle(10, 10)
    newest = {"sort": "newest"}
    rows: list[Asked] = [
        ("centre: all, by due time", leader, {}),
        ("centre: newest", leader, newest),
        ("centre: newest, from a cursor", leader, {"cursor": long_ago, **newest}),
        ("centre: to be closed", leader, {"stage": ["closing"]}),
        ("centre: being handled, newest", leader, {"stage": ["handling"], **newest}),
        ("centre: closed, newest", leader, {"stage": ["closed"], **newest}),
        ("centre: red", leader, {"lamp": "red"}),
        ("centre: amber", leader, {"lamp": "amber"}),
        ("centre: amber with units", leader, {"lamp": "amber", "stage": with_units}),
        ("centre: waiting for approval", leader, {"pending": True}),
        ("centre: listed", leader, {"listed": True, **newest}),
        ("centre: judged overdue", leader, {"overdue": True, **newest}),
        ("centre: one street", leader, {"area": street, **newest}),
        ("centre: one community", leader, {"area": f"{street}001", **newest}),
        ("centre: one cell", leader, {"area": cells[0], **newest}),
        ("centre: a common minor", leader, {"category": common.category, **newest}),
        ("centre: a rare minor", leader, {"category": rare.category, **newest}),
        ("centre: a condition", leader, {"condition": rare.code, **newest}),
        ("centre: a unit", leader, {"unit": "transport", **newest}),
        ("centre: a week", leader, {"since": now - 10 * day, "until": now - 3 * day, **newest}),
        ("centre: a block on the map", leader, {"bbox": _box(west, south, 0.0005), **newest}),
        ("centre: the map, with units", leader, {"bbox": _box(west, south, 0.02), "stage": with_units}),
        ("centre: most of the map", leader, {"bbox": _box(west, south, 0.2), **newest}),
        ("centre: a common word", leader, {"q": "影响", **newest}),
        ("centre: a common phrase", leader, {"q": "垃圾成堆", **newest}),
        ("centre: two words", leader, {"q": "泰山街 垃圾", **newest}),
        ("centre: a rare word", leader, {"q": "劷勪", **newest}),
        ("centre: a case's serial", leader, {"q": "9999998"}),
        ("street's dispatcher: with units", _caller(Role.DISPATCHER, street), {"stage": with_units}),
        ("inspector: newest of two cells", _caller(Role.INSPECTOR, *cells), newest),
        ("department: its open cases", _caller(Role.UNIT_OFFICER, unit="enforcement"), {"stage": with_units}),
        ("street office: its open cases", office, {"stage": with_units}),
        ("small unit: everything", _caller(Role.UNIT_OFFICER, unit="transport"), {}),
        ("street chief: newest", chief, newest),
        ("new client: its own", _caller(Role.INTEGRATION), {}),
        ("two filters without a common case", leader, {"area": street, "unit": "street_huibin", **newest}),
    ]  # fmt: skip
    return rows


def _caller(role: Role, *areas: str, unit: str | None = None) -> Principal:
    return Principal(_ANYBODY, "bench", "account", frozenset({role}), areas or (DISTRICT,), unit, "bench")


def _box(west: float, south: float, size: float) -> str:
    return f"{west:.4f},{south:.4f},{west + size:.4f},{south + size:.4f}"


def _found(page: Select[Any]) -> Select[int]:
    """The page found, but not sent: sending and reading 51 cases takes longer."""
    return select(func.count()).select_from(page.subquery())


async def _milliseconds(run: Callable[[], Awaitable[Any]]) -> float:
    """The median after a first run that warms."""
    await run()
    taken: list[float] = []
    while len(taken) < _RUNS and sum(taken) < _ENOUGH * 1000:
        began = time.perf_counter()
        await run()
        taken.append((time.perf_counter() - began) * 1000)
    return round(statistics.median(taken), 2)


async def measured(database: Database, place: City) -> list[dict[str, Any]]:
    """Milliseconds of each page and count, and, without a count, of what else looks at many cases."""
    now = datetime.now(UTC)
    async with database.transaction() as connection:
        await store.plan_for_these_values(connection)
        case = CaseRow.__table__.c
        bare = select(*store.CASE_COLUMNS).order_by(case.reported_at.desc(), case.id.desc()).limit(51)
        found: list[dict[str, Any]] = [
            {"query": "51 newest cases, no condition", "page": await _run(connection, _found(bare))}
        ]
        for name, caller, wanted in asked(place, now):
            query = QueuePageQuery.model_validate(wanted)
            seen = sight(caller, place.rulebook, query.area)
            conditions, values = query.filters(place.rulebook, caller.id).conditions(now)
            last = queue.after(PageRequest(50, query.cursor), query.sort)
            page = queue.page_statement(
                (seen.condition, *conditions), query.sort, begun=bool(last), narrow=seen.narrow
            )
            page = page.params(**seen.values, **values, **last, most=51)
            count = queue.count_statement((seen.condition, *conditions))
            count = count.params(**seen.values, **values, most=queue.COUNT_CAP + 1)
            found.append(
                {
                    "query": name, "page": await _run(connection, _found(page)),
                    "count": await _run(connection, count),
                }
            )  # fmt: skip
        newest = (await connection.execute(bare)).first()
        assert newest is not None
        for name, run in _others(connection, Case.model_validate(newest._asdict()), place, now).items():
            found.append({"query": name, "page": await _milliseconds(run)})
    return found


async def _run(connection: AsyncConnection, statement: Select[Any]) -> float:
    return await _milliseconds(lambda: connection.execute(statement))


def _others(
    connection: AsyncConnection, newest: Case, place: City, now: datetime
) -> dict[str, Callable[[], Awaitable[Any]]]:
    seen = visible(_caller(Role.SHIFT_LEADER), place.rulebook)
    return {
        "near duplicates": lambda: duplicates.near(connection, newest, place.rulebook, [DISTRICT]),
        "clocks that ran out": lambda: store.with_overdue_clocks(connection, now, 200),
        "figures of a week": lambda: store.figures(connection, seen, now - timedelta(days=7), now),
    }
