"""规则库: everything a city may change without an engineer, as one frozen document.

A rulebook is drafted, checked as a whole, activated from a moment and never changed again. Codes are
short strings of the city's own; every `…_zh` text is what people see, `…_en` the English beside it.
Sources: GB/T 30428.2 (components and events), 30428.8 (filing, handling, closing), CJ/T 315.
"""

from __future__ import annotations

from datetime import date, time
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from app.identity.principal import Role


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class _Document(_Row):
    """A row hashed once, so that what is compiled from it can be kept by it at no cost."""

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))

    @cached_property
    def _hash(self) -> int:
        return hash(tuple(getattr(self, field) for field in type(self).model_fields))

    def __hash__(self) -> int:
        return self._hash

    def __copy__(self) -> Self:
        """Leaves behind what was computed once: `model_copy(update=…)` must not inherit it."""
        copied = super().__copy__()
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied


class UnitKind(StrEnum):
    """单位类型."""

    DEPARTMENT = "department"  # 区直部门
    STREET_OFFICE = "street_office"  # 街道办事处
    COMMUNITY = "community"  # 社区
    ENTERPRISE = "enterprise"  # 企业
    OWNER = "owner"  # 产权单位


class Unit(_Row):
    """责任单位. `areas` are the area codes it serves (empty: the whole district); `duties` are tags by
    which a row may name it relatively, `@local:enforcement`."""

    code: str
    name: str
    name_en: str = ""
    kind: UnitKind
    parent: str | None = None
    areas: tuple[str, ...] = ()
    duties: tuple[str, ...] = ()


class CategoryKind(StrEnum):
    """部件 (a thing of the city that is broken) or 事件 (something that happens)."""

    COMPONENT = "component"
    EVENT = "event"


class Category(_Row):
    """大类 / 小类. The code begins with `C` or `E` so that components and events never collide: `C01`
    is a major, `C0101` a minor below it (GB/T 30428.2; local minors count down from 99)."""

    code: str
    name: str
    name_en: str = ""
    kind: CategoryKind
    parent: str | None = Field(None, description="Code of the major; empty for a major.")


class Condition(_Row):
    """立案条件: what must be seen to file a case of the minor, and what must be seen to close it."""

    code: str
    category: str = Field(description="Code of the minor.")
    text: str
    text_en: str = ""
    closing: str = Field(description="结案条件")
    closing_en: str = ""


class LimitUnit(StrEnum):
    """时限单位. Urgent units run by the wall clock, nights and holidays included; work units only inside
    work slots, one work day being the slots' hours of one day (8 by default)."""

    MINUTE = "minute"  # 分钟, wall clock
    URGENT_HOUR = "urgent_hour"  # 紧急工作时
    URGENT_DAY = "urgent_day"  # 紧急工作日: 24 hours
    WORK_HOUR = "work_hour"  # 工作时
    WORK_DAY = "work_day"  # 工作日
    CALENDAR_DAY = "calendar_day"  # 自然日: the end of the n-th date after the start's


class Limit(_Row):
    """时限: an amount of a unit. The amount may be fractional (1.5 工作日)."""

    amount: float = Field(gt=0, le=3660)
    unit: LimitUnit


class HandlingLimit(_Row):
    """处置时限 of a condition in an area class. `area_class` `*` stands for every class not named.
    `milestone` is empty for the limit itself, or the name of a step on the way (停工, 处罚, 拆除)."""

    condition: str
    area_class: str = "*"
    milestone: str = ""
    amount: float = Field(gt=0, le=3660)
    unit: LimitUnit

    @property
    def limit(self) -> Limit:
        return Limit(amount=self.amount, unit=self.unit)


class Ownership(StrEnum):
    """Whose the component is, as far as known."""

    ANY = "any"
    OWNED = "owned"
    UNOWNED = "unowned"


class MatrixRow(_Row):
    """责任矩阵行: which cases it speaks of, and who then leads and assists.

    `category` is empty (all), `component`/`event`, a major, a minor or a condition code. `area` is empty
    or an area code of any level. `hours` like `18:00-23:00` (may pass midnight), `weekdays` like `1-5`
    or `6,7` (Monday is 1), `dates` like `10-01..11-30` (each year) or `2026-10-01..2026-11-30`;
    `source` a code of the set `source`. `owner` narrows to components of one owning unit.

    `lead` is a chain of unit references tried in turn, `@owner > U-ZJJ > @street_office`; `assisting` any
    number of them. A reference is a unit code, or relative to the case:
    `@street_office`, `@community` (of the place), `@local:DUTY` (the unit with that duty serving the
    place), `@owner`, `@maintainer` (of the component), `@street_chief` (the chief's unit),
    `@principle` (部件先属主后属地, 事件先属地后属主), `@fallback` (属地兜底).
    """

    code: str
    category: str = ""
    area: str = ""
    ownership: Ownership = Ownership.ANY
    owner: str = ""
    hours: str = ""
    weekdays: str = ""
    dates: str = ""
    source: str = ""
    lead: str
    assisting: tuple[str, ...] = ()
    basis: str = Field("", description="依据: the document or duty the row comes from.")


#: Without an offset, which JSON Schema's own format `time` asks for.
_LocalTime = Annotated[
    time,
    WithJsonSchema(
        {"type": "string", "pattern": r"^\d{2}:\d{2}(:\d{2}(\.\d+)?)?$", "examples": ["08:00:00"]}
    ),
]


class WorkSlot(_Row):
    """工作时段 of every workday, local time. An end of 00:00 is the midnight that ends the day."""

    start: _LocalTime
    end: _LocalTime


class CalendarDay(_Row):
    """A date that the national calendar has otherwise: a local holiday or workday."""

    day: date
    workday: bool
    note: str = ""


class Calendar(_Document):
    """工作日历: slots, time zone, and days that differ from the country's statutory calendar.

    Days of `country` come from the `holidays` package (statutory holidays and make-up workdays 调休);
    `days` overrides them. Years outside `first_year`…`last_year` are a hole that `check` reports.
    """

    timezone: str = "Asia/Shanghai"
    country: str = "CN"
    slots: tuple[WorkSlot, ...]
    weekend: tuple[int, ...] = (6, 7)
    first_year: int = Field(2024, ge=1970, le=2199)
    last_year: int = Field(2026, ge=1970, le=2199)
    days: tuple[CalendarDay, ...] = ()


class AreaClass(_Row):
    """区域类别: A core, B ordinary, C other."""

    code: str
    name: str
    name_en: str = ""


class ClockKind(StrEnum):
    """环节时限的计时种类: which clock a stage runs."""

    ACCEPTING = "accepting"  # 受理
    VERIFYING = "verifying"  # 核实
    FILING = "filing"  # 立案
    DISPATCHING = "dispatching"  # 派遣
    SIGNING = "signing"  # 签收
    HANDLING = "handling"  # 处置
    MILESTONE = "milestone"  # 阶段时限
    RULING = "ruling"  # 回退裁定
    SUSPENSION = "suspension"  # 挂账期限
    CHECKING = "checking"  # 核查
    CLOSING = "closing"  # 结案
    AUDITING = "auditing"  # 自行处置审核
    APPEALING = "appealing"  # 申诉复核
    REPLYING = "replying"  # 督办回复


class StageLimit(_Row):
    """环节时限. One for each clock except handling and milestone, whose limits the condition gives,
    suspension, whose end is asked for, and replying, whose due time the order names."""

    clock: ClockKind
    amount: float = Field(gt=0, le=3660)
    unit: LimitUnit

    @property
    def limit(self) -> Limit:
        return Limit(amount=self.amount, unit=self.unit)


class ChiefLevel(_Row):
    """街长级别, highest first by `rank` 1…"""

    code: str
    name: str
    name_en: str = ""
    rank: int = Field(ge=1)
    patrol: str = Field("", description="巡查频次, in words.")


class CodeSet(StrEnum):
    """代码集: the lists of reasons and levels a city chooses from."""

    SOURCE = "source"  # 问题来源
    REFUSAL = "refusal"  # 不予受理/立案理由
    DECLINE = "decline"  # 回退理由
    EXTENSION = "extension"  # 延期理由
    SUSPENSION = "suspension"  # 挂账理由
    VOIDING = "voiding"  # 作废理由
    SUPERVISION = "supervision"  # 督办级别


class Code(_Row):
    """One value of a code set."""

    set: CodeSet
    code: str
    name: str
    name_en: str = ""


class ReworkClock(StrEnum):
    """How the handling clock runs after a failed check."""

    ANEW = "anew"
    REST = "rest"


class Policy(_Row):
    """办理规则: who may do what and how far, where cities differ."""

    accept_roles: tuple[Role, ...] = (Role.INTAKE_CLERK, Role.SHIFT_LEADER)
    file_roles: tuple[Role, ...] = (Role.SHIFT_LEADER,)
    close_roles: tuple[Role, ...] = (Role.SHIFT_LEADER,)
    verify_sources: tuple[str, ...] = Field(
        ("hotline",), description="Sources whose reports must be verified on the spot before filing (核实)."
    )
    max_declines: int = Field(2, ge=1, description="Declines by units before the ruling is final.")
    max_extensions: int = Field(2, ge=0)
    max_suspensions: int = Field(1, ge=0)
    max_suspension_days: int = Field(365, ge=1)
    amber_percent: int = Field(80, ge=1, le=99)
    rework_clock: ReworkClock = ReworkClock.ANEW
    duplicate_radius_m: float = Field(50, gt=0, le=5000)
    duplicate_hours: float = Field(72, gt=0, le=8760)
    duplicate_score: int = Field(
        50, ge=1, le=100, description="Likeness, of 100, from which an earlier case is hinted at."
    )
    pair_days: int = Field(
        30, ge=1, le=366, description="Days back in which an inspector's meetings with a unit are counted."
    )
    pair_percent: int = Field(
        150, ge=100, le=1000, description="Whoever met it oftener than so much of the average is not drawn."
    )
    snap_m: float = Field(30, ge=0, description="A point this near to a cell, outside all, counts as in it.")
    photo_radius_m: float = Field(
        200, gt=0, description="A photo taken farther than this from the case is doubtful."
    )
    photo_hours: float = Field(
        24, gt=0, le=8760, description="A photo taken longer than this before it is attached is doubtful."
    )
    photos_per_kind: int = Field(6, ge=1, description="Photos of one kind a case may have.")
    appeal_days: int = Field(15, ge=1, description="Days after closing within which a unit may appeal.")
    fallback_unit: str = Field(description="兜底单位: who leads when nobody else resolves.")


class Rulebook(_Document):
    """规则库, whole. Immutable; the look-up tables below are computed once."""

    name: str
    district_code: str = Field(pattern=r"^\d{6}$")
    note: str = ""
    policy: Policy
    calendar: Calendar
    units: tuple[Unit, ...]
    categories: tuple[Category, ...]
    conditions: tuple[Condition, ...]
    limits: tuple[HandlingLimit, ...]
    matrix: tuple[MatrixRow, ...]
    area_classes: tuple[AreaClass, ...]
    stage_limits: tuple[StageLimit, ...]
    chief_levels: tuple[ChiefLevel, ...] = ()
    codes: tuple[Code, ...] = ()

    @cached_property
    def unit_by_code(self) -> dict[str, Unit]:
        return {unit.code: unit for unit in self.units}

    def unit_name(self, code: str | None) -> str | None:
        """The name of the unit of that code, if there is one."""
        unit = self.unit_by_code.get(code or "")
        return unit.name if unit else None

    @cached_property
    def category_by_code(self) -> dict[str, Category]:
        return {category.code: category for category in self.categories}

    @cached_property
    def condition_by_code(self) -> dict[str, Condition]:
        return {condition.code: condition for condition in self.conditions}

    @cached_property
    def stage_limit(self) -> dict[ClockKind, Limit]:
        return {row.clock: row.limit for row in self.stage_limits}

    @cached_property
    def _handling_limits(self) -> dict[tuple[str, str], dict[str, Limit]]:
        found: dict[tuple[str, str], dict[str, Limit]] = {}
        for row in self.limits:
            found.setdefault((row.condition, row.area_class), {})[row.milestone] = row.limit
        return found

    def handling_limits(self, condition: str, area_class: str | None) -> dict[str, Limit]:
        """Limits of a condition in an area class by milestone; the key `""` is the limit itself.

        A class without rows of its own gets those of `*`. Empty when neither exists (`check` finds it).
        """
        exact = self._handling_limits.get((condition, area_class or "*"), {})
        return {**self._handling_limits.get((condition, "*"), {}), **exact}

    @cached_property
    def _below(self) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = {unit.code: set() for unit in self.units}
        for unit in self.units:
            above: Unit | None = unit
            while above is not None and unit.code not in found[above.code]:
                found[above.code].add(unit.code)
                above = self.unit_by_code.get(above.parent or "")
        return {code: frozenset(below) for code, below in found.items()}

    def unit_and_below(self, code: str) -> frozenset[str]:
        """The unit and all units below it in the tree."""
        return self._below.get(code, frozenset({code}))

    def codes_of(self, code_set: CodeSet) -> dict[str, Code]:
        """The values of one code set by code."""
        return {code.code: code for code in self.codes if code.set is code_set}
