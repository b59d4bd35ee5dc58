"""案卷: the case and its clocks as values, and how its journal adds up to them.

A `Case` is what the journal says: every entry carries the fields it changed, `fold` puts them together,
and the row in the database is the same thing kept at hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from app.cases.workflow import Stage
from app.dispatch.deadlines import Pause
from app.dispatch.rulebook import ClockKind, Limit, LimitUnit
from app.geo import Datum


class Pending(StrEnum):
    """待审批申请: a request that waits for approval; a case has one at most."""

    EXTENSION = "extension"
    SUSPENSION = "suspension"
    VOIDING = "voiding"


class Appeal(StrEnum):
    """申诉 against "overdue"."""

    FIRST_REVIEW = "first_review"
    SECOND_REVIEW = "second_review"
    GRANTED = "granted"
    REJECTED = "rejected"


class Solved(StrEnum):
    """是否解决, as the citizen says."""

    SOLVED = "solved"  # 解决
    PARTLY = "partly"  # 部分解决
    UNSOLVED = "unsolved"  # 未解决


class Satisfaction(StrEnum):
    """满意度, as the citizen says."""

    VERY_SATISFIED = "very_satisfied"  # 非常满意
    SATISFIED = "satisfied"  # 满意
    FAIR = "fair"  # 基本满意、理解
    DISSATISFIED = "dissatisfied"  # 不满意
    UNRATED = "unrated"  # 未评价


class Lamp(StrEnum):
    """警示灯 of the clock that ends first."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


def lamp(due_at: datetime | None, amber_at: datetime | None, now: datetime) -> Lamp | None:
    """The light of a clock that ends then; None when there is none."""
    if due_at is None or amber_at is None:
        return None
    if now > due_at:
        return Lamp.RED
    return Lamp.AMBER if now >= amber_at else Lamp.GREEN


class PauseRecord(BaseModel):
    """暂停 of a clock: from, to (None: still), and why."""

    model_config = ConfigDict(frozen=True)

    start: datetime
    end: datetime | None = None
    reason: str = ""


class ClockState(BaseModel):
    """计时: one clock of a case, running, paused or stopped.

    `due_at` is None while it is paused. `overran_at` is the moment it was due, set once, when the overrun
    was recorded. `amount`/`limit_unit` are None for clocks whose end was named (suspension, reply).
    """

    model_config = ConfigDict(frozen=True)

    id: UUID
    kind: ClockKind
    name: str = ""
    unit: str | None = None
    started_at: datetime
    amount: float | None = None
    limit_unit: LimitUnit | None = None
    times: int = 1
    pauses: tuple[PauseRecord, ...] = ()
    due_at: datetime | None = None
    amber_at: datetime | None = None
    because: str = ""
    stopped_at: datetime | None = None
    overran_at: datetime | None = None

    @property
    def limit(self) -> Limit | None:
        if self.amount is None or self.limit_unit is None:
            return None
        return Limit(amount=self.amount, unit=self.limit_unit)

    @property
    def running(self) -> bool:
        return self.stopped_at is None and not self.paused

    @property
    def paused(self) -> bool:
        return self.stopped_at is None and bool(self.pauses) and self.pauses[-1].end is None

    def closed_pauses(self) -> tuple[Pause, ...]:
        """The pauses that are over, as the deadline reckoning takes them."""
        return tuple(Pause(p.start, p.end, p.reason) for p in self.pauses if p.end is not None)

    def overdue(self, now: datetime) -> bool:
        """Whether the clock, running, has passed its end."""
        return self.due_at is not None and now > self.due_at


class Case(BaseModel):
    """案卷, as its journal tells it. Codes are those of the rulebook version named in it."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    number: str
    district_code: str
    stage: Stage
    version: int
    head: str  # hash of the newest journal entry, hex

    # what and where
    source: str
    category: str | None = None
    condition: str | None = None
    description: str
    address: str = ""
    lon: float
    lat: float
    raw_x: float
    raw_y: float
    datum: Datum
    placed: bool = True  # False: `lon`, `lat` only stand for the area that was named
    area_code: str
    street_code: str | None = None
    area_class: str | None = None
    segment_code: str | None = None
    chief_name: str | None = None
    chief_account: str | None = None
    chief_unit: str | None = None
    component_code: str | None = None
    component_owner: str | None = None
    component_maintainer: str | None = None

    # who reported, who has the task
    reporter_id: UUID
    reporter_name: str
    external_number: str | None = None
    caller_known: bool = False
    inspector_id: UUID | None = None
    inspector_name: str | None = None
    verifier_id: UUID | None = None  # who last had the verification, or the check; kept when it is done
    checker_id: UUID | None = None

    # by what rules, and who answers
    rulebook_id: UUID
    matrix_row: str | None = None
    decision: dict[str, Any] | None = None
    lead_unit: str | None = None
    assisting_units: tuple[str, ...] = ()

    # when
    reported_at: datetime
    filed_at: datetime | None = None
    dispatched_at: datetime | None = None
    signed_at: datetime | None = None
    handed_back_at: datetime | None = None
    ended_at: datetime | None = None
    due_at: datetime | None = None
    amber_at: datetime | None = None
    handling_due_at: datetime | None = None

    # how it went
    verified: bool | None = None
    check_passed: bool | None = None
    self_handled: bool = False
    overdue: bool | None = None
    exempt: bool = False
    declines: int = 0
    extensions: int = 0
    suspensions: int = 0
    reworks: int = 0
    reminders: int = 0
    duplicates: int = 0
    photos: int = 0
    doubtful_photos: int = 0
    listed: bool = False
    pending: Pending | None = None
    pending_by: UUID | None = None
    pending_until: datetime | None = None
    appeal: Appeal | None = None
    appeal_reviewer: UUID | None = None
    merged_into: UUID | None = None
    call_back: dict[str, Any] | None = None  # the newest

    # what came of the case it was merged into
    outcome: Stage | None = None
    outcome_at: datetime | None = None
    outcome_text: str | None = None

    def lamp(self, now: datetime) -> Lamp | None:
        """The light of the clock that ends first; None when nobody owes anything."""
        return lamp(self.due_at, self.amber_at, now)


FIELDS = tuple(Case.model_fields)


@dataclass(frozen=True, slots=True)
class Folded:
    """A case with all its clocks, as the journal adds up to."""

    case: Case
    clocks: tuple[ClockState, ...]

    def open_clocks(self, *kinds: ClockKind) -> tuple[ClockState, ...]:
        """The clocks not stopped, of these kinds (all when none is named)."""
        return tuple(c for c in self.clocks if c.stopped_at is None and (not kinds or c.kind in kinds))

    @property
    def latest(self) -> datetime:
        """The newest moment of the case: nothing happens to it before, whatever a machine's clock says."""
        case = self.case
        known = [case.reported_at, case.filed_at, case.ended_at]
        for clock in self.clocks:
            known += [clock.started_at, clock.stopped_at]
            known += [moment for pause in clock.pauses for moment in (pause.start, pause.end)]
        return max(moment for moment in known if moment is not None)


def fold(entries: Iterable[tuple[int, str, dict[str, Any]]]) -> Folded:
    """Adds up a case's journal: (version, hash, data) in order of version.

    Errors: pydantic's ValidationError when the entries do not make a whole case.
    """
    fields: dict[str, Any] = {}
    clocks: dict[str, Any] = {}
    for version, entry_hash, data in entries:
        fields |= data["changes"] | {"version": version, "head": entry_hash}
        for clock in data["clocks"]:
            clocks[clock["id"]] = clock
    return Folded(
        Case.model_validate(fields), tuple(ClockState.model_validate(clock) for clock in clocks.values())
    )
