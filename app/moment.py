"""时刻 that clients name: aware, in UTC, and such that the database and every time zone can tell them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator

# A day inside what Python can tell. What lies nearer the ends could be stored, and not be read again in UTC
# or in the city's own zone.
_FIRST = datetime(1, 1, 2, tzinfo=UTC)
_LAST = datetime(9999, 12, 30, 23, 59, 59, 999_999, tzinfo=UTC)
#: Days of which midnight and the next can be told in every time zone.
_FIRST_DAY, _LAST_DAY = date(2, 1, 1), date(9998, 12, 31)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_YEAR_FIRST = re.compile(r"\d{4}-")


def _tellable(moment: datetime) -> datetime:
    if not _FIRST <= moment <= _LAST:
        raise ValueError(f"must lie between {_FIRST.date()} and {_LAST.date()}")
    return moment.astimezone(UTC)


def _written_out(given: Any) -> Any:
    """A bare number would pass for seconds since 1970: `20260302` would be a night in August 1970."""
    if isinstance(given, int | float) or (isinstance(given, str) and not _YEAR_FIRST.match(given)):
        raise ValueError("write a date and a time with an offset, like 2026-03-02T09:00:00+08:00")
    return given


Moment = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_tellable)]


def _tellable_day(day: date) -> date:
    if not _FIRST_DAY <= day <= _LAST_DAY:
        raise ValueError(f"must lie between {_FIRST_DAY} and {_LAST_DAY}")
    return day


def _day_written_out(given: Any) -> Any:
    if not (isinstance(given, str) and _DATE.fullmatch(given)):
        raise ValueError("write a date like 2026-03-02")
    return given


#: 日期 of the city's own calendar.
Day = Annotated[date, BeforeValidator(_day_written_out), AfterValidator(_tellable_day)]
