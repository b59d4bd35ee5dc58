"""责任矩阵: who must act. A pure decision over frozen facts and a rulebook, and it tells why.

No SQL, clock or settings in here. A row that cannot be read (a window or reference miswritten) takes no part;
`checking.check` names it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from app.dispatch.references import (
    PRINCIPLE,
    PRINCIPLE_WORDS,
    STREET_OFFICE,
    Reference,
    Relative,
    ServingUnits,
    parse_chain,
    parse_reference,
)
from app.dispatch.rulebook import CategoryKind, MatrixRow, Ownership, Rulebook
from app.dispatch.windows import Window, window_of
from app.dispatch.workcalendar import zone_of


@dataclass(frozen=True, slots=True)
class Facts:
    """What a decision is taken from. `at` is aware; the calendar's time zone gives its local hour.

    Area codes are None where the place is outside the district; rows of the whole district hold there too.
    """

    condition: str
    at: datetime
    source: str
    cell_code: str | None
    community_code: str | None
    street_code: str | None
    district_code: str | None
    component_owner: str | None = None
    component_maintainer: str | None = None
    chief_unit: str | None = None
    chief_name: str | None = None


@dataclass(frozen=True, slots=True)
class Loser:
    """A row that matched too, and why it lost, in words."""

    row: str
    because: str


@dataclass(frozen=True, slots=True)
class Decision:
    """派遣决定: exactly one lead; `why` tells it in sentences a person can read (Chinese)."""

    row: str
    lead: str
    assisting: tuple[str, ...]
    why: tuple[str, ...]
    losers: tuple[Loser, ...]
    #: True when the fallback (兜底) leads: nobody else the row names could be found.
    fallback: bool = False


class Undecided(Exception):
    """No row answers for the facts, or two tie: a checked rulebook never raises this."""


def decide(facts: Facts, rulebook: Rulebook) -> Decision:
    """The most specific matching row's units, resolved for this place.

    Specificity is compared in this order: category depth, area depth, ownership, time window, source.
    Errors: `Undecided`.
    """
    matrix = compiled(rulebook)
    kind, candidates = matrix.candidates(facts.condition)
    case = _Case(facts, kind, rulebook.district_code)
    matching = [row for row in candidates if row.matches(case, matrix)]
    if not matching:
        raise Undecided(f"no row of the matrix answers for condition {facts.condition} here and now")
    winner, *others = matching
    if others and others[0].specificity == winner.specificity:
        raise Undecided(f"rows {winner.code} and {others[0].code} answer equally; make one more specific")
    resolving = _Resolving(case, matrix)
    why = [f"适用责任矩阵第 {winner.code} 行：{winner.scope}。"]
    if winner.row.basis:
        why.append(f"依据：{winner.row.basis}。")
    lead, fallback = resolving.lead(winner.lead, why)
    assisting = resolving.assisting(winner.assisting, lead, why)
    losers = tuple(Loser(row.code, row.lost_to(winner)) for row in others)
    if losers:
        named = "、".join(loser.row for loser in losers[:5]) + ("等" if len(losers) > 5 else "")
        why.append(f"另有 {len(losers)} 行也相符，但规定较宽，未采用：{named}。")
    return Decision(winner.code, lead, assisting, tuple(why), losers, fallback)


#: Category depth, area depth, ownership, time window, source: compared in this order.
Specificity = tuple[int, int, int, int, int]

_DIMENSIONS = ("类别", "区域", "权属", "时段", "来源")
_AREA_LEVELS = {6: (1, "区"), 9: (2, "街道"), 12: (3, "社区")}


def area_depth(code: str) -> int:
    """0 none, 1 district, 2 street, 3 community, 4 cell."""
    return _AREA_LEVELS.get(len(code), (4, ""))[0] if code else 0


@dataclass(frozen=True, slots=True)
class CompiledRow:
    """A matrix row, read. `scope` tells in words what it speaks of."""

    row: MatrixRow
    specificity: Specificity
    window: Window
    lead: tuple[Reference, ...]
    assisting: tuple[Reference, ...]
    scope: str

    @property
    def code(self) -> str:
        return self.row.code

    def matches(self, case: _Case, matrix: Matrix) -> bool:
        """Whether the row speaks of the case, its category taken for granted."""
        row = self.row
        return (
            (not row.area or row.area in case.areas)
            and (not row.source or row.source == case.facts.source)
            and owner_fits(row, case.kind, case.facts.component_owner)
            and (not self.specificity[3] or self.window.covers(case.facts.at.astimezone(matrix.zone)))
        )

    def lost_to(self, winner: CompiledRow) -> str:
        """Why it lost to a more specific row."""
        pairs = zip(_DIMENSIONS, self.specificity, winner.specificity, strict=True)
        dimension = next(name for name, own, others in pairs if own != others)
        return f"{self.scope}；{dimension}的规定不如第 {winner.code} 行具体"


def owner_fits(row: MatrixRow, kind: CategoryKind, owner: str | None) -> bool:
    """Whether the row's ownership holds. A row that narrows it speaks of components only."""
    if row.ownership is Ownership.ANY and not row.owner:
        return True
    if kind is CategoryKind.EVENT:
        return False
    if row.owner and row.owner != owner:
        return False
    return row.ownership is Ownership.ANY or (row.ownership is Ownership.OWNED) == (owner is not None)


class Matrix:
    """The rows of a rulebook by what they speak of, and its units by where they serve."""

    def __init__(self, rulebook: Rulebook) -> None:
        self.rulebook = rulebook
        self.zone = zone_of(rulebook.calendar)
        self.serving = ServingUnits(rulebook.units)
        read = (_read(row, rulebook) for row in rulebook.matrix)
        self.rows = tuple(row for row in read if row is not None)
        self._by_category: dict[str, list[CompiledRow]] = {}
        for row in self.rows:
            self._by_category.setdefault(row.row.category, []).append(row)
        self._candidates: dict[str, tuple[CategoryKind, tuple[CompiledRow, ...]]] = {}

    def candidates(self, condition: str) -> tuple[CategoryKind, tuple[CompiledRow, ...]]:
        """The condition's kind, and the rows whose category holds it, most specific first.

        Errors: `Undecided` when the condition or its category is not in the rulebook.
        """
        if condition not in self._candidates:
            found = self.rulebook.condition_by_code.get(condition)
            category = self.rulebook.category_by_code.get(found.category) if found else None
            if category is None:
                raise Undecided(f"condition {condition} and its category are not in the rulebook")
            chain = [condition, *self._ancestors(category.code), category.kind, ""]
            rows = [row for code in dict.fromkeys(chain) for row in self._by_category.get(code, ())]
            rows.sort(key=lambda row: row.specificity, reverse=True)
            self._candidates[condition] = category.kind, tuple(rows)
        return self._candidates[condition]

    def _ancestors(self, code: str) -> list[str]:
        chain: list[str] = []
        above: str | None = code
        while above and above not in chain and (category := self.rulebook.category_by_code.get(above)):
            chain.append(above)
            above = category.parent
        return chain


@lru_cache(maxsize=8)
def compiled(rulebook: Rulebook) -> Matrix:
    """The rulebook's matrix, made ready once. Errors: ValueError on an unknown time zone."""
    return Matrix(rulebook)


def category_depth(code: str, rulebook: Rulebook) -> int | None:
    """0 all, 1 kind, 2 major, 3 minor, 4 condition; None: no such category."""
    if not code:
        return 0
    if code in list(CategoryKind):
        return 1
    if code in rulebook.condition_by_code:
        return 4
    category = rulebook.category_by_code.get(code)
    return None if category is None else 3 if category.parent else 2


def _read(row: MatrixRow, rulebook: Rulebook) -> CompiledRow | None:
    depth = category_depth(row.category, rulebook)
    try:
        window = window_of(row)
        lead = parse_chain(row.lead)
        assisting = tuple(parse_reference(text) for text in row.assisting)
    except ValueError:
        return None
    if depth is None:
        return None
    ownership = 2 if row.owner else int(row.ownership is not Ownership.ANY)
    specificity = (depth, area_depth(row.area), ownership, window.constrained, int(bool(row.source)))
    return CompiledRow(row, specificity, window, lead, assisting, _scope(row, rulebook))


def _scope(row: MatrixRow, rulebook: Rulebook) -> str:
    parts = [_category_words(row.category, rulebook)]
    if row.area:
        level = _AREA_LEVELS.get(len(row.area), (4, "单元网格"))[1]
        parts.append(f"{level} {row.area}")
    if row.owner:
        parts.append(f"产权单位为{rulebook.unit_name(row.owner) or row.owner}")
    if row.ownership is not Ownership.ANY and not row.owner:
        parts.append("有产权单位" if row.ownership is Ownership.OWNED else "无产权单位")
    parts += [f"{name} {text}" for name, text in (("日期", row.dates), ("星期", row.weekdays)) if text]
    if row.hours:
        parts.append(f"{row.hours} 时段")
    if row.source:
        parts.append(f"来源 {row.source}")
    return "，".join(parts)


def _category_words(code: str, rulebook: Rulebook) -> str:
    if not code:
        return "全部问题"
    if code in list(CategoryKind):
        return "全部部件问题" if code == CategoryKind.COMPONENT else "全部事件问题"
    if condition := rulebook.condition_by_code.get(code):
        category = rulebook.category_by_code.get(condition.category)
        return f"立案条件“{category.name if category else condition.category}：{condition.text}”（{code}）"
    category = rulebook.category_by_code[code]
    return f"{'小类' if category.parent else '大类'}“{category.name}”（{code}）"


@dataclass(slots=True)
class _Case:
    """The facts with what follows from them: the areas that hold the place, finest first."""

    facts: Facts
    kind: CategoryKind
    district_code: str
    areas: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        facts = self.facts
        codes = (facts.cell_code, facts.community_code, facts.street_code)
        self.areas = (*(code for code in codes if code), facts.district_code or self.district_code)


class _Resolving:
    """Turns a row's references into units for one case, and tells how."""

    def __init__(self, case: _Case, matrix: Matrix) -> None:
        self._case = case
        self._units = matrix.rulebook.unit_by_code
        self._serving = matrix.serving
        self._fallback_unit = matrix.rulebook.policy.fallback_unit

    def lead(self, chain: Sequence[Reference], why: list[str]) -> tuple[str, bool]:
        """The first unit of the chain that is found, else the fallback; whether it is the fallback."""
        for reference in self._expanded(chain, why):
            unit, missing = self._resolve(reference)
            if unit is not None:
                why.append(f"主办单位：{self._name(unit)}，为{self._told(reference)}。")
                return unit, reference.relative is Relative.FALLBACK
            why.append(f"{reference.label}未采用：{missing}。")
        unit, missing = self._resolve_fallback()
        if unit is None:
            raise Undecided(missing)
        why.append(f"以上单位均无法确定，由属地兜底，主办单位：{self._name(unit)}。")
        return unit, True

    def assisting(self, references: Sequence[Reference], lead: str, why: list[str]) -> tuple[str, ...]:
        """The units found, each once, without the lead."""
        found: dict[str, None] = {}
        for reference in references:
            # A principle stands for one unit, the first found, also among those assisting.
            skipped: list[str] = []
            for option in self._expanded((reference,), skipped):
                unit, missing = self._resolve(option)
                if unit is not None:
                    found[unit] = None
                    break
                why.append(f"协办中的{option.label}未采用：{missing}。")
        found.pop(lead, None)
        if found:
            why.append(f"协办单位：{'、'.join(self._name(unit) for unit in found)}。")
        return tuple(found)

    def _expanded(self, chain: Sequence[Reference], why: list[str]) -> Iterator[Reference]:
        for reference in chain:
            if reference.relative is Relative.PRINCIPLE:
                why.append(f"按“{PRINCIPLE_WORDS[self._case.kind]}”的原则确定。")
                yield from PRINCIPLE[self._case.kind]
            else:
                yield reference

    def _resolve(self, reference: Reference) -> tuple[str | None, str]:
        """The unit's code, or None and why there is none."""
        facts = self._case.facts
        match reference.relative:
            case None:
                return self._known(reference.name, "")
            case Relative.OWNER:
                return self._known(facts.component_owner, "部件未登记产权单位")
            case Relative.MAINTAINER:
                return self._known(facts.component_maintainer, "部件未登记养护单位")
            case Relative.STREET_CHIEF:
                nobody = "在任街长未登记所属单位" if facts.chief_name else "当时当地没有在任街长"
                return self._known(facts.chief_unit, nobody)
            case Relative.FALLBACK:
                return self._resolve_fallback()
            case _:
                unit = self._serving.serving(reference, self._case.areas)
                return (unit.code, "") if unit else (None, "没有这样的单位服务该地")

    def _resolve_fallback(self) -> tuple[str | None, str]:
        office = self._serving.serving(STREET_OFFICE, self._case.areas)
        return (office.code, "") if office else self._known(self._fallback_unit, "未设兜底单位")

    def _known(self, code: str | None, absent: str) -> tuple[str | None, str]:
        if code is None:
            return None, absent
        return (code, "") if code in self._units else (None, f"单位 {code} 不在规则库中")

    def _name(self, code: str) -> str:
        return f"{self._units[code].name}（{code}）"

    def _told(self, reference: Reference) -> str:
        if reference.relative is Relative.STREET_CHIEF and self._case.facts.chief_name:
            return f"街长{self._case.facts.chief_name}所属单位"
        return "本行指定单位" if reference.relative is None else reference.label
