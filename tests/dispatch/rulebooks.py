"""Any rulebook at all, as far as its models allow: what the outer forms must carry unchanged."""

from __future__ import annotations

from datetime import date, time
from enum import Enum
from types import UnionType
from typing import Any, get_args, get_origin

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from app.dispatch.columns import unsafe
from app.dispatch.rulebook import Rulebook

_TRICKY = (
    *(
        "007",
        "3.10",
        "1e5",
        "=A1+1",
        "-1",
        "@owner > a",
        "a;b",
        "a\\;b",
        "\\",
        "TRUE",
        "10-01",
        "#N/A",
        '"',
        "'0",
    ),
    *("两行\n文字", "一\t二", "_x000D_", ",", "空 格", "全\u3000角", "🚲", "e\u0301", "\u2028x", "a > b ; c"),
)


def _kept(text: str) -> str:
    return "".join(character for character in text if not unsafe(character)).strip()


texts = st.one_of(
    st.sampled_from(_TRICKY), st.text(st.characters(exclude_categories=("Cs",)), max_size=8).map(_kept)
)
_BY_NAME: dict[str, SearchStrategy[Any]] = {
    "district_code": st.from_regex(r"[0-9]{6}", fullmatch=True),
    "first_year": st.integers(1970, 2199),
    "last_year": st.integers(1970, 2199),
    "weekend": st.lists(st.integers(1, 7), max_size=2),
    "amber_percent": st.integers(1, 99),
    "duplicate_score": st.integers(1, 100),
    "pair_days": st.integers(1, 366),
    "pair_percent": st.integers(100, 1000),
}
_BY_TYPE: dict[type, SearchStrategy[Any]] = {
    str: texts.filter(bool),
    bool: st.booleans(),
    int: st.integers(1, 1000),
    # A spreadsheet keeps 15 digits of a number.
    float: st.floats(0.001, 3660).map(lambda number: round(number, 4)),
    date: st.dates(),
    time: st.times(),
}


def _of_type(annotation: Any) -> SearchStrategy[Any]:
    if get_origin(annotation) is UnionType:
        return st.one_of(st.none(), _of_type(get_args(annotation)[0]))
    if get_origin(annotation) is tuple:
        return st.lists(_of_type(get_args(annotation)[0]), max_size=2)
    if issubclass(annotation, Enum):
        return st.sampled_from(annotation)
    return rows(annotation) if issubclass(annotation, BaseModel) else _BY_TYPE[annotation]


def _of_field(name: str, field: FieldInfo) -> SearchStrategy[Any]:
    if name in _BY_NAME:
        return _BY_NAME[name]
    return texts if field.annotation is str and field.default == "" else _of_type(field.annotation)


def rows(model: type[BaseModel]) -> SearchStrategy[Any]:
    fields = {name: _of_field(name, field) for name, field in model.model_fields.items()}
    return st.fixed_dictionaries(fields).map(model.model_validate)


rulebooks: SearchStrategy[Rulebook] = rows(Rulebook)
