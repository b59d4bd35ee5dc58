"""学习: a model learned and measured, in a process of its own: `python -m app.suggestions.learning`.

It reads a `Lesson` from standard input and writes what it learned to standard output, both in lines of JSON:
what memory scikit-learn takes ends with it, and who started it need hold neither side as a whole.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic_core import from_json, to_json

from app.suggestions.grams import grams
from app.suggestions.likeness import Likeness
from app.suggestions.model import Figures, GramTold, Learned, Measured

#: Share of the cases, the newest, that measure and are not learned from.
HELD_OUT = 0.2
#: Numbers of cases that are learned from for the curve, beside all there are.
STEPS = (100, 300, 1000, 3000, 10_000)
#: How many grams are learned at most, the most frequent.
MOST_GRAMS = 30_000
#: The rulebook's words of a condition count as this many cases: they know conditions never filed, and words
#: that nobody has said yet.
WORTH_OF_WORDS = 20.0
#: What is tried to make shares of likenesses.
SHARPNESSES = (3.0, 5.0, 8.0, 12.0, 18.0, 25.0, 35.0)


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is learned from: filed cases (text, condition), the oldest first, and the rulebook's words of each
    condition."""

    cases: Sequence[tuple[str, str]]
    words: Mapping[str, str]

    def lines(self) -> Iterator[bytes]:
        """The words, then a line for each case."""
        return _lines((self.words, *self.cases))

    @classmethod
    def read(cls, lines: Iterable[bytes]) -> Lesson:
        words, *cases = map(from_json, lines)
        return cls([(text, condition) for text, condition in cases], words)


@dataclass(frozen=True, slots=True)
class Told:
    """A model with its grams."""

    model: Learned
    grams: Sequence[GramTold]

    def lines(self) -> Iterator[bytes]:
        """The model, then a line for each gram."""
        return _lines((self.model, *self.grams))


def _lines(values: Iterable[Any]) -> Iterator[bytes]:
    return (to_json(value) + b"\n" for value in values)


#: Ranks the conditions for each of some texts, the best three.
_Rank = Callable[[Sequence[str]], list[list[str]]]


class _Model:
    """范例模型 (Rocchio): of each condition the mean of its cases' grams by TF-IDF, of length one. How like a
    text is to it is their cosine."""

    def __init__(self, cases: Sequence[tuple[str, str]], words: Mapping[str, str]) -> None:
        from scipy.sparse import csr_matrix
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.preprocessing import normalize

        self.conditions = sorted(words)
        place = {condition: at for at, condition in enumerate(self.conditions)}
        texts = [*(text for text, _ in cases), *words.values()]
        of = [place[condition] for _, condition in cases] + [place[condition] for condition in words]
        weigh = [1.0] * len(cases) + [WORTH_OF_WORDS] * len(words)
        self.vectorizer = TfidfVectorizer(analyzer=_elements, sublinear_tf=True, max_features=MOST_GRAMS)
        vectors = self.vectorizer.fit_transform(texts)
        shape = (len(self.conditions), len(texts))
        self.weights = normalize(csr_matrix((weigh, (of, range(len(texts)))), shape=shape) @ vectors)

    def likeness(self, texts: Sequence[str]) -> Any:
        """How like each text is to each condition, (texts, conditions)."""
        return (self.vectorizer.transform(texts) @ self.weights.T).toarray()

    def rank(self, texts: Sequence[str]) -> list[list[str]]:
        best = np.argsort(-self.likeness(texts), axis=1)[:, :3]
        return [[self.conditions[at] for at in row] for row in best]


def learn(lesson: Lesson) -> Told:
    """Measures on the newest cases what the others teach, then learns from all."""
    cases, words = lesson.cases, lesson.words
    old = len(cases) - max(1, round(len(cases) * HELD_OUT))
    known, held_out = cases[:old], cases[old:]
    models = {size: _Model(known[-size:], words) for size in (*(n for n in STEPS if n < old), old)}
    measured = Measured(
        held_out=len(held_out),
        learned=tuple(_figures(size, held_out, model.rank) for size, model in models.items()),
        similarity=_figures(0, held_out, _by_likeness(words)),
        commonest=_figures(old, held_out, _commonest(known)),
    )
    model = _Model(cases, words)
    columns = model.weights.tocsc()
    grams_of_it: list[GramTold] = []
    for at, (gram, idf) in enumerate(
        zip(model.vectorizer.get_feature_names_out().tolist(), model.vectorizer.idf_.tolist(), strict=True)
    ):
        column = slice(columns.indptr[at], columns.indptr[at + 1])
        grams_of_it.append((gram, idf, columns.indices[column].tolist(), columns.data[column].tolist()))
    learned = Learned(
        conditions=tuple(model.conditions),
        sharpness=_sharpness(models[old], held_out),
        measured=measured,
        cases=len(cases),
        grams=len(grams_of_it),
    )
    return Told(learned, grams_of_it)


def _sharpness(model: _Model, held_out: Sequence[tuple[str, str]]) -> float:
    """The factor by which likenesses give the held-out cases' conditions the greatest shares."""
    like = model.likeness([text for text, _ in held_out])
    right = like[range(len(held_out)), [model.conditions.index(condition) for _, condition in held_out]]

    def surprise(factor: float) -> float:
        return float((np.log(np.exp(factor * like).sum(axis=1)) - factor * right).mean())

    return min(SHARPNESSES, key=surprise)


def _elements(text: str) -> list[str]:
    return list(grams(text).elements())


def _by_likeness(words: Mapping[str, str]) -> _Rank:
    like = Likeness(words)
    return lambda texts: [[found.condition for found in like.ranked(text, 3)] for text in texts]


def _commonest(cases: Sequence[tuple[str, str]]) -> _Rank:
    three = [condition for condition, _ in Counter(condition for _, condition in cases).most_common(3)]
    return lambda texts: [three for _ in texts]


def _figures(cases: int, held_out: Sequence[tuple[str, str]], rank: _Rank) -> Figures:
    ranked = rank([text for text, _ in held_out])
    first = sum(found[:1] == [right] for found, (_, right) in zip(ranked, held_out, strict=True))
    three = sum(right in found for found, (_, right) in zip(ranked, held_out, strict=True))
    number = len(held_out)
    return Figures(cases=cases, top_1=round(first / number, 4), top_3=round(three / number, 4))


if __name__ == "__main__":
    sys.stdout.buffer.writelines(learn(Lesson.read(sys.stdin.buffer)).lines())
