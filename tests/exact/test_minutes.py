"""The slow clock itself, held against examples worked out by hand: who guards must be guarded."""

from __future__ import annotations

import pytest

from tests.cases.desk import at
from tests.exact.minutes import CalendarEnded, due_and_amber


def due(start: str, amount: float, unit: str, *pauses: tuple[str, str], times: int = 1) -> str:
    spans = tuple((at(begin), at(end)) for begin, end in pauses)
    told, amber = due_and_amber(at(start), amount, unit, times=times, percent=80, pauses=spans)
    assert at(start) < amber < told
    return f"{told:%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("start", "amount", "unit", "expected"),
    [
        ("2026-03-02 09:00", 15, "minute", "03-02 09:15"),
        ("2026-03-06 17:30", 2, "work_hour", "03-09 09:30"),  # over a weekend
        ("2026-03-02 08:00", 4, "work_hour", "03-02 12:00"),  # a slot filled ends with the slot
        ("2026-03-02 13:00", 1, "work_day", "03-03 12:00"),
        ("2026-04-30 17:00", 1, "work_day", "05-06 17:00"),  # 劳动节
        ("2026-05-08 17:00", 2, "work_hour", "05-09 09:00"),  # a Saturday worked
        ("2026-09-30 18:00", 2, "urgent_day", "10-02 18:00"),
        ("2026-03-02 09:00", 1, "calendar_day", "03-04 00:00"),
    ],
)
def test_by_hand(start, amount, unit, expected):
    assert due(start, amount, unit) == expected


def test_a_pause_by_hand():
    """The example of docs/concepts.md: declined on Friday at 17:45, returned on Monday at 08:15."""
    away = ("2026-03-06 17:45", "2026-03-09 08:15")
    assert due("2026-03-06 17:30", 2, "work_hour", away) == "03-09 10:00"
    assert due("2026-03-06 17:30", 2, "urgent_hour", away) == "03-09 10:00"
    assert due("2026-03-06 17:30", 2, "work_hour", away, times=2) == "03-09 12:00"


def test_amber_falls_inside_a_minute():
    _, amber = due_and_amber(at("2026-03-02 09:00"), 2, "minute", times=1, percent=60, pauses=())
    assert f"{amber:%H:%M:%S}" == "09:01:12"


def test_the_calendar_ends():
    with pytest.raises(CalendarEnded):
        due("2026-12-31 17:00", 2, "work_hour")
    assert due("2026-12-31 17:00", 2, "urgent_hour") == "12-31 19:00"
