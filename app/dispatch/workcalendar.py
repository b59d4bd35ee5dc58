"""工作日历, compiled: which days and hours count, as prefix sums that a bisection answers from.

Moments inside are whole microseconds since 1970 UTC, so sums are exact and a change of summer time costs
nothing. Statutory holidays and make-up workdays (调休) come from the `holidays` package.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import accumulate, groupby
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from holidays import HolidayBase, country_holidays

from app.dispatch.rulebook import Calendar, WorkSlot

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
WEEKDAYS = ("星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日")
WEEKEND = "周末"


def instant(moment: datetime) -> int:
    """Microseconds since 1970 UTC of an aware moment. Errors: ValueError on a naive one."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone; this one has none")
    return (moment - EPOCH) // MICROSECOND


def moment_of(instant: int) -> datetime:
    """The aware UTC moment of microseconds since 1970."""
    return EPOCH + timedelta(microseconds=instant)


def slot_span(slot: WorkSlot) -> tuple[timedelta, timedelta]:
    """Start and end of a slot from its day's midnight; an end of 00:00 is the midnight that ends the day."""
    return _of_day(slot.start), _of_day(slot.end) + timedelta(days=slot.end == time.min)


@dataclass(frozen=True, slots=True)
class Day:
    """One date: whether it is worked, and its name where it is not an ordinary one (春节, 周末, 调休上班)."""

    date: date
    workday: bool
    name: str = ""


@dataclass(frozen=True, slots=True)
class Rest:
    """放假: consecutive dates without work, both included. `name` 周末 is an ordinary weekend."""

    first: date
    last: date
    name: str

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


class WorkCalendar:
    """A calendar's days from its first to its last year, and its work slots as instants.

    Errors on making: ValueError when the time zone or the country is not known.
    """

    def __init__(self, calendar: Calendar) -> None:
        self.zone = zone_of(calendar)
        self.years = range(calendar.first_year, calendar.last_year + 1)
        self.days = tuple(_days(calendar))
        lengths = (end - start for start, end in map(slot_span, calendar.slots))
        #: Nominal microseconds of a workday.
        self.day_length = sum(lengths, timedelta()) // MICROSECOND
        spans = [
            (start, end)
            for day in self.days
            if day.workday
            for slot in sorted(calendar.slots, key=lambda slot: slot.start)
            for start, end in [self._span(day.date, slot)]
            if start < end
        ]
        self._starts = [start for start, _ in spans]
        self._ends = [end for _, end in spans]
        #: Worked microseconds up to the end of each span.
        self._worked = list(accumulate(end - start for start, end in spans))
        self.rests = tuple(_rests(self.days))
        self._rest_firsts = [rest.first for rest in self.rests]
        self.makeups = tuple(day.date for day in self.days if day.workday and day.name)

    def covers(self, moment: datetime) -> bool:
        """Whether the moment's local date lies in the calendar's years."""
        return moment.astimezone(self.zone).year in self.years

    def reading(self, at: int) -> int:
        """Working microseconds from the calendar's beginning to the instant."""
        i = bisect_right(self._starts, at) - 1
        if i < 0:
            return 0
        return self._worked[i] - max(0, self._ends[i] - at)

    def moment(self, reading: int) -> int:
        """The first instant by which that much has been worked. Errors: ValueError past the last slot."""
        i = bisect_left(self._worked, reading)
        if i == len(self._worked):
            raise ValueError(
                f"the work calendar {self.years.start}-{self.years.stop - 1} has no work slots left;"
                " extend its years"
            )
        return self._ends[i] - (self._worked[i] - reading)

    def begins(self, at: int) -> int:
        """The instant itself inside a slot, else the next slot's start. Errors: ValueError past the last."""
        return self.moment(self.reading(at) + 1) - 1

    def breaks(self, start: int, end: int) -> list[tuple[int, int]]:
        """The gaps between slots that lie wholly inside [start, end]."""
        i = bisect_right(self._starts, start) - 1
        j = bisect_right(self._starts, end) - 1
        return list(zip(self._ends[i:j], self._starts[i + 1 : j + 1], strict=True)) if 0 <= i < j else []

    def day(self, on: date) -> Day:
        """The day of a date within the calendar's years."""
        return self.days[(on - self.days[0].date).days]

    def rests_between(self, first: date, last: date) -> tuple[Rest, ...]:
        """The rests that touch the dates, both included."""
        i = bisect_right(self._rest_firsts, first)
        if i and self.rests[i - 1].last >= first:
            i -= 1
        return self.rests[i : bisect_right(self._rest_firsts, last)]

    def makeups_between(self, first: date, last: date) -> tuple[date, ...]:
        """The weekend dates worked (调休) among the dates, both included."""
        return self.makeups[bisect_left(self.makeups, first) : bisect_right(self.makeups, last)]

    def _span(self, day: date, slot: WorkSlot) -> tuple[int, int]:
        ends_on = day + timedelta(days=slot.end == time.min)
        start = datetime.combine(day, slot.start, self.zone)
        return instant(start), instant(datetime.combine(ends_on, slot.end, self.zone))


@lru_cache(maxsize=32)
def work_calendar(calendar: Calendar) -> WorkCalendar:
    """The compiled calendar, made once. Errors: ValueError as `WorkCalendar`."""
    return WorkCalendar(calendar)


def zone_of(calendar: Calendar) -> ZoneInfo:
    """Errors: ValueError when the calendar's time zone is not known."""
    try:
        return ZoneInfo(calendar.timezone)
    except (ZoneInfoNotFoundError, ValueError) as unknown:
        raise ValueError(f"unknown time zone {calendar.timezone!r}") from unknown


def unannounced_years(calendar: Calendar) -> list[int]:
    """Years whose make-up workdays (调休) are not known to `holidays` nor given by the calendar's own days.

    Only countries that move workdays to weekends announce them year by year; others have no such years.
    """
    holidays = _statutory(calendar)
    known = {day.year for day in holidays.weekend_workdays} | {day.day.year for day in calendar.days}
    known |= set(getattr(holidays, "special_public_holidays", ()))
    years = range(calendar.first_year, calendar.last_year + 1)
    return [year for year in years if year not in known] if holidays.weekend_workdays else []


def _statutory(calendar: Calendar) -> HolidayBase:
    # One year more on both sides: days at the turn of the year may be moved across it.
    years = range(calendar.first_year - 1, calendar.last_year + 2)
    language = "zh_CN" if calendar.country == "CN" else None
    try:
        return country_holidays(calendar.country, years=years, expand=False, language=language)
    except NotImplementedError as unknown:
        raise ValueError(f"no statutory holidays are known for the country {calendar.country!r}") from unknown


def _days(calendar: Calendar) -> Iterable[Day]:
    holidays = _statutory(calendar)
    own = {day.day: day for day in calendar.days}
    on = date(calendar.first_year, 1, 1)
    while on.year <= calendar.last_year:
        weekend = on.isoweekday() in calendar.weekend
        if on in holidays.weekend_workdays:
            workday, name = True, "调休上班"
        elif on in holidays:
            workday, name = False, _holiday_name(holidays[on])
        else:
            workday, name = not weekend, WEEKEND if weekend else ""
        if on in own and own[on].workday != workday:
            workday = own[on].workday
            name = own[on].note or ("调整上班" if workday else "调整休息")
        yield Day(on, workday, name)
        on += timedelta(days=1)


def _holiday_name(full: str) -> str:
    """`清明节（补假）` is 清明节; a day moved here (`休息日（由 … 调休）`) is named by its neighbours."""
    name = full.split("（")[0]
    return {"休息日": "", "农历除夕": "春节"}.get(name, name)


def _rests(days: Iterable[Day]) -> Iterable[Rest]:
    for workday, run in groupby(days, key=lambda day: day.workday):
        if not workday:
            off = list(run)
            names = dict.fromkeys(day.name for day in off if day.name not in ("", WEEKEND))
            yield Rest(off[0].date, off[-1].date, "、".join(names) or WEEKEND)


def _of_day(at: time) -> timedelta:
    return timedelta(hours=at.hour, minutes=at.minute, seconds=at.second, microseconds=at.microsecond)
