"""时限说明: the reason of a due time in words that the unit it is given to can follow (Chinese)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from app.dispatch.rulebook import Limit, LimitUnit
from app.dispatch.workcalendar import WEEKDAYS, WEEKEND, Rest, WorkCalendar, moment_of

UNIT_WORDS = {
    LimitUnit.MINUTE: "分钟",
    LimitUnit.URGENT_HOUR: "紧急工作时",
    LimitUnit.URGENT_DAY: "紧急工作日",
    LimitUnit.WORK_HOUR: "工作时",
    LimitUnit.WORK_DAY: "工作日",
    LimitUnit.CALENDAR_DAY: "自然日",
}
_HOUR = 3_600_000_000


def limit_words(limit: Limit) -> str:
    """`2 工作时`."""
    return f"{limit.amount:g} {UNIT_WORDS[limit.unit]}"


def reason(
    begin: int,
    end: int,
    limit: Limit,
    calendar: WorkCalendar,
    *,
    times: int,
    pauses: Sequence[tuple[int, int, int, str]],
) -> str:
    """Why a limit begun at one instant ends at another. A pause: start, end, what it took off, why."""
    start, due = (moment_of(at).astimezone(calendar.zone) for at in (begin, end))
    parts = [f"{_granted(limit, calendar, times)}，自 {_full(start)} 起"]
    if limit.unit in (LimitUnit.WORK_HOUR, LimitUnit.WORK_DAY):
        parts += _working_time(begin, end, start, due, calendar)
    parts += [_pause_words(pause, calendar, limit.unit) for pause in pauses]
    parts.append(f"到期 {_ending(due) if limit.unit is LimitUnit.CALENDAR_DAY else _full(due)}")
    return "；".join(parts) + "。"


def _granted(limit: Limit, calendar: WorkCalendar, times: int) -> str:
    granted = limit_words(limit)
    if times > 1:
        granted += f" × {times}（含延期 {times - 1} 次）"
    match limit.unit:
        case LimitUnit.URGENT_HOUR | LimitUnit.URGENT_DAY:
            granted += "（昼夜连续计时，节假日不停）"
        case LimitUnit.WORK_DAY:
            granted += f"（每日计 {calendar.day_length / _HOUR:g} 工作时）"
        case LimitUnit.CALENDAR_DAY:
            granted += "（计至最后一日 24:00）"
    return granted


def _working_time(begin: int, end: int, start: datetime, due: datetime, calendar: WorkCalendar) -> list[str]:
    parts: list[str] = []
    counted = calendar.begins(begin)
    first = moment_of(counted).astimezone(calendar.zone)
    if counted > begin:
        parts.append(f"{_idle(start, first, calendar)}，{_time_after(start, first)} 起计")
    breaks = calendar.breaks(counted, end)
    if len(breaks) == 1:
        stop, go = (moment_of(at).astimezone(calendar.zone) for at in breaks[0])
        pause = "午休" if stop.date() == go.date() else "下班"
        parts.append(f"{_time(stop)} {pause}，{_time_after(stop, go)} 续计")
    parts += _rests_words(calendar.rests_between(first.date(), due.date()))
    makeups = calendar.makeups_between(first.date(), due.date())
    if makeups:
        dates = "、".join(_day(on) for on in makeups)
        parts.append(f"{dates}{calendar.day(makeups[0]).name}，计入")
    return parts


def _idle(start: datetime, first: datetime, calendar: WorkCalendar) -> str:
    rests = calendar.rests_between(start.date(), start.date())
    if rests:
        rest = rests[0]
        return f"当日为{rest.name}" if rest.name == WEEKEND else f"当日为{rest.name}休息日（{_range(rest)}）"
    return "当时不在工作时段" if first.date() == start.date() else "当日工作时段已过"


def _rests_words(rests: Sequence[Rest]) -> list[str]:
    named = [f"跳过{rest.name}（{_range(rest)}）" for rest in rests if rest.name != WEEKEND]
    weekends = [rest for rest in rests if rest.name == WEEKEND]
    if len(weekends) <= 2:
        named += [f"跳过{WEEKEND}（{_range(rest)}）" for rest in weekends]
    else:
        named.append(f"另跳过 {len(weekends)} 个{WEEKEND}共 {sum(rest.days for rest in weekends)} 天")
    return named


def _pause_words(pause: tuple[int, int, int, str], calendar: WorkCalendar, unit: LimitUnit) -> str:
    begin, end, lost, why = pause
    since, until = (moment_of(at).astimezone(calendar.zone) for at in (begin, end))
    words = f"{_full(since)} 至 {_time_after(since, until)} 暂停" + (f"（{why}）" if why else "")
    working = unit in (LimitUnit.WORK_HOUR, LimitUnit.WORK_DAY)
    if not lost:
        return f"{words}，其间无工作时段，不顺延" if working else f"{words}，在起计之前，不顺延"
    return f"{words}，顺延 {lost / _HOUR:.4g} {'工作时' if working else '小时'}"


def _full(at: datetime) -> str:
    return f"{at.date().isoformat()}（{WEEKDAYS[at.weekday()]}）{_time(at)}"


def _ending(at: datetime) -> str:
    """Midnight told as 24:00 of the day it ends, so that nobody reads it as a day more."""
    if (at.hour, at.minute, at.second, at.microsecond) != (0, 0, 0, 0):
        return _full(at)
    day = at - timedelta(days=1)
    return f"{day.date().isoformat()}（{WEEKDAYS[day.weekday()]}）24:00"


def _time_after(before: datetime, at: datetime) -> str:
    """A moment told as briefly as the one before it allows."""
    if at.date() == before.date():
        return _time(at)
    return f"{'次日 ' if at.toordinal() - before.toordinal() == 1 else ''}{_day(at)}{_time(at)}"


def _day(on: date) -> str:
    return f"{_month_day(on)}（{WEEKDAYS[on.weekday()]}）"


def _range(rest: Rest) -> str:
    first, last = _month_day(rest.first), _month_day(rest.last)
    return first if first == last else f"{first} 至 {last}"


def _month_day(on: date) -> str:
    return on.isoformat()[5:10]


def _time(at: datetime) -> str:
    return at.isoformat()[11:16]
