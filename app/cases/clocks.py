"""计时: starting, pausing, resuming, extending and stopping a clock. Pure values in and out."""

from __future__ import annotations

from datetime import datetime

from app.cases.case import ClockState, Folded, PauseRecord
from app.cases.workflow import STAGE_CLOCKS, Action, Stage, Transition
from app.db import new_id
from app.dispatch.deadlines import due
from app.dispatch.rulebook import ClockKind, Limit, ReworkClock, Rulebook
from app.errors import InvalidInput, NotReady

#: Clocks that do not colour the case's lamp: a supervision reply is owed beside the case's own work.
_BESIDE = frozenset({ClockKind.REPLYING})


def start(
    kind: ClockKind,
    limit: Limit,
    now: datetime,
    rulebook: Rulebook,
    *,
    name: str = "",
    unit: str | None = None,
) -> ClockState:
    """A clock with a limit, running from now."""
    clock = ClockState(
        id=new_id(),
        kind=kind,
        name=name,
        unit=unit,
        started_at=now,
        amount=limit.amount,
        limit_unit=limit.unit,
    )
    return _reckon(clock, rulebook)


def start_until(
    kind: ClockKind,
    until: datetime,
    now: datetime,
    rulebook: Rulebook,
    *,
    because: str,
    unit: str | None = None,
) -> ClockState:
    """A clock whose end is named, not reckoned. Each such clock is its own: the name is its id."""
    clock_id = new_id()
    amber = now + (until - now) * rulebook.policy.amber_percent / 100
    return ClockState(
        id=clock_id, kind=kind, name=str(clock_id), unit=unit, started_at=now, due_at=until, amber_at=amber,
        because=because,
    )  # fmt: skip


def pause(clock: ClockState, now: datetime, reason: str) -> ClockState:
    """The clock stands still from now on and owes nothing meanwhile."""
    record = PauseRecord(start=now, reason=reason)
    changes = {"pauses": (*clock.pauses, record), "due_at": None, "amber_at": None, **_overrun(clock, now)}
    return clock.model_copy(update=changes)


def resume(clock: ClockState, now: datetime, rulebook: Rulebook) -> ClockState:
    """The rest of the limit runs on from now."""
    last = clock.pauses[-1].model_copy(update={"end": max(now, clock.pauses[-1].start)})
    return _reckon(clock.model_copy(update={"pauses": (*clock.pauses[:-1], last)}), rulebook)


def extend(clock: ClockState, rulebook: Rulebook) -> ClockState:
    """延期: one original limit more. An overrun recorded before no longer stands."""
    return _reckon(clock.model_copy(update={"times": clock.times + 1, "overran_at": None}), rulebook)


def stop(clock: ClockState, now: datetime) -> ClockState:
    """The work was done or taken over; an overrun not yet recorded is recorded now."""
    return clock.model_copy(update={"stopped_at": now, **_overrun(clock, now)})


def record_overrun(clock: ClockState, now: datetime) -> ClockState:
    """Sets `overran_at` once the clock has passed its end."""
    return clock.model_copy(update=_overrun(clock, now))


def next_due(clocks: tuple[ClockState, ...]) -> ClockState | None:
    """The running clock that ends first and colours the case's lamp."""
    running = [c for c in clocks if c.running and c.due_at is not None and c.kind not in _BESIDE]
    return min(running, key=lambda c: (c.due_at, c.kind), default=None)


def after(
    transition: Transition,
    before: Folded,
    now: datetime,
    rulebook: Rulebook,
    *,
    stage: Stage,
    unit: str | None,
    condition: str | None,
    reason: str,
) -> tuple[ClockState, ...]:
    """The clocks that change by a transition into `stage`: stopped ones first, started ones last.

    `unit` is the lead unit from now on, `reason` stands beside a pause. Errors: InvalidInput when the
    rulebook has no limit for the condition.
    """
    case = before.case
    changed: dict[object, ClockState] = {}
    stopping = set(transition.stops)
    if stage is not case.stage:
        stopping |= set(STAGE_CLOCKS.get(case.stage, ()))
    ends = stage not in STAGE_CLOCKS
    for clock in before.open_clocks():
        if (clock.kind in stopping) or (ends and stage is not case.stage):
            changed[clock.id] = stop(clock, now)
        elif clock.kind in transition.pauses and clock.running:
            changed[clock.id] = pause(clock, now, reason)
        elif clock.kind in transition.resumes and clock.paused:
            changed[clock.id] = resume(clock, _end_of_suspension(before, now), rulebook)
    started = [
        clock
        for kind in transition.starts
        for clock in _started(kind, transition.action, before, now, rulebook, unit, condition)
    ]
    return (*changed.values(), *started)


def _end_of_suspension(before: Folded, now: datetime) -> datetime:
    """A suspension ends when it was to end, even if that is noticed later."""
    return min([now, *(c.due_at for c in before.open_clocks(ClockKind.SUSPENSION) if c.due_at is not None)])


def _started(
    kind: ClockKind,
    action: Action,
    before: Folded,
    now: datetime,
    rulebook: Rulebook,
    unit: str | None,
    condition: str | None,
) -> list[ClockState]:
    if kind in (ClockKind.SUSPENSION, ClockKind.REPLYING):
        return []  # their end comes with the command
    if kind not in (ClockKind.HANDLING, ClockKind.MILESTONE):
        return [start(kind, rulebook.stage_limit[kind], now, rulebook, unit=unit)]
    if action is Action.REWORK and rulebook.policy.rework_clock is ReworkClock.REST:
        return [_taken_up_again(before, now, rulebook)]
    limits = rulebook.handling_limits(condition or "", before.case.area_class)
    if "" not in limits:
        raise InvalidInput(
            f"规则库未给出立案条件 {condition} 的处置时限 / no handling limit for this condition"
        )
    if kind is ClockKind.HANDLING:
        return [start(kind, limits[""], now, rulebook, unit=unit)]
    return [start(kind, limit, now, rulebook, name=name, unit=unit) for name, limit in limits.items() if name]


def _taken_up_again(before: Folded, now: datetime, rulebook: Rulebook) -> ClockState:
    # A clock taken up again keeps its start: the last one is the one stopped last, and made last.
    ended = [(c.stopped_at, c.id, c) for c in before.clocks if c.kind is ClockKind.HANDLING and c.stopped_at]
    stopped_at, _, last = max(ended)
    away = PauseRecord(start=stopped_at, end=now, reason="返工前")
    changes = {"id": new_id(), "stopped_at": None, "pauses": (*last.pauses, away), "overran_at": None}
    return _reckon(last.model_copy(update=changes), rulebook)


def _reckon(clock: ClockState, rulebook: Rulebook) -> ClockState:
    """Errors: `NotReady` when the rulebook's calendar does not reach as far as the limit."""
    assert clock.limit is not None
    try:
        deadline = due(
            clock.started_at,
            clock.limit,
            rulebook.calendar,
            clock.closed_pauses(),
            times=clock.times,
            amber_percent=rulebook.policy.amber_percent,
        )
    except ValueError as too_short:
        raise NotReady(
            f"请管理员延长规则库的工作日历：{too_short} / the calendar is too short"
        ) from too_short
    changes = {"due_at": deadline.at, "amber_at": deadline.amber_at, "because": deadline.because}
    return clock.model_copy(update=changes)


def _overrun(clock: ClockState, now: datetime) -> dict[str, datetime]:
    """A suspension that is over is no overrun: the case resumes."""
    over = clock.overran_at is None and clock.overdue(now) and clock.kind is not ClockKind.SUSPENSION
    return {"overran_at": clock.due_at} if over and clock.due_at is not None else {}
