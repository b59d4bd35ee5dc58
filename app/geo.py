"""SRIDs, datums and GeoJSON: the only coordinate code. Stored in CGCS2000 (EPSG:4490)."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

#: EPSG code of everything stored: CGCS2000 geographic, longitude first. WGS-84 differs by centimetres
#: and is taken as equal.
SRID = 4490


class Datum(StrEnum):
    """坐标系 a report may come in."""

    CGCS2000 = "cgcs2000"
    WGS84 = "wgs84"
    GCJ02 = "gcj02"  # 火星坐标: what phones' map apps send
    BD09 = "bd09"  # 百度坐标
    WEB_MERCATOR = "web_mercator"  # EPSG:3857, metres


def to_storage(x: float, y: float, datum: Datum) -> tuple[float, float]:
    """Longitude and latitude in CGCS2000 degrees, rounded to 8 decimals (1 mm).

    Errors: `InvalidInput` when the pair is not finite or not a place on earth in that datum.
    """
    raise NotImplementedError


def point_geojson(lon: float, lat: float) -> dict[str, Any]:
    """A GeoJSON Point (RFC 7946)."""
    return {"type": "Point", "coordinates": [lon, lat]}
