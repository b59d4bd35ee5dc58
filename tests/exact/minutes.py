"""慢钟: by when, counted minute by minute.

Knows nothing of the code it is held against: no sums, no bisection, and its holidays are those of the State
Council's notice on 2026, copied by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from functools import cache
from math import ceil
from typing import TypeAlias

#: The city has no summer time.
CITY = timezone(timedelta(hours=8))
LAST_DAY = date(2026, 12, 31)

Span: TypeAlias = tuple[datetime, datetime]


def _dates(month: int, first: int, last: int) -> set[date]:
    return {date(2026, month, day) for day in range(first, last + 1)}


OFF = (
    _dates(1, 1, 3) | _dates(2, 15, 23) | _dates(4, 4, 6) | _dates(5, 1, 5) | _dates(6, 19, 21)
    | _dates(9, 25, 27) | _dates(10, 1, 7)
)  # fmt: skip
WORKED = {date(2026, *day) for day in ((1, 4), (2, 14), (2, 28), (5, 9), (9, 20), (10, 10))}


class CalendarEnded(Exception):
    """The limit reaches beyond the last day that the rulebook's calendar knows."""


@cache
def _minutes(day: date, working: bool) -> tuple[int, ...]:
    """The minutes of a day that count, from its midnight."""
    if not working:
        return tuple(range(24 * 60))
    if day > LAST_DAY:
        raise CalendarEnded
    if day in OFF or (day.isoweekday() > 5 and day not in WORKED):
        return ()
    return tuple(minute for minute in range(24 * 60) if 8 <= minute // 60 < 12 or 14 <= minute // 60 < 18)


def _counted(start: datetime, working: bool, pauses: tuple[Span, ...]) -> Iterator[tuple[date, int]]:
    """Every minute from `start` on that counts and is not paused."""
    midnight = datetime.combine(start.date(), datetime.min.time(), CITY)
    first = _of(start, midnight)
    stood = [(_of(begin, midnight), _of(end, midnight)) for begin, end in pauses]
    for days in range(10_000):
        day = start.date() + timedelta(days=days)
        for of_day in _minutes(day, working):
            minute = days * 24 * 60 + of_day
            if minute >= first and not any(begin <= minute < end for begin, end in stood):
                yield day, of_day
    raise AssertionError("a limit that never ends")


def _of(moment: datetime, midnight: datetime) -> int:
    minutes, rest = divmod(moment - midnight, timedelta(minutes=1))
    assert not rest, "the stories' clock goes by whole minutes"
    return minutes


@cache
def _when(start: datetime, hundredths: int, working: bool, pauses: tuple[Span, ...]) -> datetime:
    """The first moment by which so many hundredths of a minute have been counted."""
    for day, minute in _counted(start, working, pauses):
        if hundredths <= 100:
            midnight = datetime.combine(day, datetime.min.time(), CITY)
            return midnight + timedelta(minutes=minute, seconds=hundredths * 0.6)
        hundredths -= 100
    raise AssertionError


def _granted(start: datetime, amount: float, unit: str) -> int:
    """How many minutes a limit gives."""
    if unit == "calendar_day":
        end = datetime.combine(start.date() + timedelta(days=ceil(amount) + 1), datetime.min.time(), CITY)
        return _of(end, start)
    # 一个工作日 is eight working hours, not a date.
    return int(
        amount * {"minute": 1, "urgent_hour": 60, "urgent_day": 1440, "work_hour": 60, "work_day": 480}[unit]
    )


def due_and_amber(
    start: datetime, amount: float, unit: str, *, times: int, percent: int, pauses: tuple[Span, ...]
) -> tuple[datetime, datetime]:
    """When a limit ends that was granted so many times, and when its amber light begins.

    Errors: `CalendarEnded`.
    """
    start = start.astimezone(CITY)
    working = unit.startswith("work")
    if working:
        _minutes(start.date(), working)
    minutes = _granted(start, amount * times, unit)
    return _when(start, minutes * 100, working, pauses), _when(start, minutes * percent, working, pauses)
