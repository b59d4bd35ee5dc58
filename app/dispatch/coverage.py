"""覆盖分析: for every case that can happen, which matrix row wins; what nobody answers, ties and dead rows.

Exact, without trying every case: inside an elementary class all rows behave alike, so the rows that hold in
a case are the conjunction of its classes' masks. Rows are ordered most specific first: the lowest bit wins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from app.dispatch.elementary import OTHER, Areas, Moments, bits, mask, owner_classes, source_classes
from app.dispatch.findings import Finding, FindingKind, error, warning
from app.dispatch.matrix import CompiledRow, Facts, Matrix, Undecided
from app.dispatch.rulebook import CategoryKind
from app.dispatch.workcalendar import WEEKDAYS


def coverage(matrix: Matrix, areas: Areas) -> Iterator[Finding]:
    """Conditions unanswered, rows that tie, and rows never reached."""
    analysis = _Analysis(matrix, areas)
    for condition in matrix.rulebook.conditions:
        yield from analysis.condition(condition.code)
    yield from analysis.unreached()


@dataclass(slots=True)
class _Outcome:
    """What the cases of one set of candidate rows come to."""

    unanswered: Facts | None = None
    ties: dict[tuple[str, str], Facts] = field(default_factory=dict)


class _Analysis:
    def __init__(self, matrix: Matrix, areas: Areas) -> None:
        self._matrix = matrix
        self._areas = areas
        self._moments = Moments(matrix.rulebook, [row.window for row in matrix.rows])
        #: Conditions with the same candidates have the same outcome.
        self._outcomes: dict[tuple[CategoryKind, tuple[int, ...]], _Outcome] = {}
        self._ties_told: set[tuple[str, str]] = set()
        self._candidates: set[int] = set()
        self._reached: set[int] = set()
        self._beaten_by: dict[int, dict[str, None]] = {}

    def condition(self, code: str) -> Iterator[Finding]:
        try:
            kind, rows = self._matrix.candidates(code)
        except Undecided:
            return  # its category is unknown, and told as such
        key = kind, tuple(map(id, rows))
        if key not in self._outcomes:
            self._outcomes[key] = self._judge(code, kind, rows)
        outcome = self._outcomes[key]
        if outcome.unanswered:
            example = replace(outcome.unanswered, condition=code)
            yield error(
                FindingKind.CONDITION_UNANSWERED,
                f"conditions {code}",
                f"立案条件 {code} 在如下情形无人负责：{_told(example)}。",
                f"Nobody answers for condition {code} in this case: {_told_en(example)}.",
                example,
            )
        for (first, second), example in outcome.ties.items():
            if (first, second) not in self._ties_told:
                self._ties_told.add((first, second))
                yield error(
                    FindingKind.TIE,
                    f"matrix {first}",
                    f"第 {first} 行与第 {second} 行同样具体，例如：{_told(example)}。",
                    f"Rows {first} and {second} are equally specific, as in this case: {_told_en(example)}.",
                    example,
                )

    def unreached(self) -> Iterator[Finding]:
        for row in self._matrix.rows:
            if id(row) in self._reached:
                continue
            beaten_by = list(self._beaten_by.get(id(row), ()))
            if beaten_by:
                named = ", ".join(beaten_by[:3]) + (" …" if len(beaten_by) > 3 else "")
                why, why_en = f"总有更具体的行（{named}）", f"a more specific row always wins ({named})"
            elif id(row) in self._candidates:
                why, why_en = "不会有案件落入其范围", "no case can lie in its scope"
            else:
                why, why_en = "其类别下没有立案条件", "its category has no condition"
            yield warning(
                FindingKind.ROW_UNREACHED,
                f"matrix {row.code}",
                f"第 {row.code} 行不会适用：{why}。",
                f"Row {row.code} never applies: {why_en}.",
            )

    def _judge(self, condition: str, kind: CategoryKind, rows: tuple[CompiledRow, ...]) -> _Outcome:
        self._candidates.update(map(id, rows))
        outcome = _Outcome()
        for holding, example in self._cases(condition, kind, rows).items():
            if not holding:
                outcome.unanswered = example
                continue
            holds = [rows[i] for i in bits(holding)]
            winners = [row for row in holds if row.specificity == holds[0].specificity]
            self._reached.update(map(id, winners))
            for other in winners[1:]:
                outcome.ties.setdefault((winners[0].code, other.code), example)
            for loser in holds[len(winners) :]:
                self._beaten_by.setdefault(id(loser), {})[winners[0].code] = None
        return outcome

    def _cases(self, condition: str, kind: CategoryKind, rows: tuple[CompiledRow, ...]) -> dict[int, Facts]:
        """Every set of rows that hold together, as a mask, with a case in which they do."""
        cases: dict[int, dict[str, Any]] = {mask(True for _ in rows): {"condition": condition}}
        for classes in (
            self._areas.classes(rows),
            owner_classes(kind, rows),
            self._moments.classes(rows),
            source_classes(rows),
        ):
            grown: dict[int, dict[str, Any]] = {}
            for holding, facts in cases.items():
                for more, holds in classes:
                    if holding & holds not in grown:
                        grown[holding & holds] = facts | more
            cases = grown
        return {holding: Facts(**facts) for holding, facts in cases.items()}


def _told(facts: Facts) -> str:
    """A case in words (Chinese)."""
    area = facts.cell_code or facts.community_code or facts.street_code
    owner = facts.component_owner
    weekday = WEEKDAYS[facts.at.weekday()]
    return "，".join(
        [
            f"立案条件 {facts.condition}",
            f"区域 {area}" if area else f"区域 {facts.district_code} 其他各处",
            ("其他产权单位" if owner == OTHER else f"产权单位 {owner}") if owner else "无产权单位",
            f"当地时间 {facts.at:%Y-%m-%d}（{weekday}）{facts.at:%H:%M}",
            "其他来源" if facts.source == OTHER else f"来源 {facts.source}",
        ]
    )


def _told_en(facts: Facts) -> str:
    area = facts.cell_code or facts.community_code or facts.street_code
    owner = facts.component_owner
    return ", ".join(
        [
            f"condition {facts.condition}",
            f"area {area}" if area else f"elsewhere in {facts.district_code}",
            ("some other owner" if owner == OTHER else f"owner {owner}") if owner else "no owner",
            f"local time {facts.at:%a %Y-%m-%d %H:%M}",
            "some other source" if facts.source == OTHER else f"source {facts.source}",
        ]
    )
