"""责任矩阵: who leads, who assists, and the words it is told in."""

from __future__ import annotations

from datetime import datetime

import pytest

from app.dispatch.matrix import Decision, Facts, Undecided, decide
from app.dispatch.references import Relative, parse_chain, parse_reference
from app.dispatch.rulebook import MatrixRow, Ownership, Policy, Rulebook
from app.dispatch.windows import parse_dates, parse_hours, parse_weekdays
from tests.dispatch.lanxi import (
    DISTRICT,
    EVERYTHING,
    HARBOUR,
    MARKET,
    QUAY,
    QUAY_CELL,
    UNITS,
    facts,
    local,
    row,
    rulebook,
)


def winner(*rows: MatrixRow, **case: object) -> str:
    return decide(facts(**case), rulebook(*rows)).row


def lead(reference: str, **case: object) -> Decision:
    return decide(facts(**case), rulebook(row("R", reference)))


def test_each_more_specific_category_wins() -> None:
    rows = [
        row("all"),
        row("kind", category="component"),
        row("major", category="C01"),
        row("minor", category="C0101"),
        row("condition", category="C0101-1"),
    ]
    for count in range(1, len(rows) + 1):
        assert winner(*rows[:count]) == rows[count - 1].code
    assert winner(*rows, condition="C0101-2") == "minor"
    assert winner(*rows, condition="C0102-1") == "major"
    assert winner(*rows, condition="E0401-1") == "all"


def test_each_finer_area_wins() -> None:
    rows = [row("all"), *(row(area, area=area) for area in (DISTRICT, HARBOUR, QUAY, QUAY_CELL))]
    assert winner(*rows) == QUAY_CELL
    assert winner(*rows, cell_code=QUAY + "002") == QUAY
    assert winner(*rows, cell_code=None, community_code=None, street_code=MARKET) == DISTRICT
    outside = {"cell_code": None, "community_code": None, "street_code": None, "district_code": None}
    assert winner(*rows, **outside) == DISTRICT


def test_ownership_of_components() -> None:
    rows = [
        row("any"),
        row("owned", ownership=Ownership.OWNED),
        row("unowned", ownership=Ownership.UNOWNED),
        row("water", owner="WATER"),
    ]
    assert winner(*rows, component_owner="WATER") == "water"
    assert winner(*rows, component_owner="GAS") == "owned"
    assert winner(*rows) == "unowned"
    assert winner(*rows, condition="E0401-1", component_owner="WATER") == "any"


def test_dimensions_are_compared_in_their_order() -> None:
    rows = [
        row("category", category="C0101"),
        row("area", category="C01", area=QUAY_CELL),
        row("window", area=QUAY_CELL, hours="08:00-12:00", weekdays="1-5", source="inspector"),
        row("source", area=QUAY_CELL, hours="08:00-12:00", source="inspector"),
    ]
    assert winner(*rows) == "category"
    assert winner(*rows[1:]) == "area"
    assert winner(*rows[2:]) == "window"


def test_the_night_market_belongs_to_the_evening_it_began_in() -> None:
    rows = [EVERYTHING, row("market", hours="20:00-02:00", weekdays="5,6", dates="05-01..10-07")]
    friday, saturday, sunday = ((2026, 6, day) for day in (5, 6, 7))
    assert winner(*rows, at=local(*friday, 19, 59)) == "ALL"
    assert winner(*rows, at=local(*friday, 20)) == "market"
    assert winner(*rows, at=local(*friday, 1)) == "ALL"  # Thursday's small hours
    assert winner(*rows, at=local(*saturday, 1, 59)) == "market"
    assert winner(*rows, at=local(*sunday, 1)) == "market"
    assert winner(*rows, at=local(*sunday, 2)) == "ALL"
    assert winner(*rows, at=local(2026, 5, 1, 1)) == "ALL"  # the season's first small hours come a day later
    assert winner(*rows, at=local(2027, 10, 8, 1)) == "ALL"  # Thursday to Friday


def test_hours_are_local_whatever_zone_the_moment_is_told_in() -> None:
    rows = [EVERYTHING, row("evening", hours="18:00-23:00")]
    assert winner(*rows, at=datetime.fromisoformat("2026-06-05T10:00:00+00:00")) == "evening"


@pytest.mark.parametrize(
    ("dates", "inside", "outside"),
    [
        ("10-01..11-30", [(2024, 10, 1), (2026, 11, 30)], [(2026, 9, 30), (2026, 12, 1)]),
        ("11-15..03-15", [(2025, 11, 15), (2026, 1, 1), (2026, 3, 15)], [(2026, 3, 16), (2026, 11, 14)]),
        ("2026-10-01..2026-11-30", [(2026, 10, 1)], [(2025, 10, 1)]),
        ("04-05", [(2026, 4, 5)], [(2026, 4, 4), (2026, 4, 6)]),
        ("02-29", [(2024, 2, 29)], [(2026, 2, 28)]),
        ("01-01..01-03, 10-01..10-07", [(2026, 1, 2), (2026, 10, 7)], [(2026, 1, 4)]),
    ],
)
def test_dates(dates: str, inside: list[tuple[int, int, int]], outside: list[tuple[int, int, int]]) -> None:
    rows = [EVERYTHING, row("season", dates=dates)]
    assert {winner(*rows, at=local(*day)) for day in inside} == {"season"}
    assert {winner(*rows, at=local(*day, 23, 59)) for day in outside} == {"ALL"}


def test_weekdays() -> None:
    assert parse_weekdays("1-5") == {1, 2, 3, 4, 5}
    assert parse_weekdays("6,7") == {6, 7}
    assert parse_weekdays("5-1") == {5, 6, 7, 1}


@pytest.mark.parametrize(
    "text", ["8:00-12:00", "08:00", "25:00-26:00", "08:60-09:00", "08:00-08:00", "08:00—12:00"]
)
def test_hours_miswritten(text: str) -> None:
    with pytest.raises(ValueError, match="hours"):
        parse_hours(text)


@pytest.mark.parametrize(
    "text", ["10-01-11-30", "13-01", "02-30", "2026-11-30..2026-10-01", "10-01..2026-11-30"]
)
def test_dates_miswritten(text: str) -> None:
    with pytest.raises(ValueError, match=r"dates|month|day"):
        parse_dates(text)


@pytest.mark.parametrize("text", ["0", "1-8", "Mon", "1;2"])
def test_weekdays_miswritten(text: str) -> None:
    with pytest.raises(ValueError, match="weekday"):
        parse_weekdays(text)


@pytest.mark.parametrize("text", ["", "@nobody", "@local", "@local:", "@owner:x", "A B", "A,B", "@"])
def test_references_miswritten(text: str) -> None:
    with pytest.raises(ValueError, match=r"reference|DUTY"):
        parse_reference(text)


def test_a_chain_is_told_in_order() -> None:
    chain = parse_chain("@owner > WORKS >@local:enforcement")
    assert [(link.relative, link.name) for link in chain] == [
        (Relative.OWNER, ""),
        (None, "WORKS"),
        (Relative.LOCAL, "enforcement"),
    ]


def test_relative_references() -> None:
    assert lead("@street_office").lead == "HARBOUR"
    assert lead("@community").lead == "QUAY"
    assert lead("@local:enforcement").lead == "ENFORCE-H"
    assert (
        lead("@local:enforcement", street_code=MARKET, community_code=None, cell_code=None).lead == "ENFORCE"
    )
    assert lead("@owner", component_owner="WATER").lead == "WATER"
    assert lead("@maintainer", component_maintainer="GAS").lead == "GAS"
    assert lead("@street_chief", chief_unit="QUAY", chief_name="沈街长").lead == "QUAY"
    assert lead("@owner > WORKS > @street_office").lead == "WORKS"


def test_components_go_to_their_owner_first_and_events_to_their_place() -> None:
    assert lead("@principle", component_owner="WATER").lead == "WATER"
    assert lead("@principle").lead == "HARBOUR"
    assert lead("@principle", condition="E0401-1", component_owner="WATER").lead == "HARBOUR"
    nowhere = {"street_code": None, "community_code": None, "cell_code": None}
    assert lead("@principle", condition="E0401-1", component_owner="WATER", **nowhere).lead == "WATER"


def test_the_fallback_is_the_places_office_else_the_policys_unit() -> None:
    here = lead("@owner > GONE")
    assert (here.lead, here.fallback) == ("HARBOUR", True)
    assert "部件产权单位未采用：部件未登记产权单位。" in here.why
    assert "指定单位 GONE未采用：单位 GONE 不在规则库中。" in here.why
    assert here.why[-1] == "以上单位均无法确定，由属地兜底，主办单位：港口街道办事处（HARBOUR）。"
    nowhere = lead("@owner", street_code=None, community_code=None, cell_code=None)
    assert (nowhere.lead, nowhere.fallback) == ("CENTRE", True)
    told = lead("@owner > @fallback")
    assert (told.lead, told.fallback) == ("HARBOUR", True)
    assert not lead("@street_office").fallback


def test_assisting_units_are_each_named_once_and_never_the_lead() -> None:
    wanted = ("WORKS", "@street_office", "@owner", "HARBOUR", "@local:enforcement", "@community")
    decision = decide(facts(), rulebook(row("R", "WORKS", assisting=wanted)))
    assert decision.assisting == ("HARBOUR", "ENFORCE-H", "QUAY")
    assert "协办中的部件产权单位未采用：部件未登记产权单位。" in decision.why


def test_a_principle_assists_by_its_first_unit_only() -> None:
    decision = decide(facts(component_owner="WATER"), rulebook(row("R", assisting=("@principle",))))
    assert decision.assisting == ("WATER",)


def test_why_reads_well() -> None:
    rows = [
        EVERYTHING,
        row("C", "@owner > WORKS", category="C01"),
        row(
            "N", "@principle", category="C0101", area=HARBOUR, hours="08:00-12:00", basis="兰政发〔2026〕3号"
        ),
    ]
    decision = decide(facts(component_owner="VANISHED"), rulebook(*rows))
    assert decision.why == (
        f"适用责任矩阵第 N 行：小类“上水井盖”（C0101），街道 {HARBOUR}，08:00-12:00 时段。",
        "依据：兰政发〔2026〕3号。",
        "按“部件先属主后属地”的原则确定。",
        "部件产权单位未采用：单位 VANISHED 不在规则库中。",
        "主办单位：港口街道办事处（HARBOUR），为事发地街道办事处。",
        "另有 2 行也相符，但规定较宽，未采用：C、ALL。",
    )
    assert [loser.row for loser in decision.losers] == ["C", "ALL"]
    assert decision.losers[0].because == "大类“公用设施”（C01）；类别的规定不如第 N 行具体"


def test_a_chief_is_named() -> None:
    told = lead("@street_chief", chief_unit="QUAY", chief_name="沈街长").why
    assert "主办单位：码头社区（QUAY），为街长沈街长所属单位。" in told
    assert any("当时当地没有在任街长" in line for line in lead("@street_chief").why)
    assert any("在任街长未登记所属单位" in line for line in lead("@street_chief", chief_name="沈街长").why)


@pytest.mark.parametrize(
    ("book", "case", "says"),
    [
        (rulebook(row("R", category="E04")), facts(), "no row"),
        (rulebook(row("A", area=HARBOUR), row("B", area=HARBOUR)), facts(), "A and B answer equally"),
        (rulebook(), facts("X-1"), "not in the rulebook"),
        (
            rulebook(row("R", "@owner"), policy=Policy(fallback_unit="GONE"), units=UNITS[:2]),
            facts(),
            "GONE 不在规则库中",
        ),
        (rulebook(row("R", hours="8-12"), row("S", "@nobody")), facts(), "no row"),
    ],
)
def test_undecided(book: Rulebook, case: Facts, says: str) -> None:
    with pytest.raises(Undecided, match=says):
        decide(case, book)


def test_a_changed_copy_is_compiled_anew() -> None:
    book = rulebook(row("R", "WORKS"))
    assert decide(facts(), book).lead == "WORKS"
    changed = book.model_copy(update={"matrix": (row("R", "CENTRE"),)})
    assert decide(facts(), changed).lead == "CENTRE"
