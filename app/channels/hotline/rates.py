"""三率: response, resolution and satisfaction over valid call-backs, by unit and weighed. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.channels.hotline.schemas import Rates, UnitRates
from app.dispatch.rulebook import Rulebook
from app.settings import HotlineSettings

_SUMS = (
    "orders", "returned", "called_back", "responded", "asked_solved", "solved", "asked_satisfied",
    "satisfied",
)  # fmt: skip


def of_units(rows: Sequence[Mapping[str, Any]], rulebook: Rulebook, settings: HotlineSettings) -> Rates:
    """What was counted, as rates; `rows` are those of `store.rates`."""
    weights = {
        "response": settings.response_weight,
        "resolution": settings.resolution_weight,
        "satisfaction": settings.satisfaction_weight,
    }
    total = {"unit": None} | {name: sum(row[name] for row in rows) for name in _SUMS}
    return Rates(
        units=[_unit(row, rulebook, weights) for row in rows],
        total=_unit(total, rulebook, weights),
        weights=weights,
    )


def _unit(row: Mapping[str, Any], rulebook: Rulebook, weights: Mapping[str, float]) -> UnitRates:
    rates = {
        "response": _rate(row["responded"], row["called_back"]),
        "resolution": _rate(row["solved"], row["asked_solved"]),
        "satisfaction": _rate(row["satisfied"], row["asked_satisfied"]),
    }
    return UnitRates(
        unit=row["unit"],
        unit_name=rulebook.unit_name(row["unit"]),
        orders=row["orders"],
        returned=row["returned"],
        called_back=row["called_back"],
        score=_score(rates, weights),
        **{f"{name}_rate": rate for name, rate in rates.items()},
    )


def _rate(part: float, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _score(rates: Mapping[str, float | None], weights: Mapping[str, float]) -> float | None:
    """Weighed by what was asked: a unit is not marked down for a question nobody put."""
    asked = {name: rate for name, rate in rates.items() if rate is not None}
    weight = sum(weights[name] for name in asked)
    if not weight:
        return None
    return round(100 * sum(rate * weights[name] for name, rate in asked.items()) / weight, 2)
