"""SQL of tracks: points in, a day's minutes and visits counted with them; what is kept out again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Text, bindparam, cast, delete, func, or_, select, text
from sqlalchemy.dialects.postgresql import REAL
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from app.channels.inspectors.tables import PatrolDay, PatrolVisit
from app.channels.inspectors.tracks.patrol import WIDTH, written
from app.db import table_of
from app.grid.store import AnyRow
from app.grid.tables import DutyShift
from app.prepared import Prepared

_DAY, _VISIT, _SHIFT = table_of(PatrolDay), table_of(PatrolVisit), table_of(DutyShift)


@dataclass(frozen=True, slots=True)
class Fix:
    """A point in CGCS2000 degrees, with the local day it counts for."""

    at: datetime
    lon: float
    lat: float
    accuracy_m: float
    day: date


# Only points that are new are counted, so a batch sent twice counts once. The minutes are bits: setting one
# again changes nothing. All rows are written in the order of their keys, so that two batches of an inspector
# at once wait for each other and never for one another.
_KEEP = Prepared(
    text(
        f"""
        WITH given AS (
            SELECT * FROM unnest(
                CAST(:ats AS timestamptz[]), CAST(:lons AS float8[]), CAST(:lats AS float8[]),
                CAST(:accuracies AS real[]), CAST(:days AS date[])
            ) AS given (at, lon, lat, accuracy_m, day)
        ), stored AS (
            INSERT INTO track_point (account_id, at, lon, lat, accuracy_m)
            SELECT :account, at, lon, lat, accuracy_m FROM given ORDER BY at
            ON CONFLICT DO NOTHING
            RETURNING at
        ), fresh AS (
            SELECT given.* FROM stored JOIN given USING (at)
        ), days AS (
            INSERT INTO patrol_day (account_id, day, points, minutes, first_at, last_at)
            SELECT :account, day, count(*), CAST(min(mask.minutes) AS bit({WIDTH})), min(at), max(at)
            FROM fresh
            JOIN unnest(CAST(:mask_days AS date[]), CAST(:masks AS text[])) AS mask (day, minutes) USING (day)
            GROUP BY day ORDER BY day
            ON CONFLICT (account_id, day) DO UPDATE SET
                points = patrol_day.points + excluded.points,
                minutes = patrol_day.minutes | excluded.minutes,
                first_at = least(patrol_day.first_at, excluded.first_at),
                last_at = greatest(patrol_day.last_at, excluded.last_at)
        ), visits AS (
            INSERT INTO patrol_visit (account_id, day, cell_code, points, first_at, last_at)
            SELECT :account, day, inside.code, count(*), min(at), max(at)
            FROM fresh CROSS JOIN LATERAL (
                SELECT area.code FROM area
                WHERE area.level = 'cell'
                  AND area.valid_from <= fresh.at AND coalesce(area.valid_to, 'infinity') > fresh.at
                  AND ST_Covers(area.geom, ST_SetSRID(ST_MakePoint(fresh.lon, fresh.lat), 4490))
                ORDER BY area.code LIMIT 1
            ) AS inside
            WHERE fresh.accuracy_m <= :accuracy_m
            GROUP BY day, inside.code ORDER BY day, inside.code
            ON CONFLICT (account_id, day, cell_code) DO UPDATE SET
                points = patrol_visit.points + excluded.points,
                first_at = least(patrol_visit.first_at, excluded.first_at),
                last_at = greatest(patrol_visit.last_at, excluded.last_at)
        )
        SELECT count(*) FROM stored
        """  # noqa: S608
    ).bindparams(bindparam("account", type_=PG_UUID()), bindparam("accuracy_m", type_=REAL()))
)


async def keep(
    connection: AsyncConnection,
    account: UUID,
    fixes: Sequence[Fix],
    minutes: Mapping[date, int],
    *,
    accuracy_m: float,
) -> int:
    """Stores the points, no two of one moment, that are not known yet, and counts them; gives how many.
    `minutes` are the points' minutes of each day."""
    return int(
        await _KEEP.value(
            connection,
            account=account,
            ats=[fix.at for fix in fixes],
            lons=[fix.lon for fix in fixes],
            lats=[fix.lat for fix in fixes],
            accuracies=[fix.accuracy_m for fix in fixes],
            days=[fix.day for fix in fixes],
            mask_days=list(minutes),
            masks=[written(mask) for mask in minutes.values()],
            accuracy_m=accuracy_m,
        )
    )


_over_at = func.least(_SHIFT.c.ended_at, _SHIFT.c.until, type_=_SHIFT.c.until.type)
_DUTY = Prepared(
    select(_SHIFT.c.started_at, _over_at.label("over_at")).where(
        _SHIFT.c.account_id == bindparam("account", type_=PG_UUID()),
        _SHIFT.c.started_at <= bindparam("last"),
        or_(_over_at.is_(None), _over_at >= bindparam("first")),
    )
)


async def duty_times(
    connection: AsyncConnection, account: UUID, first: datetime, last: datetime
) -> list[tuple[datetime, datetime | None]]:
    """From when until when the inspector was on duty, as far as it touches the period; None: still."""
    found = await _DUTY.rows(connection, account=account, first=first, last=last)
    return [(row["started_at"], row["over_at"]) for row in found]


async def days(
    connection: AsyncConnection, accounts: Sequence[UUID], since: date, until: date
) -> dict[tuple[UUID, date], AnyRow]:
    """The patrol days of the accounts from one day to another."""
    columns = [column for column in _DAY.c if column.name != "minutes"]
    statement = select(*columns, cast(_DAY.c.minutes, Text).label("minutes")).where(
        _DAY.c.account_id.in_(accounts), _DAY.c.day.between(since, until)
    )
    return {(row.account_id, row.day): row for row in await connection.execute(statement)}


async def visits(
    connection: AsyncConnection, accounts: Sequence[UUID], since: date, until: date
) -> dict[tuple[UUID, date], dict[str, int]]:
    """The points in each cell, of the accounts' days from one to another."""
    statement = select(_VISIT.c.account_id, _VISIT.c.day, _VISIT.c.cell_code, _VISIT.c.points).where(
        _VISIT.c.account_id.in_(accounts), _VISIT.c.day.between(since, until)
    )
    found: dict[tuple[UUID, date], dict[str, int]] = {}
    for row in await connection.execute(statement):
        found.setdefault((row.account_id, row.day), {})[row.cell_code] = row.points
    return found


async def forget_records(connection: AsyncConnection, before: date) -> int:
    """Deletes the patrol days and visits before the day; gives how many days."""
    await connection.execute(delete(_VISIT).where(_VISIT.c.day < before))
    return (await connection.execute(delete(_DAY).where(_DAY.c.day < before))).rowcount
