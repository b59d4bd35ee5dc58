"""SQL of the channel: its requests with their cases, what happened to them, and what came in twice."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Double,
    Numeric,
    and_,
    bindparam,
    case,
    cast,
    false,
    func,
    insert,
    literal,
    or_,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases.case import Case
from app.cases.store import CASE_COLUMNS, plan_for_these_values
from app.cases.tables import CaseRow, JournalRow
from app.cases.workflow import ENDS, Action
from app.channels.open311.queries import RequestsQuery, State
from app.channels.open311.tables import Open311RequestRow, Open311UpdateRow
from app.db import table_of
from app.geo import SRID, around
from app.prepared import Prepared

_CASE = table_of(CaseRow)
_JOURNAL = table_of(JournalRow)
_REQUEST = table_of(Open311RequestRow)
_UPDATE = table_of(Open311UpdateRow)
_INTO = _CASE.alias("merged_into_case")
_NEWEST = _JOURNAL.alias("newest")
_REFUSAL = _JOURNAL.alias("refusal")

#: Decimals of the degrees that a stranger is told: about a hundred metres.
COARSE = 3


@dataclass(frozen=True, slots=True)
class Reader:
    """查询者: whose requests are seen. `client` None: nobody known. `public` False: only the own ones;
    `coarse`: where others' lie is told, and searched, to a hundred metres."""

    client: UUID | None
    public: bool
    coarse: bool

    def sees(self) -> ColumnElement[bool]:
        came_this_way = _REQUEST.c.case_id.is_not(None) if self.public else false()
        return or_(self.own(), came_this_way)

    def own(self) -> ColumnElement[bool]:
        return false() if self.client is None else _CASE.c.reporter_id == self.client


@dataclass(frozen=True, slots=True)
class Found:
    """A case as the channel knows it. `own`: the asker's. `refusal` is the code of the reason."""

    case: Case
    own: bool
    updated_at: datetime
    address_id: str | None
    media_urls: Sequence[str]
    merged_number: str | None
    refusal: str | None


async def requests(
    connection: AsyncConnection,
    query: RequestsQuery,
    reader: Reader,
    period: tuple[datetime | None, datetime | None],
) -> list[Found]:
    """The requests that may be seen and pass the query, the newest first."""
    # The end of a case counts as its last change: what follows (an appeal, a note) does not concern others.
    updated_at = func.coalesce(_CASE.c.ended_at, _NEWEST.c.at)
    statement = (
        select(
            *CASE_COLUMNS,
            reader.own().label("own"),
            updated_at.label("updated_at"),
            _REQUEST.c.address_id,
            _REQUEST.c.media_urls,
            _INTO.c.number.label("merged_number"),
            _REFUSAL.c.data["command"]["reason"].astext.label("refusal"),
        )
        .join(_NEWEST, and_(_NEWEST.c.case_id == _CASE.c.id, _NEWEST.c.version == _CASE.c.version))
        .outerjoin(_REQUEST, _REQUEST.c.case_id == _CASE.c.id)
        .outerjoin(_INTO, _INTO.c.id == _CASE.c.merged_into)
        .outerjoin(_REFUSAL, and_(_REFUSAL.c.case_id == _CASE.c.id, _REFUSAL.c.action == Action.REFUSE.value))
        .where(reader.sees(), _CASE.c.category.is_not(None), *_conditions(query, reader, period, updated_at))
        .order_by(_CASE.c.reported_at.desc(), _CASE.c.id.desc())
        .limit(query.page_size)
        .offset(query.offset)
    )
    await plan_for_these_values(connection)
    return [_found(row._asdict()) for row in await connection.execute(statement)]


def _found(row: dict[str, Any]) -> Found:
    return Found(
        case=Case.model_validate(row),
        own=row["own"],
        updated_at=row["updated_at"],
        address_id=row["address_id"],
        media_urls=row["media_urls"] or (),
        merged_number=row["merged_number"],
        refusal=row["refusal"],
    )


def _conditions(
    query: RequestsQuery,
    reader: Reader,
    period: tuple[datetime | None, datetime | None],
    updated_at: ColumnElement[datetime],
) -> list[ColumnElement[bool]]:
    if query.service_request_id:
        return [_CASE.c.number.in_(query.service_request_id)]
    since, until = period
    found: list[ColumnElement[bool]] = []
    if query.service_code:
        found.append(_CASE.c.category.in_(query.service_code))
    if len(set(query.status)) == 1:
        ended = _CASE.c.stage.in_([stage.value for stage in ENDS])
        found.append(ended if query.status[0] is State.CLOSED else ~ended)
    if since is not None:
        found.append(_CASE.c.reported_at >= since)
    if until is not None:
        found.append(_CASE.c.reported_at <= until)
    if query.updated_after is not None:
        found.append(updated_at >= query.updated_after)
    if query.updated_before is not None:
        found.append(updated_at <= query.updated_before)
    if query.lat is not None and query.long is not None:
        found += _within(query.long, query.lat, query.radius, reader)
    return found


def _within(lon: float, lat: float, radius_m: float, reader: Reader) -> list[ColumnElement[bool]]:
    """Within the metres of the place that the reader is told: or circles would find out the true one."""
    place: ColumnElement[Any] = func.ST_MakePoint(_CASE.c.lon, _CASE.c.lat)
    if reader.coarse:
        told = func.ST_MakePoint(_coarse(_CASE.c.lon), _coarse(_CASE.c.lat))
        place = case((reader.own(), place), else_=told)
    here = func.geography(func.ST_SetSRID(func.ST_MakePoint(lon, lat), SRID))
    # The index knows the true places; rounding moves none as far as 200 m.
    box = func.ST_MakeEnvelope(*around(lon, lat, radius_m + 200), SRID)
    return [
        _CASE.c.placed,
        _CASE.c.geom.op("&&")(box),
        func.ST_DWithin(func.geography(func.ST_SetSRID(place, SRID)), here, radius_m),
    ]


def _coarse(degrees: ColumnElement[float]) -> ColumnElement[Any]:
    return cast(func.round(cast(degrees, Numeric), COARSE), Double)


# -- what happened to them -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Happened:
    """日志条目 of a request, as the channel reads it."""

    id: UUID
    number: str
    own: bool
    at: datetime
    action: str
    to_stage: str
    data: dict[str, Any]
    merged_number: str | None


async def happened(
    connection: AsyncConnection,
    reader: Reader,
    actions: Collection[str],
    since: datetime,
    until: datetime | None,
    *,
    numbers: Sequence[str],
    limit: int,
    offset: int,
) -> list[Happened]:
    """Entries of those actions in the journals of the requests that may be seen, the oldest first."""
    j = _JOURNAL.c
    statement = (
        select(
            j.id,
            _CASE.c.number,
            reader.own().label("own"),
            j.at,
            j.action,
            j.to_stage,
            j.data,
            _INTO.c.number.label("merged_number"),
        )
        .join(_CASE, _CASE.c.id == j.case_id)
        .outerjoin(_REQUEST, _REQUEST.c.case_id == _CASE.c.id)
        .outerjoin(_INTO, _INTO.c.id == _CASE.c.merged_into)
        .where(reader.sees(), j.action.in_(sorted(actions)), j.at >= since)
        .order_by(j.at, j.seq)
        .limit(limit)
        .offset(offset)
    )
    if until is not None:
        statement = statement.where(j.at <= until)
    if numbers:
        statement = statement.where(_CASE.c.number.in_(numbers))
    await plan_for_these_values(connection)
    return [Happened(**row._asdict()) for row in await connection.execute(statement)]


# -- what came in ----------------------------------------------------------------------------------------

_KNOWN_REQUEST = Prepared(
    select(_CASE.c.number)
    .join(_REQUEST, _REQUEST.c.case_id == _CASE.c.id)
    .where(
        _REQUEST.c.client_id == bindparam("client_id"),
        _REQUEST.c.fingerprint == bindparam("fingerprint"),
        _REQUEST.c.received_at > bindparam("since"),
    )
    .order_by(_REQUEST.c.received_at.desc())
    .limit(1)
)
_ADD_REQUEST = Prepared(insert(_REQUEST).values({c.name: bindparam(c.name) for c in _REQUEST.c}))
_ADD_UPDATE = Prepared(insert(_UPDATE).values({c.name: bindparam(c.name) for c in _UPDATE.c}))


async def known_request(
    connection: AsyncConnection, client: UUID, fingerprint: str, since: datetime
) -> str | None:
    """The case number of the same request of that client since the moment."""
    found: str | None = await _KNOWN_REQUEST.value(
        connection, client_id=client, fingerprint=fingerprint, since=since
    )
    return found


async def add_request(connection: AsyncConnection, **values: Any) -> None:
    await _ADD_REQUEST.rows(connection, **values)


async def known_update(
    connection: AsyncConnection,
    client: UUID,
    case_id: UUID,
    *,
    own_id: str | None,
    fingerprint: str,
    since: datetime,
) -> UUID | None:
    """The same update of that client: by its own number of it, without one by its content."""
    c = _UPDATE.c
    same = (
        c.own_id == own_id
        if own_id is not None
        else and_(c.own_id.is_(None), c.fingerprint == fingerprint, c.received_at > since)
    )
    statement = select(c.id).where(c.client_id == client, c.case_id == case_id, same).limit(1)
    found: UUID | None = (await connection.execute(statement)).scalar()
    return found


async def add_update(connection: AsyncConnection, **values: Any) -> None:
    await _ADD_UPDATE.rows(connection, **values)


async def case_of(connection: AsyncConnection, client: UUID, number: str) -> UUID | None:
    """The client's own case of that number."""
    statement = select(_CASE.c.id).where(_CASE.c.number == number, _CASE.c.reporter_id == client)
    found: UUID | None = (await connection.execute(statement)).scalar()
    return found


async def number_of(connection: AsyncConnection, case_id: UUID, reader: Reader) -> str | None:
    """The case number of a request that may be seen."""
    statement = (
        select(_CASE.c.number)
        .outerjoin(_REQUEST, _REQUEST.c.case_id == _CASE.c.id)
        .where(_CASE.c.id == literal(case_id), reader.sees())
    )
    found: str | None = (await connection.execute(statement)).scalar()
    return found
