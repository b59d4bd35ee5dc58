"""时限: what holds for every start, amount and pause, and a slow clock that counts minute by minute."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from app.dispatch.deadlines import Pause, due, used_fraction
from app.dispatch.rulebook import Limit, LimitUnit
from tests.dispatch.lanxi import CALENDAR, SHANGHAI, local

MINUTE = timedelta(minutes=1)
FIRST = local(2026, 2, 9)
#: Spring Festival 2026 as announced: off from the 15th to the 23rd, two Saturdays worked for it.
OFF = {date(2026, 2, day) for day in range(15, 24)}
WORKED = {date(2026, 2, 14), date(2026, 2, 28)}

units = st.sampled_from(LimitUnit)
work_units = st.sampled_from([LimitUnit.WORK_HOUR, LimitUnit.WORK_DAY])
starts = st.integers(0, 20 * 1440).map(lambda minutes: FIRST + minutes * MINUTE)
#: Amounts that come to whole minutes in every unit.
quarters = st.integers(1, 20).map(lambda quarter: quarter / 4)


def is_working(minute: datetime) -> bool:
    """The oracle's own idea of working time: no sums, no bisection, no `holidays`."""
    day = minute.date()
    if day in OFF or (day.isoweekday() > 5 and day not in WORKED):
        return False
    return 8 <= minute.hour < 12 or 14 <= minute.hour < 18


def slow_due(start: datetime, limit: Limit, pauses: list[Pause], times: int) -> datetime:
    """Counts every minute that is not paused until the limit is used up."""
    working = limit.unit in (LimitUnit.WORK_HOUR, LimitUnit.WORK_DAY)
    if limit.unit is LimitUnit.CALENDAR_DAY:
        whole_days = -int(-limit.amount * times // 1)
        midnight = datetime.combine(
            start.date() + timedelta(days=whole_days + 1), datetime.min.time(), SHANGHAI
        )
        left = (midnight - start) // MINUTE
    else:
        of_unit = {LimitUnit.MINUTE: 1, LimitUnit.WORK_DAY: 480, LimitUnit.URGENT_DAY: 1440}
        left = round(limit.amount * times * of_unit.get(limit.unit, 60))
    minute = start
    while left:
        paused = any(pause.start <= minute < (pause.end or minute) for pause in pauses)
        if not paused and (not working or is_working(minute)):
            left -= 1
        minute += MINUTE
    return minute


@st.composite
def pauses_after(draw: st.DrawFn, start: datetime) -> list[Pause]:
    bounds = sorted(draw(st.sets(st.integers(-600, 6 * 1440), max_size=6)))
    pairs = zip(bounds[::2], bounds[1::2], strict=False)
    return [Pause(start + begin * MINUTE, start + end * MINUTE) for begin, end in pairs]


@given(data=st.data(), start=starts, amount=quarters, unit=units, times=st.integers(1, 3))
@settings(max_examples=150)
def test_agrees_with_counting_minutes(
    data: st.DataObject, start: datetime, amount: float, unit: LimitUnit, times: int
) -> None:
    limit = Limit(amount=amount * 4 if unit is LimitUnit.MINUTE else amount, unit=unit)
    pauses = data.draw(pauses_after(start))
    expected = slow_due(start, limit, pauses, times)
    told = due(start, limit, CALENDAR, pauses, times=times)
    assert told.at == expected
    assert start < told.amber_at <= told.at
    assert used_fraction(start, told.at, limit, CALENDAR, pauses, times=times) == 1


@given(start=starts, later=st.integers(0, 20_000), amount=quarters, more=quarters, unit=units)
def test_monotone_in_start_and_amount(
    start: datetime, later: int, amount: float, more: float, unit: LimitUnit
) -> None:
    granted = Limit(amount=amount, unit=unit)
    first = due(start, granted, CALENDAR).at
    assert due(start + later * MINUTE, granted, CALENDAR).at >= first
    assert due(start, Limit(amount=amount + more, unit=unit), CALENDAR).at >= first


@given(
    start=starts, first=quarters, second=quarters, unit=units.filter(lambda u: u != LimitUnit.CALENDAR_DAY)
)
def test_additive(start: datetime, first: float, second: float, unit: LimitUnit) -> None:
    halfway = due(start, Limit(amount=first, unit=unit), CALENDAR).at
    assert (
        due(halfway, Limit(amount=second, unit=unit), CALENDAR).at
        == due(start, Limit(amount=first + second, unit=unit), CALENDAR).at
    )


@given(start=starts, amount=quarters, unit=work_units, wait=quarters, after=st.integers(0, 100))
def test_a_pause_shifts_the_due_time_by_its_working_time(
    start: datetime, amount: float, unit: LimitUnit, wait: float, after: int
) -> None:
    granted = Limit(amount=amount, unit=unit)
    undisturbed = due(start, granted, CALENDAR).at
    begins = start + (undisturbed - start) * after / 101
    waited = Limit(amount=wait, unit=LimitUnit.WORK_HOUR)
    pause = Pause(begins, due(begins, waited, CALENDAR).at)
    if used_fraction(start, begins, granted, CALENDAR) < 1:
        assert due(start, granted, CALENDAR, [pause]).at == due(undisturbed, waited, CALENDAR).at


@given(start=starts, amount=quarters, unit=work_units, night=st.integers(0, 20), hours=st.integers(1, 13))
def test_a_pause_outside_working_time_changes_no_work_limit(
    start: datetime, amount: float, unit: LimitUnit, night: int, hours: int
) -> None:
    evening = datetime.combine(start.date() + timedelta(days=night), datetime.min.time(), SHANGHAI).replace(
        hour=18
    )
    granted = Limit(amount=amount, unit=unit)
    pause = Pause(evening, evening + timedelta(hours=hours))
    assert due(start, granted, CALENDAR, [pause]).at == due(start, granted, CALENDAR).at


@given(start=starts, amount=quarters, unit=work_units)
def test_a_start_outside_working_time_counts_from_the_next_slot(
    start: datetime, amount: float, unit: LimitUnit
) -> None:
    counted = start
    while not is_working(counted):
        counted += MINUTE
    granted = Limit(amount=amount, unit=unit)
    assert due(start, granted, CALENDAR).at == due(counted, granted, CALENDAR).at


@given(start=starts, amount=quarters, unit=units, steps=st.lists(st.integers(0, 3000), max_size=8))
def test_used_fraction_never_falls(start: datetime, amount: float, unit: LimitUnit, steps: list[int]) -> None:
    granted = Limit(amount=amount, unit=unit)
    end = due(start, granted, CALENDAR).at
    moments = [start + step * MINUTE for step in sorted(steps)]
    used = [used_fraction(start, now, granted, CALENDAR) for now in moments]
    assert used == sorted(used)
    assert all((fraction >= 1) == (now >= end) for fraction, now in zip(used, moments, strict=True))
