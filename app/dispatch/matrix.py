"""责任矩阵: who must act. A pure decision over frozen facts and a rulebook, and it tells why.

No SQL, clock or settings in here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.dispatch.rulebook import Rulebook


@dataclass(frozen=True, slots=True)
class Facts:
    """What a decision is taken from. `at` is aware; the calendar's time zone gives its local hour.

    Area codes are None where the place is outside the district.
    """

    condition: str
    at: datetime
    source: str
    cell_code: str | None
    community_code: str | None
    street_code: str | None
    district_code: str | None
    component_owner: str | None = None
    component_maintainer: str | None = None
    chief_unit: str | None = None
    chief_name: str | None = None


@dataclass(frozen=True, slots=True)
class Loser:
    """A row that matched too, and why it lost, in words."""

    row: str
    because: str


@dataclass(frozen=True, slots=True)
class Decision:
    """派遣决定: exactly one lead; `why` tells it in sentences a person can read (Chinese)."""

    row: str
    lead: str
    assisting: tuple[str, ...]
    why: tuple[str, ...]
    losers: tuple[Loser, ...]
    #: True when no reference of the row resolved and the fallback (兜底) leads.
    fallback: bool = False


class Undecided(Exception):
    """No row answers for the facts, or two tie: a checked rulebook never raises this."""


def decide(facts: Facts, rulebook: Rulebook) -> Decision:
    """The most specific matching row's units, resolved for this place.

    Specificity is compared in this order: category depth, area depth, ownership, time window, source.
    Errors: `Undecided`.
    """
    raise NotImplementedError
