"""规则库: one frozen document, its digest, its look-ups and its differences."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.dispatch.comparison import FieldChange, RowChange, TableDiff, diff, digest
from app.dispatch.rulebook import HandlingLimit, LimitUnit, Policy, Rulebook
from tests.dispatch.lanxi import CALENDAR, CLEAN_LIMIT, EVERYTHING, UNITS, limit, row, rulebook, unit

BOOK = rulebook(EVERYTHING, row("A", category="C01", hours="18:00-23:00"))


def test_equal_content_has_one_digest() -> None:
    same = Rulebook.model_validate_json(BOOK.model_dump_json())
    assert digest(same) == digest(BOOK)
    assert len(digest(BOOK)) == 64
    assert digest(BOOK.model_copy(update={"note": "x"})) != digest(BOOK)


def test_a_changed_copy_does_not_inherit_what_was_computed_once() -> None:
    assert "WATER" in BOOK.unit_by_code
    hash(BOOK)
    fewer = BOOK.model_copy(update={"units": UNITS[:1]})
    assert fewer.unit_by_code.keys() == {"CENTRE"}
    assert fewer != BOOK
    assert hash(BOOK.model_copy()) == hash(BOOK)


def test_a_class_without_a_limit_of_its_own_gets_that_of_every_class() -> None:
    rows = (
        CLEAN_LIMIT,
        HandlingLimit(condition="C0101-1", milestone="停工", amount=1, unit=LimitUnit.WORK_HOUR),
        HandlingLimit(condition="C0101-1", area_class="A", amount=2, unit=LimitUnit.WORK_HOUR),
    )
    book = rulebook(limits=rows)
    core = {"": limit(2, LimitUnit.WORK_HOUR), "停工": limit(1, LimitUnit.WORK_HOUR)}
    rest = {"": limit(4, LimitUnit.WORK_HOUR), "停工": limit(1, LimitUnit.WORK_HOUR)}
    assert book.handling_limits("C0101-1", "A") == core
    assert book.handling_limits("C0101-1", "B") == book.handling_limits("C0101-1", None) == rest
    assert book.handling_limits("C0101-2", "A") == {}


def test_a_unit_and_all_below_it() -> None:
    units = (*UNITS, unit("TEAM", "一分队", parent="ENFORCE-H"))
    assert rulebook(units=units).unit_and_below("ENFORCE") == {"ENFORCE", "ENFORCE-H", "TEAM"}


@pytest.mark.parametrize("wrong", [{"amount": 0}, {"unit": "fortnight"}, {"colour": "red"}])
def test_what_cannot_be_read_fails_in_parsing(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        HandlingLimit.model_validate({"condition": "C0101-1", "amount": 1, "unit": "work_hour"} | wrong)


def test_no_difference() -> None:
    shuffled = BOOK.model_copy(update={"matrix": BOOK.matrix[::-1], "units": BOOK.units[::-1]})
    assert diff(BOOK, BOOK) == ()
    assert diff(BOOK, shuffled) == ()


def test_differences_by_table_and_code() -> None:
    new = rulebook(
        row("A", category="C01", hours="19:00-23:00"),
        row("B"),
        name="新规则库",
        policy=Policy(fallback_unit="WORKS"),
        calendar=CALENDAR.model_copy(update={"last_year": 2025}),
        limits=(
            *BOOK.limits[1:],
            HandlingLimit(condition="C0101-1", area_class="A", amount=2, unit="work_hour"),
        ),
    )
    assert diff(BOOK, new) == (
        TableDiff("rulebook", changed=(RowChange("", (FieldChange("name", "岚溪区规则库", "新规则库"),)),)),
        TableDiff("policy", changed=(RowChange("", (FieldChange("fallback_unit", "CENTRE", "WORKS"),)),)),
        TableDiff("calendar", changed=(RowChange("", (FieldChange("last_year", 2026, 2025),)),)),
        TableDiff("limits", added=("C0101-1/A",), removed=("C0101-1/*",)),
        TableDiff(
            "matrix",
            added=("B",),
            removed=("ALL",),
            changed=(RowChange("A", (FieldChange("hours", "18:00-23:00", "19:00-23:00"),)),),
        ),
    )


def test_a_unit_and_those_below_it_even_where_a_tree_goes_round() -> None:
    tree = rulebook(EVERYTHING, row("A", category="C01"))
    units = tuple(unit(code, code, parent=parent) for code, parent in ("XZ", "YX", "ZY"))
    round_about = tree.model_copy(update={"units": units})
    assert round_about.unit_and_below("X") == {"X", "Y", "Z"}
    assert tree.unit_and_below("nobody") == {"nobody"}
