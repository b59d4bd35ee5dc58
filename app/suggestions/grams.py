"""字组: the runs of two or three characters a text is made of, by which it is compared. Pure.

Chinese is not split into words here: a word mostly is two or three characters, and none is unknown.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping

#: How many characters a gram has at least and at most.
SHORTEST, LONGEST = 2, 3
#: A description is read so far.
MOST_CHARACTERS = 500
#: How many of its words are told for a suggestion.
MOST_WORDS = 3


def normal(text: str) -> str:
    """The text as it is compared: full-width characters as usual ones, lower-cased, any digit a 0, and what
    is no letter or digit one blank."""
    folded = unicodedata.normalize("NFKC", text[:MOST_CHARACTERS]).lower()
    kept = "".join("0" if one.isdigit() else one if one.isalnum() else " " for one in folded)
    return " ".join(kept.split())


def grams(text: str) -> Counter[str]:
    """Every gram of the text, in `normal` form, with how often it is there; none reaches over a blank."""
    counted: Counter[str] = Counter()
    for part in normal(text).split():
        for size in range(SHORTEST, LONGEST + 1):
            counted.update(part[at : at + size] for at in range(len(part) - size + 1))
    return counted


def telling_words(text: str, weight: Mapping[str, float]) -> list[str]:
    """The words of the text that speak for something: runs of characters covered by the grams that weigh
    about as much as the average one or more, heaviest first."""
    said = normal(text)
    positive = [one for one in weight.values() if one > 0]
    if not positive:
        return []
    bar = 0.8 * sum(positive) / len(positive)
    worth = [0.0] * (len(said) + 1)  # a character after the last one ends the last run
    for size in range(SHORTEST, LONGEST + 1):
        for at in range(len(said) - size + 1):
            heavy = weight.get(said[at : at + size], 0.0)
            for place in range(at, at + size) if heavy >= bar else ():
                worth[place] += heavy
    runs: dict[str, float] = {}
    start = 0
    for at, one in enumerate(worth):
        if one == 0.0:
            if at > start:
                runs[said[start:at]] = max(runs.get(said[start:at], 0.0), sum(worth[start:at]))
            start = at + 1
    return sorted(runs, key=lambda word: (-runs[word], word))[:MOST_WORDS]
