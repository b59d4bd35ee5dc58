"""The demo district's rulebook deals responsibility out as 兴政发〔2019〕29号 does.

The golden table here is written by hand from that notice.
"""

from __future__ import annotations

import csv
from datetime import datetime

import pytest

from app.demo import RULEBOOK
from app.dispatch.checking import check
from app.dispatch.deadlines import due
from app.dispatch.findings import FindingKind, Severity
from app.dispatch.folder import read_folder
from app.dispatch.matrix import Decision, Facts, decide
from app.dispatch.rulebook import CategoryKind, ClockKind, CodeSet, LimitUnit, Rulebook, UnitKind
from tests.conftest import shared_file
from tests.dispatch.lanxi import limit, local

DISTRICT = "211103"
XINGHAI, CHUANGXIN = DISTRICT + "001", DISTRICT + "005"
STREETS = {DISTRICT + f"{n:03d}" for n in range(1, 9)}
TUESDAY_NOON = local(2026, 6, 9, 12)


@pytest.fixture(scope="module")
def book() -> Rulebook:
    return read_folder(RULEBOOK)


def decided(
    book: Rulebook,
    condition: str,
    street: str = XINGHAI,
    *,
    at: datetime = TUESDAY_NOON,
    owner: str | None = None,
) -> Decision:
    return decide(
        Facts(
            condition=condition,
            at=at,
            source="inspector",
            cell_code=f"{street}001001",
            community_code=f"{street}001",
            street_code=street,
            district_code=DISTRICT,
            component_owner=owner,
        ),
        book,
    )


def basis(book: Rulebook, decision: Decision) -> str:
    return next(row.basis for row in book.matrix if row.code == decision.row)


def test_it_checks_clean(book: Rulebook) -> None:
    # The year after is in the calendar, so that limits reach over the turn of the year, though its make-up
    # workdays are announced only late in the year before.
    unannounced = [finding for finding in check(book).findings if finding.kind is FindingKind.CALENDAR_HOLE]
    assert all(finding.severity is Severity.WARNING for finding in unannounced)
    assert [finding for finding in check(book).findings if finding not in unannounced] == []


def test_every_condition_has_somebody_in_every_street_at_every_season(book: Rulebook) -> None:
    for condition in book.conditions:
        for street in STREETS:
            for at in (TUESDAY_NOON, local(2026, 10, 10, 19), local(2026, 4, 5, 7)):
                assert not decided(book, condition.code, street, at=at).fallback


#: A condition of each matter, its 牵头单位 and its 责任单位; `street` stands for the street's office.
DEALT_OUT = {
    "E0110-1": ("日常管理1", "housing", {"urban_services", "water_agriculture"}),
    "E0109-1": ("日常管理1", "water_agriculture", {"housing"}),
    "E0206-1": ("日常管理2", "enforcement", {"urban_services"}),
    "E0408-1": ("日常管理2", "enforcement", {"labour"}),
    "E0410-1": ("日常管理2", "enforcement", {"market_regulation"}),
    "E0121-1": ("日常管理2", "enforcement", {"market_regulation", "police"}),
    "E0404-1": ("日常管理3", "enforcement", {"traffic_police", "transport"}),
    "E0104-1": ("日常管理4", "urban_services", {"street"}),
    "E0106-1": ("日常管理5", "urban_services", set()),
    "E0601-1": ("日常管理6", "housing", {"enforcement", "street"}),
    "E0308-1": ("日常管理7", "housing", {"environment", "urban_services", "enforcement"}),
    "E0307-1": ("专项行动1", "housing", {"urban_services", "enforcement"}),
    "E0101-3": ("专项行动2", "enforcement", {"urban_services", "street"}),
    "E0404-2": ("专项行动3", "enforcement", {"transport", "traffic_police", "street"}),
    "E0302-1": ("专项行动4", "housing", {"urban_services", "enforcement"}),
    "E0402-1": ("专项行动5", "enforcement", {"market_regulation", "emergency", "street"}),
    "E0201-1": ("专项行动6", "enforcement", {"police", "traffic_police", "street"}),
    "E0602-1": ("专项行动9", "enforcement", {"education", "market_regulation", "street"}),
    "C0502-1": ("特色创建1", "housing", {"tongcheng", "civility"}),
    "E0603-1": ("特色创建2", "transport", set()),
    "E0203-1": ("特色创建3", "enforcement", set()),
}


@pytest.mark.parametrize("condition", DEALT_OUT)
def test_the_lead_and_the_responsible_units_are_the_notices(book: Rulebook, condition: str) -> None:
    matter, lead, responsible = DEALT_OUT[condition]
    decision = decided(book, condition)
    assert basis(book, decision).startswith(f"{matter} ")
    assert decision.lead == lead
    assert {unit.replace("street_xinghai", "street") for unit in decision.assisting} >= responsible


def test_every_duty_and_every_action_of_the_notice_has_its_rows(book: Rulebook) -> None:
    told = {row.basis.split()[0] for row in book.matrix}
    assert told >= {f"日常管理{n}" for n in range(1, 8)}
    assert told >= {f"专项行动{n}" for n in range(1, 11)}
    assert told >= {f"特色创建{n}" for n in range(1, 4)}


def test_the_business_district_has_its_own_action(book: Rulebook) -> None:
    inside, outside = (decided(book, "E0402-1", street) for street in (CHUANGXIN, XINGHAI))
    assert basis(book, inside).startswith("专项行动7 ")
    assert {"urban_services", "street_chuangxin", "squad_chuangxin"} == set(inside.assisting)
    assert basis(book, outside).startswith("专项行动5 ")


@pytest.mark.parametrize(
    ("day", "lead"),
    [
        (local(2026, 4, 5, 10), "civil_affairs"),  # 清明节
        (local(2026, 8, 27, 20), "civil_affairs"),  # 中元节
        (local(2025, 11, 20, 20), "civil_affairs"),  # 十月初一
        (local(2024, 2, 2, 10), "civil_affairs"),  # 小年
        (TUESDAY_NOON, "enforcement"),
    ],
)
def test_ritual_paper_is_civil_affairs_business_on_memorial_days(
    book: Rulebook, day: datetime, lead: str
) -> None:
    assert decided(book, "E0414-1", at=day).lead == lead


def test_autumn_markets_bring_the_squads_out(book: Rulebook) -> None:
    assert "squad_xinghai" in decided(book, "E0411-1", at=local(2026, 10, 20, 9)).assisting
    assert "squad_xinghai" not in decided(book, "E0411-1").assisting


@pytest.mark.parametrize(
    ("at", "row"),
    [
        (local(2026, 6, 9, 6), "E0409-morning"),
        (local(2026, 6, 9, 20), "E0409-night"),
        (local(2026, 6, 9, 22), "E0409"),
    ],
)
def test_markets_are_watched_otherwise_in_their_hours(book: Rulebook, at: datetime, row: str) -> None:
    assert decided(book, "E0409-2", at=at).row == row


def test_flyers_at_rush_hour_are_the_traffic_polices_too(book: Rulebook) -> None:
    assert "traffic_police" in decided(book, "E0202-1", at=local(2026, 6, 9, 7, 30)).assisting
    assert (
        "traffic_police" not in decided(book, "E0202-1", at=local(2026, 6, 13, 7, 30)).assisting
    )  # Saturday


def test_components_go_to_their_owner_first_and_then_to_who_keeps_them(book: Rulebook) -> None:
    assert decided(book, "C0101-1", owner="property_service").lead == "property_service"
    assert decided(book, "C0101-1").lead == "water_supply"
    assert decided(book, "C0103-1").lead == "urban_services"
    assert decided(book, "C0502-1", owner="tongcheng").lead == "tongcheng"


def test_what_nobody_foresaw_is_the_street_offices(book: Rulebook) -> None:
    decision = decided(book, "E0699-1")
    assert decision.lead == "street_xinghai"
    assert basis(book, decision).startswith("专项行动10 ")


def test_an_unauthorised_building_is_stopped_penalised_and_taken_down(book: Rulebook) -> None:
    assert book.handling_limits("E0101-2", "A") == {
        "停工": limit(4, LimitUnit.WORK_HOUR),
        "处罚": limit(7, LimitUnit.WORK_DAY),
        "拆除": limit(20, LimitUnit.WORK_DAY),
        "": limit(20, LimitUnit.WORK_DAY),
    }
    assert book.handling_limits("E0101-1", None)[""] == limit(2, LimitUnit.URGENT_DAY)


def test_limits_tighten_towards_the_core_and_never_the_other_way(book: Rulebook) -> None:
    differing = 0
    for condition in book.conditions:
        ends = [
            due(TUESDAY_NOON, book.handling_limits(condition.code, area)[""], book.calendar).at
            for area in "ABC"
        ]
        assert ends == sorted(ends), condition
        differing += ends[0] != ends[2]
    assert differing > 40


def test_it_is_a_whole_rulebook(book: Rulebook) -> None:
    minors = [category for category in book.categories if category.parent]
    assert [code.code for code in book.categories if not code.parent] == [
        *("C01", "C02", "C03", "C04", "C05"),
        *("E01", "E02", "E03", "E04", "E05", "E06"),
    ]
    assert len(minors) >= 60
    assert len(book.conditions) >= 180
    assert {unit.areas[0] for unit in book.units if unit.kind is UnitKind.STREET_OFFICE} == STREETS
    assert {unit.areas[0] for unit in book.units if "enforcement" in unit.duties} == STREETS
    assert all(book.codes_of(code_set) for code_set in CodeSet)
    assert book.stage_limit[ClockKind.DISPATCHING] == limit(15, LimitUnit.MINUTE)
    assert (book.calendar.first_year, book.calendar.last_year) == (2024, 2027)


def test_everything_people_see_has_its_english_beside_it(book: Rulebook) -> None:
    for row in (*book.units, *book.categories, *book.area_classes, *book.chief_levels, *book.codes):
        assert row.name_en, row
    for condition in book.conditions:
        assert condition.text_en, condition
        assert condition.closing_en, condition


def test_the_conditions_are_in_its_own_words(book: Rulebook) -> None:
    with shared_file("domain/filing_rules_yuncheng.csv").open(encoding="utf-8-sig", newline="") as lines:
        taken = {line["filing_condition"].strip() for line in csv.DictReader(lines)}
    assert not taken & {condition.text for condition in book.conditions}


def test_components_and_events_are_told_apart_by_their_codes(book: Rulebook) -> None:
    for category in book.categories:
        assert category.code[0] == ("C" if category.kind is CategoryKind.COMPONENT else "E")
