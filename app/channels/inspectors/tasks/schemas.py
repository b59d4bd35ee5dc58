"""What the task routes take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.cases.case import Case
from app.cases.summary import CaseSummary, summary
from app.channels.inspectors.tasks.store import TaskKind, TaskSort, kind_of
from app.dispatch.rulebook import CategoryKind, Rulebook
from app.geo import Datum, to_storage
from app.grid.schemas import ChiefNearReply

MOST = 200
Metres = Annotated[float | None, Field(description="From where the caller stands; null if not told.")]


class TaskQuery(BaseModel):
    """Which tasks, from where, in what order."""

    model_config = ConfigDict(extra="forbid")

    kind: list[TaskKind] = Field(
        [TaskKind.VERIFY, TaskKind.CHECK], max_length=10, description="任务类型; several are alternatives."
    )
    sort: TaskSort = TaskSort.DUE
    x: float | None = Field(None, description="Where the caller stands: longitude, or metres east.")
    y: float | None = Field(None, description="Latitude, or metres north.")
    datum: Datum = Datum.GCJ02
    limit: int = Field(MOST, ge=1, le=MOST, description="Tasks at most.")

    @model_validator(mode="after")
    def _position_whole(self) -> Self:
        if (self.x is None) != (self.y is None):
            raise ValueError("请同时给出 x 和 y / give x and y together")
        if self.sort is TaskSort.DISTANCE and self.x is None:
            raise ValueError("按距离排序须给出所在位置 x、y / sorting by distance needs your position x, y")
        return self

    def here(self) -> tuple[float, float] | None:
        """The position in CGCS2000. Errors: `InvalidInput` for no place on earth."""
        return None if self.x is None or self.y is None else to_storage(self.x, self.y, self.datum)


class CaseNearReply(CaseSummary):
    """案卷摘要 with the distance."""

    distance_m: Metres


class TaskReply(CaseNearReply):
    """任务."""

    kind: TaskKind


class HereReply(BaseModel):
    """所在单元网格: the cell, who is in office there, and its open cases."""

    cell_code: str
    community_code: str | None
    community_name: str | None
    street_code: str | None
    street_name: str | None
    district_code: str | None
    area_class: str | None
    chiefs: list[ChiefNearReply]
    cases: list[CaseNearReply]
    more: bool = Field(description="Whether there are more open cases than these.")


class ConditionChoice(BaseModel):
    """立案条件."""

    code: str
    text: str


class MinorChoice(BaseModel):
    """小类 with its filing conditions."""

    code: str
    name: str
    conditions: list[ConditionChoice]


class MajorChoice(BaseModel):
    """大类 with its minors."""

    code: str
    name: str
    kind: CategoryKind
    minors: list[MinorChoice]


class Choices(BaseModel):
    """What may be reported, by the rulebook of this number."""

    rulebook: int
    majors: list[MajorChoice]


def near(case: Case, metres: float | None, rulebook: Rulebook, now: datetime) -> CaseNearReply:
    """The case as lists show it, with its distance to the decimetre."""
    shown = dict(summary(case, rulebook, now))
    return CaseNearReply.model_construct(**shown, distance_m=_rounded(metres))


def task(case: Case, metres: float | None, rulebook: Rulebook, now: datetime) -> TaskReply:
    """The same as a task."""
    return TaskReply.model_construct(**dict(near(case, metres, rulebook, now)), kind=kind_of(case))


def _rounded(metres: float | None) -> float | None:
    return None if metres is None else round(metres, 1)


def choices(number: int, rulebook: Rulebook) -> Choices:
    """Majors, minors and conditions in the rulebook's order; a minor without conditions is no choice."""
    conditions: dict[str, list[ConditionChoice]] = {}
    for one in rulebook.conditions:
        conditions.setdefault(one.category, []).append(ConditionChoice(code=one.code, text=one.text))
    minors: dict[str, list[MinorChoice]] = {}
    for minor in rulebook.categories:
        if minor.parent is not None and minor.code in conditions:
            choice = MinorChoice(code=minor.code, name=minor.name, conditions=conditions[minor.code])
            minors.setdefault(minor.parent, []).append(choice)
    majors = [
        MajorChoice(code=major.code, name=major.name, kind=major.kind, minors=minors[major.code])
        for major in rulebook.categories
        if major.code in minors
    ]
    return Choices(rulebook=number, majors=majors)
