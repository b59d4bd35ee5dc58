"""字段对照: how a city calls the fields of an order and which codes it writes, told by a TOML file.

`[order]` and `[call_back]` tell where in their document each of our fields is, `[codes.*]` what their codes
mean (`"*"`: any other), `[reply]` what their reply document is made of, `[reply_codes.*]` how our codes are
written there. The whole file is checked when it is loaded (`docs/channels/hotline.md`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from app.cases.case import Satisfaction, Solved
from app.channels.hotline.order import CalledBack, Kind, Order, Phase, Result
from app.errors import InvalidInput
from app.geo import Datum

SHIPPED = Path(__file__).parent / "mappings"


class YesNo(StrEnum):
    YES = "yes"
    NO = "no"


#: What a coded field may be, by its name.
CODED: dict[str, type[StrEnum]] = {
    "kind": Kind,
    "reached": YesNo,
    "contacted": YesNo,
    "solved": Solved,
    "satisfaction": Satisfaction,
    "phase": Phase,
    "result": Result,
}
#: The mark of any other code.
OTHERWISE = "*"

#: What a reply document may be made of.
TOLD = frozenset(
    {
        "number", "case_number", "kind", "phase", "result", "answer", "progress", "received_at",
        "accepted_at", "handled_at", "ended_at", "due_at", "return_until", "returned_at", "return_reason",
        "first_unit", "first_unit_name", "lead_unit", "lead_unit_name", "reminders", "reached", "contacted",
        "solved", "satisfaction", "called_back_at",
    }
)  # fmt: skip

Path_ = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Paths = Annotated[
    tuple[Path_, ...], BeforeValidator(lambda given: (given,) if isinstance(given, str) else given)
]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OrderFields(_Table):
    """Where in their order our fields are: a name, `outer.inner` of one inside another, or several names
    whose texts are put together (numbers added up)."""

    number: Paths = Field(min_length=1)
    description: Paths = Field(min_length=1)
    kind: Paths = ()
    title: Paths = ()
    category: Paths = ()
    tags: Paths = ()
    caller_name: Paths = ()
    caller_phone: Paths = ()
    street: Paths = ()
    community: Paths = ()
    address: Paths = ()
    x: Paths = ()
    y: Paths = ()
    received_at: Paths = ()
    reminders: Paths = ()
    reminder: Paths = ()


class CallBackFields(_Table):
    reached: Paths = ()
    contacted: Paths = ()
    solved: Paths = ()
    satisfaction: Paths = ()
    note: Paths = ()


class TimeFormat(_Table):
    """How they write a moment, and in which zone."""

    format: str = "%Y-%m-%d %H:%M:%S"
    zone: str = "Asia/Shanghai"

    @property
    def tzinfo(self) -> ZoneInfo:
        return ZoneInfo(self.zone)


class FeedFields(_Table):
    """Where in a page of a feed the orders are, and what to ask for the next one with."""

    orders: Path_ = "orders"
    next: Path_ = "next"
    parameter: Path_ = "after"


class Mapping(_Table):
    """字段对照 of one city."""

    name: str = Field(min_length=1, max_length=100)
    source: str = Field("hotline", description="Code of the set `source` that every order's case has.")
    datum: Datum = Datum.CGCS2000
    time: TimeFormat = TimeFormat()
    order: OrderFields
    call_back: CallBackFields = CallBackFields()
    codes: dict[str, dict[str, str]] = {}
    reply: dict[str, str] = {}
    reply_codes: dict[str, dict[str, str]] = {}
    feed: FeedFields = FeedFields()

    def meaning(self, field: str, theirs: str) -> str | None:
        """Our code for theirs; None when the file does not tell."""
        table = self.codes.get(field, {})
        return table.get(theirs, table.get(OTHERWISE))

    def written(self, field: str, ours: str) -> str:
        """Their code for ours: as the file tells, or else the first that means it."""
        table = self.reply_codes.get(field, {})
        if ours in table:
            return table[ours]
        return next(
            theirs
            for theirs, code in self.codes.get(field, {}).items()
            if code == ours != OTHERWISE != theirs
        )

    def unused(self) -> list[str]:
        """Our fields that the file does not tell of."""
        return [
            f"{group}.{name}"
            for group, table in (("order", self.order), ("call_back", self.call_back))
            for name in type(table).model_fields
            if not getattr(table, name)
        ]


@lru_cache(maxsize=8)
def load(name: str) -> Mapping:
    """The mapping of that name among those shipped, or in that file.

    Errors: `InvalidInput`, with everything that is wrong with the file.
    """
    shipped = SHIPPED / f"{name}.toml"
    path = shipped if shipped.is_file() else Path(name)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        known = "、".join(sorted(one.stem for one in SHIPPED.glob("*.toml")))
        raise InvalidInput(
            f"没有对照文件 {name}（自带：{known}） / no such mapping: name a file or one of those shipped"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path.name} 不是 TOML / is not TOML: {error}") from error
    try:
        mapping = Mapping.model_validate(content)
    except ValidationError as error:
        raise _refused(
            path, (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        ) from error
    if wrong := list(_flaws(mapping)):
        raise _refused(path, wrong)
    return mapping


def _refused(path: Path, wrong: Iterable[str]) -> InvalidInput:
    return InvalidInput(f"{path.name} 有误 / is wrong: " + "; ".join(wrong))


def _flaws(mapping: Mapping) -> Iterator[str]:
    if mapping.time.zone not in available_timezones():
        yield f"time.zone: 没有时区 / no such zone: {mapping.time.zone}"
    if bool(mapping.order.x) != bool(mapping.order.y):
        yield "order: x 与 y 须同时给出 / give both x and y, or neither"
    yield from _unknown_codes(mapping)
    read = {"kind"} if mapping.order.kind else set()
    read |= {name for name in CallBackFields.model_fields if getattr(mapping.call_back, name)}
    for field in sorted(read & CODED.keys() - mapping.codes.keys()):
        yield f"codes.{field}: 读取此字段须有代码表 / the field is read: tell what its codes mean"
    for theirs, ours in mapping.reply.items():
        if ours not in TOLD:
            yield f"reply.{theirs}: 没有 / there is no {ours}; {'、'.join(sorted(TOLD))}"
        elif ours in CODED and (missing := _unwritten(mapping, ours)):
            yield f"reply_codes.{ours}: 缺 / tell how to write {'、'.join(missing)}"


def _unknown_codes(mapping: Mapping) -> Iterator[str]:
    for section, tables in (("codes", mapping.codes), ("reply_codes", mapping.reply_codes)):
        for field, table in tables.items():
            if field not in CODED:
                yield f"{section}.{field}: 没有此代码字段 / no coded field; {'、'.join(CODED)}"
                continue
            known = [one.value for one in CODED[field]]
            for code in table.values() if section == "codes" else table:
                if code not in known:
                    yield f"{section}.{field}: {code}; {'、'.join(known)}"


def _unwritten(mapping: Mapping, field: str) -> list[str]:
    told = {*mapping.reply_codes.get(field, {})}
    told |= {ours for theirs, ours in mapping.codes.get(field, {}).items() if theirs != OTHERWISE}
    return [one.value for one in CODED[field] if one.value not in told]


assert set(OrderFields.model_fields) == {*Order.model_fields, "caller_name", "caller_phone"}
assert set(CallBackFields.model_fields) == set(CalledBack.model_fields)
