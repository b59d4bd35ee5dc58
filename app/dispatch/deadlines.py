"""时限: by when. Pure functions over a limit, a calendar and pauses; each answer tells its reason.

Sources: domain practice of GB/T 30428.8; urgent units by the wall clock, work units inside work slots.
A calendar day ends at the midnight that ends its local date. A limit is used up at the first moment by which
its whole amount has run: one that fills a work slot ends with the slot (18:00), not as the next one begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from math import ceil
from typing import Protocol

from app.dispatch.deadline_words import reason
from app.dispatch.rulebook import Calendar, Limit, LimitUnit
from app.dispatch.workcalendar import MICROSECOND, WorkCalendar, instant, moment_of, work_calendar


@dataclass(frozen=True, slots=True)
class Pause:
    """暂停: a half-open interval [start, end) in which the clock stood still; `end` None: it still does."""

    start: datetime
    end: datetime | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a limit ends (aware UTC), when its amber light begins, and why, in words (Chinese)."""

    at: datetime
    amber_at: datetime
    because: str


def due(
    start: datetime,
    limit: Limit,
    calendar: Calendar,
    pauses: Sequence[Pause] = (),
    *,
    times: int = 1,
    amber_percent: int = 80,
) -> Deadline:
    """When the limit, granted `times` times over (extensions), ends for a clock started at `start`.

    `start` is aware. Pauses must be closed, sorted and disjoint; what is paused of a limit in work units is
    the working time inside the pause, of any other the pause's whole length. Errors: ValueError on a naive
    start, an open pause, or a calendar that has no work slots left within its years.
    """
    compiled = work_calendar(calendar)
    begin = instant(start)
    if limit.unit in _WORK and not compiled.covers(start):
        raise ValueError(f"{start:%Y-%m-%d} lies outside the work calendar's years; extend them")
    stood = _stood_still(pauses, None)
    meter = _meter(limit.unit, compiled)
    amount = _amount(start, limit, compiled, times)
    end, paused = _run(meter, begin, amount, stood)
    amber, _ = _run(meter, begin, max(1, amount * amber_percent // 100), stood)
    because = reason(
        begin,
        end,
        limit,
        compiled,
        times=times,
        pauses=[
            (*span, lost, pause.reason) for span, pause, lost in zip(stood, pauses, paused, strict=False)
        ],
    )
    return Deadline(moment_of(end), moment_of(amber), because)


def used_fraction(
    start: datetime,
    now: datetime,
    limit: Limit,
    calendar: Calendar,
    pauses: Sequence[Pause] = (),
    *,
    times: int = 1,
) -> float:
    """The part of the limit used up by `now` (1.0: due; more: overdue), pauses left out.

    A pause may still be open. Zero before `start`. Errors: ValueError as `due`.
    """
    compiled = work_calendar(calendar)
    begin, until = instant(start), instant(now)
    if until <= begin:
        return 0.0
    meter = _meter(limit.unit, compiled)
    used = meter.reading(until) - meter.reading(begin)
    for pause_start, pause_end in _stood_still(pauses, until):
        first, last = max(pause_start, begin), min(pause_end, until)
        if first < last:
            used -= meter.reading(last) - meter.reading(first)
    return used / _amount(start, limit, compiled, times)


class _Meter(Protocol):
    """What a limit is measured on: counts up while the limit runs (microseconds)."""

    def reading(self, at: int) -> int: ...

    def moment(self, reading: int) -> int: ...


class _WallClock:
    """Runs by day and night."""

    def reading(self, at: int) -> int:
        return at

    def moment(self, reading: int) -> int:
        return reading


_WALL = _WallClock()
_WORK = frozenset({LimitUnit.WORK_HOUR, LimitUnit.WORK_DAY})
_LENGTH = {
    LimitUnit.MINUTE: timedelta(minutes=1) // MICROSECOND,
    LimitUnit.URGENT_HOUR: timedelta(hours=1) // MICROSECOND,
    LimitUnit.URGENT_DAY: timedelta(days=1) // MICROSECOND,
    LimitUnit.WORK_HOUR: timedelta(hours=1) // MICROSECOND,
}


def _meter(unit: LimitUnit, calendar: WorkCalendar) -> _Meter:
    return calendar if unit in _WORK else _WALL


def _amount(start: datetime, limit: Limit, calendar: WorkCalendar, times: int) -> int:
    """Microseconds on the limit's meter."""
    amount = limit.amount * times
    if limit.unit is LimitUnit.CALENDAR_DAY:
        last = start.astimezone(calendar.zone).date() + timedelta(days=ceil(round(amount, 6)))
        midnight = datetime.combine(last + timedelta(days=1), time.min, calendar.zone)
        return instant(midnight) - instant(start)
    length = calendar.day_length if limit.unit is LimitUnit.WORK_DAY else _LENGTH[limit.unit]
    return max(1, round(amount * length))


def _stood_still(pauses: Sequence[Pause], now: int | None) -> list[tuple[int, int]]:
    """The pauses as instants; an open one ends `now`. Errors: ValueError on open or overlapping ones."""
    found: list[tuple[int, int]] = []
    for pause in pauses:
        end = instant(pause.end) if pause.end is not None else now
        if end is None:
            raise ValueError(f"the pause since {pause.start:%Y-%m-%d %H:%M} is still open: close it first")
        begin = instant(pause.start)
        if pause.end is not None and (end < begin or (found and begin < found[-1][1])):
            raise ValueError("pauses must each end after they start, be sorted and not overlap")
        found.append((begin, end))
    return found


def _run(meter: _Meter, begin: int, amount: int, pauses: list[tuple[int, int]]) -> tuple[int, list[int]]:
    """When the amount is used up, and what each pause before that took off the meter."""
    target = meter.reading(begin) + amount
    paused: list[int] = []
    for start, end in pauses:
        if meter.reading(start) >= target:
            break
        lost = meter.reading(end) - meter.reading(max(start, begin)) if end > begin else 0
        target += lost
        paused.append(lost)
    return meter.moment(target), paused
