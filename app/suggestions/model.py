"""推荐模型: what was learned from filed cases, as plain numbers, and what it says of a text. Pure.

A linear model over grams: each gram that was learned has a weight for the conditions that have it. Nothing of
it can be carried out; a look-up needs the rows of the text's own grams alone.
"""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from app.suggestions.grams import grams, telling_words


class Figures(BaseModel):
    """How good suggestions were on held-out cases: the right condition first, or among the first three."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cases: int
    top_1: float
    top_3: float


class Measured(BaseModel):
    """实测: on the newest cases, which the measured model had not seen.

    `learned`: by models of ever more of the cases before them, the last of all. `similarity`: by likeness
    with the rulebook's own words. `commonest`: the three commonest conditions, always.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    held_out: int
    learned: tuple[Figures, ...]
    similarity: Figures
    commonest: Figures


@dataclass(frozen=True, slots=True)
class Gram:
    """What was learned of a gram: how rare it is, and its weight for each condition that has it, by the
    condition's place among the model's."""

    idf: float
    places: Sequence[int]
    weights: Sequence[float]


#: A gram as it is told and stored: its text, and what a `Gram` has.
GramTold = tuple[str, float, list[int], list[float]]


class Learned(BaseModel):
    """What learning gives, but for the grams. `sharpness` makes shares of likenesses: as it fitted the
    held-out cases best. `grams`: how many there are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    conditions: tuple[str, ...]
    sharpness: float
    measured: Measured
    cases: int
    grams: int


@dataclass(frozen=True, slots=True)
class Ranked:
    """A condition that the words speak for. `share`: of the probability; by likeness, the cosine."""

    condition: str
    share: float
    words: tuple[str, ...]


def judged(
    text: str,
    conditions: Sequence[str],
    sharpness: float,
    known: Mapping[str, Gram],
    allowed: Container[str],
    limit: int,
) -> list[Ranked]:
    """The conditions among those allowed that the model holds likeliest, with their shares of those allowed.

    `known` are the rows of the text's grams; without any there is nothing to go by.
    """
    values = {
        gram: (1 + math.log(times)) * known[gram].idf for gram, times in grams(text).items() if gram in known
    }
    length = math.sqrt(sum(value * value for value in values.values()))
    speaks: dict[str, dict[str, float]] = {}
    for gram, value in values.items():
        for place, weight in zip(known[gram].places, known[gram].weights, strict=True):
            if conditions[place] in allowed:
                speaks.setdefault(conditions[place], {})[gram] = value / length * weight
    likeness = {condition: sum(told.values()) for condition, told in speaks.items()}
    silent = sum(condition in allowed for condition in conditions) - len(likeness)
    whole = silent + sum(math.exp(sharpness * like) for like in likeness.values())
    best = sorted(likeness, key=lambda condition: (-likeness[condition], condition))[:limit]
    return [
        Ranked(
            condition,
            round(math.exp(sharpness * likeness[condition]) / whole, 4),
            tuple(telling_words(text, speaks[condition])),
        )
        for condition in best
    ]
