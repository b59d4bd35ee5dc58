"""责任矩阵 read the naive way, as docs/dispatch.md puts it: an oracle that shares nothing with `matrix.py`.

Rules are drawn as plain facts (`Rule`), written out as rows for the service, and read here from the facts,
never from the texts. Times are walked through day by day; nothing is compiled, sorted or parsed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from app.dispatch.matrix import Facts
from app.dispatch.rulebook import MatrixRow, Unit, UnitKind

DISTRICT = "330799"
#: Each condition with its kind, major and minor.
TAXONOMY = {
    "C0101-1": ("component", "C01", "C0101"),
    "C0101-2": ("component", "C01", "C0101"),
    "C0102-1": ("component", "C01", "C0102"),
    "C0201-1": ("component", "C02", "C0201"),
    "E0401-1": ("event", "E04", "E0401"),
    "E0402-1": ("event", "E04", "E0402"),
}
#: In the order in which they are compared; as the explanation names them.
DIMENSIONS = ("类别", "区域", "权属", "时段", "来源")

Day = tuple[int | None, int, int]


@dataclass(frozen=True)
class Rule:
    """A row as facts. Minutes of the day, pairs of weekdays, pairs of dates (year None: each year).

    `spoilt` is a text that makes the row unreadable, by the name of its field.
    """

    code: str
    category: str = ""
    area: str = ""
    ownership: str = "any"
    owner: str = ""
    hours: tuple[tuple[int, int], ...] = ()
    weekdays: tuple[tuple[int, int], ...] = ()
    dates: tuple[tuple[Day, Day], ...] = ()
    source: str = ""
    lead: tuple[str, ...] = ("@principle",)
    assisting: tuple[str, ...] = ()
    spoilt: tuple[str, str] | None = None

    def row(self) -> MatrixRow:
        """The row as a city writes it."""
        written: dict[str, object] = {
            "code": self.code,
            "category": self.category,
            "area": self.area,
            "ownership": self.ownership,
            "owner": self.owner,
            "hours": ",".join(f"{_clock(start)}-{_clock(end)}" for start, end in self.hours),
            "weekdays": ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in self.weekdays),
            "dates": ",".join(_day(a) if a == b else f"{_day(a)}..{_day(b)}" for a, b in self.dates),
            "source": self.source,
            "lead": " > ".join(self.lead),
            "assisting": self.assisting,
        }
        return MatrixRow.model_validate(written | dict([self.spoilt] if self.spoilt else []))


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _day(day: Day) -> str:
    year, month, of_month = day
    return f"{month:02d}-{of_month:02d}" if year is None else f"{year:04d}-{month:02d}-{of_month:02d}"


@dataclass(frozen=True)
class Verdict:
    """What a careful person would decide. `losers` with the dimension each lost by."""

    row: str
    lead: str
    assisting: tuple[str, ...]
    fallback: bool
    losers: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Oracle:
    rules: tuple[Rule, ...]
    units: tuple[Unit, ...]
    fallback_unit: str
    zone: ZoneInfo

    def decide(self, case: Facts) -> Verdict | None:
        """None: nobody can tell who leads."""
        speaking = [rule for rule in self.rules if self.speaks(rule, case)]
        best = [
            rule
            for rule in speaking
            if all(rank(rule) > rank(other) for other in speaking if other is not rule)
        ]
        if len(best) != 1:
            return None
        (winner,) = best
        lead, fallback = self._lead(winner, case)
        if lead is None:
            return None
        helping: list[str] = []
        for reference in winner.assisting:
            found = [self.unit(part, case) for part in _spelled_out(reference, case)]
            first = next((unit for unit in found if unit is not None), None)
            if first is not None and first != lead and first not in helping:
                helping.append(first)
        losers = frozenset((rule.code, lost_by(rule, winner)) for rule in speaking if rule is not winner)
        return Verdict(winner.code, lead, tuple(helping), fallback, losers)

    def speaks(self, rule: Rule, case: Facts) -> bool:
        """Whether the rule holds for the case."""
        kind, major, minor = TAXONOMY[case.condition]
        if rule.spoilt or rule.category not in ("", kind, major, minor, case.condition):
            return False
        if not _finest(case).startswith(rule.area):
            return False
        if rule.source and rule.source != case.source:
            return False
        narrowed = rule.owner or rule.ownership != "any"
        if narrowed and kind == "event":
            return False
        if rule.owner and case.component_owner != rule.owner:
            return False
        if rule.ownership == "owned" and case.component_owner is None:
            return False
        if rule.ownership == "unowned" and case.component_owner is not None:
            return False
        return self._holds_at(rule, case.at.astimezone(self.zone).replace(tzinfo=None))

    def _holds_at(self, rule: Rule, local: datetime) -> bool:
        if not rule.hours:
            return _fits_day(rule, local.date())
        for begun in (local.date(), local.date() - timedelta(days=1)):
            midnight = datetime(begun.year, begun.month, begun.day)
            for start, end in rule.hours:
                ends = midnight + timedelta(minutes=end if end > start else end + 24 * 60)
                if midnight + timedelta(minutes=start) <= local < ends and _fits_day(rule, begun):
                    return True
        return False

    def _lead(self, rule: Rule, case: Facts) -> tuple[str | None, bool]:
        for reference in rule.lead:
            for part in _spelled_out(reference, case):
                if unit := self.unit(part, case):
                    return unit, part == "@fallback"
        return self.unit("@fallback", case), True

    def unit(self, reference: str, case: Facts) -> str | None:
        """The unit a single reference stands for here, if there is one."""
        known = [unit.code for unit in self.units]
        named = {
            "@owner": case.component_owner,
            "@maintainer": case.component_maintainer,
            "@street_chief": case.chief_unit,
        }
        if reference == "@street_office":
            return self._serving([u for u in self.units if u.kind is UnitKind.STREET_OFFICE], case)
        if reference == "@community":
            return self._serving([u for u in self.units if u.kind is UnitKind.COMMUNITY], case)
        if reference.startswith("@local:"):
            duty = reference.removeprefix("@local:")
            return self._serving([u for u in self.units if duty in u.duties], case)
        if reference == "@fallback":
            office = self.unit("@street_office", case)
            return office or (self.fallback_unit if self.fallback_unit in known else None)
        wanted = named.get(reference, reference)
        return wanted if wanted in known else None

    @staticmethod
    def _serving(units: list[Unit], case: Facts) -> str | None:
        """The one whose area is the finest that holds the place; the first told among equals."""
        best, fineness = None, -1
        for unit in units:
            for area in unit.areas or ("",):
                if _finest(case).startswith(area) and len(area) > fineness:
                    best, fineness = unit.code, len(area)
        return best


def rank(rule: Rule) -> tuple[int, int, int, int, int]:
    """How specific the rule is: category, area, ownership, time, source, in this order."""
    if rule.category in TAXONOMY:
        category = 4
    else:
        minors = {minor for _, _, minor in TAXONOMY.values()}
        majors = {major for _, major, _ in TAXONOMY.values()}
        category = 3 if rule.category in minors else 2 if rule.category in majors else 1
        category = category if rule.category else 0
    area = {"": 0, 6: 1, 9: 2, 12: 3, 15: 4}[len(rule.area) or ""]
    ownership = 2 if rule.owner else 1 if rule.ownership != "any" else 0
    times = sum(1 for narrowed in (rule.dates, rule.weekdays, rule.hours) if narrowed)
    return category, area, ownership, times, 1 if rule.source else 0


def lost_by(loser: Rule, winner: Rule) -> str:
    pairs = zip(DIMENSIONS, rank(loser), rank(winner), strict=True)
    return next(name for name, own, other in pairs if own != other)


def _finest(case: Facts) -> str:
    """A place outside counts as the district's, in none of its streets."""
    return case.cell_code or case.community_code or case.street_code or DISTRICT


def _spelled_out(reference: str, case: Facts) -> tuple[str, ...]:
    """部件先属主后属地, 事件先属地后属主."""
    if reference != "@principle":
        return (reference,)
    if TAXONOMY[case.condition][0] == "component":
        return "@owner", "@street_office"
    return "@street_office", "@owner"


def _fits_day(rule: Rule, day: date) -> bool:
    if rule.weekdays and not any(day.isoweekday() in _weekdays(*pair) for pair in rule.weekdays):
        return False
    if not rule.dates:
        return True
    return any(
        (None if first[0] is None else day.year, day.month, day.day) in _dates(first, last)
        for first, last in rule.dates
    )


def _weekdays(first: int, last: int) -> set[int]:
    passed = {first}
    while first != last:
        first = 1 if first == 7 else first + 1
        passed.add(first)
    return passed


@cache
def _dates(first: Day, last: Day) -> frozenset[Day]:
    """Each day from the first to the last; of yearly ones in a leap year, on past its end if need be."""
    yearly = first[0] is None
    day, passed = date(first[0] or 2024, *first[1:]), set()
    while True:
        named: Day = (None if yearly else day.year, day.month, day.day)
        passed.add(named)
        if named == last:
            return frozenset(passed)
        day += timedelta(days=1)
        if yearly and day.year > 2024:
            day = date(2024, 1, 1)
