"""SRIDs, datums and GeoJSON: the only coordinate code. Stored in CGCS2000 (EPSG:4490).

Coordinates are float64 arrays of shape (n, 2), x (or longitude) first, so that the same functions serve
one report and a district's map layers (`shapely.transform`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError
from shapely.geometry.base import BaseGeometry

from app.errors import InvalidInput

#: EPSG code of everything stored: CGCS2000 geographic, longitude first. WGS-84 differs by centimetres
#: and is taken as equal.
SRID = 4490

Coordinates: TypeAlias = NDArray[np.float64]
Conversion: TypeAlias = Callable[[Coordinates], Coordinates]
#: West, south, east, north, in degrees.
Box: TypeAlias = tuple[float, float, float, float]

_DECIMALS = 8
#: Half the side of the web mercator square, metres.
_MERCATOR_EDGE = math.pi * 6378137.0
#: Where GCJ-02 is shifted: west, south, east, north. Published code agrees on this box.
_CHINA = (72.004, 0.8293, 137.8347, 55.8271)


class Datum(StrEnum):
    """坐标系 a report may come in."""

    CGCS2000 = "cgcs2000"
    WGS84 = "wgs84"
    GCJ02 = "gcj02"  # 火星坐标: what phones' map apps send
    BD09 = "bd09"  # 百度坐标
    WEB_MERCATOR = "web_mercator"  # EPSG:3857, metres


def _limits(datum: Datum) -> tuple[float, float]:
    return (_MERCATOR_EDGE, _MERCATOR_EDGE) if datum is Datum.WEB_MERCATOR else (180.0, 90.0)


def to_storage(x: float, y: float, datum: Datum) -> tuple[float, float]:
    """Longitude and latitude in CGCS2000 degrees, rounded to 8 decimals (1 mm).

    Errors: `InvalidInput` when the pair is not finite or not a place on earth in that datum.
    """
    limits = _limits(datum)
    for name, value, limit in (("x", x, limits[0]), ("y", y, limits[1])):
        if not abs(value) <= limit:  # also true of NaN
            raise InvalidInput(
                f"{name} = {value} is no place in {datum}: send a number from {-limit:.10g} to {limit:.10g}",
                fields={name: f"must lie within ±{limit:.10g}"},
            )
    if datum is Datum.GCJ02:  # what phones send
        lon, lat = _one_gcj02_to_wgs84(x, y)
    else:
        lon, lat = _TO_STORAGE[datum](np.array([[x, y]], dtype=np.float64))[0]
    return round(float(lon), _DECIMALS), round(float(lat), _DECIMALS)


def many_to_storage(pairs: Coordinates, datum: Datum) -> Coordinates:
    """`to_storage` of many pairs; NaN for a pair that is no place on earth in that datum."""
    x_limit, y_limit = _limits(datum)
    there = (np.abs(pairs) <= (x_limit, y_limit)).all(axis=1)
    found: Coordinates = np.full_like(pairs, np.nan)
    found[there] = np.round(_TO_STORAGE[datum](pairs[there]), _DECIMALS)
    return found


def drawn_in(geometries: Any, datum: Datum) -> Any:
    """Stored geometries, as a client of that datum draws them."""
    return shapely.transform(geometries, lambda pairs: np.round(_FROM_STORAGE[datum](pairs), _DECIMALS))


def from_storage(lon: float, lat: float, datum: Datum) -> tuple[float, float]:
    """The inverse of `to_storage`: the pair a client of that datum understands, unrounded."""
    x, y = _FROM_STORAGE[datum](np.array([[lon, lat]], dtype=np.float64))[0]
    return float(x), float(y)


#: At the poles the shift divides by zero; what it gives there is not used.
_far_off_ignored = np.errstate(divide="ignore", invalid="ignore", over="ignore")


@_far_off_ignored
def wgs84_to_gcj02(wgs: Coordinates) -> Coordinates:
    """GCJ-02 degrees of WGS-84 degrees; unshifted outside China."""
    return np.where(_in_china(*wgs.T)[:, None], _gcj02_shifted(wgs), wgs)


@_far_off_ignored
def gcj02_to_wgs84(gcj: Coordinates) -> Coordinates:
    """The exact inverse of `wgs84_to_gcj02` (below 1e-10 degrees); unshifted outside China."""
    wgs = _inverse(_gcj02_shifted, gcj)
    return np.where(_in_china(*wgs.T)[:, None], wgs, gcj)


def gcj02_to_bd09(gcj: Coordinates) -> Coordinates:
    """BD-09 degrees of GCJ-02 degrees."""
    x, y = gcj.T
    turn = math.pi * 3000.0 / 180.0
    radius = np.hypot(x, y) + 0.00002 * np.sin(y * turn)
    angle = np.arctan2(y, x) + 0.000003 * np.cos(x * turn)
    return np.column_stack((radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006))


def bd09_to_gcj02(bd: Coordinates) -> Coordinates:
    """The exact inverse of `gcj02_to_bd09` (below 1e-10 degrees); the formula in common use is 0.2 m off."""
    return _inverse(gcj02_to_bd09, bd)


def web_mercator_to_wgs84(metres: Coordinates) -> Coordinates:
    """EPSG:3857 metres to degrees."""
    x, y = metres.T * (math.pi / _MERCATOR_EDGE)
    return np.column_stack((np.degrees(x), np.degrees(np.arctan(np.sinh(y)))))


def wgs84_to_web_mercator(degrees: Coordinates) -> Coordinates:
    """Degrees to EPSG:3857 metres."""
    lon, lat = np.radians(degrees).T
    return np.column_stack((lon, np.arcsinh(np.tan(lat)))) * (_MERCATOR_EDGE / math.pi)


def _same(coordinates: Coordinates) -> Coordinates:
    return coordinates


_TO_STORAGE: dict[Datum, Conversion] = {
    Datum.CGCS2000: _same,
    Datum.WGS84: _same,
    Datum.GCJ02: gcj02_to_wgs84,
    Datum.BD09: lambda bd: gcj02_to_wgs84(bd09_to_gcj02(bd)),
    Datum.WEB_MERCATOR: web_mercator_to_wgs84,
}
_FROM_STORAGE: dict[Datum, Conversion] = {
    Datum.CGCS2000: _same,
    Datum.WGS84: _same,
    Datum.GCJ02: wgs84_to_gcj02,
    Datum.BD09: lambda wgs: gcj02_to_bd09(wgs84_to_gcj02(wgs)),
    Datum.WEB_MERCATOR: wgs84_to_web_mercator,
}


def file_conversion(crs: str) -> Conversion:
    """The way from a map file's coordinates to CGCS2000 degrees, rounded to 8 decimals.

    `crs` is `gcj02`, `bd09`, or anything PROJ knows: `EPSG:4547`, a WKT, a PROJ string.
    Errors: `InvalidInput` for an unknown one; the conversion raises it for coordinates that are no
    places on earth in that system, or lie wholly outside the area the system is made for.
    """
    if crs.lower() in (Datum.GCJ02, Datum.BD09):
        convert, area = _TO_STORAGE[Datum(crs.lower())], (-180.0, -90.0, 180.0, 90.0)
    else:
        try:
            system = CRS.from_user_input(crs)
            convert = _proj(Transformer.from_crs(system, SRID, always_xy=True))
        except (CRSError, ProjError) as error:
            raise InvalidInput(
                f"unknown coordinate system {crs!r}: name an EPSG code, gcj02 or bd09"
            ) from error
        area = system.area_of_use.bounds if system.area_of_use else (-180.0, -90.0, 180.0, 90.0)

    def checked(coordinates: Coordinates) -> Coordinates:
        degrees = convert(coordinates)
        if len(degrees) and not (_on_earth(degrees) and _touches(degrees, area)):
            raise InvalidInput(f"the coordinates are no places in {crs}: name the system they are really in")
        return np.round(degrees, _DECIMALS)

    return checked


class LocalMetric:
    """局部平面: metres east and north of a point, sizes true to 0.2 % within 20 km of it.

    It only stretches the degrees, so what is straight in them stays straight. A map projection bends
    long borders by centimetres, and where one area has a corner on its neighbour's straight side it
    would show overlaps and gaps that are not in the data. `to_metres` and `to_degrees` take and give
    arrays of geometries.
    """

    def __init__(self, lon: float, lat: float) -> None:
        self._origin = np.array((lon, lat))
        self._metres_a_degree = np.array(_metres_a_degree(lat))

    def to_metres(self, geometries: Any) -> Any:
        return shapely.transform(geometries, lambda degrees: (degrees - self._origin) * self._metres_a_degree)

    def to_degrees(self, geometries: Any) -> Any:
        return shapely.transform(geometries, lambda metres: metres / self._metres_a_degree + self._origin)


def box_of(bbox: str) -> Box:
    """The box a client names in degrees. Errors: `InvalidInput`."""
    try:
        west, south, east, north = (float(part) for part in bbox.split(","))
    except ValueError:
        west = south = east = north = math.nan
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise InvalidInput(
            "bbox 应为 西,南,东,北 / give west,south,east,north in degrees", fields={"bbox": "not a box"}
        )
    return west, south, east, north


def around(lon: float, lat: float, metres: float) -> Box:
    """West, south, east, north of a box that holds everything so near to the point."""
    east, north = (1.01 * metres / degree for degree in _metres_a_degree(lat))
    return lon - east, lat - north, lon + east, lat + north


def _metres_a_degree(lat: float) -> tuple[float, float]:
    """To the east and to the north, at that latitude."""
    axis, eccentricity = 6378137.0, 0.0066943800229  # GRS80
    bend = 1.0 - eccentricity * math.sin(math.radians(lat)) ** 2
    east = axis / math.sqrt(bend) * math.cos(math.radians(lat))
    north = axis * (1.0 - eccentricity) / bend**1.5
    return math.radians(east), math.radians(north)


def geojson(geometry: BaseGeometry) -> dict[str, Any]:
    """A GeoJSON geometry (RFC 7946)."""
    found: dict[str, Any] = json.loads(shapely.to_geojson(geometry))
    return found


def _proj(transformer: Transformer) -> Conversion:
    def convert(coordinates: Coordinates) -> Coordinates:
        return np.column_stack(transformer.transform(coordinates[:, 0], coordinates[:, 1]))

    return convert


def _on_earth(degrees: Coordinates) -> bool:
    return bool((np.abs(degrees) <= (180.0, 90.0)).all())  # false of NaN and infinity


def _touches(degrees: Coordinates, area: tuple[float, float, float, float]) -> bool:
    west, south, east, north = area
    (left, bottom), (right, top) = degrees.min(axis=0), degrees.max(axis=0)
    across = east < west  # the area passes the date line
    return bool(bottom <= north and top >= south and (across or (left <= east and right >= west)))


def _in_china(lon: Any, lat: Any, *, margin: float = 0.0) -> Any:
    """What lies in the box, or so many degrees beside it: of arrays an array, of numbers one answer."""
    west, south, east, north = _CHINA
    across = (west - margin <= lon) & (lon <= east + margin)
    return across & (south - margin <= lat) & (lat <= north + margin)


def _gcj02_shifted(wgs: Coordinates) -> Coordinates:
    lon, lat = wgs.T
    shift: Coordinates = np.column_stack(_gcj02_shift(lon, lat, np))
    return wgs + shift


def _gcj02_shift(lon: Any, lat: Any, by: Any) -> tuple[Any, Any]:
    """The GCJ-02 shift as published (Krasovsky 1940 ellipsoid), wherever the point lies: degrees east and
    north, of arrays by `numpy`, of numbers by `math`, which is ten times quicker for one point."""
    x, y = lon - 105.0, lat - 35.0
    root, product = by.sqrt(abs(x)), x * y
    ripple = 20.0 * by.sin(6.0 * math.pi * x) + 20.0 * by.sin(2.0 * math.pi * x)
    north = (
        -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * product + 0.2 * root
        + (ripple + 20.0 * by.sin(math.pi * y) + 40.0 * by.sin(math.pi * y / 3.0)) * 2.0 / 3.0
        + (160.0 * by.sin(math.pi * y / 12.0) + 320.0 * by.sin(math.pi * y / 30.0)) * 2.0 / 3.0
    )  # fmt: skip
    east = (
        300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * product + 0.1 * root
        + (ripple + 20.0 * by.sin(math.pi * x) + 40.0 * by.sin(math.pi * x / 3.0)) * 2.0 / 3.0
        + (150.0 * by.sin(math.pi * x / 12.0) + 300.0 * by.sin(math.pi * x / 30.0)) * 2.0 / 3.0
    )  # fmt: skip
    axis, eccentricity = 6378245.0, 0.00669342162296594323
    phi = by.radians(lat)
    bend = 1.0 - eccentricity * by.sin(phi) ** 2
    meridian = axis * (1.0 - eccentricity) / bend**1.5
    parallel = axis / by.sqrt(bend) * by.cos(phi)
    return by.degrees(east / parallel), by.degrees(north / meridian)


def _one_gcj02_to_wgs84(x: float, y: float) -> tuple[float, float]:
    """`gcj02_to_wgs84` of one point."""
    if not _in_china(x, y, margin=0.1):  # nothing is shifted so far
        return x, y
    lon, lat = x, y
    for _ in range(_ROUNDS):
        east, north = _gcj02_shift(lon, lat, math)
        step_x, step_y = x - (lon + east), y - (lat + north)
        lon, lat = lon + step_x, lat + step_y
        if max(abs(step_x), abs(step_y)) <= _NOTHING:
            break
    return (lon, lat) if _in_china(lon, lat) else (x, y)


#: Rounds of an inversion at most, and the step in degrees that is none.
_ROUNDS, _NOTHING = 30, 1e-12


def _inverse(forward: Conversion, target: Coordinates) -> Coordinates:
    """Solves `forward(found) = target` by fixed-point iteration: both shifts bend by 2 % at most, so
    each round gains nearly two digits."""
    found = target
    for _ in range(_ROUNDS):
        step = target - forward(found)
        found = found + step
        if not (np.abs(step) > _NOTHING).any():
            break
    return found
