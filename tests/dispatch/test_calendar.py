"""工作日历: every day of 2024-2026 is right, and a city may have its own days and hours."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime, time, timedelta

import pytest

from app.dispatch.rulebook import Calendar, CalendarDay, WorkSlot
from app.dispatch.workcalendar import instant, moment_of, unannounced_years, work_calendar
from tests.conftest import shared_file
from tests.dispatch.lanxi import CALENDAR, SLOTS, local


def workday(calendar: Calendar, on: date) -> bool:
    return work_calendar(calendar).day(on).workday


def test_every_day_of_the_official_calendar() -> None:
    compiled = work_calendar(CALENDAR)
    with shared_file("data/calendars/cn_workdays_2024_2026.csv").open(encoding="utf-8") as file:
        official = list(csv.DictReader(file))
    assert [day.date.isoformat() for day in compiled.days] == [day["date"] for day in official]
    for day, known in zip(compiled.days, official, strict=True):
        assert day.workday == (known["is_workday"] == "1"), day
        assert (day.date in compiled.makeups) == (known["makeup_workday"] == "1"), day


def test_days_moved_over_the_turn_of_a_year_are_known() -> None:
    # Sunday 2006-12-31 was worked for 2007-01-03.
    calendar = Calendar(slots=SLOTS, first_year=2006, last_year=2006)
    assert workday(calendar, date(2006, 12, 31))


def test_holidays_are_named_as_people_know_them() -> None:
    (spring,) = work_calendar(CALENDAR).rests_between(date(2026, 2, 16), date(2026, 2, 20))
    assert (spring.name, spring.first, spring.last) == ("春节", date(2026, 2, 15), date(2026, 2, 23))
    (both,) = work_calendar(CALENDAR).rests_between(date(2025, 10, 3), date(2025, 10, 3))
    assert both.name == "国庆节、中秋节"
    (weekend,) = work_calendar(CALENDAR).rests_between(date(2026, 3, 6), date(2026, 3, 9))
    assert (weekend.name, weekend.days) == ("周末", 2)


def test_the_citys_own_days_come_before_the_countrys() -> None:
    festival, fair = date(2026, 3, 3), date(2026, 3, 7)
    own = (
        CalendarDay(day=festival, workday=False, note="龙舟节"),
        CalendarDay(day=fair, workday=True, note="博览会值班"),
    )
    calendar = CALENDAR.model_copy(update={"days": own})
    assert not workday(calendar, festival)
    assert workday(calendar, fair)
    assert work_calendar(calendar).rests_between(festival, festival)[0].name == "龙舟节"
    assert workday(CALENDAR, festival)
    assert not workday(CALENDAR, fair)


def test_years_without_an_announcement_are_named() -> None:
    assert unannounced_years(CALENDAR) == []
    # No announcement is made for 2035 before late 2034.
    later = CALENDAR.model_copy(update={"last_year": 2035})
    assert 2035 in unannounced_years(later)
    told = (CalendarDay(day=date(2035, 1, 6), workday=True),)
    assert 2035 not in unannounced_years(later.model_copy(update={"days": told}))
    assert unannounced_years(Calendar(slots=SLOTS, country="US", last_year=2035)) == []


@pytest.mark.parametrize("wrong", [{"country": "ZZ"}, {"timezone": "Mars/Olympus"}])
def test_an_unknown_country_or_zone_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"unknown time zone|no statutory holidays"):
        work_calendar(CALENDAR.model_copy(update=wrong))


def test_a_slot_may_end_at_midnight() -> None:
    calendar = Calendar(slots=(WorkSlot(start=time(16), end=time(0)),))
    compiled = work_calendar(calendar)
    monday = instant(local(2026, 3, 2))
    tuesday = instant(local(2026, 3, 3))
    assert timedelta(microseconds=compiled.reading(tuesday) - compiled.reading(monday)) == timedelta(hours=8)


def test_a_change_of_summer_time_is_worked_by_the_clock_on_the_wall() -> None:
    # Berlin, Sunday 2026-03-29: clocks go from 02:00 to 03:00, so a slot of six hours lasts five.
    night = Calendar(
        timezone="Europe/Berlin", country="DE", weekend=(), slots=(WorkSlot(start=time(0), end=time(6)),)
    )
    compiled = work_calendar(night)
    before, after = datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC)
    worked = compiled.reading(instant(after)) - compiled.reading(instant(before))
    assert timedelta(microseconds=worked) == timedelta(hours=5)
    assert moment_of(compiled.moment(compiled.reading(instant(after)))) == datetime(
        2026, 3, 29, 4, tzinfo=UTC
    )


def test_equal_calendars_are_compiled_once() -> None:
    assert work_calendar(Calendar(slots=SLOTS)) is work_calendar(CALENDAR)
