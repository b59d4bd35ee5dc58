"""Two rulebooks for the small city that differ in whatever a city may set, and a reading of them by hand."""

from __future__ import annotations

from collections.abc import Iterable

from app.dispatch.rulebook import (
    ClockKind,
    HandlingLimit,
    LimitUnit,
    MatrixRow,
    Policy,
    ReworkClock,
    Rulebook,
    StageLimit,
)
from app.identity.principal import Role
from tests.world import EAST, RULEBOOK, WEST


def _handling(*rows: tuple[str, str, str, float, str]) -> tuple[HandlingLimit, ...]:
    return tuple(
        HandlingLimit(
            condition=condition, area_class=area_class, milestone=milestone, amount=amount, unit=unit
        )
        for condition, area_class, milestone, amount, unit in rows
    )


def _stages(**limits: str) -> tuple[StageLimit, ...]:
    """`checking="1 calendar_day"`"""
    return tuple(
        StageLimit(clock=ClockKind(clock), amount=float(limit.split()[0]), unit=LimitUnit(limit.split()[1]))
        for clock, limit in limits.items()
    )


_PATIENT = RULEBOOK.model_copy(
    update={
        "name": "宽限规则库",
        "limits": _handling(
            ("C0102-1", "*", "", 2, "urgent_hour"),
            ("E0101-1", "*", "", 20, "work_day"),
            ("E0101-1", "*", "停工", 4, "work_hour"),
            ("E0101-1", "*", "处罚", 7, "work_day"),
            ("E0110-1", "*", "", 4, "work_hour"),
            ("E0405-1", "A", "", 1, "urgent_day"),
            ("E0405-1", "*", "", 2, "calendar_day"),
        ),
        "stage_limits": _stages(
            accepting="15 minute", verifying="1 urgent_hour", filing="1 work_hour", dispatching="1 work_hour",
            signing="1 work_hour", ruling="15 minute", checking="1 calendar_day", closing="1 work_day",
            auditing="60 minute", appealing="2 work_day",
        ),
    }
)  # fmt: skip
_STRICT = RULEBOOK.model_copy(
    update={
        "name": "从严规则库",
        "policy": Policy(
            fallback_unit="centre", accept_roles=(Role.INTAKE_CLERK, Role.DISPATCHER),
            file_roles=(Role.INTAKE_CLERK,), close_roles=(Role.EVALUATOR,), verify_sources=("inspector",),
            max_declines=1, max_extensions=1, max_suspensions=2, max_suspension_days=20, amber_percent=55,
            rework_clock=ReworkClock.REST, appeal_days=3,
        ),
        "limits": _handling(
            ("C0102-1", "*", "", 90, "minute"),
            ("E0101-1", "*", "", 3, "work_day"),
            ("E0101-1", "A", "停工", 2, "urgent_hour"),
            ("E0110-1", "*", "", 1.5, "work_hour"),
            ("E0405-1", "*", "", 0.5, "work_day"),
        ),
        "matrix": (
            MatrixRow(code="components", category="component", lead="@street_office"),
            MatrixRow(code="events", category="event", lead="@local:enforcement",
                      assisting=("@street_office", "sanitation")),
        ),
        "stage_limits": _stages(
            accepting="1 work_hour", verifying="30 minute", filing="15 minute", dispatching="15 minute",
            signing="20 minute", ruling="1 work_hour", checking="30 minute", closing="0.5 urgent_hour",
            auditing="1 work_day", appealing="1 calendar_day",
        ),
    }
)  # fmt: skip
PATIENT, STRICT = "patient", "strict"
BOOKS: dict[str, Rulebook] = {PATIENT: _PATIENT, STRICT: _STRICT}

_OFFICE = {WEST: "west_office", EAST: "east_office"}
_SQUAD = {WEST: "enforcement_west", EAST: "enforcement_east"}
_BELOW = {"enforcement": {"enforcement", "enforcement_west", "enforcement_east"}}


def lead_by_hand(book: str, condition: str, street: str, owner: str | None) -> tuple[str, tuple[str, ...]]:
    """Who leads and who assists, as the matrices above are meant."""
    office, squad = _OFFICE[street], _SQUAD[street]
    if book == STRICT:
        return (office, ()) if condition == "C0102-1" else (squad, (office, "sanitation"))
    return {
        "C0102-1": (owner or office, ()),
        "E0101-1": (squad, (office,)),
        "E0110-1": ("sanitation", ()),
        "E0405-1": (office, ("enforcement",)),
    }[condition]


def own_units(unit: str | None) -> set[str]:
    """The unit and those below it."""
    return set() if unit is None else _BELOW.get(unit, {unit})


def is_one_of(units: Iterable[str | None], unit: str | None) -> bool:
    return not own_units(unit).isdisjoint(units)


def limits_by_hand(book: str, condition: str, area_class: str) -> dict[str, tuple[float, str]]:
    """The limits of a condition by milestone; what is said of the class goes before what is said of all."""
    rows = [row for row in BOOKS[book].limits if row.condition == condition]
    ordered = sorted(
        (row for row in rows if row.area_class in ("*", area_class)), key=lambda r: r.area_class != "*"
    )
    return {row.milestone: (row.amount, row.unit.value) for row in ordered}


def stage_limit(book: str, clock: str) -> tuple[float, str]:
    (row,) = (row for row in BOOKS[book].stage_limits if row.clock.value == clock)
    return row.amount, row.unit.value
