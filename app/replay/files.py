"""回放文件: reports as a CSV file, so that a city can replay its own records (`docs/replay.md`)."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from app.errors import InvalidInput
from app.geo import Datum
from app.replay.report import ReplayReport

COLUMNS = tuple(field.name for field in fields(ReplayReport))
_REQUIRED = ("moment", "source", "x", "y", "description")
_YES, _NO = frozenset({"true", "yes", "1", "是", ""}), frozenset({"false", "no", "0", "否"})
#: More of them would bury the rest.
_TOLD = 10


def write(reports: Iterable[ReplayReport], path: Path) -> None:
    """Writes the reports, moments with their offset from UTC."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(COLUMNS)
        rows.writerows([_text(getattr(report, name)) for name in COLUMNS] for report in reports)


def read(path: Path, zone: ZoneInfo) -> list[ReplayReport]:
    """The reports of a file in order of their moments; moments without an offset are local to `zone`.

    Errors: `InvalidInput`, naming line and column of what is wrong.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return sorted(_rows(csv.DictReader(file), path.name, zone), key=lambda report: report.moment)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"{path} is no CSV file in UTF-8: {error}") from error


def _rows(rows: csv.DictReader[str], name: str, zone: ZoneInfo) -> list[ReplayReport]:
    given = rows.fieldnames or ()
    if missing := [column for column in _REQUIRED if column not in given]:
        raise InvalidInput(f"{name} lacks the columns {', '.join(missing)}; it may have {', '.join(COLUMNS)}")
    if unknown := [column for column in given if column not in COLUMNS]:
        raise InvalidInput(f"{name} has unknown columns {', '.join(unknown)}; known are {', '.join(COLUMNS)}")
    reports: list[ReplayReport] = []
    wrong: list[str] = []
    for row in rows:
        try:
            reports.append(_report(row, zone))
        except _Wrong as error:
            wrong.append(f"line {rows.line_num}, {error.column}: {error}")
    if wrong:
        more = f"; and {len(wrong) - _TOLD} more" if len(wrong) > _TOLD else ""
        raise InvalidInput(f"{name}: {'; '.join(wrong[:_TOLD])}{more}")
    if not reports:
        raise InvalidInput(f"{name} holds no reports")
    return reports


class _Wrong(Exception):
    def __init__(self, column: str, detail: str) -> None:
        super().__init__(detail)
        self.column = column


def _report(row: dict[str, str | None], zone: ZoneInfo) -> ReplayReport:
    text = {name: (row.get(name) or "").strip() for name in COLUMNS}
    for column in _REQUIRED:
        if not text[column]:
            raise _Wrong(column, "is empty")
    return ReplayReport(
        moment=_moment(text["moment"], zone),
        source=text["source"],
        x=_number("x", text["x"]),
        y=_number("y", text["y"]),
        datum=_datum(text["datum"]),
        condition=text["condition"] or None,
        description=text["description"],
        address=text["address"],
        component_code=text["component_code"] or None,
        exists=_flag("exists", text["exists"]),
        external_number=text["external_number"] or None,
    )


def _moment(text: str, zone: ZoneInfo) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _Wrong("moment", f"{text!r} is no moment like 2026-03-02T09:15:00+08:00") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _number(column: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise _Wrong(column, f"{text!r} is no number")
    return number


def _datum(text: str) -> Datum:
    try:
        return Datum(text or Datum.GCJ02)
    except ValueError:
        raise _Wrong("datum", f"{text!r} is none of {', '.join(Datum)}") from None


def _flag(column: str, text: str) -> bool:
    if text.lower() in _YES | _NO:
        return text.lower() in _YES
    raise _Wrong(column, f"{text!r} is neither true nor false")


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return value.isoformat()
        case bool():
            return str(value).lower()
    return str(value)


def shifted(reports: Sequence[ReplayReport], start: datetime) -> list[ReplayReport]:
    """The reports with the first at `start` and all intervals kept."""
    by = start - reports[0].moment
    return [replace(report, moment=report.moment + by) for report in reports]
