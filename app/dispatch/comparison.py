"""规则库比较: what differs between two rulebooks, row by row, for whoever is about to activate one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from app.dispatch.rulebook import Rulebook

#: The fields that name a row of each table; a table not listed is one row as a whole.
KEYS: dict[str, tuple[str, ...]] = {
    "units": ("code",),
    "categories": ("code",),
    "conditions": ("code",),
    "limits": ("condition", "area_class", "milestone"),
    "matrix": ("code",),
    "area_classes": ("code",),
    "stage_limits": ("clock",),
    "chief_levels": ("code",),
    "codes": ("set", "code"),
}


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field's value before and after, as plain JSON values."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class RowChange:
    """A row that both have, and the fields that differ. `code` is empty where the table is one row."""

    code: str
    fields: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True)
class TableDiff:
    """One table's differences: codes of rows added and removed, and rows changed."""

    table: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[RowChange, ...] = ()


def row_code(row: BaseModel, table: str) -> str:
    """What names a row within its table; several fields are joined by `/`, empty ones left out at the end."""
    return "/".join(str(getattr(row, field)) for field in KEYS[table]).rstrip("/")


def diff(old: Rulebook, new: Rulebook) -> tuple[TableDiff, ...]:
    """The tables that differ, in the rulebook's own order; empty when the content is the same.

    The order of rows within a table means nothing and makes no difference. The rulebook's own name,
    district and note are told as the table `rulebook`.
    """
    heads = RowChange("", _changes(old, new, ("name", "district_code", "note")))
    found = [TableDiff("rulebook", changed=(heads,) if heads.fields else ())]
    for table in Rulebook.model_fields:
        before, after = getattr(old, table), getattr(new, table)
        if table in KEYS:
            found.append(_table(table, before, after))
        elif isinstance(before, BaseModel):
            fields = _changes(before, after, type(before).model_fields)
            found.append(TableDiff(table, changed=(RowChange("", fields),) if fields else ()))
    return tuple(table for table in found if table.added or table.removed or table.changed)


def _table(table: str, before: Sequence[BaseModel], after: Sequence[BaseModel]) -> TableDiff:
    old, new = ({row_code(row, table): row for row in rows} for rows in (before, after))
    changed = [
        RowChange(code, _changes(old[code], new[code], type(new[code]).model_fields))
        for code in new
        if code in old and old[code] != new[code]
    ]
    return TableDiff(
        table,
        added=tuple(code for code in new if code not in old),
        removed=tuple(code for code in old if code not in new),
        changed=tuple(changed),
    )


def _changes(before: BaseModel, after: BaseModel, fields: Iterable[str]) -> tuple[FieldChange, ...]:
    names = [field for field in fields if getattr(before, field) != getattr(after, field)]
    old, new = (row.model_dump(mode="json", include=set(names)) for row in (before, after))
    return tuple(FieldChange(name, old[name], new[name]) for name in names)


def digest(rulebook: Rulebook) -> str:
    """SHA-256 (hex) of the rulebook as canonical JSON: equal exactly for equal content."""
    canonical = json.dumps(rulebook.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
