"""SQL of observations, leads and what happened to them. That of classes is in `classes.py`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Text,
    and_,
    bindparam,
    case,
    false,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases.tables import CaseRow
from app.channels.sensors.schemas import LeadState, Outcome
from app.channels.sensors.tables import (
    SensorLeadEventRow,
    SensorLeadRow,
    SensorObservationRow,
)
from app.db import new_id, table_of
from app.geo import around
from app.identity.principal import Principal
from app.identity.tables import AccountTable
from app.prepared import Prepared

_LEAD = table_of(SensorLeadRow)
_OBSERVATION = table_of(SensorObservationRow)
_EVENT = table_of(SensorLeadEventRow)
_CASE = table_of(CaseRow)
_ACCOUNT = table_of(AccountTable)


@dataclass(frozen=True, slots=True)
class Lead:
    """线索, as the table has it."""

    id: UUID
    district_code: str
    state: LeadState
    category: str
    condition: str | None
    source: str
    probe: bool
    area_code: str
    lon: float
    lat: float
    sightings: int
    confidence: float
    picture: str | None
    first_seen_at: datetime
    last_seen_at: datetime
    opened_at: datetime
    due_at: datetime
    inspector_id: UUID | None = None
    inspector_name: str | None = None
    decided_at: datetime | None = None
    case_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """What an observation was answered before."""

    outcome: Outcome
    lead_id: UUID | None


_LEAD_COLUMNS = [_LEAD.c[field.name] for field in fields(Lead)]


def _lead(row: Any) -> Lead:
    values = dict(row)
    return Lead(**{**values, "state": LeadState(values["state"])})


# -- observations ----------------------------------------------------------------------------------------

_ADD_OBSERVATION = Prepared(
    insert(_OBSERVATION).values({column.name: bindparam(column.name) for column in _OBSERVATION.c})
)


async def answered(
    connection: AsyncConnection, client: UUID, own_ids: Collection[str]
) -> dict[str, Answered]:
    """What those observations of the source that are known were answered."""
    c = _OBSERVATION.c
    statement = select(c.own_id, c.outcome, c.lead_id).where(c.client_id == client, c.own_id.in_(own_ids))
    return {
        row.own_id: Answered(Outcome(row.outcome), row.lead_id) for row in await connection.execute(statement)
    }


async def add_observation(connection: AsyncConnection, **values: Any) -> None:
    await _ADD_OBSERVATION.rows(connection, **values)


# -- leads -----------------------------------------------------------------------------------------------

# The same thing, whoever saw it: while nobody has been there, while its case is open, and for a while after
# it was found to be nothing.
_SAME = Prepared(
    select(*_LEAD_COLUMNS)
    .outerjoin(_CASE, _CASE.c.id == _LEAD.c.case_id)
    .where(
        text(
            """
            sensor_lead.category = :category
            AND sensor_lead.geom && ST_MakeEnvelope(:west, :south, :east, :north, 4490)
            AND ST_DWithin(
                sensor_lead.geom::geography,
                ST_SetSRID(ST_MakePoint(:lon, :lat), 4490)::geography,
                :radius_m)
            AND (sensor_lead.state = 'open'
                 OR (sensor_lead.state = 'confirmed' AND coalesce(case_file.ended_at, 'infinity') > :seen_at)
                 OR (sensor_lead.state = 'rejected' AND sensor_lead.decided_at > :since))
            """
        )
    )
    .order_by(
        text(
            "ST_Distance(sensor_lead.geom::geography, ST_SetSRID(ST_MakePoint(:lon, :lat), 4490)::geography),"
            " sensor_lead.id"
        )
    )
    .limit(1)
)


async def same_thing(
    connection: AsyncConnection,
    category: str,
    lon: float,
    lat: float,
    *,
    radius_m: float,
    seen_at: datetime,
    since: datetime,
) -> Lead | None:
    """The lead that a sighting there belongs to: one that is open, one whose case is, or one that was
    rejected since the moment."""
    west, south, east, north = around(lon, lat, radius_m)
    row = await _SAME.row(
        connection,
        category=category,
        lon=lon,
        lat=lat,
        west=west,
        south=south,
        east=east,
        north=north,
        radius_m=radius_m,
        seen_at=seen_at,
        since=since,
    )
    return None if row is None else _lead(row)


async def open_lead(connection: AsyncConnection, lead: Lead) -> None:
    values = {field.name: getattr(lead, field.name) for field in fields(Lead)}
    await connection.execute(insert(_LEAD).values(**values | {"state": lead.state.value}))


async def add_sighting(
    connection: AsyncConnection,
    lead_id: UUID,
    seen_at: datetime,
    confidence: float,
    picture: str | None,
) -> None:
    """Counts one more; the surest one's picture is the lead's."""
    c = _LEAD.c
    values: dict[str, Any] = {
        "sightings": c.sightings + 1,
        "first_seen_at": func.least(c.first_seen_at, seen_at),
        "last_seen_at": func.greatest(c.last_seen_at, seen_at),
        "confidence": func.greatest(c.confidence, confidence),
    }
    if picture is not None:
        better = or_(c.picture.is_(None), c.confidence < confidence)
        values["picture"] = case((better, literal(picture, Text)), else_=c.picture)
    await connection.execute(update(_LEAD).where(c.id == lead_id).values(**values))


async def fewest_leads(
    connection: AsyncConnection, accounts: Sequence[UUID], area: str, *, username: str | None = None
) -> tuple[UUID, str] | None:
    """The inspector who may work in the area and has the fewest open leads: of these accounts, or the one of
    that name."""
    covers = select(literal(1)).where(
        func.starts_with(area, func.unnest(_ACCOUNT.c.areas).column_valued("covered"))
    )
    who = _ACCOUNT.c.id.in_(accounts) if username is None else _ACCOUNT.c.username == username
    statement = (
        select(_ACCOUNT.c.id, _ACCOUNT.c.display_name)
        .outerjoin(_LEAD, and_(_LEAD.c.inspector_id == _ACCOUNT.c.id, _LEAD.c.state == LeadState.OPEN.value))
        .where(who, _ACCOUNT.c.active, _ACCOUNT.c.roles.contains(["inspector"]), covers.exists())
        .group_by(_ACCOUNT.c.id)
        .order_by(func.count(_LEAD.c.id), _ACCOUNT.c.username)
        .limit(1)
    )
    row = (await connection.execute(statement)).one_or_none()
    return None if row is None else (row.id, row.display_name)


async def change_lead(connection: AsyncConnection, lead_id: UUID, **values: Any) -> None:
    await connection.execute(update(_LEAD).where(_LEAD.c.id == lead_id).values(**values))


async def add_event(
    connection: AsyncConnection, lead_id: UUID, at: datetime, kind: str, actor: Principal, **data: Any
) -> None:
    """`data` must be plain JSON."""
    await connection.execute(
        insert(_EVENT).values(
            id=new_id(),
            lead_id=lead_id,
            at=at,
            kind=kind,
            actor_id=actor.id,
            actor_name=actor.name,
            data=data,
        )
    )


async def events(connection: AsyncConnection, lead_id: UUID) -> list[dict[str, Any]]:
    """What happened to a lead, oldest first."""
    c = _EVENT.c
    statement = (
        select(c.at, c.kind, c.actor_id, c.actor_name, c.data)
        .where(c.lead_id == lead_id)
        .order_by(c.at, c.id)
    )
    return [row._asdict() for row in await connection.execute(statement)]


async def find_lead(
    connection: AsyncConnection, lead_id: UUID, seen: ColumnElement[bool], *, lock: bool = False
) -> Lead | None:
    statement = select(*_LEAD_COLUMNS).where(_LEAD.c.id == lead_id, seen)
    row = (await connection.execute(statement.with_for_update() if lock else statement)).one_or_none()
    return None if row is None else _lead(row._mapping)


def seen_by(areas: Sequence[str], inspector: UUID | None) -> ColumnElement[bool]:
    """Leads in the areas, and those given to the inspector."""
    own = false() if inspector is None else _LEAD.c.inspector_id == inspector
    return or_(own, *(func.starts_with(_LEAD.c.area_code, area) for area in areas))


async def list_leads(
    connection: AsyncConnection,
    seen: ColumnElement[bool],
    state: LeadState,
    *,
    inspector: UUID | None,
    late: bool | None,
    now: datetime,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Lead]:
    """Open ones the most urgent first, the others the newest first."""
    key = (_LEAD.c.due_at, _LEAD.c.id)
    first_is_earliest = state is LeadState.OPEN
    statement = select(*_LEAD_COLUMNS).where(seen, _LEAD.c.state == state.value).limit(limit)
    if inspector is not None:
        statement = statement.where(_LEAD.c.inspector_id == inspector)
    if late is not None:
        statement = statement.where(_LEAD.c.due_at < now if late else _LEAD.c.due_at >= now)
    if after is not None:
        here, there = tuple_(*key), tuple_(*map(literal, after))
        statement = statement.where(here > there if first_is_earliest else here < there)
    ordered = statement.order_by(*(key if first_is_earliest else (column.desc() for column in key)))
    return [_lead(row._mapping) for row in await connection.execute(ordered)]


async def without_inspector(connection: AsyncConnection, limit: int) -> list[Lead]:
    """Open leads that nobody was on duty for, the most urgent first; others leave them to us."""
    statement = (
        select(*_LEAD_COLUMNS)
        .where(_LEAD.c.state == LeadState.OPEN.value, _LEAD.c.inspector_id.is_(None))
        .order_by(_LEAD.c.due_at, _LEAD.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [_lead(row._mapping) for row in await connection.execute(statement)]
