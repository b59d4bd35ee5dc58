"""What a text is taken apart into, what a model says of it, and which of its words are told."""

from __future__ import annotations

import math
from collections.abc import Container

import pytest

from app.suggestions.grams import MOST_CHARACTERS, grams, normal, telling_words
from app.suggestions.learning import Lesson, Told, _Model, learn
from app.suggestions.likeness import Likeness
from app.suggestions.model import Gram, Ranked, judged

WORDS = {
    "A": "污水井盖 井盖丢失，行人可能跌落",
    "B": "暴露垃圾 路面有成堆垃圾",
    "C": "店外经营 店铺将货物摆到门外",
}
SAID = {
    "A": ("马路上井盖没了", "下水道盖子不见了", "窨井缺盖很危险"),
    "B": ("楼下一堆生活垃圾", "垃圾好几天没人收", "路边废品堆积发臭"),
    "C": ("水果店占道摆摊", "超市把货架摆在人行道", "店门口堆满货物"),
}


def lesson(times: int = 40) -> Lesson:
    """Cases in turn, so that the newest are of every kind."""
    return Lesson(
        cases=[
            (f"{'东西南北'[number % 4]}路{number}号{SAID[code][number % 3]}", code)
            for number in range(times)
            for code in SAID
        ],
        words=WORDS,
    )


def ranked_by(told: Told, text: str, allowed: Container[str]) -> list[Ranked]:
    """What the model says of the text, as it is looked up from stored rows."""
    known = {gram: Gram(*told_of_it) for gram, *told_of_it in told.grams}
    return judged(text, told.model.conditions, told.model.sharpness, known, allowed, 3)


@pytest.fixture(scope="module")
def told() -> Told:
    return learn(lesson())


def test_numbers_and_widths_make_no_difference():
    assert normal("Ａ座12号，有 垃圾！") == "a座00号 有 垃圾"
    assert grams("井盖，盖子") == {"井盖": 1, "盖子": 1}
    assert set(grams("污水井")) == {"污水", "水井", "污水井"}
    assert len(normal("长" * 10_000)) == MOST_CHARACTERS
    assert grams("\x00\ud800") == {}


def test_the_words_that_speak_are_whole_words():
    assert telling_words("东路5号井盖没了", {"井盖": 0.5, "路0": 0.01}) == ["井盖"]
    assert telling_words("东路5号井盖没了", {"井盖": -0.5}) == []


def test_the_look_up_says_what_the_learning_library_says(told: Told):
    """The rows alone give the library's likenesses, as shares."""
    cases = lesson()
    model = _Model(cases.cases, cases.words)
    for text in ("南路3号水果店占道摆摊", "垃圾和井盖", "井盖井盖井盖"):
        (likeness,) = model.likeness([text]).tolist()
        raised = [math.exp(told.model.sharpness * like) for like in likeness]
        expected = {c: r / sum(raised) for c, r in zip(model.conditions, raised, strict=True)}
        ranked = ranked_by(told, text, WORDS)
        assert {one.condition: one.share for one in ranked} == pytest.approx(
            {one.condition: expected[one.condition] for one in ranked}, abs=1e-4
        )
        assert [one.share for one in ranked] == sorted((one.share for one in ranked), reverse=True)


def test_what_people_say_is_learned_and_measured_on_the_newest(told: Told):
    measured = told.model.measured
    assert (measured.held_out, told.model.cases) == (24, 120)
    assert [one.cases for one in measured.learned] == [96]
    assert measured.learned[-1].top_1 == 1.0
    assert measured.similarity.top_1 < 0.8
    assert measured.commonest.top_1 == pytest.approx(1 / 3, abs=0.01)
    (best, *_) = ranked_by(told, "西路盖子不见了", WORDS)
    assert best.condition == "A"
    assert any("盖" in word for word in best.words)


def test_only_conditions_allowed_are_suggested(told: Told):
    ranked = ranked_by(told, "井盖没了", {"B", "C"})
    assert "A" not in {one.condition for one in ranked}
    assert ranked_by(told, "🙂🙂🙂", WORDS) == []


def test_a_condition_never_filed_is_known_by_the_rulebooks_words():
    told = learn(Lesson(cases=lesson().cases, words={**WORDS, "D": "露天烧烤 占道烧烤，油烟扰民"}))
    (best, *_) = ranked_by(told, "夜里有人烧烤，油烟很大", {*WORDS, "D"})
    assert best.condition == "D"


def test_before_anything_is_learned_the_rulebooks_words_rank():
    ranked = Likeness(WORDS).ranked("井盖丢失", 3)
    assert [one.condition for one in ranked] == ["A"]
    assert ranked[0].words[0] == "井盖丢失"
    assert Likeness(WORDS).ranked("毫无关系", 3) == []
