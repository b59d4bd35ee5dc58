"""Holding imported rows against stored ones: the set-based SQL of the import.

The rows wait in the temporary table `incoming`. An area, road segment or component that is unchanged stays
untouched, a changed one gets a new version, a missing one is closed. A street chief's row is a term: the same
one while its post and first day are.
"""

# Only names of our own tables and columns are written into the statements; values are always bound.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class Merged:
    """Rows of a layer by what became of them."""

    added: int
    changed: int
    closed: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class Moments:
    """When what the files no longer say ends: at `effective` if that lies after its beginning, else `now`."""

    now: datetime
    effective: datetime


async def prepare(connection: AsyncConnection, table: str, columns: Sequence[str]) -> None:
    """An empty `incoming` with these columns of the table, gone with the transaction at the latest."""
    await connection.execute(text("DROP TABLE IF EXISTS pg_temp.incoming"))
    await connection.execute(
        text(
            f"CREATE TEMPORARY TABLE incoming ON COMMIT DROP AS SELECT {', '.join(columns)},"
            " NULL::uuid AS stored_id, NULL::timestamptz AS stored_from, false AS changed"
            f" FROM {table} WITH NO DATA"
        )
    )


_STREETS_OF_ROADS = text(
    """
    UPDATE incoming SET street_code = (
        SELECT area.code FROM area
        WHERE area.level = 'street' AND area.valid_to IS NULL AND ST_Intersects(area.geom, incoming.geom)
        ORDER BY ST_Length(ST_Intersection(area.geom, incoming.geom)) DESC, area.code LIMIT 1
    ) WHERE street_code IS NULL
    """
)
_CELLS_OF_COMPONENTS = text(
    """
    UPDATE incoming SET cell_code = (
        SELECT area.code FROM area
        WHERE area.level = 'cell' AND area.valid_to IS NULL
          AND ST_Covers(area.geom, ST_PointOnSurface(incoming.geom))
        ORDER BY area.code LIMIT 1
    )
    """
)
_OWN_PREDECESSORS = text(
    "UPDATE incoming SET predecessors = ARRAY[code] WHERE changed AND predecessors = '{}'"
)
_VOID_REASONS = text(
    """
    UPDATE area SET void_reason = coalesce(
        '由下列取代 succeeded by: ' || (
            SELECT string_agg(code, ', ' ORDER BY code) FROM incoming WHERE area.code = ANY(predecessors)
        ),
        '新图层中已无 no longer in the imported layer'
    )
    WHERE id = ANY(:voided)
    """
)


async def merge_versions(
    connection: AsyncConnection,
    table: str,
    columns: Sequence[str],
    compared: Sequence[str],
    *,
    district: str,
    level: str | None,
    moments: Moments,
) -> Merged:
    """Merges `incoming` into a table of versions by code. `level` narrows the areas to one level."""
    if table == "road_segment":
        await connection.execute(_STREETS_OF_ROADS)
    elif table == "component":
        await connection.execute(_CELLS_OF_COMPONENTS)
    await connection.execute(
        text(
            f"""
            UPDATE incoming SET stored_id = stored.id, stored_from = stored.valid_from,
                changed = ({_of("stored", compared)}) IS DISTINCT FROM ({_of("incoming", compared)})
            FROM {table} AS stored WHERE stored.code = incoming.code AND stored.valid_to IS NULL
            """
        )
    )
    await connection.execute(
        text(
            f"""
            UPDATE incoming SET valid_from = CASE
                WHEN stored_id IS NULL THEN greatest(valid_from, (
                    SELECT max(valid_to) FROM {table} AS stored WHERE stored.code = incoming.code))
                WHEN valid_from > stored_from THEN valid_from
                ELSE :now END
            WHERE stored_id IS NULL OR changed
            """
        ),
        {"now": moments.now},
    )
    if table == "area":
        await connection.execute(_OWN_PREDECESSORS)
    ended = await connection.execute(
        text(
            f"""
            WITH ending AS (
                SELECT stored.id, incoming.id IS NULL AS voided, coalesce(incoming.valid_from,
                    CASE WHEN :effective > stored.valid_from THEN :effective ELSE :now END) AS moment
                FROM {table} AS stored LEFT JOIN incoming ON incoming.stored_id = stored.id
                WHERE stored.valid_to IS NULL AND (incoming.changed OR (incoming.id IS NULL
                    AND stored.district_code = :district {"AND stored.level = :level" if level else ""}))
            )
            UPDATE {table} AS stored SET valid_to = ending.moment
            FROM ending WHERE stored.id = ending.id RETURNING stored.id, ending.voided
            """
        ),
        {"now": moments.now, "effective": moments.effective, "district": district}
        | ({"level": level} if level else {}),
    )
    voided = [row.id for row in ended if row.voided]
    if table == "area":
        await connection.execute(_VOID_REASONS, {"voided": voided})
    await connection.execute(_insertion(table, columns, "stored_id IS NULL OR changed"))
    tally = await connection.execute(
        text(
            "SELECT count(*) FILTER (WHERE stored_id IS NULL), count(*) FILTER (WHERE changed),"
            " count(*) FILTER (WHERE NOT changed AND stored_id IS NOT NULL) FROM incoming"
        )
    )
    added, changed, unchanged = tally.one()
    return Merged(added, changed, len(voided), unchanged)


_POST = "segment_code, level, deputy"
_SAME_POST = (
    "(stored.segment_code, stored.level, stored.deputy)"
    " = (incoming.segment_code, incoming.level, incoming.deputy)"
)
# Overlapping terms that were accepted: a term ends where the next one begins, and of two that begin
# together the first in the file stays.
_SETTLED_TERMS = (
    text(
        f"""
        DELETE FROM incoming USING (
            SELECT id, row_number() OVER (PARTITION BY {_POST}, valid_from ORDER BY id) AS rank FROM incoming
        ) AS ranked WHERE incoming.id = ranked.id AND ranked.rank > 1
        """
    ),
    text(
        f"""
        UPDATE incoming SET valid_to = next.begins FROM (
            SELECT id, lead(valid_from) OVER (PARTITION BY {_POST} ORDER BY valid_from) AS begins
            FROM incoming
        ) AS next
        WHERE incoming.id = next.id AND coalesce(incoming.valid_to, 'infinity') > next.begins
        """
    ),
)


async def merge_terms(
    connection: AsyncConnection,
    columns: Sequence[str],
    compared: Sequence[str],
    *,
    district: str,
    moments: Moments,
) -> Merged:
    """Merges `incoming` into the street chiefs' terms by post and first day."""
    for statement in _SETTLED_TERMS:
        await connection.execute(statement)
    await connection.execute(
        text(
            f"""
            UPDATE incoming SET stored_id = stored.id,
                changed = ({_of("stored", compared)}) IS DISTINCT FROM ({_of("incoming", compared)})
            FROM street_chief AS stored WHERE {_SAME_POST} AND stored.valid_from = incoming.valid_from
            """
        )
    )
    assigned = ", ".join(f"{name} = incoming.{name}" for name in (*compared, "import_id"))
    changed = await connection.execute(
        text(
            f"UPDATE street_chief AS stored SET {assigned} FROM incoming"
            " WHERE incoming.stored_id = stored.id AND incoming.changed"
        )
    )
    closed = await connection.execute(
        text(
            f"""
            UPDATE street_chief AS stored SET valid_to = coalesce(
                (SELECT min(valid_from) FROM incoming
                 WHERE {_SAME_POST} AND incoming.valid_from > stored.valid_from),
                CASE WHEN :effective > stored.valid_from THEN :effective ELSE :now END)
            WHERE stored.district_code = :district AND stored.valid_to IS NULL
              AND NOT EXISTS (SELECT FROM incoming WHERE incoming.stored_id = stored.id)
            """
        ),
        {"now": moments.now, "effective": moments.effective, "district": district},
    )
    added = await connection.execute(_insertion("street_chief", columns, "stored_id IS NULL"))
    tally = await connection.execute(
        text("SELECT count(*) FROM incoming WHERE NOT changed AND stored_id IS NOT NULL")
    )
    return Merged(added.rowcount, changed.rowcount, closed.rowcount, tally.scalar_one())


def _insertion(table: str, columns: Sequence[str], condition: str) -> TextClause:
    names = ", ".join(columns)
    return text(f"INSERT INTO {table} ({names}) SELECT {names} FROM incoming WHERE {condition}")


def _of(table: str, columns: Sequence[str]) -> str:
    return ", ".join(f"{table}.{name}" for name in columns)
