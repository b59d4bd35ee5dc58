"""What the API says of cases: replies, and the queries of the lists."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.cases.case import Appeal, ClockState, Lamp, PauseRecord
from app.cases.duplicates import Near
from app.cases.permission import Situation, available
from app.cases.queue import Filters, Sort
from app.cases.summary import CaseSummary, written
from app.cases.workflow import STAGE_LABELS, TRANSITIONS, Action, Stage
from app.dispatch.rulebook import ClockKind, Policy, Rulebook
from app.geo import Datum, box_of
from app.moment import Moment


class ClockReply(BaseModel):
    """计时 of a case; `due_at` is null while it is paused."""

    id: UUID
    kind: ClockKind
    name: str
    started_at: datetime
    due_at: datetime | None
    amber_at: datetime | None
    paused: bool
    pauses: tuple[PauseRecord, ...]
    times: int
    because: str
    stopped_at: datetime | None
    overran_at: datetime | None


class ActionOffered(BaseModel):
    """可办操作: an action the caller may take now."""

    action: Action
    label: str
    label_en: str


class CaseReply(CaseSummary):
    """案卷: a case with its clocks and what the caller may do next."""

    district_code: str
    street_code: str | None
    raw_x: float
    raw_y: float
    datum: Datum
    segment_code: str | None
    chief_name: str | None
    component_code: str | None
    component_owner: str | None
    component_maintainer: str | None
    reporter_id: UUID
    reporter_name: str
    external_number: str | None
    caller_known: bool
    matrix_row: str | None
    filed_at: datetime | None
    dispatched_at: datetime | None
    signed_at: datetime | None
    handed_back_at: datetime | None
    verified: bool | None
    check_passed: bool | None
    self_handled: bool
    exempt: bool
    declines: int
    extensions: int
    suspensions: int
    reworks: int
    reminders: int
    duplicates: int
    photos: int = Field(description="照片 attached.")
    doubtful_photos: int = Field(description="存疑照片: those that something speaks against.")
    pending_until: datetime | None
    appeal: Appeal | None
    merged_into: UUID | None
    call_back: dict[str, Any] | None
    outcome: Stage | None = Field(description="What came of the case it was merged into, once that ended.")
    outcome_at: datetime | None
    outcome_text: str | None
    clocks: list[ClockReply]
    available_actions: list[ActionOffered]


class NearReply(BaseModel):
    """疑似重复: an earlier case close by, how alike it is (0 to 100), and what that comes from."""

    id: UUID
    number: str
    stage: Stage
    description: str
    reported_at: datetime
    distance_m: float
    score: int
    why: tuple[str, ...]


class ReportReply(BaseModel):
    """上报结果: the case, and cases it may be a duplicate of."""

    case: CaseReply
    near: list[NearReply]


class JournalEntry(BaseModel):
    """日志条目. `command` is what the actor said, `changes` the fields it changed."""

    version: int
    at: datetime
    action: Action
    label: str
    actor_id: UUID
    actor_name: str
    from_stage: Stage | None
    to_stage: Stage
    command: dict[str, Any]
    changes: dict[str, Any]
    evidence: dict[str, Any] | None = Field(description="验看: of a photo attached, what was found.")
    offline: dict[str, str] | None = Field(description="离线: what the phone said of when it was done.")
    hash: str


class QueueCount(BaseModel):
    """件数; `capped` when there are more than counted."""

    count: int
    capped: bool


class Figures(BaseModel):
    """统计 over cases reported in a period. `on_time_rate` is over cases handed back and not exempt."""

    reported: int
    filed: int
    open: int
    closed: int
    refused: int
    voided: int
    merged: int
    self_handled: int
    judged: int
    on_time: int
    on_time_rate: float | None
    declines: int
    extensions: int
    suspensions: int
    reworks: int
    listed: int


class Period(BaseModel):
    """时段 over the time of the report; unset ends are open."""

    model_config = ConfigDict(extra="forbid")

    since: Moment = datetime(1970, 1, 1, tzinfo=UTC)
    until: Moment = datetime(9999, 1, 1, tzinfo=UTC)


class WorkflowRow(BaseModel):
    """流程表: one row of the transition table, with the roles the policy in force gives it."""

    action: Action
    label: str
    label_en: str
    sources: list[Stage]
    target: Stage | None
    roles: list[str]
    party: str
    guards: list[str]


class StageLabel(BaseModel):
    stage: Stage
    label: str
    label_en: str


class Workflow(BaseModel):
    stages: list[StageLabel]
    transitions: list[WorkflowRow]


_Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=64, pattern=r"^[^\x00]+$")]


class QueueQuery(BaseModel):
    """筛选条件 of the lists."""

    model_config = ConfigDict(extra="forbid")

    stage: list[Stage] = Field([], max_length=15, description="环节; several are alternatives.")
    unit: _Text | None = Field(None, description="单位 that leads or assists, with all units below it.")
    area: _Text | None = Field(None, description="区域 code of any level.", pattern=r"^\d{6,15}$")
    category: _Text | None = Field(None, description="`component`, `event`, a 大类 or a 小类.")
    condition: _Text | None = Field(None, description="立案条件.")
    lamp: Lamp | None = None
    source: list[_Text] = Field([], max_length=20)
    since: Moment | None = Field(None, description="Reported at or after.")
    until: Moment | None = Field(None, description="Reported before.")
    bbox: str | None = Field(
        None,
        description="West,south,east,north in CGCS2000 degrees, to about a metre.",
        max_length=100,
        examples=["122.0,41.1,122.1,41.2"],
    )
    q: str | None = Field(
        None,
        description="Words of two characters or more in description or address; a case number or its serial.",
        max_length=50,
        pattern=r"^\s*[^\s\x00-\x1f]{2,}(\s+[^\s\x00-\x1f]{2,})*\s*$",
        examples=["井盖 中心路"],
    )
    mine: bool = Field(False, description="Only what the caller reported.")
    listed: bool | None = Field(None, description="挂牌督办.")
    overdue: bool | None = Field(None, description="Judged overdue at hand-back.")
    pending: bool | None = Field(None, description="With a request waiting for approval.")
    placed: bool | None = Field(None, description="False: its place is still to be found (待定位).")

    def filters(self, rulebook: Rulebook, caller: UUID) -> Filters:
        """The filters with units and categories spread out. Errors: `InvalidInput` for a bad `bbox`."""
        return Filters(
            stages=tuple(self.stage),
            units=rulebook.unit_and_below(self.unit) if self.unit else frozenset(),
            area=self.area,
            categories=_minors(self.category, rulebook) if self.category else None,
            condition=self.condition,
            lamp=self.lamp,
            sources=tuple(self.source),
            since=self.since,
            until=self.until,
            bbox=box_of(self.bbox) if self.bbox else None,
            words=self.q,
            reporter=caller if self.mine else None,
            listed=self.listed,
            overdue=self.overdue,
            pending=self.pending,
            placed=self.placed,
        )


class QueuePageQuery(QueueQuery):
    """Filters, order and page of a list."""

    sort: Sort = Sort.DUE
    limit: int = Field(50, ge=1, le=200, description="Cases on a page at most.")
    cursor: str | None = Field(None, max_length=1000, description="`next_cursor` of the page before.")


def _minors(wanted: str, rulebook: Rulebook) -> frozenset[str]:
    return frozenset(
        category.code
        for category in rulebook.categories
        if wanted in (category.code, category.parent, category.kind.value)
    )


def reply(situation: Situation) -> dict[str, Any]:
    """The case as the caller sees it: clocks, lamp, and the actions open to this caller. A `CaseReply` of
    plain values, ready to be written as JSON."""
    body = written(situation.folded.case, situation.rulebook, situation.now, CaseReply)
    body["clocks"] = [_clock(clock) for clock in situation.folded.clocks]
    body["available_actions"] = [
        {"action": row.action.value, "label": row.label, "label_en": row.label_en}
        for row in available(situation)
    ]
    return body


def _clock(clock: ClockState) -> dict[str, Any]:
    known = vars(clock) | {"paused": clock.paused}
    shown = {name: known[name] for name in ClockReply.model_fields}
    return shown | {"id": str(clock.id), "kind": clock.kind.value}


def near_reply(near: Near) -> NearReply:
    """A near duplicate, its distance to the decimetre."""
    return NearReply(
        id=near.id, number=near.number, stage=near.stage, description=near.description,
        reported_at=near.reported_at, distance_m=round(near.distance_m, 1), score=near.score, why=near.why,
    )  # fmt: skip


def workflow(policy: Policy) -> Workflow:
    """The transition table under the policy in force."""
    return Workflow(
        stages=[StageLabel(stage=s, label=zh, label_en=en) for s, (zh, en) in STAGE_LABELS.items()],
        transitions=[
            WorkflowRow(
                action=row.action,
                label=row.label,
                label_en=row.label_en,
                sources=[stage for stage in Stage if stage in row.sources],
                target=row.target,
                roles=sorted(role.value for role in row.allowed_roles(policy)),
                party=row.party.value,
                guards=[guard.value for guard in row.guards],
            )
            for row in TRANSITIONS
        ],
    )
