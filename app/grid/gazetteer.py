"""地名库: roads, areas and points of interest of the district, searched by an address in words.

The view `place_name` holds every name spelled in letters, for the trigram index (`pg_trgm`), which drops
Chinese characters where the database's locale is C. The index fetches candidates; which of them the words
mean is for `addressing`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.grid import addressing
from app.grid.addressing import Guess, Meeting, Mention, Named, PlaceKind
from app.prepared import Prepared

#: From this score on a precise place may be taken for the one meant; `docs/grid.md` tells how often wrongly.
SURE = 0.8
#: Addresses are short: what follows is a story.
LONGEST = 200
#: How many names are looked at that the words may mean.
_CANDIDATES = 80
#: What scores less is no answer.
_LEAST = 0.2


@dataclass(frozen=True, slots=True)
class PlaceFound:
    """A place the words may mean. `score` (0…1): how surely. `precise`: small enough for a position
    (CGCS2000 degrees). `code` is the area's or point's own; of a road and of a crossing, a segment's."""

    name: str
    kind: PlaceKind
    code: str
    lon: float
    lat: float
    area_code: str
    score: float
    precise: bool

    @property
    def sure(self) -> bool:
        """Whether it may be taken without asking anybody."""
        return self.precise and self.score >= SURE


async def search(
    connection: AsyncConnection,
    words: str,
    *,
    area: str | None,
    limit: int,
    within: Sequence[str] = ("",),
    at: datetime | None = None,
) -> list[PlaceFound]:
    """The places that an address in words may mean, the surest first.

    Those of the area alone, when one is named, and of the areas `within` which the asker may see; as they are
    at the moment, or, without one, as they stand.
    """
    asked = addressing.plain(words)[:LONGEST]
    bounds = {"area": area or "", "within": list(within), "at": at}
    rows = await _NAMES.rows(connection, words=asked, many=_CANDIDATES, **bounds)
    found = addressing.mentions(asked, addressing.whole_roads(_named(row) for row in rows))
    areas = addressing.areas_named(found)
    guesses = [
        *_by_name(found),
        *await _crossings(connection, addressing.meetings(asked, found), bounds),
    ]
    guesses = [addressing.in_area(guess, areas) for guess in guesses if guess.score >= _LEAST]
    guesses = await _held_to_roads(connection, guesses, found, at)
    moved = [addressing.with_offset(asked, guess) for guess in guesses]
    return [_told(guess) for guess in addressing.ranked(moved) if guess.score >= _LEAST][:limit]


async def renew(connection: AsyncConnection) -> None:
    """Makes the gazetteer what the grid now is: whoever changed areas, roads or points calls it."""
    await connection.execute(text("REFRESH MATERIALIZED VIEW place_name"))


def _by_name(found: Sequence[Mention]) -> Iterator[Guess]:
    for one in found:
        yield Guess(one.named, addressing.WORTH[one.named.kind] * one.likeness, one.end)


def _told(guess: Guess) -> PlaceFound:
    named = guess.named
    return PlaceFound(
        name=named.name,
        kind=named.kind,
        code=named.code,
        lon=named.lon,
        lat=named.lat,
        area_code=named.area_code,
        score=round(guess.score, 3),
        precise=named.precise,
    )


def _named(row: Any) -> Named:
    return Named(**{**row, "kind": PlaceKind(row["kind"])})


_HOLDS = """
    (CAST(:at AS timestamptz) IS NULL AND valid_to IS NULL
     OR valid_from <= CAST(:at AS timestamptz) AND coalesce(valid_to, 'infinity') > CAST(:at AS timestamptz))
"""
_MEETS = """
    (starts_with(area_code, CAST(:area AS text)) OR starts_with(CAST(:area AS text), area_code))
    AND EXISTS (SELECT FROM unnest(CAST(:within AS text[])) AS seen
                WHERE starts_with(area_code, seen) OR starts_with(seen, area_code))
"""
# A name that is meant has a pair of neighbouring characters in common with the words: each pair is a word of
# the spelling, and the trigram index finds the names that have it. Those first of which the most is told.
_NAMES = Prepared(
    text(
        f"""
        WITH asked AS (
            SELECT array_agg(DISTINCT '%' || pair || '%') AS pairs
            FROM string_to_table(spelled(CAST(:words AS text)), ' ') AS pair
        ), candidate AS (
            SELECT kind, code, name, area_code, lon, lat, extent_m, (
                SELECT count(*) FROM unnest((SELECT pairs FROM asked)) AS pair WHERE key LIKE pair
            ) * 7.0 / (length(key) + 1) AS told
            FROM place_name WHERE key LIKE ANY ((SELECT pairs FROM asked)::text[]) AND {_HOLDS} AND {_MEETS}
        )
        SELECT kind, code, name, area_code, lon, lat, extent_m FROM candidate
        ORDER BY told DESC, length(name) DESC, name, code LIMIT :many
        """  # noqa: S608
    )
)
# Roads meet where their segments come within some 30 m (a dual carriageway has several such points); points
# within some 150 m of each other are one crossing.
_CROSSINGS = Prepared(
    text(
        f"""
        WITH segment AS (
            SELECT name, code, geom, district_code FROM road_segment
            WHERE name = ANY(CAST(:ones AS text[]) || CAST(:others AS text[])) AND {_HOLDS}
        ), met AS (
            SELECT turn, a.code, a.district_code, ST_ClosestPoint(a.geom, b.geom) AS point
            FROM unnest(CAST(:ones AS text[]), CAST(:others AS text[]))
                WITH ORDINALITY AS asked (one, other, turn)
            JOIN segment AS a ON a.name = asked.one
            JOIN segment AS b ON b.name = asked.other AND ST_DWithin(a.geom, b.geom, 0.0003)
        ), grouped AS (
            SELECT *, ST_ClusterDBSCAN(point, 0.0015, 1) OVER (PARTITION BY turn) AS place FROM met
        ), crossing AS (
            SELECT turn, min(code) AS code, min(district_code) AS district_code,
                   ST_Centroid(ST_Collect(point)) AS point,
                   ST_Length(ST_BoundingDiagonal(ST_Collect(point))::geography) AS extent_m
            FROM grouped GROUP BY turn, place
        ), placed AS (
            SELECT turn, code, point, extent_m, coalesce((
                SELECT area.code FROM area
                WHERE area.level = 'cell' AND ST_DWithin(area.geom, crossing.point, 1e-8) AND {_HOLDS}
                ORDER BY area.code LIMIT 1), district_code) AS area_code
            FROM crossing
        )
        SELECT turn, code, area_code, ST_X(point) AS lon, ST_Y(point) AS lat, extent_m FROM placed
        WHERE {_MEETS} ORDER BY turn, code
        """  # noqa: S608
    )
)
_FROM_ROADS = Prepared(
    text(
        f"""
        SELECT (
            SELECT min(ST_Distance(geom::geography, point)) FROM road_segment
            WHERE name = ANY(CAST(:roads AS text[])) AND {_HOLDS}
              AND ST_DWithin(geom::geography, point, CAST(:reach AS float8))
        ) AS metres
        FROM unnest(CAST(:lons AS float8[]), CAST(:lats AS float8[]))
            WITH ORDINALITY AS asked (lon, lat, turn),
        LATERAL (SELECT ST_SetSRID(ST_MakePoint(lon, lat), 4490)::geography AS point) AS here
        ORDER BY turn
        """  # noqa: S608
    )
)


async def _crossings(
    connection: AsyncConnection, asked: Sequence[Meeting], bounds: dict[str, Any]
) -> list[Guess]:
    """Where roads that are named together meet; in several places, each is as likely."""
    if not asked:
        return []
    ones, others = [one.left for one in asked], [one.right for one in asked]
    rows = await _CROSSINGS.rows(connection, ones=ones, others=others, **bounds)
    told = []
    for row in rows:
        meeting = asked[row["turn"] - 1]
        name = f"{meeting.left}与{meeting.right}路口"
        place = {key: row[key] for key in ("code", "area_code", "lon", "lat", "extent_m")}
        score = addressing.WORTH[PlaceKind.CROSSING] * meeting.likely
        told.append(Guess(Named(kind=PlaceKind.CROSSING, name=name, **place), score, meeting.end))
    return told


async def _held_to_roads(
    connection: AsyncConnection, guesses: Sequence[Guess], found: Sequence[Mention], at: datetime | None
) -> list[Guess]:
    """Points of interest far from every road that is named beside them are less sure."""
    roads = {one.named.name for one in found if one.named.kind is PlaceKind.ROAD and one.likeness >= 0.9}
    points = [guess for guess in guesses if guess.named.kind is PlaceKind.POI]
    if not roads or not points:
        return list(guesses)
    rows = await _FROM_ROADS.rows(
        connection,
        roads=sorted(roads),
        lons=[guess.named.lon for guess in points],
        lats=[guess.named.lat for guess in points],
        reach=2 * addressing.APART_M,
        at=at,
    )
    held = (addressing.beside_roads(guess, row["metres"]) for guess, row in zip(points, rows, strict=True))
    return [next(held) if guess.named.kind is PlaceKind.POI else guess for guess in guesses]
