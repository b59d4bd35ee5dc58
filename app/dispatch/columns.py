"""规则库的表与列: how a rulebook is told in rows and cells, derived from its models.

Both outer forms, the folder of plain files and the workbook, are written and read by this one
description: a field added to a model of `rulebook.py` becomes a column of both.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from enum import Enum, StrEnum
from functools import cached_property
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from app.dispatch import rulebook as model
from app.dispatch.labels import HEADINGS
from app.dispatch.rulebook import Rulebook
from app.errors import RulebookRefused

#: The longest text a workbook's cell holds, in UTF-16 units.
LONGEST_TEXT = 32_767
#: Joins the parts of a list in one cell; inside a part it is written `\;`, a backslash `\\`.
SEPARATOR = ";"

#: What a cell holds before a file format makes it its own.
Value = str | int | float | bool | date | list[str] | list[int] | None


class ColumnKind(StrEnum):
    """What a column's cells hold."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    FLAG = "flag"
    DATE = "date"
    LIST = "list"


_KINDS: Mapping[type, ColumnKind] = {
    bool: ColumnKind.FLAG,
    int: ColumnKind.INTEGER,
    float: ColumnKind.NUMBER,
    date: ColumnKind.DATE,
}


@dataclass(frozen=True)
class Column:
    """One field of a model as a column: its name in the files, its heading, what it holds."""

    name: str
    label: str
    kind: ColumnKind
    required: bool
    choices: type[StrEnum] | None = None

    def tell(self, value: Any) -> Value:
        """The field's value as files hold it."""
        if isinstance(value, tuple):
            return [_part(item) for item in value]  # type: ignore[return-value]
        if isinstance(value, float) and value.is_integer():
            return int(value)
        told: Value = value.value if isinstance(value, Enum) else value
        return told

    def text(self, value: Any) -> str:
        """The field's value as the text of one cell."""
        told = self.tell(value)
        match told:
            case None:
                return ""
            case bool():
                return "true" if told else "false"
            case list():
                return SEPARATOR.join(_escaped(str(part)) for part in told)
            case date():
                return told.isoformat()
            case _:
                return str(told)

    def read(self, text: str) -> Any:
        """What the model is given for a cell's text; the model itself judges it."""
        if self.kind is ColumnKind.LIST:
            return [_read_part(self.name, part) for part in _parts(text)]
        return text

    def parts(self, values: list[Any]) -> list[Any]:
        """What the model is given for a list already taken apart (TOML)."""
        return [_read_part(self.name, part) for part in values]


def _part(item: Any) -> str | int:
    if isinstance(item, model.WorkSlot):
        return f"{_clock_time(item.start)}-{_clock_time(item.end)}"
    if isinstance(item, Enum):
        return str(item.value)
    return item if isinstance(item, int) else str(item)


def _read_part(column: str, part: Any) -> Any:
    if column != "slots" or not isinstance(part, str):
        return part
    start, _, end = part.partition("-")
    return {"start": start.strip(), "end": end.strip()}


def _clock_time(value: time) -> str:
    text = value.isoformat()
    return text.removesuffix(":00") if text.count(":") == 2 else text


def _escaped(part: str) -> str:
    return part.replace("\\", "\\\\").replace(SEPARATOR, "\\" + SEPARATOR)


def _parts(text: str) -> list[str]:
    """The inverse of joining escaped parts; empty ones, as after a last separator, are none."""
    parts: list[str] = []
    current, escaping = "", False
    for character in text:
        if escaping:
            current, escaping = current + character, False
        elif character == "\\":
            escaping = True
        elif character == SEPARATOR:
            parts.append(current)
            current = ""
        else:
            current += character
    parts.append(current + "\\" if escaping else current)
    return [part.strip() for part in parts if part.strip()]


def _column(name: str, field: FieldInfo) -> Column:
    annotation = field.annotation
    if get_origin(annotation) in (Union, UnionType):
        annotation = next(item for item in get_args(annotation) if item is not type(None))
    kind = ColumnKind.TEXT
    if get_origin(annotation) is tuple:
        kind, annotation = ColumnKind.LIST, get_args(annotation)[0]
    elif isinstance(annotation, type):
        kind = _KINDS.get(annotation, ColumnKind.TEXT)
    choices = annotation if isinstance(annotation, type) and issubclass(annotation, StrEnum) else None
    return Column(name, HEADINGS[name], kind, field.is_required(), choices)


@dataclass(frozen=True)
class Table:
    """One table of a rulebook: `units.csv`, the sheet `units`."""

    name: str
    label: str
    model: type[BaseModel]

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        return tuple(_column(name, field) for name, field in self.model.model_fields.items())

    def rows(self, rulebook: Rulebook) -> tuple[BaseModel, ...]:
        found: tuple[BaseModel, ...] = (
            rulebook.calendar.days if self.name == "calendar_days" else getattr(rulebook, self.name)
        )
        return found


TABLES: tuple[Table, ...] = (
    Table("units", "责任单位", model.Unit),
    Table("categories", "类别", model.Category),
    Table("conditions", "立案结案条件", model.Condition),
    Table("limits", "处置时限", model.HandlingLimit),
    Table("matrix", "责任矩阵", model.MatrixRow),
    Table("calendar_days", "日历特例", model.CalendarDay),
    Table("area_classes", "区域类别", model.AreaClass),
    Table("stage_limits", "环节时限", model.StageLimit),
    Table("chief_levels", "街长级别", model.ChiefLevel),
    Table("codes", "代码集", model.Code),
)


@dataclass(frozen=True)
class Setting:
    """A value that stands once in a rulebook: `policy.amber_percent`. `group` is empty at the top."""

    group: str
    column: Column

    @property
    def key(self) -> str:
        return f"{self.group}.{self.column.name}" if self.group else self.column.name

    def value(self, rulebook: Rulebook) -> Any:
        return getattr(getattr(rulebook, self.group) if self.group else rulebook, self.column.name)


def _settings(group: str, owner: type[BaseModel], table_fields: frozenset[str]) -> Iterator[Setting]:
    for name, field in owner.model_fields.items():
        if name not in table_fields:
            yield Setting(group, _column(name, field))


SETTINGS: tuple[Setting, ...] = (
    *_settings("", Rulebook, frozenset({"policy", "calendar"} | {table.name for table in TABLES})),
    *_settings("policy", model.Policy, frozenset()),
    *_settings("calendar", model.Calendar, frozenset({"days"})),
)


class Problems:
    """Everything found wrong while reading, so that it is told at once. Keys are places."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}

    def add(self, place: str, message: str) -> None:
        self._found[place] = f"{self._found[place]}; {message}" if place in self._found else message

    def __bool__(self) -> bool:
        return bool(self._found)

    def refuse(self) -> RulebookRefused:
        first, *rest = self._found.items()
        more = f" (and {len(rest)} more)" if rest else ""
        return RulebookRefused(f"Correct {first[0]}: {first[1]}{more}.", fields=self._found)


def columns_of(table: Table, heading: list[str], place: str, problems: Problems) -> list[Column | None]:
    """The columns that a heading names, in its order; what it lacks or has too much is a problem."""
    by_name = {column.name: column for column in table.columns}
    names = [name.strip() for name in heading]
    for name in dict.fromkeys(names):
        if name and name not in by_name:
            problems.add(f"{place}, column {name}", f"unknown column; the columns are {', '.join(by_name)}")
        elif name and names.count(name) > 1:
            problems.add(f"{place}, column {name}", "the column stands there twice")
    for column in table.columns:
        if column.required and column.name not in names:
            problems.add(f"{place}, column {column.name}", "the column is missing")
    return [by_name.get(name) for name in names]


def read_cells(columns: list[Column | None], cells: list[str]) -> dict[str, Any]:
    """What a row's model is given: an empty cell leaves its field to the model's default."""
    return {
        column.name: column.read(cell)
        for column, cell in zip(columns, cells, strict=False)
        if column is not None and cell.strip()
    }


def assemble(
    settings: Mapping[str, Any],
    tables: Mapping[str, list[tuple[str, dict[str, Any]]]],
    problems: Problems,
    *,
    settings_place: str,
) -> Rulebook:
    """The rulebook of settings by key and of rows with their places.

    Errors: `RulebookRefused` with every problem found so far and here.
    """
    content: dict[str, Any] = {"policy": {}, "calendar": {}}
    for setting in SETTINGS:
        if setting.key in settings:
            group = content[setting.group] if setting.group else content
            group[setting.column.name] = settings[setting.key]
            _refuse_unwritable(f"{settings_place}, {setting.key}", settings[setting.key], problems)
    for key in sorted(settings.keys() - {setting.key for setting in SETTINGS}):
        problems.add(f"{settings_place}, {key}", "unknown setting; remove it")
    for table in TABLES:
        owner = content["calendar"] if table.name == "calendar_days" else content
        owner["days" if table.name == "calendar_days" else table.name] = [
            row for place, cells in tables.get(table.name, ()) if (row := _row(table, place, cells, problems))
        ]
    try:
        rulebook = Rulebook.model_validate(content)
    except ValidationError as error:
        for item in error.errors():
            key = ".".join(str(step) for step in item["loc"][:2] if isinstance(step, str))
            problems.add(f"{settings_place}, {key}", item["msg"])
        raise problems.refuse() from error
    if problems:
        raise problems.refuse()
    return rulebook


def _row(table: Table, place: str, cells: dict[str, Any], problems: Problems) -> BaseModel | None:
    for name, value in cells.items():
        _refuse_unwritable(f"{place}, column {name}", value, problems)
    try:
        return table.model.model_validate(cells)
    except ValidationError as error:
        for item in error.errors():
            step = item["loc"][0] if item["loc"] else ""
            problems.add(f"{place}, column {step}" if step else place, f"{item['msg']}{_shown(item)}")
    return None


def _shown(item: Any) -> str:
    return "" if item["type"] == "missing" else f" (found {item['input']!r})"


def _refuse_unwritable(place: str, value: Any, problems: Problems) -> None:
    for text in value if isinstance(value, list) else [value]:
        if not isinstance(text, str):
            continue
        if (odd := next(filter(unsafe, text), None)) is not None:
            problems.add(place, f"holds the control character U+{ord(odd):04X}; remove it")
        if len(text.encode("utf-16-le", "replace")) > 2 * LONGEST_TEXT:
            problems.add(place, f"longer than the {LONGEST_TEXT} characters of a cell; shorten it")


def unsafe(character: str) -> bool:
    """Whether the character is a control character or no character at all (XML 1.0 cannot hold it)."""
    if character in "\n\t":
        return False
    return unicodedata.category(character) in ("Cc", "Cs") or ord(character) in (0xFFFE, 0xFFFF)


def same_line_ends(text: str) -> str:
    """The text with the line ends that every editor can keep."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
