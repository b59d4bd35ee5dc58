"""文字相似: before enough cases were filed, the rulebook's own words rank its conditions. Pure.

How like a text and a condition are is the cosine of their grams, a gram weighing the more the fewer
conditions have it. It knows no other words for a thing than the rulebook's.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache

from app.dispatch.rulebook import Rulebook
from app.suggestions.grams import grams, telling_words
from app.suggestions.model import Ranked

#: Less like than this is chance.
LEAST = 0.05


class Likeness:
    """The conditions of one rulebook by the grams of their words."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        counted = {condition: grams(text) for condition, text in texts.items()}
        having = Counter(gram for found in counted.values() for gram in found)
        self._rare = {gram: math.log((1 + len(texts)) / (1 + number)) + 1 for gram, number in having.items()}
        self._holding: dict[str, list[tuple[str, float]]] = {}
        for condition, found in counted.items():
            vector = self._vector(found)
            for gram, value in vector.items():
                self._holding.setdefault(gram, []).append((condition, value))

    def _vector(self, counted: Counter[str]) -> dict[str, float]:
        values = {
            gram: (1 + math.log(n)) * self._rare[gram] for gram, n in counted.items() if gram in self._rare
        }
        length = math.sqrt(sum(value * value for value in values.values())) or 1.0
        return {gram: value / length for gram, value in values.items()}

    def ranked(self, text: str, limit: int) -> list[Ranked]:
        """The conditions whose words the text is most like."""
        said = self._vector(grams(text))
        speaks: dict[str, dict[str, float]] = {}
        for gram, value in said.items():
            for condition, other in self._holding.get(gram, ()):
                speaks.setdefault(condition, {})[gram] = value * other
        likest = sorted(
            ((sum(found.values()), condition) for condition, found in speaks.items()), reverse=True
        )
        return [
            Ranked(condition, round(share, 4), tuple(telling_words(text, speaks[condition])))
            for share, condition in likest[:limit]
            if share >= LEAST
        ]


def words_of(rulebook: Rulebook) -> dict[str, str]:
    """What the rulebook says of each condition: its minor's name and its text."""
    return {
        condition.code: f"{rulebook.category_by_code[condition.category].name} {condition.text}"
        for condition in rulebook.conditions
    }


@lru_cache(maxsize=4)
def likeness(rulebook: Rulebook) -> Likeness:
    """Made once for a rulebook."""
    return Likeness(words_of(rulebook))
