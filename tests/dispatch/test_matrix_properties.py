"""责任矩阵 on rulebooks made at random, against the naive reading of `oracle.py`.

`pytest tests/dispatch/test_matrix_properties.py --hypothesis-profile=thorough` reads ten times as many.
"""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import Phase, event, given, settings
from hypothesis import strategies as st

from app.dispatch.checking import FindingKind, check
from app.dispatch.matrix import Facts, Undecided, decide
from tests.dispatch.oracle import DIMENSIONS, Verdict
from tests.dispatch.random_cities import City, case_of, city_of

# The dice are cast by `Random`: Hypothesis would take twenty times as long over a rulebook, and only
# chooses where they begin.
seeds = st.integers(0, 2**64)
PHASES = [Phase.explicit, Phase.reuse, Phase.generate]
many_seeds = settings(max_examples=settings.default.max_examples * 10, phases=PHASES)
some_seeds = settings(phases=PHASES)


@given(seeds)
@many_seeds
def test_each_decision_is_what_a_careful_reader_decides(seed: int) -> None:
    dice = Random(seed)
    city = city_of(dice)
    for _ in range(15):
        case = case_of(dice, city)
        assert decided(case, city) == city.oracle.decide(case), told(case, city)


def decided(case: Facts, city: City) -> Verdict | None:
    """What the service decides, in the oracle's words."""
    try:
        decision = decide(case, city.book)
    except Undecided:
        event("undecided")
        return None
    event(f"{min(len(decision.losers), 3)} rows lost")
    assert f"第 {decision.row} 行" in decision.why[0]
    assert any("主办单位" in words and f"（{decision.lead}）" in words for words in decision.why)
    losers = set()
    for loser in decision.losers:
        (dimension,) = (
            name for name in DIMENSIONS if f"；{name}的规定不如第 {decision.row} 行具体" in loser.because
        )
        losers.add((loser.row, dimension))
    assert len(losers) == len(decision.losers)
    return Verdict(decision.row, decision.lead, decision.assisting, decision.fallback, frozenset(losers))


def told(case: Facts, city: City) -> str:
    """What somebody needs to see who was right."""
    speaking = [rule for rule in city.oracle.rules if city.oracle.speaks(rule, case)]
    return "\n".join(
        map(str, [case, city.oracle.zone, *city.oracle.units, "the rules that speak of it:", *speaking])
    )


@given(seeds)
@some_seeds
def test_what_the_check_says_of_a_rulebook_holds_for_its_cases(seed: int) -> None:
    """Ties and gaps come with a case that shows them; where none is found, every case is decided; a row said
    never to be reached decides none."""
    dice = Random(seed)
    city = city_of(dice, most=4)
    report = check(city.book)
    found = {finding.kind for finding in report.errors}
    decidable = not found & {FindingKind.CONDITION_UNANSWERED, FindingKind.TIE}
    unreached = {f.where for f in report.findings if f.kind is FindingKind.ROW_UNREACHED}
    event(f"decidable: {decidable}")
    for finding in report.errors:
        if finding.example is not None:
            assert city.oracle.decide(finding.example) is None, finding.message
            speaking = [rule for rule in city.oracle.rules if city.oracle.speaks(rule, finding.example)]
            assert bool(speaking) == (finding.kind is FindingKind.TIE), finding.message
    for _ in range(40):
        case = case_of(dice, city)
        winner = city.oracle.decide(case)
        if winner is not None:
            assert f"matrix {winner.row}" not in unreached, told(case, city)
        elif decidable:
            assert FindingKind.FALLBACK_MISSING in found, told(case, city)


@pytest.mark.parametrize("seed", range(3))
def test_random_cities_meet_what_matters(seed: int) -> None:
    """The dice are loaded so that rules meet: without this the other tests could pass and prove nothing."""
    dice = Random(seed)
    verdicts = []
    for _ in range(200):
        city = city_of(dice)
        verdicts += [city.oracle.decide(case_of(dice, city)) for _ in range(5)]
    decisions = [verdict for verdict in verdicts if verdict is not None]
    assert 0.3 < len(decisions) / len(verdicts) < 0.95
    assert {dimension for verdict in decisions for _, dimension in verdict.losers} == set(DIMENSIONS)
    assert sum(verdict.fallback for verdict in decisions) > 20
    assert sum(len(verdict.losers) > 1 for verdict in decisions) > 20
