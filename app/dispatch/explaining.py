"""试算: what a rulebook would decide for a problem, and by when, without any case."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.dispatch.deadlines import Deadline, due
from app.dispatch.matrix import Decision, Facts, Undecided, decide
from app.dispatch.rulebook import Rulebook
from app.errors import InvalidInput
from app.grid.place import ComponentFact, Place


@dataclass(frozen=True, slots=True)
class Explanation:
    """The decision and, by milestone (`""` is the limit itself), the due times of a clock started at once."""

    facts: Facts
    area_class: str | None
    decision: Decision
    deadlines: dict[str, Deadline]


def facts_at_place(
    place: Place, *, condition: str, at: datetime, source: str, component: ComponentFact | None = None
) -> Facts:
    """The facts of a problem found at a place; the nearest chief in office speaks for the street."""
    chief = place.chiefs[0] if place.chiefs else None
    return Facts(
        condition=condition,
        at=at,
        source=source,
        cell_code=place.cell_code,
        community_code=place.community_code,
        street_code=place.street_code,
        district_code=place.district_code,
        component_owner=component.owner_unit if component else None,
        component_maintainer=component.maintainer_unit if component else None,
        chief_unit=chief.unit if chief else None,
        chief_name=chief.name if chief else None,
    )


def facts_in_area(code: str, *, condition: str, at: datetime, source: str) -> Facts:
    """The facts of a problem known only to lie in the area of this code (6, 9, 12 or 15 digits)."""
    return Facts(
        condition=condition,
        at=at,
        source=source,
        cell_code=code if len(code) == 15 else None,
        community_code=code[:12] if len(code) >= 12 else None,
        street_code=code[:9] if len(code) >= 9 else None,
        district_code=code[:6],
    )


def explain(rulebook: Rulebook, facts: Facts, *, area_class: str | None) -> Explanation:
    """Errors: `InvalidInput` when the condition is unknown, no row answers, or the calendar ends before."""
    if facts.condition not in rulebook.condition_by_code:
        raise InvalidInput(
            f"The rulebook has no condition {facts.condition}: choose one of its conditions.",
            fields={"condition": "unknown"},
        )
    try:
        decision = decide(facts, rulebook)
    except Undecided as undecided:
        raise InvalidInput(f"The rulebook does not decide this: {undecided}.") from undecided
    limits = rulebook.handling_limits(facts.condition, area_class)
    amber = rulebook.policy.amber_percent
    try:
        deadlines = {
            milestone: due(facts.at, limit, rulebook.calendar, amber_percent=amber)
            for milestone, limit in limits.items()
        }
    except ValueError as too_short:
        raise InvalidInput(
            f"No due time at that moment: {too_short}.", fields={"at": "outside the calendar"}
        ) from too_short
    return Explanation(facts, area_class, decision, deadlines)
