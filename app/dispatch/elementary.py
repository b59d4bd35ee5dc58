"""基本情形: each dimension of a case parted at the rows' own boundaries, so that inside a class all rows
behave alike. A class is a mask, bit i set where row i holds, and facts that lie in it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any

from app.dispatch.matrix import CompiledRow, owner_fits
from app.dispatch.rulebook import CategoryKind, Rulebook
from app.dispatch.windows import Window
from app.dispatch.workcalendar import zone_of

#: Fields of `Facts` that lie in the class, and the mask of the rows that hold in it.
Class = tuple[dict[str, Any], int]
#: Stands for an owner or a source that no row names.
OTHER = "*"


class Areas:
    """The areas of a district: which codes exist, as far as known (`codes` None: not known)."""

    def __init__(self, district: str, codes: Collection[str] | None) -> None:
        self._district = district
        self._codes = None if codes is None else {*codes, district}
        ordered = sorted(self._codes or ())
        pairs = pairwise([*ordered, ""])
        self._finest = [code for code, following in pairs if not following.startswith(code)]

    def exists(self, code: str) -> bool:
        """Whether it is the code of an area of the district. Cell codes have 15 digits, older ones 14."""
        shaped = code.isdigit() and len(code) in (6, 9, 12, 14, 15) and code.startswith(self._district)
        return shaped and (self._codes is None or code in self._codes)

    def classes(self, rows: Sequence[CompiledRow]) -> list[Class]:
        """Each area the rows name without the finer ones they name, and the rest of the district."""
        named = {row.row.area for row in rows if row.row.area and self.exists(row.row.area)}
        found = [
            area
            for area in sorted(named - {self._district})
            if self._has_more(area, tuple(part for part in named if part != area and part.startswith(area)))
        ]
        return [
            (place, mask(not row.row.area or row.row.area in place.values() for row in rows))
            for place in map(_place, (self._district, *found))
        ]

    def _has_more(self, area: str, parts: tuple[str, ...]) -> bool:
        """Whether the area holds a place that lies in none of the parts."""
        if self._codes is None or not parts:
            return True
        for code in self._finest[bisect_left(self._finest, area) :]:
            if not code.startswith(area):
                break
            if not code.startswith(parts):
                return True
        return False


def owner_classes(kind: CategoryKind, rows: Sequence[CompiledRow]) -> list[Class]:
    """Unowned, each owner the rows name, any other owner; of events none matters."""
    owners: list[str | None] = [None]
    if kind is CategoryKind.COMPONENT:
        owners += [*sorted({row.row.owner for row in rows if row.row.owner}), OTHER]
    return [
        ({"component_owner": owner}, mask(owner_fits(row.row, kind, owner) for row in rows))
        for owner in owners
    ]


def source_classes(rows: Sequence[CompiledRow]) -> list[Class]:
    """Each source the rows name, and any other."""
    sources = [OTHER, *sorted({row.row.source for row in rows if row.row.source})]
    return [({"source": source}, mask(row.row.source in ("", source) for row in rows)) for source in sources]


class Moments:
    """Local moments of every kind that windows tell apart, in any year.

    The years are the calendar's, those that windows name, and enough others that each of the fourteen kinds
    of year (by its first weekday and its leap day) is among them: a yearly date then meets every weekday.
    """

    def __init__(self, rulebook: Rulebook, windows: Iterable[Window]) -> None:
        self._zone = zone_of(rulebook.calendar)
        self._days = [
            date(year, 1, 1) + timedelta(days=n)
            for year in _years(rulebook, windows)
            for n in range((date(year + 1, 1, 1) - date(year, 1, 1)).days)
        ]
        self._covered = cache(
            lambda window: [(window.covers_day(day), window.covers_day(day - _DAY)) for day in self._days]
        )
        self._representatives = cache(self._find)

    def classes(self, rows: Sequence[CompiledRow]) -> list[Class]:
        windows = frozenset(row.window for row in rows)
        return [
            ({"at": at}, mask(row.window in holding for row in rows))
            for holding, at in self._representatives(windows).items()
        ]

    def _find(self, windows: frozenset[Window]) -> dict[frozenset[Window], datetime]:
        """Every set of the windows that hold together, with a moment at which they do."""
        by_day = zip(self._days, *(self._covered(window) for window in windows), strict=True)
        # What the windows say of a day and of the one before it is all that its hours depend on.
        days = {tuple(covered): day for day, *covered in by_day}
        bounds = {0} | {minute % 1440 for window in windows for hours in window.hours for minute in hours}
        moments = (
            datetime(day.year, day.month, day.day, *divmod(minute, 60), tzinfo=self._zone)
            for day in days.values()
            for minute in sorted(bounds)
        )
        return {frozenset(window for window in windows if window.covers(at)): at for at in moments}


def mask(holds: Iterable[bool]) -> int:
    """Bit i set where the i-th holds."""
    return sum(1 << i for i, held in enumerate(holds) if held)


def bits(of: int) -> Iterator[int]:
    """Positions of the bits set, lowest first."""
    while of:
        yield (of & -of).bit_length() - 1
        of &= of - 1


_DAY = timedelta(days=1)


def _years(rulebook: Rulebook, windows: Iterable[Window]) -> list[int]:
    calendar = rulebook.calendar
    years = set(range(calendar.first_year, calendar.last_year + 1))
    years |= {year for window in windows for dates in window.dates for year in dates.years or ()}
    # An evening of the last day of a year has its small hours in the next.
    years |= {year + 1 for year in years}
    known = {_kind_of_year(year) for year in years}
    for year in range(2000, 2028):
        if _kind_of_year(year) not in known:
            known.add(_kind_of_year(year))
            years.add(year)
    # The calendar's own years last: what is shown as an example then lies in them where it can.
    return sorted(years, key=lambda year: (calendar.first_year <= year <= calendar.last_year, -year))


def _kind_of_year(year: int) -> tuple[int, bool]:
    return date(year, 1, 1).weekday(), (date(year, 12, 31) - date(year, 1, 1)).days == 365


def _place(area: str) -> dict[str, Any]:
    """Area codes of a place in the area, no finer than it."""
    return {
        "district_code": area[:6],
        "street_code": area[:9] if len(area) >= 9 else None,
        "community_code": area[:12] if len(area) >= 12 else None,
        "cell_code": area if len(area) > 12 else None,
    }
