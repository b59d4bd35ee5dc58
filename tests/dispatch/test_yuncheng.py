"""A real city's table becomes a rulebook that checks clean, and what is wrong with the table has its name."""

from __future__ import annotations

from datetime import datetime

import pytest

from app.dispatch.checking import check
from app.dispatch.deadlines import due
from app.dispatch.matrix import Facts, decide
from app.dispatch.rulebook import CategoryKind, Limit, LimitUnit, Rulebook
from tests.conftest import shared_file
from tests.dispatch.lanxi import local
from tests.dispatch.yuncheng import DISTRICT, EAST, WEST, Fault, Filing, faults, read_table, rulebook_of

FRIDAY_EVENING = local(2026, 3, 6, 19)


@pytest.fixture(scope="module")
def table() -> list[Filing]:
    return read_table(shared_file("domain/filing_rules_yuncheng.csv"))


@pytest.fixture(scope="module")
def book(table: list[Filing]) -> Rulebook:
    return rulebook_of(table)


@pytest.fixture(scope="module")
def wrong(table: list[Filing]) -> dict[Fault, dict[str, str]]:
    return faults(table)


def facts(
    condition: str, street: str = WEST, *, owner: str | None = None, at: datetime = FRIDAY_EVENING
) -> Facts:
    return Facts(
        condition=condition,
        at=at,
        source="inspector",
        cell_code=f"{street}001001",
        community_code=f"{street}001",
        street_code=street,
        district_code=DISTRICT,
        component_owner=owner,
    )


def test_every_line_of_the_table_arrives(table: list[Filing], book: Rulebook) -> None:
    assert len(book.conditions) == len(table) == 519
    minors = [category for category in book.categories if category.parent]
    assert [sum(minor.kind is kind for minor in minors) for kind in CategoryKind] == [92, 98]


def test_the_mapped_rulebook_checks_clean(book: Rulebook) -> None:
    assert check(book).findings == ()


@pytest.mark.parametrize("street", [WEST, EAST])
@pytest.mark.parametrize("owner", [None, "power_company"])
def test_every_condition_is_decided_and_due_in_each_street(
    book: Rulebook, street: str, owner: str | None
) -> None:
    other = EAST if street == WEST else WEST
    for condition in book.conditions:
        component = book.category_by_code[condition.category].kind is CategoryKind.COMPONENT
        decision = decide(facts(condition.code, street, owner=owner if component else None), book)
        assert not decision.fallback, condition
        assert not any(unit.endswith(other) for unit in (decision.lead, *decision.assisting))
        limit = book.handling_limits(condition.code, "A")[""]
        assert due(FRIDAY_EVENING, limit, book.calendar).at > FRIDAY_EVENING


def test_relative_units_are_those_of_the_place(book: Rulebook) -> None:
    vendor = next(c for c in book.conditions if c.category == "E0401")
    for street in (WEST, EAST):
        decision = decide(facts(vendor.code, street), book)
        assert (decision.lead, decision.assisting) == (f"office_{street}", (f"enforcement_{street}",))


def test_the_owner_of_a_component_comes_first_and_the_city_s_unit_after(book: Rulebook) -> None:
    assert decide(facts("C0101-1", owner="power_company"), book).lead == "power_company"
    assert decide(facts("C0101-1"), book).lead == "water_saving"


def test_urgent_limits_run_through_the_weekend_and_working_time_does_not(book: Rulebook) -> None:
    missing_cover = book.handling_limits("C0101-1", "A")[""]
    broken_cover = book.handling_limits("C0101-2", "A")[""]
    assert missing_cover == Limit(amount=2, unit=LimitUnit.URGENT_HOUR)
    assert broken_cover == Limit(amount=4, unit=LimitUnit.WORK_HOUR)
    assert due(FRIDAY_EVENING, missing_cover, book.calendar).at == local(2026, 3, 6, 21)
    assert due(FRIDAY_EVENING, broken_cover, book.calendar).at == local(2026, 3, 9, 12)


def test_the_text_and_the_unit_column_agree_on_urgency(table: list[Filing]) -> None:
    for filing in table:
        assert ("紧急" in filing.limit) == filing.limit_unit.startswith("urgent"), filing


def test_nearly_every_line_names_several_units_and_no_lead(wrong: dict[Fault, dict[str, str]]) -> None:
    assert len(wrong[Fault.LEAD_UNMARKED]) == 477
    assert "E0501-1" in wrong[Fault.LEAD_UNMARKED]


def test_units_are_spelt_in_more_than_one_way(wrong: dict[Fault, dict[str, str]]) -> None:
    assert wrong[Fault.UNIT_MISSPELT].keys() == {
        *("water_saving", "municipal", "heating_gas", "sanitation", "street_order"),
        *("unicom", "mobile", "telecom", "power_company"),
        *("@local:sanitation", "@local:police_station"),
    }
    assert "运城市政公用服务中心" in wrong[Fault.UNIT_MISSPELT]["municipal"]


def test_some_names_stand_for_nobody_in_particular(wrong: dict[Fault, dict[str, str]]) -> None:
    vague = wrong[Fault.UNIT_VAGUE]
    assert len(vague) == 14
    assert vague.keys() >= {"各报业企业", "地名管理部门", "河道管理部门", "线缆部门", "通信管理部门"}


def test_names_are_not_always_parted_by_the_same_mark(wrong: dict[Fault, dict[str, str]]) -> None:
    assert set(wrong[Fault.SEPARATOR]) == {"C0126", "C0397", "C0503", "E0114", "E0120", "E0122"}
    assert "和和" in wrong[Fault.SEPARATOR]["E0114"]


def test_one_limit_speaks_of_stopping_and_none_of_finishing(wrong: dict[Fault, dict[str, str]]) -> None:
    assert wrong[Fault.LIMIT_OF_A_STEP] == {"E0122-1": "1紧急工作时制止"}


def test_some_dangers_wait_for_working_hours(wrong: dict[Fault, dict[str, str]]) -> None:
    late = wrong[Fault.DANGER_NOT_URGENT]
    assert len(late) == 14
    rattling = [condition for condition in late if condition.startswith("C01")]
    assert len(rattling) == 10, "ten kinds of manhole cover that rattle and endanger may wait two work days"
    assert set(late) - set(rattling) == {"E0195-2", "E0397-1", "E0496-1", "E0508-1"}


def test_the_same_sentence_is_urgent_here_and_not_there(wrong: dict[Fault, dict[str, str]]) -> None:
    assert wrong[Fault.URGENCY_DIFFERS] == {
        "内容错误": "C0178-2、C0230-3",
        "倾倒、倾斜、折断": "C0211-1、C0212-1",
        "异味明显": "C0503-2、C0504-1",
    }


def test_a_name_broken_over_lines_and_a_name_used_twice(wrong: dict[Fault, dict[str, str]]) -> None:
    assert wrong[Fault.LINE_BREAK] == {"C0397": "烟头收集器\n或灭烟处"}
    assert wrong[Fault.MINOR_TWICE] == {"施工公示牌": "C0396、E0399"}
