"""时刻 that clients name: aware, in UTC, and such that the database and every time zone can tell them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime

# A day inside what Python can tell. What lies nearer the ends could be stored, and not be read again in UTC
# or in the city's own zone.
_FIRST = datetime(1, 1, 2, tzinfo=UTC)
_LAST = datetime(9999, 12, 30, 23, 59, 59, 999_999, tzinfo=UTC)


def _tellable(moment: datetime) -> datetime:
    if not _FIRST <= moment <= _LAST:
        raise ValueError(f"must lie between {_FIRST.date()} and {_LAST.date()}")
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_tellable)]
