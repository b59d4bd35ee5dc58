"""目标字段: what each layer's columns are read into, and how a file's values become ours."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np

from app.grid.codes import ComponentState
from app.grid.manifest import LayerKind

#: Turns one value that is not empty into ours. Errors: `ValueError` that says what is wrong.
Parse: TypeAlias = Callable[[Any, ZoneInfo], Any]

MAX_VISIBLE_RANGE_M = 500.0
DEFAULT_VISIBLE_RANGE_M = 30.0


@dataclass(frozen=True)
class Target:
    """A column of ours. `required`: every row needs a value; else an empty one becomes `default`."""

    parse: Parse
    required: bool = False
    default: Any = None


def is_empty(value: Any) -> bool:
    """Whether a file's value says nothing: null, not-a-number, blank."""
    if value is None:
        return True
    if isinstance(value, str):
        return not value.strip()
    return isinstance(value, float | np.floating) and math.isnan(value)


def text(value: Any, _: ZoneInfo) -> str:
    """A code kept as a number in the file comes out without a point."""
    if isinstance(value, float | np.floating) and value.is_integer():
        value = int(value)
    return str(value).strip()


def number(value: Any, _: ZoneInfo) -> float:
    found = float(value)
    if not math.isfinite(found):
        raise ValueError("must be a number")
    return found


def whole(value: Any, zone: ZoneInfo) -> int:
    found = number(value, zone)
    if found < 0 or not found.is_integer():
        raise ValueError("must be a whole number, 0 or more")
    return int(found)


def visible_range(value: Any, zone: ZoneInfo) -> float:
    found = number(value, zone)
    if not 0 <= found <= MAX_VISIBLE_RANGE_M:
        raise ValueError(f"must lie from 0 to {MAX_VISIBLE_RANGE_M:g} metres")
    return found


def moment(value: Any, zone: ZoneInfo) -> datetime:
    """An aware moment of a date or date-time; one without an offset is local to `zone`."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value.strip().replace("/", "-"))
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime):
        raise ValueError("must be a date like 2026-01-31")
    return value if value.tzinfo else value.replace(tzinfo=zone)


def day(value: Any, zone: ZoneInfo) -> date:
    return moment(value, zone).date()


def several(value: Any, zone: ZoneInfo) -> list[str]:
    """Codes or names with commas between, ASCII or Chinese ones."""
    return [one for part in text(value, zone).replace("，", ",").split(",") if (one := part.strip())]


_STATES = {"完好": "intact", "破损": "damaged", "丢失": "missing", "废弃": "abandoned", "占用": "occupied"}


def component_state(value: Any, zone: ZoneInfo) -> str:
    word = text(value, zone)
    try:
        return ComponentState(_STATES.get(word, word)).value
    except ValueError:
        raise ValueError(f"must be one of {'、'.join(_STATES)} or {', '.join(ComponentState)}") from None


def accuracy(value: Any, zone: ZoneInfo) -> str:
    found = text(value, zone).upper()
    if found not in ("A", "B", "C"):
        raise ValueError("must be A, B or C")
    return found


_AREA = {
    "code": Target(text, default=""),
    "name": Target(text),
    "parent_code": Target(text),
    "area_class": Target(text),
    "management_grade": Target(text),
    "responsible_subject": Target(text),
    "note": Target(text),
    "predecessors": Target(several),
    "valid_from": Target(moment),
}

TARGETS: dict[LayerKind, dict[str, Target]] = {
    LayerKind.DISTRICT: _AREA,
    LayerKind.STREETS: _AREA,
    LayerKind.COMMUNITIES: _AREA,
    LayerKind.CELLS: _AREA,
    LayerKind.ROADS: {
        "code": Target(text, default=""),
        "name": Target(text, default=""),
        "road_class": Target(text),
        "street_code": Target(text),
        "valid_from": Target(moment),
    },
    LayerKind.CHIEFS: {
        "segment_code": Target(text, required=True),
        "level": Target(text, required=True),
        "deputy": Target(whole, default=0),
        "name": Target(text, required=True),
        "account": Target(text),
        "unit": Target(text),
        "phone": Target(text),
        "visible_range_m": Target(visible_range, default=DEFAULT_VISIBLE_RANGE_M),
        "valid_from": Target(moment),
        "valid_to": Target(moment),
    },
    LayerKind.COMPONENTS: {
        "code": Target(text, default=""),
        "name": Target(text, default=""),
        "category": Target(text),
        "owner_unit": Target(text),
        "maintainer_unit": Target(text),
        "supervisor_unit": Target(text),
        "state": Target(component_state, default=ComponentState.INTACT.value),
        "initial_date": Target(day),
        "changed_date": Target(day),
        "data_source": Target(text),
        "accuracy": Target(accuracy),
        "note": Target(text),
        "valid_from": Target(moment),
    },
    LayerKind.POIS: {
        "code": Target(text, default=""),
        "name": Target(text, required=True),
        "category": Target(text),
        "aliases": Target(several),
        "valid_from": Target(moment),
    },
}

#: Columns a file must have, for without them the layer means nothing.
ESSENTIAL: dict[LayerKind, tuple[str, ...]] = {
    **dict.fromkeys(LayerKind, ("code",)),
    LayerKind.CHIEFS: ("segment_code", "level", "name"),
    LayerKind.POIS: ("code", "name"),
}
