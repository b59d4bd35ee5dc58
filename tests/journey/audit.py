"""The journey's figures and deadlines computed once more, from the journal's rows alone.

Nothing here knows how the service adds up a journal or reckons a deadline: actions are counted, due times are
found by walking along the clock minute by minute, and workdays come from the official notices.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.conftest import shared_file

ENDS = ("closed", "refused", "voided", "merged")
_ZONE = ZoneInfo("Asia/Shanghai")
_MINUTE = timedelta(minutes=1)
_HOURS = {"minute": 1 / 60, "urgent_hour": 1, "urgent_day": 24, "work_hour": 1, "work_day": 8}
_WORKING_HOURS = frozenset({8, 9, 10, 11, 14, 15, 16, 17})


@dataclass
class Story:
    """The journal of one case, oldest entry first."""

    entries: list[Any]

    def of(self, *actions: str) -> list[Any]:
        return [entry for entry in self.entries if entry.action in actions]

    @property
    def end(self) -> str:
        return str(self.entries[-1].to_stage)

    @property
    def exempt(self) -> bool:
        return any(entry.data["command"]["upheld"] for entry in self.of("decide_appeal"))

    def clocks(self, until: int | None = None) -> dict[str, dict[str, Any]]:
        """Each clock as the last entry that speaks of it left it, of the first `until` entries."""
        found: dict[str, dict[str, Any]] = {}
        for entry in self.entries[:until]:
            for clock in entry.data["clocks"]:
                found[clock["id"]] = clock
        return found

    def late(self) -> bool | None:
        """Whether one of the hand-backs came after the handling clock had ended; None without any."""
        judged = [
            any(
                clock["kind"] == "handling"
                and clock["stopped_at"] is None
                and moment(clock["due_at"]) < entry.at
                for clock in self.clocks(number).values()
            )
            for number, entry in enumerate(self.entries)
            if entry.action == "hand_back"
        ]
        return any(judged) if judged else None

    def overruns(self) -> int:
        return sum(clock["overran_at"] is not None for clock in self.clocks().values())


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def stories(rows: Iterable[Any]) -> list[Story]:
    """The stories of the journal's rows, which come by case and version."""
    cases: dict[Any, list[Any]] = defaultdict(list)
    for row in rows:
        cases[row.case_id].append(row)
    return [Story(entries) for entries in cases.values()]


def figures(cases: list[Story]) -> dict[str, int]:
    """What the service tells of itself, by the same names."""
    actions = Counter(entry.action for case in cases for entry in case.entries)
    ends = Counter(case.end for case in cases)
    judged = [case.late() for case in cases if not case.exempt and case.of("hand_back")]
    return {
        "reported": actions["report"] + actions["report_handled"],
        "filed": sum(bool(case.of("file")) for case in cases),
        "open": sum(case.end not in ENDS for case in cases),
        **{end: ends[end] for end in ENDS},
        "self_handled": sum(bool(case.of("audit_pass")) for case in cases),
        "judged": len(judged),
        "on_time": judged.count(False),
        "declines": actions["decline"],
        "extensions": actions["approve_extension"],
        "suspensions": actions["approve_suspension"],
        "reworks": actions["rework"],
        "listed": sum(any(e.data["changes"].get("listed") for e in case.entries) for case in cases),
        "reminders": actions["remind"],
        "supervised": actions["supervise"],
        "appeals": actions["appeal"],
        "granted": sum(case.exempt for case in cases),
        "overruns": sum(case.overruns() for case in cases),
    }


def unrecorded_overruns(cases: list[Story], now: datetime) -> list[dict[str, Any]]:
    """Clocks that ran past their end by now, or before they were stopped, and do not say so."""
    found = []
    for case in cases:
        for clock in case.clocks().values():
            if clock["due_at"] is None or clock["overran_at"] is not None or clock["kind"] == "suspension":
                continue
            stopped = now if clock["stopped_at"] is None else moment(clock["stopped_at"])
            if stopped > moment(clock["due_at"]):
                found.append(clock)
    return found


# -- deadlines, minute by minute -------------------------------------------------------------------------


def workdays() -> frozenset[date]:
    """The workdays of the official notices, make-up workdays included."""
    with shared_file("data/calendars/cn_workdays_2024_2026.csv").open(encoding="utf-8") as file:
        rows = csv.DictReader(file)
        return frozenset(date.fromisoformat(row["date"]) for row in rows if row["is_workday"] == "1")


def due(clock: dict[str, Any], days: frozenset[date]) -> datetime:
    """When the clock's limit is used up, walking from its start minute by minute."""
    left = timedelta(hours=_HOURS[clock["limit_unit"]] * clock["amount"] * clock["times"])
    in_slots = clock["limit_unit"].startswith("work")
    pauses = [(moment(p["start"]), moment(p["end"])) for p in clock["pauses"] if p["end"] is not None]
    for begin, end in _minutes(moment(clock["started_at"]), sorted({edge for p in pauses for edge in p})):
        local = begin.astimezone(_ZONE)
        if in_slots and (local.hour not in _WORKING_HOURS or local.date() not in days):
            continue
        if any(start <= begin < stop for start, stop in pauses):
            continue
        if left <= end - begin:
            return begin + left
        left -= end - begin
    raise AssertionError("time does not end")


def _minutes(start: datetime, edges: list[datetime]) -> Iterator[tuple[datetime, datetime]]:
    """The minutes of the clock from a moment on, cut where a pause begins or ends."""
    begin = start
    while True:
        end = begin.replace(second=0, microsecond=0) + _MINUTE
        end = min([end, *(edge for edge in edges if begin < edge < end)])
        yield begin, end
        begin = end
