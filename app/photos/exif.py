"""EXIF: what a camera writes beside the picture, as plain JSON. What it means is for `taken`.

The darkroom reads it: nothing heavy is loaded here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

# Numbers of EXIF 2.32.
_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_TEXTS = {"make": 0x010F, "model": 0x0110}
_ORIENTATION = 0x0112
_TAKEN_TEXTS = {"taken": 0x9003, "offset": 0x9011}
_LATITUDE, _LONGITUDE, _DATUM = (1, 2), (3, 4), 18
#: Orientations in which the picture lies on its side.
_ON_ITS_SIDE = (5, 6, 7, 8)


def told(exif: Any) -> dict[str, Any]:
    """What is of use, as plain JSON, without what is not there or cannot be. `exif` as Pillow reads it."""
    shot, gps = exif.get_ifd(_EXIF_IFD), exif.get_ifd(_GPS_IFD)
    found: dict[str, Any] = {name: _text(exif.get(tag)) for name, tag in _TEXTS.items()}
    found |= {name: _text(shot.get(tag)) for name, tag in _TAKEN_TEXTS.items()}
    orientation = exif.get(_ORIENTATION)
    found["orientation"] = orientation if orientation in range(1, 9) else None
    found["latitude"] = _degrees(gps, _LATITUDE, "S", 90)
    found["longitude"] = _degrees(gps, _LONGITUDE, "W", 180)
    found["datum"] = _text(gps.get(_DATUM))
    return {name: value for name, value in found.items() if value is not None}


def on_its_side(found: Mapping[str, Any]) -> bool:
    """Whether width and height change places when the picture is put upright."""
    return found.get("orientation") in _ON_ITS_SIDE


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return None
    words = "".join(sign for sign in value if sign.isprintable()).strip()[:100]
    return words or None


def _degrees(gps: Mapping[int, Any], tags: tuple[int, int], negative: str, most: int) -> float | None:
    """Of degrees, minutes and seconds, or any fewer of them."""
    reference, parts = gps.get(tags[0]), gps.get(tags[1])
    try:
        numbers = [float(part) for part in parts] if parts is not None else []
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    if not 1 <= len(numbers) <= 3 or not all(math.isfinite(number) and number >= 0 for number in numbers):
        return None
    degrees = sum(number / 60**power for power, number in enumerate(numbers))
    if degrees > most:
        return None
    return round(float(-degrees if _text(reference) == negative else degrees), 8)
