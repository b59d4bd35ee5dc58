"""单位的指称: how a rule names a unit, by its code or relatively to the case (所属街办, 产权单位)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from app.dispatch.rulebook import CategoryKind, Unit, UnitKind


class Relative(StrEnum):
    """The words after `@`."""

    STREET_OFFICE = "street_office"  # 事发地街道办事处
    COMMUNITY = "community"  # 事发地社区
    LOCAL = "local"  # 当地承担某项职责的单位, `@local:DUTY`
    OWNER = "owner"  # 部件产权单位
    MAINTAINER = "maintainer"  # 部件养护单位
    STREET_CHIEF = "street_chief"  # 街长所属单位
    PRINCIPLE = "principle"  # 部件先属主后属地, 事件先属地后属主
    FALLBACK = "fallback"  # 属地兜底


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference. `relative` is None for a unit code; `name` is the code, or the duty of `@local:`."""

    text: str
    relative: Relative | None
    name: str = ""

    @property
    def by_place(self) -> bool:
        """Whether the unit is sought among those that serve the place."""
        return self.relative in (Relative.STREET_OFFICE, Relative.COMMUNITY, Relative.LOCAL)

    @property
    def label(self) -> str:
        """What is told to people (Chinese)."""
        match self.relative:
            case None:
                return f"指定单位 {self.name}"
            case Relative.STREET_OFFICE:
                return "事发地街道办事处"
            case Relative.COMMUNITY:
                return "事发地社区"
            case Relative.LOCAL:
                return f"当地承担“{self.name}”职责的单位"
            case Relative.OWNER:
                return "部件产权单位"
            case Relative.MAINTAINER:
                return "部件养护单位"
            case Relative.STREET_CHIEF:
                return "街长所属单位"
            case Relative.PRINCIPLE:
                return "属主属地原则"
            case Relative.FALLBACK:
                return "属地兜底单位"


STREET_OFFICE = Reference("@street_office", Relative.STREET_OFFICE)
OWNER = Reference("@owner", Relative.OWNER)

#: 部件先属主后属地, 事件先属地后属主 (GB/T 30428.2).
PRINCIPLE: dict[CategoryKind, tuple[Reference, Reference]] = {
    CategoryKind.COMPONENT: (OWNER, STREET_OFFICE),
    CategoryKind.EVENT: (STREET_OFFICE, OWNER),
}
PRINCIPLE_WORDS = {
    CategoryKind.COMPONENT: "部件先属主后属地",
    CategoryKind.EVENT: "事件先属地后属主",
}


def parse_reference(text: str) -> Reference:
    """`U-ZJJ`, `@owner`, `@local:enforcement`. Errors: ValueError that says what is wrong."""
    text = text.strip()
    if not text.startswith("@"):
        if not is_unit_code(text):
            raise ValueError(f"{text!r} is neither a unit code nor a relative reference")
        return Reference(text, None, text)
    word, colon, duty = text[1:].partition(":")
    if word not in list(Relative):
        raise ValueError(f"{text!r}: no such relative reference")
    if (word == Relative.LOCAL) != bool(duty) or (colon and not duty):
        raise ValueError(f"{text!r}: write `@local:DUTY`, and no duty after another word")
    return Reference(text, Relative(word), duty)


def is_unit_code(text: str) -> bool:
    """Whether a text can be told from a relative reference, a chain and a list."""
    return bool(text) and not any(mark in text for mark in "@>:, ")


def parse_chain(text: str) -> tuple[Reference, ...]:
    """References tried in turn, `@owner > U-ZJJ > @street_office`. Errors: ValueError."""
    return tuple(parse_reference(part) for part in text.split(">"))


class ServingUnits:
    """Which unit serves a place, for each relative reference that asks for one.

    The unit whose area is the most specific leads; one without areas serves everywhere, least specifically.
    """

    def __init__(self, units: Iterable[Unit]) -> None:
        self._units: dict[str, dict[str, list[Unit]]] = {}
        for unit in units:
            for reference in _answers_to(unit):
                by_area = self._units.setdefault(reference, {})
                for area in unit.areas or ("",):
                    by_area.setdefault(area, []).append(unit)

    def serving(self, reference: Reference, areas: Iterable[str]) -> Unit | None:
        """`areas`: codes of the areas that hold the place, finest first. Among equals the first told."""
        by_area = self._units.get(reference.text, {})
        for area in (*areas, ""):
            if area in by_area:
                return by_area[area][0]
        return None

    def anyone(self, reference: Reference) -> bool:
        """Whether some unit answers to the reference somewhere."""
        return reference.text in self._units

    def ambiguous(self, reference: Reference) -> dict[str, list[Unit]]:
        """Areas (empty: everywhere) for which several units answer equally."""
        return {area: units for area, units in self._units.get(reference.text, {}).items() if len(units) > 1}


def _answers_to(unit: Unit) -> Iterable[str]:
    if unit.kind is UnitKind.STREET_OFFICE:
        yield STREET_OFFICE.text
    elif unit.kind is UnitKind.COMMUNITY:
        yield f"@{Relative.COMMUNITY}"
    for duty in dict.fromkeys(unit.duties):
        yield f"@{Relative.LOCAL}:{duty}"
