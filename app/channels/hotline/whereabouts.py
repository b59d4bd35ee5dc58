"""找地点: from what an order says to where it is, or to no more than is known. Never a guess."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from math import cos, hypot, radians
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases.candidates import Candidate
from app.cases.command import Position
from app.channels.hotline.mapping import Mapping
from app.channels.hotline.order import Order
from app.errors import NotReady
from app.geo import Datum
from app.grid import gazetteer, lookup
from app.grid.gazetteer import PlaceFound
from app.identity.principal import Principal

#: Places kept for the clerk.
_CANDIDATES = 5
#: Another place that fits nearly as well makes the words ambiguous, unless it is the same spot.
_NEARLY = 0.05
_SAME_SPOT_M = 150
_METRES_OF_A_DEGREE = 111_320


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What is known: a `position`, found as `name` with a `score` when it was found by words; or only the
    area `within`, for which the position stands, with the places that the words may mean."""

    position: Position
    name: str = ""
    score: float | None = None
    within: str | None = None
    candidates: tuple[Candidate, ...] = ()

    def told(self) -> dict[str, Any]:
        """How it was found, as the order keeps it."""
        if self.within is not None:
            return {"by": "area", "area": self.within}
        if self.score is not None:
            return {"by": "words", "name": self.name, "score": self.score}
        return {"by": "position"}


async def find(
    connection: AsyncConnection,
    order: Order,
    mapping: Mapping,
    district: str,
    asker: Principal,
    now: datetime,
    *,
    threshold: float,
) -> Whereabouts:
    """By its coordinates; else by its address in words, where these mean one spot with at least the score of
    the threshold; else the area it names. Errors: `NotReady` without a map."""
    if order.x is not None and order.y is not None:
        return Whereabouts(Position(x=order.x, y=order.y, datum=mapping.datum))
    area = await lookup.area_said(connection, district, order.street, order.community, now)
    if area is None:
        raise NotReady("本区没有地图数据 / the district has no map yet: import one")
    found: list[PlaceFound] = []
    if order.address:
        inside = area.code if area.code != district else None
        found = await gazetteer.search(
            connection, order.address, area=inside, limit=_CANDIDATES, within=asker.areas, at=now
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
        other.score >= best.score - _NEARLY and _metres(best, other) > _SAME_SPOT_M
        for other in islice(found, 1, None)
    )


def _metres(one: PlaceFound, other: PlaceFound) -> float:
    """Near enough for neighbours."""
    east = (other.lon - one.lon) * cos(radians(one.lat))
    return hypot(east, other.lat - one.lat) * _METRES_OF_A_DEGREE


def _candidate(number: int, place: PlaceFound) -> Candidate:
    return Candidate(
        number, place.name, str(place.kind), place.code or "", place.lon, place.lat, place.area_code,
        round(place.score, 3), place.precise,
    )  # fmt: skip
