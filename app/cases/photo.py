"""照片证据: what a photo tells of where and when it was taken, and what speaks against it. Pure.

A doubt refuses nothing: a phone may have no satellites and a wrong clock. It stays on the case and in the
record of who attached the photo, so that nobody can say it was not seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from shapely import Point

from app.dispatch.rulebook import Policy
from app.geo import LocalMetric

#: How far a phone's clock may be ahead before that is a doubt.
_CLOCK_ERROR = timedelta(minutes=10)
#: Two looks of 64 bits that differ in no more are taken for the same picture.
SAME_LOOK_BITS = 3
_BAND_BITS = 16
_BANDS = 4


class PhotoKind(StrEnum):
    """照片类别: what it shows."""

    NEAR = "near"  # 近景
    FAR = "far"  # 远景
    REFERENCE = "reference"  # 参照
    AFTER = "after"  # 处置后


class Doubt(StrEnum):
    """疑点 of a photo as evidence."""

    TOO_FAR = "too_far"
    TOO_OLD = "too_old"
    AHEAD = "ahead"
    USED_BEFORE = "used_before"
    LOOKS_USED = "looks_used"
    NO_PLACE = "no_place"
    NO_TIME = "no_time"


DOUBT_WORDS: dict[Doubt, tuple[str, str]] = {
    Doubt.TOO_FAR: ("拍摄地点离案发地过远", "taken too far from the case"),
    Doubt.TOO_OLD: ("拍摄时间过早", "taken too long ago"),
    Doubt.AHEAD: ("拍摄时间晚于上传时间", "taken later than now, by its own clock"),
    Doubt.USED_BEFORE: ("同一照片已用过", "the same file was used before"),
    Doubt.LOOKS_USED: ("与已用过的照片画面相同", "the same picture was used before, in another file"),
    Doubt.NO_PLACE: ("照片不含拍摄地点", "it does not tell where it was taken"),
    Doubt.NO_TIME: ("照片不含拍摄时间", "it does not tell when it was taken"),
}


@dataclass(frozen=True, slots=True)
class Photo:
    """照片, as far as a case asks. `look` is its picture in 64 bits, None where there is nothing to see."""

    id: UUID
    sha256: str
    look: int | None
    taken_at: datetime | None
    lon: float | None
    lat: float | None


@dataclass(frozen=True, slots=True)
class Used:
    """用过: a photo attached before that is the same by content, or looks the same."""

    photo: UUID
    same_file: bool


@dataclass(frozen=True, slots=True)
class Examined:
    """验看: a photo about to be attached, with what speaks against it."""

    photo: Photo
    kind: PhotoKind
    doubts: tuple[Doubt, ...]
    distance_m: float | None = None
    age_minutes: int | None = None
    same_as: UUID | None = None

    def told(self) -> dict[str, Any]:
        """For the journal."""
        return {
            "sha256": self.photo.sha256,
            "doubts": [doubt.value for doubt in self.doubts],
            "distance_m": self.distance_m,
            "age_minutes": self.age_minutes,
            "same_as": str(self.same_as) if self.same_as else None,
        }


def examine(
    photo: Photo,
    kind: PhotoKind,
    used: Used | None,
    *,
    place: tuple[float, float] | None,
    policy: Policy,
    now: datetime,
) -> Examined:
    """What speaks against a photo as evidence of a case at this place, where it is known, now."""
    doubts = []
    distance = age = None
    if photo.lon is None or photo.lat is None:
        doubts.append(Doubt.NO_PLACE)
    elif place is not None:
        distance = round(_metres(photo.lon, photo.lat, *place), 1)
        if distance > policy.photo_radius_m:
            doubts.append(Doubt.TOO_FAR)
    if photo.taken_at is None:
        doubts.append(Doubt.NO_TIME)
    else:
        passed = now - photo.taken_at
        age = math.floor(passed / timedelta(minutes=1))
        if passed > timedelta(hours=policy.photo_hours):
            doubts.append(Doubt.TOO_OLD)
        elif passed < -_CLOCK_ERROR:
            doubts.append(Doubt.AHEAD)
    if used is not None:
        doubts.append(Doubt.USED_BEFORE if used.same_file else Doubt.LOOKS_USED)
    return Examined(photo, kind, tuple(doubts), distance, age, used.photo if used else None)


def _metres(lon: float, lat: float, case_lon: float, case_lat: float) -> float:
    """True to 0.2 % nearby; far off it is only far off."""
    away = LocalMetric(case_lon, case_lat).to_metres(Point(lon, lat))
    return math.hypot(away.x, away.y)


def bands(look: int | None) -> list[int]:
    """The quarters of a look, each with its place: looks that differ in three bits or fewer share one."""
    if look is None:
        return []
    mask = (1 << _BAND_BITS) - 1
    return [place << _BAND_BITS | (look >> place * _BAND_BITS) & mask for place in range(_BANDS)]
