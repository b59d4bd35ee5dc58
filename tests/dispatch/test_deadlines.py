"""时限: due times by example."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from app.dispatch.deadlines import Pause, due, used_fraction
from app.dispatch.rulebook import CalendarDay, Limit, LimitUnit
from tests.dispatch.lanxi import CALENDAR, SHANGHAI, limit, local

WORK_HOUR, WORK_DAY = LimitUnit.WORK_HOUR, LimitUnit.WORK_DAY


def ends(start: datetime, granted: Limit, *pauses: Pause, times: int = 1) -> datetime:
    return due(start, granted, CALENDAR, pauses, times=times).at.astimezone(SHANGHAI)


@pytest.mark.parametrize(
    ("start", "granted", "end"),
    [
        # inside one slot, over lunch, over night, over a weekend
        (local(2026, 3, 2, 8), limit(2, WORK_HOUR), local(2026, 3, 2, 10)),
        (local(2026, 3, 2, 11), limit(2, WORK_HOUR), local(2026, 3, 2, 15)),
        (local(2026, 3, 2, 17, 30), limit(2, WORK_HOUR), local(2026, 3, 3, 9, 30)),
        (local(2026, 3, 6, 17), limit(2, WORK_HOUR), local(2026, 3, 9, 9)),
        # a limit that fills the slot ends with it, not with the next one's beginning
        (local(2026, 3, 2, 14), limit(4, WORK_HOUR), local(2026, 3, 2, 18)),
        (local(2026, 3, 2, 18), limit(1, WORK_DAY), local(2026, 3, 3, 18)),
        # outside the slots: from the next one
        (local(2026, 3, 2, 5), limit(1, WORK_HOUR), local(2026, 3, 2, 9)),
        (local(2026, 3, 2, 13), limit(1, WORK_HOUR), local(2026, 3, 2, 15)),
        (local(2026, 3, 7, 10), limit(1, WORK_HOUR), local(2026, 3, 9, 9)),
        # a work day is eight hours inside the slots, not a date
        (local(2026, 3, 2, 10), limit(1, WORK_DAY), local(2026, 3, 3, 10)),
        (local(2026, 3, 2, 10), limit(0.5, WORK_DAY), local(2026, 3, 2, 16)),
        # Saturday 2026-02-14 is worked for the Spring Festival, which lasts from the 15th to the 23rd
        (local(2026, 2, 14, 10), limit(2, WORK_HOUR), local(2026, 2, 14, 12)),
        (local(2026, 2, 13, 17), limit(2, WORK_HOUR), local(2026, 2, 14, 9)),
        (local(2026, 2, 14, 17), limit(2, WORK_HOUR), local(2026, 2, 24, 9)),
        (local(2026, 2, 17, 3), limit(1, WORK_DAY), local(2026, 2, 24, 18)),
        # the wall clock stops for nothing
        (local(2026, 2, 16, 23), limit(2, LimitUnit.URGENT_HOUR), local(2026, 2, 17, 1)),
        (local(2026, 2, 16, 23), limit(2, LimitUnit.URGENT_DAY), local(2026, 2, 18, 23)),
        (local(2026, 2, 16, 23, 50), limit(15, LimitUnit.MINUTE), local(2026, 2, 17, 0, 5)),
        # calendar days end with their date
        (local(2026, 3, 2, 0), limit(1, LimitUnit.CALENDAR_DAY), local(2026, 3, 4)),
        (local(2026, 3, 2, 23, 59), limit(1, LimitUnit.CALENDAR_DAY), local(2026, 3, 4)),
        (local(2026, 3, 2, 9), limit(1.5, LimitUnit.CALENDAR_DAY), local(2026, 3, 5)),
    ],
)
def test_due(start: datetime, granted: Limit, end: datetime) -> None:
    assert ends(start, granted) == end


def test_the_answer_is_in_utc() -> None:
    assert due(local(2026, 3, 2, 8), limit(1, WORK_HOUR), CALENDAR).at.tzinfo is UTC


def test_extensions_multiply_the_limit() -> None:
    assert ends(local(2026, 3, 2, 9), limit(1, WORK_DAY), times=3) == local(2026, 3, 5, 9)
    assert ends(local(2026, 3, 2, 9), limit(2, LimitUnit.CALENDAR_DAY), times=2) == local(2026, 3, 7)


def test_amber_begins_when_four_fifths_are_used() -> None:
    told = due(local(2026, 3, 2, 17), limit(5, WORK_HOUR), CALENDAR)
    assert told.amber_at == local(2026, 3, 3, 11)
    assert due(local(2026, 3, 2, 17), limit(5, WORK_HOUR), CALENDAR, amber_percent=20).amber_at == local(
        2026, 3, 2, 18
    )


def test_a_pause_takes_its_working_time_off() -> None:
    waiting = Pause(local(2026, 3, 2, 10), local(2026, 3, 3, 10), "等待配件")
    assert ends(local(2026, 3, 2, 9), limit(3, WORK_HOUR), waiting) == local(2026, 3, 3, 12)


def test_a_pause_by_night_changes_no_work_limit_but_every_urgent_one() -> None:
    night = Pause(local(2026, 3, 2, 19), local(2026, 3, 3, 7))
    assert ends(local(2026, 3, 2, 17), limit(2, WORK_HOUR), night) == local(2026, 3, 3, 9)
    assert ends(local(2026, 3, 2, 17), limit(1, LimitUnit.URGENT_DAY), night) == local(2026, 3, 4, 5)
    assert ends(local(2026, 3, 2, 17), limit(1, LimitUnit.CALENDAR_DAY), night) == local(2026, 3, 4, 12)


def test_a_pause_after_the_due_time_or_before_the_start_changes_nothing() -> None:
    late = Pause(local(2026, 3, 2, 10), local(2026, 3, 2, 12))
    assert ends(local(2026, 3, 2, 8), limit(2, WORK_HOUR), late) == local(2026, 3, 2, 10)
    early = Pause(local(2026, 3, 2, 8), local(2026, 3, 2, 9))
    assert ends(local(2026, 3, 2, 9), limit(2, WORK_HOUR), early) == local(2026, 3, 2, 11)
    around = Pause(local(2026, 3, 2, 8), local(2026, 3, 2, 11))
    assert ends(local(2026, 3, 2, 9), limit(1, WORK_HOUR), around) == local(2026, 3, 2, 12)


def test_used_fraction_stands_still_while_paused() -> None:
    start, granted = local(2026, 3, 2, 8), limit(4, WORK_HOUR)
    pause = Pause(local(2026, 3, 2, 9), None)
    for hour in (9, 11, 15, 17):
        assert used_fraction(start, local(2026, 3, 2, hour), granted, CALENDAR, [pause]) == 0.25
    assert used_fraction(start, start - timedelta(days=1), granted, CALENDAR) == 0
    assert used_fraction(start, local(2026, 3, 2, 18), granted, CALENDAR) == 2
    assert used_fraction(start, local(2026, 3, 2, 18), granted, CALENDAR, times=2) == 1


@pytest.mark.parametrize(
    ("pauses", "says"),
    [
        ([Pause(local(2026, 3, 2, 9), None)], "still open"),
        ([Pause(local(2026, 3, 2, 9), local(2026, 3, 2, 8))], "end after they start"),
        (
            [
                Pause(local(2026, 3, 2, 9), local(2026, 3, 2, 11)),
                Pause(local(2026, 3, 2, 10), local(2026, 3, 2, 12)),
            ],
            "not overlap",
        ),
    ],
)
def test_pauses_that_make_no_sense_are_refused(pauses: list[Pause], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        due(local(2026, 3, 2, 8), limit(1, WORK_HOUR), CALENDAR, pauses)


def test_a_naive_start_and_a_calendar_that_has_run_out_are_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        due(datetime(2026, 3, 2, 8), limit(1, WORK_HOUR), CALENDAR)
    with pytest.raises(ValueError, match="no work slots left"):
        due(local(2026, 12, 31, 9), limit(2, WORK_DAY), CALENDAR)
    with pytest.raises(ValueError, match="outside the work calendar"):
        due(local(2023, 12, 31, 9), limit(2, WORK_DAY), CALENDAR)
    assert ends(local(2031, 1, 1), limit(1, LimitUnit.URGENT_HOUR)) == local(2031, 1, 1, 1)


@pytest.mark.parametrize(
    ("start", "granted", "because"),
    [
        (
            local(2026, 3, 2, 17, 30),
            limit(2, WORK_HOUR),
            "2 工作时，自 2026-03-02（星期一）17:30 起；18:00 下班，次日 03-03（星期二）08:00 续计；"
            "到期 2026-03-03（星期二）09:30。",
        ),
        (
            local(2026, 3, 2, 11),
            limit(2, WORK_HOUR),
            "2 工作时，自 2026-03-02（星期一）11:00 起；12:00 午休，14:00 续计；"
            "到期 2026-03-02（星期一）15:00。",
        ),
        (
            local(2026, 2, 12, 10),
            limit(15, WORK_DAY),
            "15 工作日（每日计 8 工作时），自 2026-02-12（星期四）10:00 起；跳过春节（02-15 至 02-23）；"
            "跳过周末（03-01）；跳过周末（03-07 至 03-08）；02-14（星期六）、02-28（星期六）调休上班，计入；"
            "到期 2026-03-11（星期三）10:00。",
        ),
        (
            local(2026, 2, 17, 3),
            limit(1, WORK_HOUR),
            "1 工作时，自 2026-02-17（星期二）03:00 起；当日为春节休息日（02-15 至 02-23），"
            "02-24（星期二）08:00 起计；到期 2026-02-24（星期二）09:00。",
        ),
        (
            local(2026, 3, 7, 10),
            limit(1, LimitUnit.CALENDAR_DAY),
            "1 自然日（计至最后一日 24:00），自 2026-03-07（星期六）10:00 起；"
            "到期 2026-03-08（星期日）24:00。",
        ),
        (
            local(2026, 3, 7, 10),
            limit(2, LimitUnit.URGENT_HOUR),
            "2 紧急工作时（昼夜连续计时，节假日不停），自 2026-03-07（星期六）10:00 起；"
            "到期 2026-03-07（星期六）12:00。",
        ),
    ],
)
def test_because(start: datetime, granted: Limit, because: str) -> None:
    assert due(start, granted, CALENDAR).because == because


def test_because_tells_extensions_and_pauses() -> None:
    pauses = (
        Pause(local(2026, 3, 2, 10), local(2026, 3, 3, 10), "挂账：等待配件"),
        Pause(local(2026, 3, 3, 19), local(2026, 3, 3, 20), "回退"),
    )
    told = due(local(2026, 3, 2, 9), limit(1, WORK_DAY), CALENDAR, pauses, times=2).because
    assert "1 工作日 × 2（含延期 1 次）（每日计 8 工作时）" in told
    assert "暂停（挂账：等待配件），顺延 8 工作时" in told
    assert "2026-03-03（星期二）19:00 至 20:00 暂停（回退），其间无工作时段，不顺延" in told


def test_because_tells_the_citys_own_days() -> None:
    own = (
        CalendarDay(day=date(2026, 3, 3), workday=False, note="龙舟节"),
        CalendarDay(day=date(2026, 3, 7), workday=True, note="博览会值班"),
    )
    calendar = CALENDAR.model_copy(update={"days": own})
    told = due(local(2026, 3, 2, 9), limit(5, WORK_DAY), calendar).because
    assert "跳过龙舟节（03-03）" in told
    assert "03-07（星期六）博览会值班，计入" in told
