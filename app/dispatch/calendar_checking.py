"""工作日历检查: holes and mistakes of a calendar."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise

from app.dispatch.deadline_words import limit_words
from app.dispatch.deadlines import due
from app.dispatch.findings import Finding, FindingKind, error, warning
from app.dispatch.rulebook import Calendar, LimitUnit, Rulebook
from app.dispatch.workcalendar import slot_span, unannounced_years, work_calendar

_HOLE = FindingKind.CALENDAR_HOLE


def calendar_findings(calendar: Calendar) -> Iterator[Finding]:
    """What is wrong with the calendar; with errors among it, it cannot be reckoned with."""
    yield from _slots(calendar)
    yield from _own_days(calendar)
    if not set(calendar.weekend) <= set(range(1, 8)):
        yield error(
            _HOLE,
            "calendar weekend",
            "周末应为 1（星期一）至 7（星期日）。",
            "Weekend days are 1 (Monday) to 7 (Sunday).",
        )
    if not calendar.weekend:
        yield warning(_HOLE, "calendar weekend", "没有周末，每天都是工作日。", "There is no weekend.")
    if calendar.first_year > calendar.last_year:
        yield error(
            _HOLE, "calendar first_year", "起始年份晚于终止年份。", "The first year comes after the last."
        )
        return
    try:
        compiled = work_calendar(calendar)
    except ValueError as unknown:
        yield error(_HOLE, "calendar", "时区或国家无法识别。", f"Not usable: {unknown}.")
        return
    for year in compiled.years:
        if not any(day.workday for day in compiled.days if day.date.year == year):
            yield error(_HOLE, f"calendar {year}", f"{year} 年没有工作日。", f"{year} has no workdays.")
    for year in unannounced_years(calendar):
        yield warning(
            _HOLE,
            f"calendar {year}",
            f"{year} 年的法定节假日调休安排尚无数据，节假日为推算，调休上班日缺。",
            f"The make-up workdays of {year} are not known; its holidays are an estimate.",
        )


def horizon_findings(rulebook: Rulebook, now: datetime) -> Iterator[Finding]:
    """Whether the calendar reaches as far as a case filed now may need it: its longest limit, extended."""
    calendar = rulebook.calendar
    day_length = work_calendar(calendar).day_length
    hours = {LimitUnit.WORK_HOUR: 3_600_000_000, LimitUnit.WORK_DAY: day_length}
    every = [row.limit for row in rulebook.limits] + [row.limit for row in rulebook.stage_limits]
    limits = [limit for limit in every if limit.unit in hours]
    if not limits:
        return
    longest = max(limits, key=lambda limit: limit.amount * hours[limit.unit])
    try:
        due(now, longest, calendar, times=1 + rulebook.policy.max_extensions)
    except ValueError:
        yield error(
            _HOLE,
            f"calendar {calendar.last_year}",
            f"日历只到 {calendar.last_year} 年，现在立案的最长时限"
            f"（{limit_words(longest)}，含延期）无法算出。",
            f"The calendar ends with {calendar.last_year}: the longest limit of a case filed now, with its"
            " extensions, does not end within it.",
        )


def _slots(calendar: Calendar) -> Iterator[Finding]:
    where = "calendar slots"
    if not calendar.slots:
        yield error(_HOLE, where, "没有工作时段。", "There are no work slots.")
    spans = sorted(((slot_span(slot), slot) for slot in calendar.slots), key=lambda pair: pair[0])
    for (start, end), slot in spans:
        if end <= start:
            told = f"{slot.start:%H:%M}-{slot.end:%H:%M}"
            yield error(
                _HOLE, where, f"工作时段 {told} 的止不晚于起。", f"The slot {told} ends before it starts."
            )
    for ((_, end), earlier), ((start, _), later) in pairwise(spans):
        if start < end:
            first, second = f"{earlier.start:%H:%M}", f"{later.start:%H:%M}"
            yield error(
                _HOLE,
                where,
                f"{first} 与 {second} 起的两个工作时段重叠。",
                f"The slots from {first} and {second} overlap.",
            )


def _own_days(calendar: Calendar) -> Iterator[Finding]:
    for day, times in Counter(own.day for own in calendar.days).items():
        where = f"calendar {day}"
        if times > 1:
            yield error(
                FindingKind.DUPLICATE_CODE,
                where,
                f"{day} 列出 {times} 次。",
                f"{day} is listed {times} times.",
            )
        if not calendar.first_year <= day.year <= calendar.last_year:
            yield warning(
                _HOLE, where, f"{day} 不在日历年份之内。", f"{day} lies outside the calendar's years."
            )
