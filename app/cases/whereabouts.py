"""找地点: from an address in words to where it is, or to no more than is known. Never a guess."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases.candidates import Candidate
from app.cases.command import Position
from app.errors import NotReady
from app.geo import Datum
from app.grid import gazetteer, lookup
from app.grid.addressing import metres_between
from app.grid.gazetteer import PlaceFound
from app.identity.principal import Principal

#: Places kept for the clerk.
_CANDIDATES = 5
#: Another place that fits nearly as well makes the words ambiguous, unless it is the same spot.
_NEARLY = 0.05
_SAME_SPOT_M = 150


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What is known: a `position`, found as `name` with a `score`; or only the area `within`, for which the
    position stands, with the places that the words may mean."""

    position: Position
    name: str = ""
    score: float | None = None
    within: str | None = None
    candidates: tuple[Candidate, ...] = ()


async def by_words(
    connection: AsyncConnection,
    words: str,
    asker: Principal,
    now: datetime,
    *,
    district: str,
    street: str = "",
    community: str = "",
    threshold: float = gazetteer.SURE,
) -> Whereabouts:
    """Where the words mean one spot of the asker's areas with at least the score of the threshold, that spot;
    else the area they were said of: the community or street, by name or code, or else the district.

    Errors: `NotReady` without a map.
    """
    area = await lookup.area_said(connection, district, street, community, now)
    if area is None:
        raise NotReady("本区没有地图数据 / the district has no map yet: import one")
    found: list[PlaceFound] = []
    if words:
        inside = area.code if area.code != district else None
        found = await gazetteer.search(
            connection, words, area=inside, limit=_CANDIDATES, within=asker.areas, at=now
        )
    if found and (best := found[0]).precise and best.score >= threshold and not _ambiguous(found):
        there = await lookup.locate(connection, best.lon, best.lat, now)
        if there.cell_code is not None and asker.covers(there.cell_code):
            return Whereabouts(_at(best.lon, best.lat), best.name, round(best.score, 3))
    return Whereabouts(
        _at(area.lon, area.lat),
        within=area.code,
        candidates=tuple(_candidate(number, place) for number, place in enumerate(found, start=1)),
    )


def _at(lon: float, lat: float) -> Position:
    return Position(x=lon, y=lat, datum=Datum.CGCS2000)


def _ambiguous(found: Sequence[PlaceFound]) -> bool:
    best = found[0]
    return any(
        other.score >= best.score - _NEARLY and metres_between(best, other) > _SAME_SPOT_M
        for other in islice(found, 1, None)
    )


def _candidate(number: int, place: PlaceFound) -> Candidate:
    return Candidate(
        number, place.name, str(place.kind), place.code or "", place.lon, place.lat, place.area_code,
        round(place.score, 3), place.precise,
    )  # fmt: skip
