"""到达模型: the reports of a number of days, in the order they come in. The model is told in `docs/demo.md`.

Pure and seeded; the first days are the same however many days are asked for. Reports are a Poisson stream
whose rate depends on the day and the hour; each source has hours, each category a season and places.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from heapq import heappop, heappush
from itertools import accumulate, count
from random import Random

from shapely import Point

from app.demo.district import DECIMALS, District, to_degrees
from app.demo.habits import Habit, habits
from app.demo.sites import Sites
from app.dispatch.rulebook import CategoryKind, Condition, Rulebook
from app.dispatch.workcalendar import WEEKEND, Day, WorkCalendar
from app.geo import Datum, from_storage

HOUR = timedelta(hours=1)
#: Reports of a weekend day and of a holiday, as a share of a workday's (make-up workdays are workdays).
WEEKEND_FACTOR, HOLIDAY_FACTOR = 0.82, 0.68
#: Share of all reports that tell again what was told before, and how far off at most, in metres and hours.
DUPLICATES = 0.08
DUPLICATE_M, DUPLICATE_HOURS = 45.0, 23.0
#: How far at most a device's position is off, metres.
NOISE_M = 6.0


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """问题来源 (a code of the rulebook) and its share of all reports.

    `by_hour` are relative weights of the 24 local hours, `real` the share of reports that tell the truth,
    `datums` the coordinate systems of its devices, `components` how often it names a component's code,
    `sees` beginnings of the category codes it can tell of.
    """

    code: str
    share: float
    by_hour: str
    real: float
    datums: dict[Datum, float]
    openings: tuple[str, ...]
    closings: tuple[str, ...] = ("。",)
    components: float = 0.0
    sees: tuple[str, ...] = ("",)

    def share_at(self, hour: int) -> float:
        """The part of a day's reports of all sources that come from this one in a local hour."""
        weights = [float(weight) for weight in self.by_hour.split()]
        return self.share * weights[hour] / sum(weights)


_PLEAS = ("，请尽快处理。", "，希望有关部门管一管。", "，影响出行。", "，麻烦派人看看。", "。")
_MAP_APP = {Datum.GCJ02: 0.93, Datum.BD09: 0.05, Datum.WGS84: 0.02}
_CITY_MAP = {Datum.CGCS2000: 1.0}
SOURCES = (
    Source(
        "inspector", 0.58, "0 0 0 0 0 .2 .5 2 6 9 9 7 2 2 7 8 7 4 3 3 2.5 1.5 .5 .2",
        real=0.99, datums={Datum.GCJ02: 0.9, Datum.WGS84: 0.1}, openings=("巡查发现，", ""), components=0.85,
    ),
    Source(
        "hotline", 0.18, "1 .6 .3 .2 .2 .6 1 3 5 7 7 5 3 3 5 5 5 4 5 6 6 5 4 2",
        real=0.86, datums={Datum.CGCS2000: 0.7, Datum.BD09: 0.3},
        openings=("市民来电反映，", "来电人称", "市民反映："), closings=_PLEAS,
    ),
    Source(
        "citizen", 0.12, "1 .4 .2 .1 .1 .5 2 5 5 3 3 4 5 4 3 3 4 6 7 7 7 5 4 2",
        real=0.90, datums=_MAP_APP, openings=("", "", "您好，", "反映一下，"), closings=_PLEAS,
    ),
    Source(
        "camera", 0.05, "2 2 2 1 1 2 3 5 5 5 5 5 4 4 5 5 5 5 5 5 4 4 3 2",
        real=0.93, datums=_CITY_MAP, openings=("视频巡查发现，", "智能抓拍："),
        sees=("E04", "E0102", "E0303", "E0201"),
    ),
    Source(
        "street_chief", 0.04, "0 0 0 0 0 0 1 3 5 6 6 4 1 1 4 6 6 4 3 2 1 0 0 0",
        real=0.97, datums=_MAP_APP, openings=("街长巡街发现，", "巡街时看到，"), components=0.4,
    ),
    Source(
        "sensor", 0.02, "1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        real=0.90, datums=_CITY_MAP, openings=("设备告警：",), components=1.0,
        sees=("C0102", "C0103", "C0119", "E0506"),
    ),
    Source(
        "transferred", 0.01, "0 0 0 0 0 0 0 0 2 5 5 4 0 1 5 5 4 2 0 0 0 0 0 0",
        real=0.92, datums=_CITY_MAP, openings=("上级转办：", "部门移交："), closings=("，请核查处理。",),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DemoReport:
    """A report as it comes in, and what is true of it.

    `serial` counts from 1 in order of `moment` (UTC). `x`, `y` are in `datum`. `condition` is what a clerk
    would choose, `category` its minor. `real` tells whether there is such a problem; `duplicate_of` is the
    serial of an earlier report of the same one. `external_number` is the hotline's own order number.
    """

    serial: int
    moment: datetime
    source: str
    x: float
    y: float
    datum: Datum
    category: str
    condition: str
    component_code: str | None
    text: str
    address: str
    external_number: str | None
    real: bool
    duplicate_of: int | None


@dataclass(frozen=True, slots=True)
class _Problem:
    """What somebody saw, or says to have seen, and where (metres)."""

    habit: Habit
    condition: Condition
    point: Point
    component: str | None
    real: bool


@dataclass(frozen=True, slots=True, order=True)
class _Sighting:
    """One telling of a problem, in order of time; `first` is the number of the sighting it repeats."""

    moment: datetime
    number: int
    source: Source = field(compare=False)
    problem: _Problem = field(compare=False)
    first: int | None = field(compare=False)


def reports(
    seed: int, start: date, days: int, per_day: float, district: District, rulebook: Rulebook
) -> Iterator[DemoReport]:
    """The reports of `days` days from local midnight of `start` on, `per_day` of them on a workday.

    The days must lie in the years of the rulebook's calendar.
    """
    stream = _Stream(Random(f"{seed}/reports"), district, rulebook)
    return stream.run(start, days, per_day)


def day_factor(day: Day) -> float:
    """A day's reports as a share of a workday's."""
    if day.workday:
        return 1.0
    return WEEKEND_FACTOR if day.name == WEEKEND else HOLIDAY_FACTOR


class _Stream:
    """Draws an hour's first sightings at a time, with their repeats; lets them out in order of time."""

    def __init__(self, rng: Random, district: District, rulebook: Rulebook) -> None:
        self._rng = rng
        self._sites = Sites(district)
        self._calendar = WorkCalendar(rulebook.calendar)
        self._rulebook = rulebook
        known = {component.category for component in district.components}
        self._choices = [
            (habit, condition, share)
            for habit in habits(rulebook, known)
            for condition, share in _shares(habit, rulebook)
        ]
        self._cumulated: dict[tuple[Source, int, int], list[float]] = {}
        self._numbers = count()
        self._waiting: list[_Sighting] = []

    def run(self, start: date, days: int, per_day: float) -> Iterator[DemoReport]:
        serials: dict[int, int] = {}
        for day in (self._calendar.day(start + timedelta(days=number)) for number in range(days)):
            rate = per_day * (1 - DUPLICATES) * day_factor(day)
            for hour in range(24):
                begins = datetime.combine(day.date, time(hour), self._calendar.zone).astimezone(UTC)
                self._draw(begins, begins.astimezone(self._calendar.zone), rate)
                while self._waiting and self._waiting[0].moment < begins + HOUR:
                    sighting = heappop(self._waiting)
                    serials[sighting.number] = serial = len(serials) + 1
                    first = None if sighting.first is None else serials[sighting.first]
                    yield self._told(sighting, serial, first)

    def _draw(self, begins: datetime, local: datetime, rate: float) -> None:
        """Draws an hour's first sightings at `rate` a day, and when each is repeated."""
        shares = [source.share_at(local.hour) for source in SOURCES]
        moment = begins
        while (moment := moment + self._wait(rate * sum(shares))) < begins + HOUR:
            source = self._rng.choices(SOURCES, shares)[0]
            problem = self._problem(source, local)
            number = next(self._numbers)
            heappush(self._waiting, _Sighting(moment, number, source, problem, None))
            if self._rng.random() < DUPLICATES / (1 - DUPLICATES):
                heappush(self._waiting, self._repeat(moment, problem, number))

    def _wait(self, per_hour: float) -> timedelta:
        return HOUR * self._rng.expovariate(per_hour)

    def _problem(self, source: Source, local: datetime) -> _Problem:
        key = (source, local.hour, local.month)
        if key not in self._cumulated:
            self._cumulated[key] = list(accumulate(self._weights(*key)))
        habit, condition, _ = self._rng.choices(self._choices, cum_weights=self._cumulated[key])[0]
        component = None
        if self._rulebook.category_by_code[habit.category].kind is CategoryKind.COMPONENT:
            component = self._sites.component(habit.category, self._rng)
        at = component.at if component else self._place(habit)
        return _Problem(
            habit,
            condition,
            self._sites.near(at, NOISE_M, self._rng),
            component.code if component else None,
            self._rng.random() < source.real,
        )

    def _weights(self, source: Source, hour: int, month: int) -> Iterator[float]:
        for habit, _, share in self._choices:
            yield habit.weight_at(hour, month) * share if habit.category.startswith(source.sees) else 0.0

    def _place(self, habit: Habit) -> Point:
        if not habit.river and self._rng.random() < habit.hot:
            return self._sites.hot_spot(habit.near, self._rng)
        return self._sites.beside_road(self._rng, river=habit.river)

    def _repeat(self, moment: datetime, problem: _Problem, first: int) -> _Sighting:
        """The same problem told again within a day: rather soon, and rather in busy hours."""
        moments = [moment + HOUR * self._rng.uniform(0.05, DUPLICATE_HOURS) for _ in range(8)]
        hours = [later.astimezone(self._calendar.zone).hour for later in moments]
        busy = [sum(source.share_at(hour) for source in SOURCES) for hour in hours]
        soon = [0.5 ** ((later - moment) / (4 * HOUR)) for later in moments]
        later = self._rng.choices(moments, [a * b for a, b in zip(busy, soon, strict=True)])[0]
        hour = later.astimezone(self._calendar.zone).hour
        able = [source for source in SOURCES if problem.habit.category.startswith(source.sees)]
        source = self._rng.choices(able, [source.share_at(hour) for source in able])[0]
        seen = replace(problem, point=self._sites.near(problem.point, DUPLICATE_M, self._rng))
        return _Sighting(later, next(self._numbers), source, seen, first)

    def _told(self, sighting: _Sighting, serial: int, first: int | None) -> DemoReport:
        rng, source, problem = self._rng, sighting.source, sighting.problem
        place = self._sites.called(problem.point, rng)
        phrase = rng.choice(problem.habit.phrases(problem.condition))
        degrees = to_degrees(problem.point)
        datum = rng.choices(list(source.datums), list(source.datums.values()))[0]
        x, y = from_storage(degrees.x, degrees.y, datum)
        local = sighting.moment.astimezone(self._calendar.zone)
        return DemoReport(
            serial=serial,
            moment=sighting.moment,
            source=source.code,
            x=round(x, DECIMALS),
            y=round(y, DECIMALS),
            datum=datum,
            category=problem.habit.category,
            condition=problem.condition.code,
            component_code=problem.component if rng.random() < source.components else None,
            text=f"{rng.choice(source.openings)}{place.where}{phrase}{rng.choice(source.closings)}",
            address=place.address,
            external_number=f"HL{local:%Y%m%d}{serial:06d}" if source.code == "hotline" else None,
            real=problem.real,
            duplicate_of=first,
        )


def _shares(habit: Habit, rulebook: Rulebook) -> list[tuple[Condition, float]]:
    """The category's conditions with their shares of its reports: 1, 1/2, 1/3… to one another (Zipf)."""
    found = [condition for condition in rulebook.conditions if condition.category == habit.category]
    whole = sum(1 / rank for rank in range(1, len(found) + 1))
    return [(condition, 1 / rank / whole) for rank, condition in enumerate(found, start=1)]
