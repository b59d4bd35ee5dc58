"""What the rulebook's routes take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.dispatch.active import RulebookVersion
from app.dispatch.comparison import TableDiff
from app.dispatch.explaining import Explanation
from app.dispatch.findings import FindingKind, Report, Severity
from app.dispatch.rulebook import CategoryKind, LimitUnit, Rulebook
from app.dispatch.service import ListedVersion, VersionState
from app.geo import Datum
from app.moment import Moment

CONDITION_EXAMPLE = "C0101-1"


class _Reply(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class VersionReply(_Reply):
    """规则库版本, without its content."""

    number: int = Field(examples=[3])
    name: str
    note: str
    district_code: str
    digest: str = Field(description="SHA-256 of the content.")
    state: VersionState
    active_from: list[datetime] = Field(description="Moments from which it was put in force.")
    created_at: datetime

    @classmethod
    def of(cls, version: ListedVersion) -> VersionReply:
        head = version.head
        return cls(
            number=head.number,
            name=head.name,
            note=head.note,
            district_code=head.district_code,
            digest=head.digest,
            state=version.state,
            active_from=list(head.active_from),
            created_at=head.created_at,
        )


class RulebookReply(BaseModel):
    """A version's content."""

    number: int
    rulebook: Rulebook

    @classmethod
    def of(cls, version: RulebookVersion) -> RulebookReply:
        return cls(number=version.number, rulebook=version.rulebook)


class FindingReply(_Reply):
    """One thing the check found. `where` is the table and the row's code."""

    kind: FindingKind
    severity: Severity
    where: str = Field(examples=["matrix E0404"])
    message: str
    message_en: str
    remedy: str
    remedy_en: str


class ReportReply(_Reply):
    """检查结果. With errors a version cannot be activated."""

    ok: bool
    findings: list[FindingReply]

    @classmethod
    def of(cls, report: Report) -> ReportReply:
        return cls.model_validate(report)


class DraftReply(BaseModel):
    """What an upload became: a version, new or the one with the same content, and its check."""

    version: VersionReply
    report: ReportReply


class NewActivation(BaseModel):
    """启用."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"effective_from": None}]})

    effective_from: Moment | None = Field(
        None, description="From when it holds; now when left out. Not in the past, but for the first one."
    )


class FieldChangeReply(_Reply):
    field: str
    before: Any
    after: Any


class RowChangeReply(_Reply):
    code: str
    fields: list[FieldChangeReply]


class TableDiffReply(_Reply):
    """One table's differences: codes added and removed, rows changed field by field."""

    table: str = Field(examples=["matrix"])
    added: list[str]
    removed: list[str]
    changed: list[RowChangeReply]


class DiffReply(BaseModel):
    """版本比较: what `number` has otherwise than `against`."""

    number: int
    against: int
    tables: list[TableDiffReply]

    @classmethod
    def of(cls, number: int, against: int, tables: tuple[TableDiff, ...]) -> DiffReply:
        return cls(
            number=number, against=against, tables=[TableDiffReply.model_validate(table) for table in tables]
        )


class LimitReply(_Reply):
    """处置时限; `area_class` `*` stands for every class not named, an empty `milestone` for the whole."""

    area_class: str
    milestone: str
    amount: float
    unit: LimitUnit


class ConditionReply(BaseModel):
    """立案条件 as a reporting app offers it."""

    code: str = Field(examples=[CONDITION_EXAMPLE])
    kind: CategoryKind
    major: str
    major_name: str
    minor: str
    minor_name: str
    minor_name_en: str
    text: str
    text_en: str
    closing: str
    closing_en: str
    limits: list[LimitReply]


def conditions_of(
    rulebook: Rulebook, *, minor: str | None = None, kind: CategoryKind | None = None
) -> list[ConditionReply]:
    """The rulebook's conditions in its order, of one minor or kind where named."""
    limits: dict[str, list[LimitReply]] = {}
    for row in rulebook.limits:
        limits.setdefault(row.condition, []).append(LimitReply.model_validate(row))
    found = []
    for condition in rulebook.conditions:
        category = rulebook.category_by_code[condition.category]
        if (minor and category.code != minor) or (kind and category.kind is not kind):
            continue
        major = rulebook.category_by_code[category.parent or category.code]
        found.append(
            ConditionReply(
                code=condition.code,
                kind=category.kind,
                major=major.code,
                major_name=major.name,
                minor=category.code,
                minor_name=category.name,
                minor_name_en=category.name_en,
                text=condition.text,
                text_en=condition.text_en,
                closing=condition.closing,
                closing_en=condition.closing_en,
                limits=limits.get(condition.code, []),
            )
        )
    return found


class Position(BaseModel):
    """A position in the datum it was measured in."""

    model_config = ConfigDict(extra="forbid")

    x: float = Field(description="Longitude, or metres east.")
    y: float = Field(description="Latitude, or metres north.")
    datum: Datum = Datum.CGCS2000


class Trial(BaseModel):
    """A problem to try the rulebook on: where it is by position or by area code."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"condition": CONDITION_EXAMPLE, "area_code": "211103005"}]},
    )

    condition: str
    position: Position | None = None
    area_code: str | None = Field(None, pattern=r"^(\d{6}|\d{9}|\d{12}|\d{15})$")
    component_code: str | None = Field(None, description="The component, when it is known; needs a position.")
    source: str = "inspector"
    at: Moment | None = Field(None, description="Now when left out.")

    @model_validator(mode="after")
    def _one_place(self) -> Trial:
        if (self.position is None) == (self.area_code is None):
            raise ValueError("give either `position` or `area_code`")
        if self.component_code and self.position is None:
            raise ValueError("a component needs a position")
        return self


class UnitReply(BaseModel):
    code: str
    name: str


class LoserReply(_Reply):
    row: str
    because: str


class DeadlineReply(BaseModel):
    """Due and amber moment of the limit (`milestone` empty) or of a step on the way, and why."""

    milestone: str
    at: datetime
    amber_at: datetime
    because: str


class ExplanationReply(BaseModel):
    """试算结果: who would act and by when, in words."""

    number: int
    row: str = Field(description="Code of the matrix row that decides.")
    lead: UnitReply
    assisting: list[UnitReply]
    fallback: bool
    why: list[str]
    losers: list[LoserReply]
    area_class: str | None
    deadlines: list[DeadlineReply]

    @classmethod
    def of(cls, version: RulebookVersion, explanation: Explanation) -> ExplanationReply:
        decision, units = explanation.decision, version.rulebook.unit_by_code
        return cls(
            number=version.number,
            row=decision.row,
            lead=UnitReply(code=decision.lead, name=units[decision.lead].name),
            assisting=[UnitReply(code=code, name=units[code].name) for code in decision.assisting],
            fallback=decision.fallback,
            why=list(decision.why),
            losers=[LoserReply.model_validate(loser) for loser in decision.losers],
            area_class=explanation.area_class,
            deadlines=[
                DeadlineReply(
                    milestone=milestone, at=found.at, amber_at=found.amber_at, because=found.because
                )
                for milestone, found in explanation.deadlines.items()
            ],
        )
