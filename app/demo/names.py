"""Invented names of the demo town, from `names.toml`: roads, communities, people."""

from __future__ import annotations

import tomllib
from pathlib import Path
from random import Random

_LISTS: dict[str, str] = tomllib.loads((Path(__file__).parent / "names.toml").read_text(encoding="utf-8"))

ROAD_STEMS, COMMUNITIES, SURNAMES, GIVEN_FIRST, GIVEN_SECOND = (
    tuple(_LISTS[name].split())
    for name in ("road_stems", "communities", "surnames", "given_first", "given_second")
)


def person(rng: Random) -> str:
    """An invented name, of two or three characters."""
    given = rng.choice(GIVEN_FIRST) if rng.random() < 0.7 else ""
    return rng.choice(SURNAMES) + given + rng.choice(GIVEN_SECOND)
