"""SQL of the classes of sources: what they mean here, how good they are, and when they were muted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, insert, or_, select, tuple_, update
from sqlalchemy import literal as given
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.channels.sensors.precision import Precision
from app.channels.sensors.schemas import LeadState
from app.channels.sensors.tables import (
    SensorClassRow,
    SensorLeadRow,
    SensorNoticeRow,
    SensorObservationRow,
)
from app.db import new_id, table_of
from app.identity.principal import Principal
from app.identity.tables import ApiClientTable

_CLASS = table_of(SensorClassRow)
_LEAD = table_of(SensorLeadRow)
_OBSERVATION = table_of(SensorObservationRow)
_NOTICE = table_of(SensorNoticeRow)
_CLIENT = table_of(ApiClientTable)


@dataclass(frozen=True, slots=True)
class ClassOfSource:
    """识别类别 of a source, as the table has it."""

    client_id: UUID
    label: str
    category: str
    condition: str | None
    source: str
    radius_m: float
    window_minutes: int
    min_confidence: float
    muted_at: datetime | None
    counted_from: datetime | None


_COLUMNS = [_CLASS.c[field.name] for field in fields(ClassOfSource)]


async def classes_of(connection: AsyncConnection, client: UUID) -> dict[str, ClassOfSource]:
    """The classes of a source by label."""
    found = await connection.execute(select(*_COLUMNS).where(_CLASS.c.client_id == client))
    return {row.label: ClassOfSource(**row._asdict()) for row in found}


async def locked(connection: AsyncConnection, client: UUID, label: str) -> ClassOfSource | None:
    """A class, kept from others until we commit."""
    statement = select(*_COLUMNS).where(_CLASS.c.client_id == client, _CLASS.c.label == label)
    row = (await connection.execute(statement.with_for_update())).one_or_none()
    return None if row is None else ClassOfSource(**row._asdict())


async def put(connection: AsyncConnection, rule: ClassOfSource, now: datetime) -> None:
    """Writes what a class means; whether it is muted, and from when it counts, stays as it was."""
    meaning = {
        name: value
        for name, value in asdict(rule).items()
        if name not in ("client_id", "label", "muted_at", "counted_from")
    }
    new = upsert(_CLASS).values(**asdict(rule), changed_at=now)
    await connection.execute(
        new.on_conflict_do_update(index_elements=["client_id", "label"], set_=meaning | {"changed_at": now})
    )


async def set_muted(
    connection: AsyncConnection, rule: ClassOfSource, muted_at: datetime | None, counted_from: datetime | None
) -> None:
    await connection.execute(
        update(_CLASS)
        .where(_CLASS.c.client_id == rule.client_id, _CLASS.c.label == rule.label)
        .values(muted_at=muted_at, counted_from=counted_from)
    )


# -- how good they are -----------------------------------------------------------------------------------


def _counted(client: Any, label: Any, since: Any) -> tuple[Select[Any], Select[Any]]:
    """Leads decided since the moment that the class was seen in before: those that were real, and all."""
    seen = (
        select(_OBSERVATION.c.id)
        .where(
            _OBSERVATION.c.lead_id == _LEAD.c.id,
            _OBSERVATION.c.client_id == client,
            _OBSERVATION.c.label == label,
            _OBSERVATION.c.received_at <= _LEAD.c.decided_at,
        )
        .correlate_except(_OBSERVATION)
    )
    decided = select(func.count()).select_from(_LEAD).where(_LEAD.c.decided_at > since, seen.exists())
    return decided.where(_LEAD.c.state == LeadState.CONFIRMED.value), decided


async def precision(connection: AsyncConnection, client: UUID, label: str, since: datetime) -> Precision:
    """Of the leads decided since the moment."""
    confirmed, decided = _counted(client, label, since)
    row = (await connection.execute(select(confirmed.scalar_subquery(), decided.scalar_subquery()))).one()
    return Precision(*row)


async def contributors(connection: AsyncConnection, lead_id: UUID) -> list[tuple[UUID, str]]:
    """The classes that a lead was seen by, in one order for all."""
    c = _OBSERVATION.c
    statement = (
        select(c.client_id, c.label).where(c.lead_id == lead_id).distinct().order_by(c.client_id, c.label)
    )
    return [(row.client_id, row.label) for row in await connection.execute(statement)]


async def probed_since(connection: AsyncConnection, client: UUID, label: str, since: datetime) -> bool:
    """Whether a lead of the muted class was let through since the moment."""
    statement = (
        select(_LEAD.c.id)
        .join(_OBSERVATION, _OBSERVATION.c.lead_id == _LEAD.c.id)
        .where(
            _OBSERVATION.c.client_id == client,
            _OBSERVATION.c.label == label,
            _OBSERVATION.c.received_at > since,
            _LEAD.c.probe,
            _LEAD.c.opened_at > since,
        )
        .limit(1)
    )
    return (await connection.execute(statement)).scalar() is not None


@dataclass(frozen=True, slots=True)
class Standing:
    """A class with its source's name and its precision."""

    rule: ClassOfSource
    client_name: str
    precision: Precision


def _meets(areas: Sequence[str]) -> ColumnElement[bool]:
    """Whether the source's areas meet these."""
    own = func.unnest(_CLIENT.c.areas).column_valued("own")
    either = (or_(func.starts_with(own, area), func.starts_with(given(area), own)) for area in areas)
    return select(own).where(or_(*either)).exists()


async def standings(
    connection: AsyncConnection,
    areas: Sequence[str],
    since: datetime,
    *,
    after: tuple[UUID, str] | None = None,
    only: tuple[UUID, str] | None = None,
    limit: int,
) -> list[Standing]:
    """Classes of sources whose areas meet these, with their precision since the moment, at most."""
    confirmed, decided = _counted(
        _CLASS.c.client_id, _CLASS.c.label, func.greatest(_CLASS.c.counted_from, since)
    )
    key = (_CLASS.c.client_id, _CLASS.c.label)
    statement = (
        select(
            *_COLUMNS,
            _CLIENT.c.name.label("client_name"),
            confirmed.correlate(_CLASS).scalar_subquery().label("confirmed"),
            decided.correlate(_CLASS).scalar_subquery().label("decided"),
        )
        .join(_CLIENT, _CLIENT.c.id == _CLASS.c.client_id)
        .where(_meets(areas))
        .order_by(*key)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(tuple_(*key) > tuple_(*map(given, after)))
    if only is not None:
        statement = statement.where(and_(*(column == value for column, value in zip(key, only, strict=True))))
    found = []
    for row in await connection.execute(statement):
        values = row._asdict()
        name, counted = values.pop("client_name"), (values.pop("confirmed"), values.pop("decided"))
        found.append(Standing(ClassOfSource(**values), name, Precision(*counted)))
    return found


async def client_areas(connection: AsyncConnection, client: UUID) -> list[str] | None:
    """The areas of a source; None when there is no such API client."""
    found: list[str] | None = await connection.scalar(select(_CLIENT.c.areas).where(_CLIENT.c.id == client))
    return found


# -- notices ---------------------------------------------------------------------------------------------


async def add_notice(
    connection: AsyncConnection,
    rule: ClassOfSource,
    kind: str,
    measured: Precision,
    *,
    actor: Principal,
    note: str,
    now: datetime,
) -> None:
    await connection.execute(
        insert(_NOTICE).values(
            id=new_id(), at=now, client_id=rule.client_id, label=rule.label, kind=kind,
            confirmed=measured.confirmed, decided=measured.decided,
            actor_id=actor.id, actor_name=actor.name, note=note,
        )
    )  # fmt: skip


async def notices(
    connection: AsyncConnection,
    areas: Sequence[str],
    *,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Notices of sources whose areas meet these, the newest first."""
    c = _NOTICE.c
    statement = (
        select(
            c.id, c.at, c.client_id, c.label, c.kind, c.confirmed, c.decided, c.actor_name, c.note,
            _CLIENT.c.name.label("client_name"),
        )
        .join(_CLIENT, _CLIENT.c.id == c.client_id)
        .where(_meets(areas))
        .order_by(c.at.desc(), c.id.desc())
        .limit(limit)
    )  # fmt: skip
    if after is not None:
        statement = statement.where(tuple_(c.at, c.id) < tuple_(*map(given, after)))
    return [row._asdict() for row in await connection.execute(statement)]
