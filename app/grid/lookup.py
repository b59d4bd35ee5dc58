"""Looking up a point: its cell, community, street, district, near segments and chiefs in office."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import reduce
from typing import Any

from sqlalchemy import TIMESTAMP, Double, bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.grid.place import AreaSaid, ChiefNear, ComponentFact, NearestCell, Place, SegmentNear
from app.grid.tables import Component, holds_at
from app.grid.targets import DEFAULT_VISIBLE_RANGE_M
from app.identity.principal import SYSTEM, Principal
from app.prepared import Prepared

#: Degrees, about a millimetre. A point that near to a cell is in it: two cells may draw their common side
#: with different corners, and leave a crack of rounding between them.
_CRACK = 1e-8

# The borders are straight in degrees, as every map draws them, so "in" is asked of geometry (the shortest way
# on the globe bends away from a side of a kilometre by a centimetre); metres are asked of geography, whose
# index gives the nearest by true distance. Segments are searched as far as the widest visible range there is;
# each is then held to its own.
_HOLDS = "valid_from <= :at AND coalesce(valid_to, 'infinity') > :at"


def _told_of_known(point: str, nearest: str) -> str:
    """What is told of the place whose cell, or smallest area, is `known`. `point` is an expression."""
    return f"""
    SELECT known.cell_code, {nearest} AS nearest,
           ARRAY(
               SELECT json_build_array(level, code, name, area_class) FROM area
               WHERE code = ANY (ARRAY[
                         known.cell_code, left(known.code, 12), left(known.code, 9), left(known.code, 6)])
                 AND {_HOLDS}
           ) AS areas,
           ARRAY(
               SELECT json_build_array(code, segment_name, distance_m, name, level, deputy, account, unit)
               FROM (
                   SELECT segment.code, segment.name AS segment_name,
                          ST_Distance(segment.geom::geography, {point}::geography) AS distance_m,
                          chief.name, chief.level, chief.deputy, chief.account, chief.unit,
                          coalesce(chief.visible_range_m, :default_range) AS range_m
                   FROM (SELECT * FROM road_segment WHERE {_HOLDS}) AS segment
                   LEFT JOIN (SELECT * FROM street_chief WHERE {_HOLDS}) AS chief
                     ON chief.segment_code = segment.code
                   WHERE ST_DWithin(
                       segment.geom::geography, {point}::geography,
                       (SELECT greatest(:default_range, max(visible_range_m)) FROM street_chief))
               ) AS office
               WHERE distance_m <= range_m
               ORDER BY distance_m, code, level, deputy
           ) AS offices,
           (SELECT json_build_array(
                coalesce(cell_code, district_code), code, category, name, owner_unit, maintainer_unit, state)
            FROM component WHERE code = :component AND {_HOLDS}) AS component
    """  # noqa: S608


# In a `SELECT` of its own the planner does not look at the point: one plan does for all, and is kept.
_POINT = "(SELECT ST_SetSRID(ST_MakePoint(:lon, :lat), 4490))"
_INSIDE = f"""
    SELECT min(code) AS code FROM area
    WHERE level = 'cell' AND ST_Covers(geom, {_POINT}) AND {_HOLDS}
"""  # noqa: S608
#: A point in a cell, as nearly every one is: no row for another. What such a one needs besides would not be
#: carried out for these, but made ready each time, which took as long as the answer.
_IN_A_CELL = Prepared(
    text(
        f"""
    {_told_of_known(_POINT, "CAST(NULL AS json)")}
    FROM (SELECT code AS cell_code, code FROM ({_INSIDE}) AS inside WHERE code IS NOT NULL) AS known
    """  # noqa: S608
    )
)
_ANYWHERE = text(
    f"""
    WITH here AS (
        SELECT ST_SetSRID(ST_MakePoint(:lon, :lat), 4490) AS point
    ), inside AS MATERIALIZED (
        {_INSIDE}
    ), beside AS (
        SELECT area.code FROM here JOIN area ON ST_DWithin(area.geom, here.point, :crack)
        WHERE area.level = 'cell' AND {_HOLDS} AND (SELECT code IS NULL FROM inside)
        ORDER BY area.code LIMIT 1
    ), close AS (
        SELECT area.code, ST_Distance(area.geom::geography, (SELECT point::geography FROM here)) AS distance_m
        FROM area
        WHERE area.level = 'cell' AND {_HOLDS} AND (SELECT code IS NULL FROM inside)
        ORDER BY area.geom::geography <-> (SELECT point::geography FROM here) LIMIT 8
    ), nearest AS (
        SELECT code, distance_m FROM close ORDER BY distance_m, code LIMIT 1
    ), above AS (
        SELECT area.code FROM here JOIN area ON ST_Covers(area.geom, here.point)
        WHERE area.level <> 'cell' AND {_HOLDS} AND (SELECT code IS NULL FROM inside)
        ORDER BY length(area.code) DESC, area.code LIMIT 1
    ), known AS (
        SELECT cell.code AS cell_code, coalesce(cell.code, (SELECT code FROM above)) AS code
        FROM (SELECT coalesce(
                  (SELECT code FROM inside),
                  (SELECT code FROM beside),
                  (SELECT code FROM nearest WHERE distance_m <= :snap)
              ) AS code) AS cell
    )
    {_told_of_known("(SELECT point FROM here)", "(SELECT json_build_array(code, distance_m) FROM nearest)")}
    FROM known
    """  # noqa: S608
)
#: Parameters that are the same for every point.
_FIXED = {"crack": _CRACK, "default_range": DEFAULT_VISIBLE_RANGE_M}
_LOCATED = Prepared(_ANYWHERE.bindparams(bindparam("snap", type_=Double())))
#: The same of each of many points, which the query around it calls `asked`.
_EACH = reduce(
    lambda sql, name: sql.replace(f":{name}", f"asked.{name}"), ("lon", "lat", "component"), _ANYWHERE.text
)
_MANY_LOCATED = Prepared(
    text(
        f"""
        SELECT found.*
        FROM unnest(CAST(:lons AS float8[]), CAST(:lats AS float8[]), CAST(:components AS text[]))
            WITH ORDINALITY AS asked (lon, lat, component, turn)
        CROSS JOIN LATERAL ({_EACH}) AS found ORDER BY turn
        """  # noqa: S608
    ).bindparams(bindparam("snap", type_=Double()))
)


async def locate_with_component(
    connection: AsyncConnection,
    lon: float,
    lat: float,
    at: datetime,
    *,
    code: str | None,
    snap_m: float = 0,
    asker: Principal = SYSTEM,
) -> tuple[Place, ComponentFact | None]:
    """`locate` and `component` from one statement: an import beside it is seen by both or by neither."""
    found = await _locate(connection, lon, lat, at, snap_m, code)
    return _place(found, lon, lat), _part(found, asker)


def _part(found: Mapping[str, Any], asker: Principal) -> ComponentFact | None:
    lies_in, *facts = found["component"] or (None,)
    return ComponentFact(*facts) if lies_in is not None and asker.covers(lies_in) else None


async def locate(
    connection: AsyncConnection, lon: float, lat: float, at: datetime, *, snap_m: float = 0
) -> Place:
    """What lies at the point (CGCS2000 degrees) at the moment, as one statement saw it.

    A point on a border belongs to the cell with the smallest code, always. A point outside every cell
    gets the nearest one in `nearest`; within `snap_m` metres of it, it counts as inside. Where there is
    no cell but a street or district, that is told.
    """
    return _place(await _locate(connection, lon, lat, at, snap_m, None), lon, lat)


async def locate_many(
    connection: AsyncConnection,
    asked: Sequence[tuple[float, float, str | None]],
    at: datetime,
    *,
    snap_m: float = 0,
    asker: Principal = SYSTEM,
) -> list[tuple[Place, ComponentFact | None]]:
    """`locate_with_component` for many (longitude, latitude, component code) in one statement."""
    lons, lats, components = map(list, zip(*asked, strict=True))
    found = await _MANY_LOCATED.rows(
        connection, lons=lons, lats=lats, components=components, at=at, snap=snap_m, **_FIXED
    )
    return [
        (_place(row, lon, lat), _part(row, asker)) for row, (lon, lat, _) in zip(found, asked, strict=True)
    ]


async def _locate(
    connection: AsyncConnection, lon: float, lat: float, at: datetime, snap_m: float, component: str | None
) -> Mapping[str, Any]:
    asked = {"lon": lon, "lat": lat, "component": component, "at": at, "snap": snap_m, **_FIXED}
    found: Mapping[str, Any] | None = await _IN_A_CELL.row(connection, **asked)
    if found is None:
        found = await _LOCATED.row(connection, **asked)
        assert found is not None
    return found


def _place(found: Mapping[str, Any], lon: float, lat: float) -> Place:
    unknown = [None, None, None]
    areas = {level: facts for level, *facts in found["areas"]}
    street, community = areas.get("street", unknown), areas.get("community", unknown)
    district = areas.get("district", unknown)
    classes = (areas[level][2] for level in ("cell", "community", "street", "district") if level in areas)
    offices = found["offices"]
    return Place(
        lon=lon,
        lat=lat,
        cell_code=found["cell_code"],
        community_code=community[0],
        community_name=community[1],
        street_code=street[0],
        street_name=street[1],
        district_code=district[0],
        district_name=district[1],
        area_class=next((found for found in classes if found), None),
        segments=tuple({office[0]: SegmentNear(*office[:3]) for office in offices}.values()),
        chiefs=tuple(
            ChiefNear(name, level, deputy, account, unit, segment_code=code, distance_m=distance_m)
            for code, _, distance_m, name, level, deputy, account, unit in offices
            if name is not None
        ),
        nearest=NearestCell(*found["nearest"]) if found["nearest"] else None,
    )


_COMPONENT = Prepared(
    select(
        Component.code,
        Component.category,
        Component.name,
        Component.owner_unit,
        Component.maintainer_unit,
        Component.state,
        func.coalesce(Component.cell_code, Component.district_code).label("lies_in"),
    ).where(Component.code == bindparam("code"), holds_at(Component, bindparam("at")))
)


async def component(
    connection: AsyncConnection, code: str, at: datetime, asker: Principal = SYSTEM
) -> ComponentFact | None:
    """The component of that 16-digit code valid at the moment, or None; also where the asker may not look."""
    row = await _COMPONENT.row(connection, code=code, at=at)
    if row is None:
        return None
    facts = dict(row)
    return ComponentFact(**facts) if asker.covers(facts.pop("lies_in")) else None


# A street is called 西街, 西街街道 or 西街街道办事处, whoever speaks of it.
_SAID = Prepared(
    text(
        r"""
    WITH named AS (
        SELECT code, geom, regexp_replace(name, :ending, '') AS name, length(code) AS digits
        FROM area
        WHERE level IN ('street', 'community') AND code LIKE :district || '%'
          AND valid_from <= :at AND coalesce(valid_to, 'infinity') > :at
    ), street AS (
        SELECT min(code) AS code FROM named
        WHERE digits = 9 AND (code = :street OR name = regexp_replace(:street, :ending, ''))
        HAVING count(*) = 1
    ), community AS (
        SELECT min(code) AS code FROM named
        WHERE digits = 12 AND (code = :community OR name = regexp_replace(:community, :ending, ''))
          AND code LIKE coalesce((SELECT code FROM street), '') || '%'
        HAVING count(*) = 1
    ), said AS (
        SELECT coalesce((SELECT code FROM community), (SELECT code FROM street), :district) AS code
    )
    SELECT area.code, ST_X(inside) AS lon, ST_Y(inside) AS lat
    FROM said JOIN area USING (code), ST_PointOnSurface(area.geom) AS inside
    WHERE area.valid_from <= :at AND coalesce(area.valid_to, 'infinity') > :at
    """
    ).bindparams(
        bindparam("at", type_=TIMESTAMP(timezone=True)),
        bindparam(
            "ending", r"(街道办事处|街道办|街道|地区|镇|乡|社区居委会|社区居民委员会|居委会|社区|村委会|村)$"
        ),
    )
)


async def area_said(
    connection: AsyncConnection, district: str, street: str, community: str, at: datetime
) -> AreaSaid | None:
    """The smallest area that the names or codes tell without doubt: the community, the street, or else the
    district; None where the district has no map."""
    found = await _SAID.row(connection, district=district, street=street, community=community, at=at)
    return None if found is None else AreaSaid(**found)
