"""The reports of the demo district follow the arrival model that `docs/demo.md` states."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import shapely

from app.demo import RULEBOOK, plan
from app.demo.arrivals import DUPLICATES, SOURCES, DemoReport, reports
from app.demo.district import DEFAULT_SEED, District, build
from app.demo.habits import HOT, habits
from app.demo.sites import REACH
from app.dispatch.folder import read_folder
from app.dispatch.rulebook import CodeSet, Rulebook
from app.geo import Datum, LocalMetric, to_storage

SHANGHAI = ZoneInfo("Asia/Shanghai")
#: From a Monday: three weeks with the Labour Day holiday (1 to 5 May) and its make-up Saturday (9 May).
START, DAYS, PER_DAY = date(2026, 4, 20), 21, 300.0


@pytest.fixture(scope="module")
def district() -> District:
    return build(DEFAULT_SEED)


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_folder(RULEBOOK)


@pytest.fixture(scope="module")
def spring(district: District, rulebook: Rulebook) -> list[DemoReport]:
    return list(reports(7, START, DAYS, PER_DAY, district, rulebook))


@pytest.fixture(scope="module")
def summer(district: District, rulebook: Rulebook) -> list[DemoReport]:
    return list(reports(7, date(2026, 7, 6), 14, PER_DAY, district, rulebook))


def local(report: DemoReport) -> datetime:
    return report.moment.astimezone(SHANGHAI)


def metres(of: Iterable[DemoReport]) -> list[shapely.Point]:
    """Where the reports are on the plan, through the service's own conversion."""
    degrees = [shapely.Point(to_storage(report.x, report.y, report.datum)) for report in of]
    return list(LocalMetric(*plan.ORIGIN).to_metres(degrees))


def hot_spots(kind: str | None = None) -> shapely.Geometry:
    """The reach of all landmarks, or of those of a kind."""
    spots = [spot for spot in plan.LANDMARKS if kind is None or kind in spot.kinds]
    return shapely.union_all([shapely.Point(spot.at).buffer(REACH * spot.spread_m) for spot in spots])


def mean_a_day(of: list[DemoReport], days: set[date]) -> float:
    return sum(local(report).date() in days for report in of) / len(days)


def test_workdays_weekends_and_holidays_have_their_rates(spring: list[DemoReport]) -> None:
    all_days = {START + timedelta(days=number) for number in range(DAYS)}
    holidays = {date(2026, 5, day) for day in range(1, 6)}
    weekends = {day for day in all_days - holidays if day.isoweekday() > 5} - {date(2026, 5, 9)}
    workdays = all_days - holidays - weekends
    assert date(2026, 5, 9) in workdays
    for days, factor in ((workdays, 1.0), (weekends, 0.82), (holidays, 0.68)):
        # Four standard deviations of a Poisson mean, and the repeats a day inherits from its neighbours.
        tolerance = 4 * math.sqrt(PER_DAY * factor / len(days)) + 0.03 * PER_DAY
        assert mean_a_day(spring, days) == pytest.approx(PER_DAY * factor, abs=tolerance)


def test_sources_have_their_shares_and_hours(spring: list[DemoReport]) -> None:
    share = Counter(report.source for report in spring)
    for source in SOURCES:
        assert share[source.code] / len(spring) == pytest.approx(source.share, abs=0.02)
    patrols = [report for report in spring if report.source == "inspector"]
    stated = sum(SOURCES[0].share_at(hour) for hour in range(8, 12)) / SOURCES[0].share
    assert sum(8 <= local(report).hour < 12 for report in patrols) / len(patrols) == pytest.approx(
        stated, abs=0.03
    )
    assert not [report for report in patrols if local(report).hour < 5]
    assert [report for report in spring if report.source == "hotline" and local(report).hour < 5]


def test_they_come_in_order_of_time_within_the_days_asked_for(spring: list[DemoReport]) -> None:
    assert [report.serial for report in spring] == list(range(1, len(spring) + 1))
    assert [report.moment for report in spring] == sorted(report.moment for report in spring)
    assert spring[0].moment.tzinfo is UTC
    first, last = local(spring[0]), local(spring[-1])
    assert START <= first.date() <= last.date() < START + timedelta(days=DAYS)


def test_every_point_lies_in_the_district(spring: list[DemoReport], district: District) -> None:
    outline = district.areas.district.buffer(0.05)
    assert all(shapely.contains(outline, metres(spring[::3])))


def test_phones_send_gcj02_and_the_hotline_never_does(spring: list[DemoReport]) -> None:
    phones = Counter(report.datum for report in spring if report.source in ("inspector", "citizen"))
    assert phones[Datum.GCJ02] > 0.85 * phones.total()
    assert not [report for report in spring if report.source == "hotline" and report.datum is Datum.GCJ02]


def test_the_share_of_repeats_lies_within_50_metres_and_a_day_of_the_first(
    spring: list[DemoReport],
) -> None:
    repeats = [report for report in spring if report.duplicate_of is not None]
    assert len(repeats) / len(spring) == pytest.approx(DUPLICATES, abs=0.012)
    firsts = [spring[repeat.duplicate_of - 1] for repeat in repeats if repeat.duplicate_of]
    for repeat, first, there, here in zip(repeats, firsts, metres(repeats), metres(firsts), strict=True):
        assert first.duplicate_of is None
        assert timedelta() < repeat.moment - first.moment < timedelta(hours=24)
        assert there.distance(here) < 50
        assert (repeat.condition, repeat.real) == (first.condition, first.real)


def test_hot_spots_are_hot(spring: list[DemoReport], district: District) -> None:
    reach = hot_spots()
    events = [report for report in spring[::3] if report.category.startswith("E")]
    share = sum(shapely.contains(reach, metres(events))) / len(events)
    assert share > HOT
    assert share > 10 * reach.area / district.areas.district.area


def test_day_labourers_gather_at_their_places_in_the_morning(summer: list[DemoReport]) -> None:
    gatherings = [report for report in summer if report.category == "E0408"]
    reach = hot_spots("labour")
    assert len(gatherings) > 10
    assert sum(shapely.contains(reach, metres(gatherings))) / len(gatherings) > 0.6
    assert sum(5 <= local(report).hour < 9 for report in gatherings) / len(gatherings) > 0.6


def test_barbecues_are_reported_on_summer_nights(
    summer: list[DemoReport], district: District, rulebook: Rulebook
) -> None:
    winter = list(reports(7, date(2026, 1, 5), 14, PER_DAY, district, rulebook))
    barbecues = [report for report in summer if report.category == "E0403"]
    at_night = [report for report in barbecues if local(report).hour in (18, 19, 20, 21, 22, 23, 0)]
    assert len(at_night) > 0.8 * len(barbecues)
    assert sum(report.category == "E0403" for report in winter) < len(barbecues) / 10
    assert sum(report.category == "E0122" for report in winter) > 20
    assert sum(report.category == "E0122" for report in summer) < 20


def test_few_categories_make_most_of_the_reports(spring: list[DemoReport]) -> None:
    counted = [number for _, number in Counter(report.category for report in spring).most_common()]
    assert len(counted) > 60
    assert 0.4 < sum(counted[:12]) / len(spring) < 0.75


def test_what_they_name_exists(spring: list[DemoReport], rulebook: Rulebook, district: District) -> None:
    components = {component.code: component.category for component in district.components}
    for report in spring:
        assert rulebook.condition_by_code[report.condition].category == report.category
        assert report.source in rulebook.codes_of(CodeSet.SOURCE)
        if report.component_code is not None:
            assert components[report.component_code] == report.category
    assert any(report.component_code for report in spring)


def test_every_category_and_condition_told_of_is_in_the_rulebook(rulebook: Rulebook) -> None:
    for habit in habits(rulebook, ()):
        assert habit.category in rulebook.category_by_code
        for condition in habit.says:
            assert rulebook.condition_by_code[condition].category == habit.category


def test_the_hotline_is_wrong_more_often_than_inspectors(spring: list[DemoReport]) -> None:
    untrue = {
        source.code: [not report.real for report in spring if report.source == source.code]
        for source in SOURCES
    }
    assert sum(untrue["inspector"]) / len(untrue["inspector"]) < 0.04
    assert sum(untrue["hotline"]) / len(untrue["hotline"]) == pytest.approx(0.14, abs=0.05)


def test_texts_name_roads_and_differ(spring: list[DemoReport], district: District) -> None:
    names = {road.name for road in district.segments if road.name} | {spot.name for spot in plan.LANDMARKS}
    for report in spring[:500]:
        assert any(name in report.text for name in names)
        assert "街道" in report.address
        assert len(report.text) <= 200
    assert len({report.text for report in spring}) > 0.85 * len(spring)


def test_hotline_orders_have_numbers_of_their_own(spring: list[DemoReport]) -> None:
    numbers = [report.external_number for report in spring if report.source == "hotline"]
    assert len(set(numbers)) == len(numbers)
    assert all(number and number.startswith("HL2026") for number in numbers)


def test_the_first_days_are_the_same_however_many_are_asked_for(
    spring: list[DemoReport], district: District, rulebook: Rulebook
) -> None:
    shorter = list(reports(7, START, 2, PER_DAY, district, rulebook))
    assert spring[: len(shorter)] == shorter
    assert list(reports(8, START, 2, PER_DAY, district, rulebook)) != shorter
