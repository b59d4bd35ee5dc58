"""拍摄时间与地点: what the EXIF of a photo means: when and where it was taken."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from app import geo
from app.errors import InvalidInput
from app.geo import Datum

_TIME = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)")
_OFFSET = re.compile(r"([+-])(\d\d):(\d\d)")


def moment(found: Mapping[str, Any], zone: ZoneInfo) -> datetime | None:
    """When the photo was taken, in UTC; a camera that does not tell its offset is taken to be in the city."""
    match = _TIME.fullmatch(found.get("taken", ""))
    if match is None:
        return None
    try:
        local = datetime(*map(int, match.groups()), tzinfo=_offset(found.get("offset", "")) or zone)  # type: ignore[misc,arg-type]
        moment = local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if 1990 <= moment.year < 9999 else None  # a camera whose clock was never set


def place(found: Mapping[str, Any]) -> tuple[float, float] | None:
    """Longitude and latitude in the storage datum. They come in WGS-84, unless said otherwise."""
    if "longitude" not in found or "latitude" not in found:
        return None
    datum = Datum.GCJ02 if "GCJ" in found.get("datum", "").upper() else Datum.WGS84
    if found["longitude"] == found["latitude"] == 0:
        return None  # what a receiver without satellites says
    try:
        return geo.to_storage(found["longitude"], found["latitude"], datum)
    except InvalidInput:
        return None


def _offset(told_offset: str) -> timezone | None:
    match = _OFFSET.fullmatch(told_offset)
    if match is None:
        return None
    sign, hours, minutes = match.groups()
    away = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-away if sign == "-" else away) if away < timedelta(hours=24) else None
