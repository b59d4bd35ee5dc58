"""案卷摘要: what a list shows of a case, in whichever way the case was read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, get_args
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
    kept = {name: getattr(case, name) for name in kept_in(CaseSummary)}
    return CaseSummary.model_construct(**_name(kept, rulebook), lamp=case.lamp(now))


def written(case: Case, rulebook: Rulebook, now: datetime, model: type[BaseModel]) -> dict[str, Any]:
    """What such a reply says of the case itself, ready to be written as JSON in the model's order; what else
    it says is null. What takes long to write, enums and the driver's own kind of UUID, is text already."""
    known = vars(case)
    kept = dict.fromkeys(model.model_fields) | {name: known[name] for name in kept_in(model)}
    for name in _texts_in(model):
        if kept[name] is not None:
            kept[name] = str(kept[name])
    kept["lamp"] = _text(case.lamp(now))
    return _name(kept, rulebook)


@cache
def _texts_in(model: type[BaseModel]) -> tuple[str, ...]:
    """The fields of a reply that are an enum or a UUID, and the case's own."""
    return tuple(name for name in kept_in(model) if _is_text(model.model_fields[name].annotation))


def _is_text(annotation: Any) -> bool:
    kinds = (annotation, *get_args(annotation))
    return any(isinstance(kind, type) and issubclass(kind, (StrEnum, UUID)) for kind in kinds)


def _text(light: Lamp | None) -> str | None:
    return None if light is None else light.value


def listed(row: Mapping[str, Any], rulebook: Rulebook, now: datetime) -> dict[str, Any]:
    """A row of `READ` as lists show it, as `written` does: a `CaseSummary` whose making and checking would
    take longer than finding it."""
    kept = {**_IN_ORDER, **row}
    kept["lamp"] = _text(lamp(kept["due_at"], kept.pop("amber_at"), now))
    kept["id"] = str(kept["id"])
    return _name(kept, rulebook)


def _name(kept: dict[str, Any], rulebook: Rulebook) -> dict[str, Any]:
    """Adds the names of what the case keeps codes of."""
    category = rulebook.category_by_code.get(kept["category"])
    kept["stage_label"] = STAGE_LABELS[kept["stage"]][0]
    kept["category_name"] = None if category is None else category.name
    kept["lead_unit_name"] = rulebook.unit_name(kept["lead_unit"])
    return kept
