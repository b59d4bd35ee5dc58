"""相似度: what counts and which way; and how well it tells duplicates, held against what the docs say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cases.likeness import Reach, likeness
from bench import duplicates as measured
from scripts.docs import ROOT

NINE = datetime(2026, 3, 2, 1, tzinfo=UTC)
MAJORS = {"E0405": "E04", "E0406": "E04", "E0110": "E01", "C0102": "C01"}
REACH = Reach(50, 24, MAJORS.get)


@dataclass(frozen=True)
class Telling:
    category: str | None = "E0405"
    condition: str | None = None
    component_code: str | None = None
    description: str = "店门口堆满货物"
    address: str = "中心路 1 号"
    reported_at: datetime = NINE


ONE = Telling()


def score(other: Telling, metres: float = 10, one: Telling = ONE) -> int:
    return likeness(one, other, metres, REACH).score


def test_the_same_thing_at_the_same_place_is_the_same():
    assert score(ONE, 0) == 100
    assert likeness(ONE, replace(ONE, reported_at=NINE + timedelta(hours=5)), 12, REACH).why == (
        "相距 12 米", "相隔 5 小时", "同一小类", "文字相同 100%",
    )  # fmt: skip


def test_beyond_the_reach_nothing_is_alike():
    assert score(ONE, 50.1) == 0
    assert score(replace(ONE, reported_at=NINE - timedelta(hours=24.1))) == 0


def test_nearer_sooner_and_more_of_one_kind_is_liker():
    far, late = score(ONE, 40), score(replace(ONE, reported_at=NINE + timedelta(hours=20)))
    assert max(far, late) < score(ONE)
    conditioned = replace(ONE, condition="E0405-1", description="x", address="")
    other = replace(conditioned, description="路灯不亮")
    kinds = [
        score(replace(other, category=category, condition=condition), one=conditioned)
        for category, condition in (
            ("E0405", "E0405-1"), ("E0405", "E0405-2"), (None, None), ("E0406", None), ("E0110", None),
        )
    ]  # fmt: skip
    assert kinds == sorted(kinds, reverse=True)
    assert len(set(kinds)) == len(kinds)


def test_words_count_most_where_the_kind_is_not_known():
    unlike = {"description": "路灯整夜不亮", "address": "东门外"}
    known = score(ONE) - score(replace(ONE, **unlike))
    unknown = score(replace(ONE, category=None)) - score(replace(ONE, category=None, **unlike))
    assert 0 < known < unknown


def test_a_component_is_itself_and_no_other():
    part = replace(ONE, category="C0102", component_code="1", description="井盖", address="")
    assert score(replace(part, description="盖子没了"), 45, one=part) == 100
    assert score(replace(part, component_code="2"), 5, one=part) < 30


texts = st.text(alphabet="井盖缺失路灯不亮店外经营", max_size=12)
tellings = st.builds(
    Telling, category=st.sampled_from([None, *MAJORS]), component_code=st.sampled_from([None, "1", "2"]),
    description=texts, address=texts,
    reported_at=st.timedeltas(timedelta(0), timedelta(days=2)).map(NINE.__add__),
)  # fmt: skip


@given(one=tellings, other=tellings, metres=st.floats(0, 100))
def test_a_score_is_a_share_and_the_same_both_ways(one: Telling, other: Telling, metres: float):
    told = likeness(one, other, metres, REACH)
    assert 0 <= told.score <= 100
    assert told == likeness(other, one, metres, REACH)


def _documented(heading: str) -> str:
    page = (ROOT / "docs" / "duplicates.md").read_text()
    return page.split(f"### {heading}\n")[1].split("\n##")[0].strip()


def test_what_the_docs_say_of_real_requests_is_measured():
    if not measured.REQUESTS.exists():
        pytest.skip(f"real data not present: {measured.REQUESTS}")
    assert "\n".join(measured.of_requests()) in _documented("Real requests")


def test_what_the_docs_say_of_the_demo_district_is_measured():
    assert "\n".join(measured.of_the_demo()) in _documented("The demo district")
