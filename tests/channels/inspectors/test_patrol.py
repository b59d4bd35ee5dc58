"""Minutes and cells of a day, against counting them one by one."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from app.channels.inspectors.tracks import patrol
from app.channels.inspectors.tracks.patrol import LocalDay

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY = LocalDay.of(date(2026, 3, 2), SHANGHAI)

_second = st.integers(-3600, 25 * 3600)
_shift = st.tuples(_second, st.integers(60, 12 * 3600))


def _moment(second: int) -> datetime:
    return DAY.start + timedelta(seconds=second)


@given(_shift, st.lists(st.integers(0, 24 * 3600 - 1), max_size=40), st.integers(1, 10))
def test_attendance_is_what_counting_minutes_gives(shift, points, for_minutes):
    start, length = shift
    minutes = 0
    for second in points:
        minutes |= patrol.bit(DAY.minute(_moment(second)))
    found = patrol.attendance(DAY, [(_moment(start), _moment(start + length))], minutes, for_minutes)

    first, last = max(start, 0), min(start + length, 24 * 3600)
    seconds = max(0, last - first)
    evidenced = sum(
        any(0 <= minute - second // 60 < for_minutes for second in points)
        for minute in range(1440)
        if minute * 60 < last and minute * 60 + 60 > first and seconds
    )
    assert found.on_duty_minutes == round(seconds / 60)
    assert found.evidenced_minutes == min(evidenced, found.on_duty_minutes)


@given(st.lists(st.integers(0, 1499), max_size=50))
def test_minutes_are_written_as_they_are_read(minutes):
    bits = 0
    for minute in minutes:
        bits |= patrol.bit(minute)
    written = patrol.written(bits)
    assert [at for at, sign in enumerate(written) if sign == "1"] == sorted(set(minutes))
    assert (int(written, 2), len(written)) == (bits, patrol.WIDTH)


def test_a_day_has_as_many_hours_as_the_clock_shows():
    new_york = ZoneInfo("America/New_York")
    for day, hours in ((date(2026, 3, 8), 23), (date(2026, 11, 1), 25), (date(2026, 3, 2), 24)):
        found = LocalDay.of(day, new_york)
        assert (found.end - found.start) == timedelta(hours=hours)
        assert found.minute(found.end - timedelta(microseconds=1)) == hours * 60 - 1 < patrol.WIDTH


def test_coverage():
    found = patrol.coverage(["a", "b", "c"], {"a": 3, "b": 2, "z": 9}, 3)
    assert (found.missed, found.rate) == (("b", "c"), 0.3333)
    assert patrol.coverage(["a"], {"a": 1}, 1).rate == 1
