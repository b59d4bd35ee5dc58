"""规则库检查: each kind of mistake is found, and a clean rulebook is called clean."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path

import pytest

from app.dispatch.checking import FindingKind, Severity, check
from app.dispatch.findings import REMEDIES
from app.dispatch.matrix import Undecided, decide
from app.dispatch.rulebook import (
    Calendar,
    CalendarDay,
    Category,
    CategoryKind,
    ClockKind,
    Condition,
    HandlingLimit,
    LimitUnit,
    MatrixRow,
    Ownership,
    Policy,
    Rulebook,
    StageLimit,
    UnitKind,
    WorkSlot,
)
from app.identity.principal import Role
from tests.dispatch.lanxi import (
    CALENDAR,
    CATEGORIES,
    CONDITIONS,
    DISTRICT,
    EVERYTHING,
    HARBOUR,
    MARKET,
    QUAY,
    QUAY_CELL,
    SLOTS,
    UNITS,
    facts,
    local,
    row,
    rulebook,
    unit,
)

AREA_CODES = (DISTRICT, HARBOUR, MARKET, QUAY, QUAY_CELL)
CLEAN = rulebook()


def limit_row(condition: str, amount: float = 4, **more: object) -> HandlingLimit:
    return HandlingLimit.model_validate(
        {"condition": condition, "amount": amount, "unit": LimitUnit.WORK_HOUR, **more}
    )


def calendar(**changes: object) -> Rulebook:
    return rulebook(calendar=CALENDAR.model_copy(update=changes))


def found(book: Rulebook, area_codes: tuple[str, ...] | None = AREA_CODES) -> set[tuple[str, str, str]]:
    return {(f.kind.value, f.severity.value, f.where) for f in check(book, area_codes=area_codes).findings}


def test_a_clean_rulebook_has_no_findings() -> None:
    report = check(CLEAN, area_codes=AREA_CODES)
    assert report.ok
    assert report.findings == ()


def test_every_kind_says_what_to_do() -> None:
    assert REMEDIES.keys() == set(FindingKind)


E_, W_ = Severity.ERROR.value, Severity.WARNING.value


@pytest.mark.parametrize(
    ("book", "expected"),
    [
        (rulebook(EVERYTHING, row("R", category="C09")), ("unknown_category", E_, "matrix R")),
        (rulebook(EVERYTHING, row("R", "GONE", category="C01")), ("unknown_unit", E_, "matrix R")),
        (
            rulebook(EVERYTHING, row("R", category="C01", assisting=("GONE",))),
            ("unknown_unit", E_, "matrix R"),
        ),
        (rulebook(EVERYTHING, row("R", owner="GONE")), ("unknown_unit", E_, "matrix R")),
        (rulebook(EVERYTHING, row("R", area=DISTRICT + "009")), ("unknown_area", E_, "matrix R")),
        (rulebook(EVERYTHING, row("R", area="110101001")), ("unknown_area", E_, "matrix R")),
        (rulebook(EVERYTHING, row("R", area=DISTRICT + "0")), ("unknown_area", E_, "matrix R")),
        (rulebook(EVERYTHING, row("R", source="pigeon")), ("unknown_source", E_, "matrix R")),
        (rulebook(EVERYTHING, row("R", "@nobody", category="C01")), ("bad_reference", E_, "matrix R")),
        (rulebook(EVERYTHING, row("R", "WORKS >", category="C01")), ("bad_reference", E_, "matrix R")),
        (rulebook(EVERYTHING, row("R", "@local:dancing", category="C01")), ("bad_reference", E_, "matrix R")),
        (rulebook(EVERYTHING, row("R", hours="8-12")), ("bad_window", E_, "matrix R")),
        (rulebook(EVERYTHING, row("R", weekdays="8")), ("bad_window", E_, "matrix R")),
        (rulebook(EVERYTHING, row("R", dates="02-30")), ("bad_window", E_, "matrix R")),
        (
            rulebook(EVERYTHING, row("R", dates="2019-01-01..2019-12-31")),
            ("bad_window", W_, "matrix R"),
        ),
        (
            rulebook(EVERYTHING, row("R", "WORKS > CENTRE", category="C01", assisting=("WORKS",))),
            ("lead_assists", W_, "matrix R"),
        ),
        (rulebook(EVERYTHING, row("R", category="C01"), row("R")), ("duplicate_code", E_, "matrix R")),
        (rulebook(units=(*UNITS, UNITS[0])), ("duplicate_code", E_, "units CENTRE")),
        (
            rulebook(limits=(*CLEAN.limits, limit_row("C0101-1"))),
            ("duplicate_code", E_, "limits C0101-1/*"),
        ),
        (rulebook(units=(*UNITS, unit("X", "x", parent="GONE"))), ("orphan_parent", E_, "units X")),
        (
            rulebook(units=(*UNITS, unit("X", "x", parent="Y"), unit("Y", "y", parent="X"))),
            ("cycle", E_, "units Y"),
        ),
        (rulebook(units=(*UNITS, unit("X", "x", areas=("33079",)))), ("unknown_area", E_, "units X")),
        (rulebook(units=(*UNITS, unit("@X", "x"))), ("bad_reference", E_, "units @X")),
        (
            rulebook(units=(*UNITS, unit("H2", "x", UnitKind.STREET_OFFICE, areas=(HARBOUR,)))),
            ("ambiguous_reference", E_, "units HARBOUR"),
        ),
        (
            rulebook(row("R", "@local:enforcement"), units=(*UNITS, unit("X", "x", duties=("enforcement",)))),
            ("ambiguous_reference", E_, "units ENFORCE"),
        ),
        (
            rulebook(categories=(*CATEGORIES, Category(code="C9", name="x", kind="component", parent="C8"))),
            ("orphan_parent", E_, "categories C9"),
        ),
        (
            rulebook(
                categories=(*CATEGORIES, Category(code="C0109", name="x", kind="component", parent="E04"))
            ),
            ("orphan_parent", E_, "categories C0109"),
        ),
        (
            rulebook(
                categories=(*CATEGORIES, Category(code="C0109", name="x", kind="component", parent="C01"))
            ),
            ("minor_without_condition", W_, "categories C0109"),
        ),
        (
            rulebook(conditions=(*CONDITIONS, Condition(code="Z", category="C01", text="x", closing="x"))),
            ("unknown_category", E_, "conditions Z"),
        ),
        (
            rulebook(
                conditions=(*CONDITIONS, Condition(code="C0101", category="C0101", text="x", closing="x"))
            ),
            ("duplicate_code", E_, "conditions C0101"),
        ),
        (rulebook(limits=CLEAN.limits[1:]), ("limit_missing", E_, "conditions C0101-1")),
        (
            rulebook(limits=(*CLEAN.limits[1:], limit_row("C0101-1", area_class="A"))),
            ("limit_missing", E_, "conditions C0101-1"),
        ),
        (
            rulebook(limits=(*CLEAN.limits[1:], *(limit_row("C0101-1", area_class=code) for code in "ABC"))),
            ("limit_missing", W_, "limits *"),
        ),
        (rulebook(limits=(*CLEAN.limits, limit_row("X-1"))), ("limit_unknown", E_, "limits X-1/*")),
        (
            rulebook(limits=(*CLEAN.limits, limit_row("C0101-1", area_class="Z"))),
            ("limit_unknown", E_, "limits C0101-1/Z"),
        ),
        (
            rulebook(limits=(*CLEAN.limits, limit_row("C0101-1", 5, milestone="停工"))),
            ("milestone_late", W_, "limits C0101-1/*/停工"),
        ),
        (
            rulebook(stage_limits=CLEAN.stage_limits[1:]),
            ("stage_limit_missing", E_, f"stage_limits {CLEAN.stage_limits[0].clock}"),
        ),
        (
            rulebook(
                stage_limits=(
                    *CLEAN.stage_limits,
                    StageLimit(clock=ClockKind.HANDLING, amount=1, unit=LimitUnit.MINUTE),
                )
            ),
            ("limit_unknown", W_, "stage_limits handling"),
        ),
        (
            rulebook(policy=Policy(fallback_unit="GONE")),
            ("fallback_missing", E_, "policy fallback_unit"),
        ),
        (
            rulebook(policy=Policy(fallback_unit="CENTRE", file_roles=())),
            ("unknown_role", E_, "policy file_roles"),
        ),
        (
            rulebook(policy=Policy(fallback_unit="CENTRE", close_roles=(Role.SYSTEM,))),
            ("unknown_role", E_, "policy close_roles"),
        ),
        (
            rulebook(policy=Policy(fallback_unit="CENTRE", verify_sources=("pigeon",))),
            ("unknown_source", E_, "policy verify_sources"),
        ),
        (calendar(slots=()), ("calendar_hole", E_, "calendar slots")),
        (calendar(slots=(WorkSlot(start=time(12), end=time(8)),)), ("calendar_hole", E_, "calendar slots")),
        (
            calendar(slots=(*SLOTS, WorkSlot(start=time(11), end=time(13)))),
            ("calendar_hole", E_, "calendar slots"),
        ),
        (
            calendar(slots=(WorkSlot(start=time(18), end=time(0)), WorkSlot(start=time(20), end=time(21)))),
            ("calendar_hole", E_, "calendar slots"),
        ),
        (calendar(weekend=()), ("calendar_hole", W_, "calendar weekend")),
        (calendar(weekend=(0,)), ("calendar_hole", E_, "calendar weekend")),
        (calendar(last_year=2023), ("calendar_hole", E_, "calendar first_year")),
        (calendar(last_year=2035), ("calendar_hole", W_, "calendar 2035")),
        (calendar(timezone="Mars/Olympus"), ("calendar_hole", E_, "calendar")),
        (calendar(country="ZZ"), ("calendar_hole", E_, "calendar")),
        (calendar(country="US", weekend=(1, 2, 3, 4, 5, 6, 7)), ("calendar_hole", E_, "calendar 2024")),
        (
            calendar(days=(CalendarDay(day=date(2030, 1, 1), workday=False),)),
            ("calendar_hole", W_, "calendar 2030-01-01"),
        ),
        (
            calendar(days=(CalendarDay(day=date(2026, 1, 5), workday=False),) * 2),
            ("duplicate_code", E_, "calendar 2026-01-05"),
        ),
    ],
)
def test_single_mistakes(book: Rulebook, expected: tuple[str, str, str]) -> None:
    assert expected in found(book)


def test_areas_are_checked_by_their_form_when_the_grid_is_not_known() -> None:
    book = rulebook(EVERYTHING, row("R", area=DISTRICT + "009"))
    assert check(book).ok
    assert not check(book, area_codes=AREA_CODES).ok


def test_an_english_sentence_stands_beside_each_chinese_one() -> None:
    for finding in check(
        rulebook(row("R", "GONE"), limits=(), calendar=Calendar(slots=())), area_codes=()
    ).findings:
        assert finding.message.endswith("。")
        assert finding.message_en.endswith(".")
        assert finding.remedy
        assert finding.remedy_en


def test_a_condition_nobody_answers_for() -> None:
    report = check(rulebook(row("R", category="component")))
    (finding,) = report.errors
    assert (finding.kind, finding.where) == (FindingKind.CONDITION_UNANSWERED, "conditions E0401-1")


@pytest.mark.parametrize(
    "rows",
    [
        [row("A", area=HARBOUR), row("B", area=MARKET)],
        [row("A", ownership=Ownership.OWNED), row("B", owner="WATER")],
        [row("A", hours="06:00-18:00"), row("B", hours="18:00-05:59")],
        [row("A", weekdays="1-5"), row("B", weekdays="6")],
        [row("A", dates="01-01..02-28"), row("B", dates="03-01..12-31")],
        [row("A", source="hotline"), row("B", source="inspector")],
    ],
)
def test_a_gap_is_shown_by_a_case_that_falls_into_it(rows: list[MatrixRow]) -> None:
    book = rulebook(*rows)
    gaps = [f for f in check(book).findings if f.kind is FindingKind.CONDITION_UNANSWERED]
    assert gaps
    for gap in gaps:
        assert gap.example is not None
        with pytest.raises(Undecided, match="no row"):
            decide(gap.example, book)


def test_rows_that_close_a_gap_together_leave_none() -> None:
    by_day, by_night = row("A", hours="06:00-18:00"), row("B", hours="18:00-06:00")
    assert check(rulebook(by_day, by_night)).ok
    spring, rest = row("A", dates="01-01..02-29"), row("B", dates="03-01..12-31")
    assert check(rulebook(spring, rest)).ok


@pytest.mark.parametrize(
    ("first", "second", "ties"),
    [
        ({"hours": "08:00-12:00"}, {"hours": "11:59-14:00"}, True),
        ({"hours": "08:00-12:00"}, {"hours": "12:00-14:00"}, False),
        ({"hours": "22:00-02:00", "weekdays": "5"}, {"hours": "01:00-03:00", "weekdays": "6"}, True),
        ({"hours": "22:00-02:00", "weekdays": "5"}, {"hours": "01:00-03:00", "weekdays": "5"}, False),
        ({"hours": "22:00-02:00", "weekdays": "5"}, {"hours": "00:00-04:00", "weekdays": "6"}, True),
        ({"weekdays": "1-3"}, {"weekdays": "3-5"}, True),
        ({"weekdays": "1-3"}, {"weekdays": "4-5"}, False),
        # a yearly date meets every weekday in some year, a date of one year only its own (a Thursday)
        ({"dates": "10-01"}, {"weekdays": "1"}, True),
        ({"dates": "2026-10-01..2026-10-01"}, {"weekdays": "4"}, True),
        ({"dates": "2026-10-01..2026-10-01"}, {"weekdays": "1"}, False),
        ({"dates": "02-29"}, {"weekdays": "7"}, True),
        ({"dates": "11-15..03-15"}, {"dates": "03-15..05-01"}, True),
        ({"area": HARBOUR}, {"area": HARBOUR}, True),
        ({"area": HARBOUR}, {"area": MARKET}, False),
        ({"owner": "WATER"}, {"owner": "GAS"}, False),
        ({"owner": "WATER"}, {"owner": "WATER", "ownership": "owned"}, True),
        ({"ownership": "owned"}, {"ownership": "unowned"}, False),
        ({"source": "hotline"}, {"source": "inspector"}, False),
        # different dimensions, equally deep only where the order says so
        ({"hours": "08:00-12:00"}, {"weekdays": "1"}, True),
        ({"area": HARBOUR}, {"source": "hotline"}, False),
    ],
)
def test_ties(first: dict[str, str], second: dict[str, str], ties: bool) -> None:
    book = rulebook(EVERYTHING, row("A", **first), row("B", **second))
    tied = [f for f in check(book).findings if f.kind is FindingKind.TIE]
    assert bool(tied) == ties
    for finding in tied:
        assert finding.example is not None
        with pytest.raises(Undecided, match="A and B answer equally"):
            decide(finding.example, book)


def test_a_tie_that_a_more_specific_row_always_hides_is_none() -> None:
    book = rulebook(
        EVERYTHING, row("A", "CENTRE"), row("X", category="component"), row("Y", category="event")
    )
    assert check(book).ok


def unreached(book: Rulebook, area_codes: tuple[str, ...] | None = AREA_CODES) -> dict[str, str]:
    findings = check(book, area_codes=area_codes).findings
    return {f.where: f.message for f in findings if f.kind is FindingKind.ROW_UNREACHED}


def test_rows_never_reached_and_why() -> None:
    told = unreached(
        rulebook(
            EVERYTHING,
            row("shadowed", category="C01"),
            row("X", category="C0101"),
            row("Y", category="C0102"),
            row("event-owned", category="E0401", ownership=Ownership.OWNED),
            row("nothing", category="C0109"),
            categories=(
                *CATEGORIES,
                Category(code="C0109", name="x", kind=CategoryKind.COMPONENT, parent="C01"),
            ),
        )
    )
    assert told == {
        "matrix shadowed": "第 shadowed 行不会适用：总有更具体的行（X, Y）。",
        "matrix event-owned": "第 event-owned 行不会适用：不会有案件落入其范围。",
        "matrix nothing": "第 nothing 行不会适用：其类别下没有立案条件。",
    }


def test_an_area_wholly_parted_into_finer_ones_is_never_reached() -> None:
    rows = (EVERYTHING, row("street", area=HARBOUR), row("cell", area=QUAY_CELL))
    assert unreached(rulebook(*rows)).keys() == {"matrix street"}
    with_more = (*AREA_CODES, QUAY + "002")
    assert unreached(rulebook(*rows), with_more) == {}
    assert unreached(rulebook(*rows), None) == {}


def test_a_row_that_is_wrong_itself_is_not_called_unreached_too() -> None:
    assert unreached(rulebook(EVERYTHING, row("R", area=DISTRICT + "009"))) == {}


def test_a_calendar_that_ends_before_the_longest_limit_is_an_error() -> None:
    # Four work hours, extended twice, are a day and a half.
    assert check(CLEAN, now=local(2026, 12, 30, 8)).ok
    (finding,) = check(CLEAN, now=local(2026, 12, 31, 8)).errors
    assert (finding.kind, finding.where) == (FindingKind.CALENDAR_HOLE, "calendar 2026")
    assert not check(CLEAN, now=local(2027, 3, 1)).ok


def test_errors_come_first() -> None:
    severities = [
        f.severity
        for f in check(
            rulebook(row("R", "GONE"), calendar=CALENDAR.model_copy(update={"weekend": ()}))
        ).findings
    ]
    assert severities == sorted(severities)
    assert set(severities) == {Severity.ERROR, Severity.WARNING}


def test_the_facts_of_the_stories_are_answered() -> None:
    assert decide(facts(), CLEAN).row == "ALL"


def test_every_kind_stands_in_the_docs() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "dispatch.md").read_text(encoding="utf-8")
    assert [kind for kind in FindingKind if f"`{kind}`" not in docs] == []
