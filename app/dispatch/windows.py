"""时间窗: when a row holds, in the calendar's local time.

Hours are half-open and may pass midnight: of `22:00-02:00` the small hours belong to the evening they began
in, so its weekday and date are the evening's. Dates include both ends; yearly ones may wrap the year
(`11-01..03-15`). Each of the three may list several, parted by commas; a moment needs one of each.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.dispatch.rulebook import MatrixRow

#: Minutes of the day, [start, end); end <= start passes midnight.
Hours = tuple[int, int]

_HOURS = re.compile(r"(\d{2}):(\d{2})-(\d{2}):(\d{2})")
_WEEKDAYS = re.compile(r"([1-7])(?:-([1-7]))?")
_DATES = re.compile(r"((?:\d{4}-)?\d{2}-\d{2})(?:\.\.((?:\d{4}-)?\d{2}-\d{2}))?")


@dataclass(frozen=True, slots=True)
class DateRange:
    """Both ends included, as (month, day) of each year or (year, month, day) of one."""

    first: tuple[int, ...]
    last: tuple[int, ...]

    def covers(self, day: date) -> bool:
        key = (day.year, day.month, day.day)[-len(self.first) :]
        if self.first <= self.last:
            return self.first <= key <= self.last
        return key >= self.first or key <= self.last

    @property
    def years(self) -> range | None:
        """The years of a range told with years."""
        return range(self.first[0], self.last[0] + 1) if len(self.first) == 3 else None


@dataclass(frozen=True, slots=True)
class Window:
    """The hours, weekdays (Monday is 1) and dates of a row; empty: all of them."""

    hours: tuple[Hours, ...] = ()
    weekdays: frozenset[int] = frozenset()
    dates: tuple[DateRange, ...] = ()

    @property
    def constrained(self) -> int:
        """How many of dates, weekdays and hours it narrows: 0 is always."""
        return bool(self.hours) + bool(self.weekdays) + bool(self.dates)

    def covers(self, local: datetime) -> bool:
        if not self.hours:
            return self.covers_day(local.date())
        today, minute = local.date(), local.hour * 60 + local.minute
        return any(self._covers_in(hours, today, minute) for hours in self.hours)

    def covers_day(self, day: date) -> bool:
        """Whether the weekday and the date fit, hours left out."""
        return (not self.weekdays or day.isoweekday() in self.weekdays) and (
            not self.dates or any(dates.covers(day) for dates in self.dates)
        )

    def _covers_in(self, hours: Hours, today: date, minute: int) -> bool:
        start, end = hours
        if start < end:
            return start <= minute < end and self.covers_day(today)
        if minute >= start:
            return self.covers_day(today)
        return minute < end and self.covers_day(today - timedelta(days=1))


ALWAYS = Window()


def window_of(row: MatrixRow) -> Window:
    """Errors: ValueError when one of the row's three texts cannot be read."""
    if not (row.hours or row.weekdays or row.dates):
        return ALWAYS
    return Window(parse_hours(row.hours), parse_weekdays(row.weekdays), parse_dates(row.dates))


def parse_hours(text: str) -> tuple[Hours, ...]:
    """`18:00-23:00`, `22:00-02:00`, `06:00-08:00,18:00-24:00`. Errors: ValueError."""
    return tuple(_hours(part) for part in _parts(text))


def parse_weekdays(text: str) -> frozenset[int]:
    """`1-5`, `6,7`; `5-1` is Friday to Monday. Errors: ValueError."""
    days: set[int] = set()
    for part in _parts(text):
        found = _WEEKDAYS.fullmatch(part)
        if not found:
            raise ValueError(f"{part!r} is no weekday from 1 (Monday) to 7")
        first, last = int(found[1]), int(found[2] or found[1])
        days |= {(first - 1 + n) % 7 + 1 for n in range((last - first) % 7 + 1)}
    return frozenset(days)


def parse_dates(text: str) -> tuple[DateRange, ...]:
    """`10-01..11-30` each year, `2026-10-01..2026-11-30` once, `05-01` a single date. Errors: ValueError."""
    return tuple(_dates(part) for part in _parts(text))


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")] if text.strip() else []


def _hours(part: str) -> Hours:
    found = _HOURS.fullmatch(part)
    if not found:
        raise ValueError(f"{part!r} is no span of hours like 18:00-23:00")
    start, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
    if int(found[2]) > 59 or int(found[4]) > 59 or start >= 1440 or end > 1440 or start == end:
        raise ValueError(f"{part!r} is no span of hours of a day")
    return start, end


def _dates(part: str) -> DateRange:
    found = _DATES.fullmatch(part)
    if not found:
        raise ValueError(f"{part!r} is no range of dates like 10-01..11-30")
    first, last = _date(found[1]), _date(found[2] or found[1])
    if len(first) != len(last) or (len(first) == 3 and first > last):
        raise ValueError(f"{part!r}: both dates with the year or both without, the earlier first")
    return DateRange(first, last)


def _date(text: str) -> tuple[int, ...]:
    numbers = tuple(int(number) for number in text.split("-"))
    date(*((2000, *numbers)[-3:]))  # a leap year, so that 02-29 is a date
    return numbers
