"""责任矩阵 on rulebooks made at random, against an oracle that reads each row's texts its own naive way."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import event, given, settings
from hypothesis import strategies as st

from app.dispatch.checking import FindingKind, check
from app.dispatch.matrix import Facts, Undecided, decide
from app.dispatch.rulebook import MatrixRow, Rulebook, UnitKind
from tests.dispatch.lanxi import (
    CONDITIONS,
    DISTRICT,
    EVERYTHING,
    HARBOUR,
    MARKET,
    QUAY,
    QUAY_CELL,
    facts,
    local,
    row,
    rulebook,
)

HOURS = ["", "18:00-23:00", "22:00-02:00", "06:00-08:00,18:00-20:00", "20:00-24:00"]
WEEKDAYS = ["", "1-5", "6,7", "5-1"]
DATES = ["", "10-01..11-30", "11-15..03-15", "2026-10-01..2026-10-07", "02-29"]
REFERENCES = ["WORKS", "GONE", "@owner", "@street_office", "@community", "@local:enforcement", "@principle"]
PLACES = [
    (None, None, None),
    (HARBOUR, None, None),
    (HARBOUR, QUAY, None),
    (HARBOUR, QUAY, QUAY_CELL),
    (HARBOUR, QUAY, QUAY + "002"),
    (MARKET, MARKET + "001", MARKET + "001001"),
]


def mostly(default: str, others: list[str]) -> st.SearchStrategy[str]:
    return st.one_of(st.just(default), st.sampled_from(others))


fields = st.fixed_dictionaries(
    {
        "category": st.sampled_from(
            ["", "component", "event", "C01", "C0101", "C0101-1", "E0401", "E0401-1"]
        ),
        "area": mostly("", [DISTRICT, HARBOUR, MARKET, QUAY, QUAY_CELL]),
        "ownership": mostly("any", ["owned", "unowned"]),
        "owner": mostly("", ["WATER", "GAS"]),
        "hours": mostly("", HOURS),
        "weekdays": mostly("", WEEKDAYS),
        "dates": mostly("", DATES),
        "source": mostly("", ["hotline", "inspector"]),
        "lead": st.lists(st.sampled_from(REFERENCES), min_size=1, max_size=3).map(" > ".join),
        "assisting": st.lists(st.sampled_from(REFERENCES), max_size=3).map(tuple),
    }
)
rows = st.lists(fields, max_size=6).map(
    lambda many: [row(f"R{number}", **values) for number, values in enumerate(many)]
)
books = st.builds(
    lambda many, whole: rulebook(*many, *whole), rows, st.sampled_from([[EVERYTHING], []])
).filter(lambda book: len(book.matrix) > 0)
moments = st.builds(
    lambda days, hour, minute: local(2024, 1, 1, hour, minute) + timedelta(days=days),
    st.one_of(st.integers(0, 1095), st.sampled_from([0, 59, 60, 273, 274, 319, 1003, 1004, 1010, 1011])),
    st.sampled_from([0, 1, 2, 6, 7, 8, 18, 19, 20, 22, 23]),
    st.sampled_from([0, 59]),
)
cases = st.builds(
    lambda condition, at, source, place, owner: facts(
        condition,
        at=at,
        source=source,
        street_code=place[0],
        community_code=place[1],
        cell_code=place[2],
        component_owner=owner,
    ),
    st.sampled_from([condition.code for condition in CONDITIONS]),
    moments,
    st.sampled_from(["hotline", "inspector", "sensor"]),
    st.sampled_from(PLACES),
    st.sampled_from([None, "WATER", "GAS", "VANISHED"]),
)


def oracle_matches(candidate: MatrixRow, case: Facts) -> bool:
    component = case.condition.startswith("C")
    minor = case.condition[:5]
    codes = ["", "component" if component else "event", minor[:3], minor, case.condition]
    if candidate.category not in codes:
        return False
    if candidate.area and not (
        case.cell_code or case.community_code or case.street_code or DISTRICT
    ).startswith(candidate.area):
        return False
    if candidate.source and candidate.source != case.source:
        return False
    if candidate.owner and (not component or case.component_owner != candidate.owner):
        return False
    if candidate.ownership == "owned" and (not component or case.component_owner is None):
        return False
    if candidate.ownership == "unowned" and (not component or case.component_owner is not None):
        return False
    return oracle_time(candidate, case.at)


def oracle_time(candidate: MatrixRow, at: datetime) -> bool:
    """A span of hours is laid out from each of two evenings and the moment sought in it."""
    for day in (at.date(), at.date() - timedelta(days=1)):
        midnight = datetime.combine(day, datetime.min.time(), at.tzinfo)
        for span in candidate.hours.split(",") if candidate.hours else ["00:00-24:00"]:
            begin, end = ((int(text[:2]) * 60 + int(text[3:])) for text in span.split("-"))
            end += 1440 if end <= begin else 0
            inside = midnight + timedelta(minutes=begin) <= at < midnight + timedelta(minutes=end)
            if inside and oracle_day(candidate, day.isoweekday(), day.isoformat()):
                return True
    return False


def oracle_day(candidate: MatrixRow, weekday: int, iso: str) -> bool:
    known_weekdays = {"": "1234567", "1-5": "12345", "6,7": "67", "5-1": "5671"}
    if str(weekday) not in known_weekdays[candidate.weekdays]:
        return False
    month_day = iso[5:]
    return {
        "": True,
        "10-01..11-30": month_day[:2] in ("10", "11"),
        "11-15..03-15": month_day >= "11-15" or month_day <= "03-15",
        "2026-10-01..2026-10-07": "2026-10-01" <= iso <= "2026-10-07",
        "02-29": month_day == "02-29",
    }[candidate.dates]


def oracle_rank(candidate: MatrixRow) -> tuple[int, ...]:
    categories = {"": 0, "component": 1, "event": 1, "C01": 2, "E04": 2}
    category = categories.get(candidate.category, 4 if "-" in candidate.category else 3)
    area = {0: 0, 6: 1, 9: 2, 12: 3, 15: 4}[len(candidate.area)]
    owner = 2 if candidate.owner else 0 if candidate.ownership == "any" else 1
    times = [candidate.dates, candidate.weekdays, candidate.hours]
    return category, area, owner, len([text for text in times if text]), len(candidate.source[:1])


def oracle_unit(reference: str, case: Facts, book: Rulebook) -> str | None:
    known = {unit.code for unit in book.units}
    in_harbour = case.street_code == HARBOUR
    if reference == "@owner":
        return case.component_owner if case.component_owner in known else None
    if reference == "@street_office":
        return {HARBOUR: "HARBOUR", MARKET: "MARKET"}.get(case.street_code or "")
    if reference == "@community":
        return "QUAY" if case.community_code == QUAY else None
    if reference == "@local:enforcement":
        return "ENFORCE-H" if in_harbour else "ENFORCE"
    if reference == "@principle":
        order = ["@owner", "@street_office"]
        for part in order if case.condition.startswith("C") else reversed(order):
            if unit := oracle_unit(part, case, book):
                return unit
        return None
    return reference if reference in known else None


@given(book=books, case=cases)
@settings(max_examples=400)
def test_decide_agrees_with_reading_every_row(book: Rulebook, case: Facts) -> None:
    matching = sorted((r for r in book.matrix if oracle_matches(r, case)), key=oracle_rank, reverse=True)
    tied = len(matching) > 1 and oracle_rank(matching[0]) == oracle_rank(matching[1])
    event("undecided" if tied or not matching else f"{len(matching)} rows match")
    try:
        decision = decide(case, book)
    except Undecided:
        assert tied or not matching
        return
    assert not tied
    winner = matching[0]
    assert decision.row == winner.code
    assert [loser.row for loser in decision.losers if loser.row not in {r.code for r in matching[1:]}] == []
    assert len(decision.losers) == len(matching) - 1
    named = [oracle_unit(reference, case, book) for reference in winner.lead.split(" > ")]
    found = [unit for unit in named if unit]
    fallback = oracle_unit("@street_office", case, book) or "CENTRE"
    assert decision.lead == (found[0] if found else fallback)
    assert decision.fallback == (not found)
    helping = [oracle_unit(reference, case, book) for reference in winner.assisting]
    assert set(decision.assisting) == {unit for unit in helping if unit} - {decision.lead}
    assert len(set(decision.assisting)) == len(decision.assisting)


@given(book=books, many=st.lists(cases, min_size=1, max_size=30))
@settings(max_examples=150)
def test_a_rulebook_without_errors_decides_every_case(book: Rulebook, many: list[Facts]) -> None:
    report = check(book)
    kinds = {finding.kind for finding in report.errors}
    decidable = not kinds & {FindingKind.CONDITION_UNANSWERED, FindingKind.TIE}
    unreached = {f.where for f in report.findings if f.kind is FindingKind.ROW_UNREACHED}
    event(f"decidable: {decidable}")
    for finding in report.errors:
        if finding.example is not None:
            try:
                decide(finding.example, book)
            except Undecided:
                continue
            raise AssertionError(f"{finding.message} but it is decided")
    for case in many:
        try:
            decision = decide(case, book)
        except Undecided:
            assert not decidable
        else:
            assert f"matrix {decision.row}" not in unreached


def test_the_world_has_one_office_a_street() -> None:
    """The oracle's short cuts hold for the named world only."""
    offices = {unit.code: unit.areas for unit in rulebook().units if unit.kind is UnitKind.STREET_OFFICE}
    assert offices == {"HARBOUR": (HARBOUR,), "MARKET": (MARKET,)}
