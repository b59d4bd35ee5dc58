"""定位: the fields a case has of its place, and where a case is put once its place is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app import geo
from app.cases import candidates
from app.cases.actions import Locate
from app.cases.command import Position
from app.cases.permission import Situation
from app.errors import Forbidden, InvalidInput, OutsideDistrict
from app.geo import Datum
from app.grid import lookup
from app.grid.codes import CODE_LENGTH, AreaLevel, ancestor
from app.grid.place import Place


@dataclass(frozen=True, slots=True)
class Placed:
    """A place as it was named, and what lies there."""

    position: Position
    place: Place


def cell_of(place: Place, datum: Datum) -> str:
    """The cell the place lies in. Errors: `OutsideDistrict`, with the nearest cell."""
    if place.cell_code is not None:
        return place.cell_code
    nearest = place.nearest
    detail = "地点不在本区任何单元网格内 / the place lies in no cell of the district"
    if nearest is None:
        raise OutsideDistrict(detail, datum=datum.value)
    raise OutsideDistrict(
        f"{detail}；最近的网格是 {nearest.code}，相距 {nearest.distance_m:.0f} 米",
        nearest_cell=nearest.code,
        distance_m=round(nearest.distance_m, 1),
        datum=datum.value,
    )


def fields_of(placed: Placed) -> dict[str, Any]:
    """What a case keeps of the place it lies at."""
    place, position = placed.place, placed.position
    chief = place.chiefs[0] if place.chiefs else None
    segment = place.segments[0].code if place.segments else None
    return {
        "lon": place.lon,
        "lat": place.lat,
        "raw_x": position.x,
        "raw_y": position.y,
        "datum": position.datum,
        "placed": True,
        "area_code": place.cell_code,
        "street_code": place.street_code,
        "area_class": place.area_class,
        "segment_code": chief.segment_code if chief else segment,
        "chief_name": chief.name if chief else None,
        "chief_account": chief.account if chief else None,
        "chief_unit": chief.unit if chief else None,
    }


def fields_of_area(placed: Placed, within: str) -> dict[str, Any]:
    """What a case keeps while only the area it lies in is known."""
    street = ancestor(within, AreaLevel.STREET)
    whole = len(street) == CODE_LENGTH[AreaLevel.STREET]
    nobody = dict.fromkeys(("area_class", "segment_code", "chief_name", "chief_account", "chief_unit"))
    return {
        **fields_of(placed),
        **nobody,
        "placed": False,
        "area_code": within,
        "street_code": street if whole else None,
    }


async def located(connection: AsyncConnection, command: Locate, s: Situation) -> Placed:
    """What lies at the position or candidate the command names.

    Errors: `OutsideDistrict`, `Forbidden` for a place outside the caller's areas, `InvalidInput`.
    """
    position = command.position or await _candidate(connection, command.candidate or 0, s)
    lon, lat = geo.to_storage(position.x, position.y, position.datum)
    place = await lookup.locate(connection, lon, lat, s.now, snap_m=s.rulebook.policy.snap_m)
    cell = cell_of(place, position.datum)
    if not s.actor.covers(cell):
        raise outside_areas(cell)
    return Placed(position, place)


def outside_areas(code: str) -> Forbidden:
    """The refusal of a place the caller does not answer for."""
    return Forbidden(f"地点在网格 {code}，不在您的辖区 / the place lies outside the areas you answer for")


async def _candidate(connection: AsyncConnection, number: int, s: Situation) -> Position:
    for one in await candidates.of_case(connection, s.folded.case.id):
        if one.number == number:
            return Position(x=one.lon, y=one.lat, datum=Datum.CGCS2000)
    raise InvalidInput(
        f"案卷没有第 {number} 个候选地点 / the case has no such place candidate",
        fields={"candidate": "unknown"},
    )
