"""案卷摘要: what a list shows of a case, in whichever way the case was read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from app.cases.case import FIELDS, Case, Lamp, Pending, lamp
from app.cases.workflow import STAGE_LABELS, Stage
from app.dispatch.rulebook import Rulebook


class CaseSummary(BaseModel):
    """案卷摘要: a case as it stands in a list. Times are UTC; `lamp` is null when nobody owes anything."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "01985f3e-8a1c-7d44-9f0b-0a1b2c3d4e5f",
                    "number": "211103-20260302-0000017",
                    "stage": "handling",
                    "stage_label": "处置中",
                    "lamp": "green",
                    "description": "人行道上烧烤摊占道，油烟大",
                    "lead_unit": "XZZF",
                }
            ]
        }
    )

    id: UUID
    number: str
    version: int
    stage: Stage
    stage_label: str
    lamp: Lamp | None
    due_at: datetime | None
    handling_due_at: datetime | None
    source: str
    category: str | None
    category_name: str | None
    condition: str | None
    description: str
    address: str
    lon: float
    lat: float
    placed: bool
    area_code: str
    area_class: str | None
    lead_unit: str | None
    lead_unit_name: str | None
    assisting_units: tuple[str, ...]
    inspector_id: UUID | None
    inspector_name: str | None
    reported_at: datetime
    ended_at: datetime | None
    overdue: bool | None
    listed: bool
    pending: Pending | None


@cache
def kept_in(model: type[BaseModel]) -> tuple[str, ...]:
    """The fields of a reply that are the case's own."""
    return tuple(name for name in model.model_fields if name in FIELDS)


#: What is read of a case that is only listed: what is shown, and what the lamp is reckoned from.
READ = (*kept_in(CaseSummary), "amber_at")
_IN_ORDER = dict.fromkeys(CaseSummary.model_fields)


def summary(case: Case, rulebook: Rulebook, now: datetime) -> CaseSummary:
    """The case as lists show it."""
    return CaseSummary.model_construct(**shown(case, rulebook, now, CaseSummary))


def shown(case: Case, rulebook: Rulebook, now: datetime, model: type[BaseModel]) -> dict[str, Any]:
    """What such a reply says of the case itself."""
    kept = {name: getattr(case, name) for name in kept_in(model)}
    return _name(kept, rulebook) | {"lamp": case.lamp(now)}


def listed(row: Mapping[str, Any], rulebook: Rulebook, now: datetime) -> dict[str, Any]:
    """A row of `READ` as lists show it, ready to be written as JSON: a `CaseSummary` whose making and
    checking would take longer than finding it. What takes long to write, enums and the driver's own kind of
    UUID, is text already."""
    kept = {**_IN_ORDER, **row}
    light = lamp(kept["due_at"], kept.pop("amber_at"), now)
    kept["lamp"] = None if light is None else light.value
    kept["id"] = str(kept["id"])
    return _name(kept, rulebook)


def _name(kept: dict[str, Any], rulebook: Rulebook) -> dict[str, Any]:
    """Adds the names of what the case keeps codes of."""
    category = rulebook.category_by_code.get(kept["category"])
    unit = rulebook.unit_by_code.get(kept["lead_unit"])
    kept["stage_label"] = STAGE_LABELS[kept["stage"]][0]
    kept["category_name"] = None if category is None else category.name
    kept["lead_unit_name"] = None if unit is None else unit.name
    return kept
