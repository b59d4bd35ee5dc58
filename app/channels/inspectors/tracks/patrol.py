"""出勤与覆盖: what a day's shifts, minutes and visits come to. Pure.

A day's minutes are bits, the first minute of the day the highest: points may come in any order and more than
once, and the bits are the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

#: Minutes of the longest day: one of 25 hours, where clocks are set back.
WIDTH = 1500
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class LocalDay:
    """A day of the city's calendar, from one midnight to the next."""

    day: date
    start: datetime
    end: datetime

    @classmethod
    def of(cls, day: date, zone: ZoneInfo) -> LocalDay:
        return cls(day, _midnight(day, zone), _midnight(day + timedelta(days=1), zone))

    @classmethod
    def holding(cls, moment: datetime, zone: ZoneInfo) -> LocalDay:
        return cls.of(moment.astimezone(zone).date(), zone)

    def minute(self, moment: datetime) -> int:
        """Which minute of the day a moment lies in."""
        return (moment - self.start) // _MINUTE

    def within(self, start: datetime, end: datetime) -> tuple[datetime, datetime] | None:
        """The part of a period that lies in the day."""
        first, last = max(start, self.start), min(end, self.end)
        return (first, last) if first < last else None


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def bit(minute: int) -> int:
    """One minute's bit."""
    return 1 << (WIDTH - 1 - minute)


def span(first: int, last: int) -> int:
    """The bits of the minutes from the first to the last, both included."""
    return (1 << (WIDTH - first)) - (1 << (WIDTH - 1 - last))


def written(minutes: int) -> str:
    """The bits as the database takes them."""
    return format(minutes, f"0{WIDTH}b")


def attested(minutes: int, for_minutes: int) -> int:
    """The minutes that points are evidence for: their own, and those until `for_minutes` are over."""
    found = 0
    for later in range(for_minutes):
        found |= minutes >> later
    return found


@dataclass(frozen=True, slots=True)
class Attendance:
    """出勤: minutes on duty, and those of them that points are evidence for."""

    on_duty_minutes: int
    evidenced_minutes: int


def attendance(
    day: LocalDay, shifts: Iterable[tuple[datetime, datetime]], minutes: int, for_minutes: int
) -> Attendance:
    """Of shifts (start, end) that may reach beyond the day, and do not overlap."""
    seconds, on_duty = 0.0, 0
    for shift in shifts:
        if (part := day.within(*shift)) is None:
            continue
        start, end = part
        seconds += (end - start).total_seconds()
        on_duty |= span(day.minute(start), day.minute(end - timedelta(microseconds=1)))
    total = round(seconds / 60)
    evidenced = (attested(minutes, for_minutes) & on_duty).bit_count()
    return Attendance(total, min(evidenced, total))


@dataclass(frozen=True, slots=True)
class Coverage:
    """覆盖率: the cells of a beat, and those of them that were visited."""

    cells: tuple[str, ...]
    missed: tuple[str, ...]

    @property
    def rate(self) -> float:
        return round(1 - len(self.missed) / len(self.cells), 4)


def coverage(cells: Iterable[str], visits: dict[str, int], least: int) -> Coverage:
    """`visits` tells the points in each cell, `least` how many of them make a visit."""
    beat = tuple(cells)
    return Coverage(beat, tuple(cell for cell in beat if visits.get(cell, 0) < least))
