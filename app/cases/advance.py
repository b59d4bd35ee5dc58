"""推进: the only writer of a case. Every change is one journal entry, the row its projection."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases import clocks, journal, store
from app.cases.case import Case, ClockState, Folded
from app.cases.command import Command
from app.cases.effects import EFFECTS
from app.cases.journal import Entry
from app.cases.offline import Offline
from app.cases.outcome import Found
from app.cases.permission import Situation
from app.cases.workflow import BY_ACTION
from app.dispatch.rulebook import ClockKind, Rulebook
from app.identity.principal import Principal


async def begin(
    connection: AsyncConnection,
    command: Command,
    fields: dict[str, Any],
    actor: Principal,
    rulebook: Rulebook,
    offline: Offline | None = None,
) -> Folded:
    """Writes a new case from the fields its report gives, with its first journal entry and clock."""
    folded, entry = beginning(command, fields, actor, rulebook, offline)
    await store.begin_case(connection, folded.case, entry)
    return folded


def beginning(
    command: Command,
    fields: dict[str, Any],
    actor: Principal,
    rulebook: Rulebook,
    offline: Offline | None = None,
) -> tuple[Folded, Entry]:
    """A new case with its clock, and the entry that tells of it."""
    row = BY_ACTION[command.action]
    assert row.target is not None
    now: datetime = fields["reported_at"]
    started = tuple(clocks.start(kind, rulebook.stage_limit[kind], now, rulebook) for kind in row.starts)
    draft = Case.model_validate({**fields, "stage": row.target, "version": 1, "head": "", **_dues(started)})
    changes = draft.model_dump(mode="json", exclude={"version", "head"})
    entry = journal.next_entry(
        None,
        case_id=draft.id,
        district_code=draft.district_code,
        now=now,
        action=command.action,
        actor=actor,
        to_stage=row.target,
        data=_data(command, changes, started, offline=offline),
    )
    case = draft.model_copy(update={"version": entry.version, "head": entry.hash})
    return Folded(case, started), entry


async def advance(
    connection: AsyncConnection, command: Command, situation: Situation, found: Found | None = None
) -> Folded:
    """Carries out a permitted command on a case locked before, and gives the case as it is then.

    Errors: `InvalidInput` when the command's content does not fit the case or the rulebook.
    """
    before, now, rulebook = situation.folded, situation.now, situation.rulebook
    found = found or Found()
    row = BY_ACTION[command.action]
    outcome = EFFECTS[command.action](command, situation, found)
    fields = outcome.fields
    stage = row.target or before.case.stage
    moved = clocks.after(
        row,
        before,
        now,
        rulebook,
        stage=stage,
        unit=fields.get("lead_unit", before.case.lead_unit),
        condition=fields.get("condition", before.case.condition),
        reason=row.label,
    )
    changed = _merged(moved, outcome.clocks)
    all_clocks = _merged(before.clocks, changed)
    fields = {"stage": stage, **fields, **_dues(all_clocks)}
    after = before.case.model_copy(update=fields)
    changes = _difference(before.case, after, fields)
    entry = journal.next_entry(
        before.case,
        case_id=before.case.id,
        district_code=before.case.district_code,
        now=now,
        action=command.action,
        actor=situation.actor,
        to_stage=stage,
        data=_data(command, changes, changed, found, situation.offline),
    )
    after = after.model_copy(update={"version": entry.version, "head": entry.hash})
    written = {name: getattr(after, name) for name in (*changes, "version", "head")}
    await store.change_case(connection, written, entry)
    return Folded(after, all_clocks)


def _data(
    command: Command,
    changes: dict[str, Any],
    moved: tuple[ClockState, ...],
    found: Found | None = None,
    offline: Offline | None = None,
) -> dict[str, Any]:
    beside: dict[str, Any] = {}
    if offline is not None:
        beside["offline"] = offline.told()
    if found is not None and found.draw is not None:
        beside["draw"] = found.draw.model_dump(mode="json")
    if found is not None and found.photo is not None:
        beside["evidence"] = found.photo.told()
    return beside | {
        "command": command.words(),
        "changes": changes,
        "clocks": [clock.model_dump(mode="json") for clock in moved],
    }


def _difference(before: Case, after: Case, fields: Iterable[str]) -> dict[str, Any]:
    names = {name for name in fields if getattr(before, name) != getattr(after, name)}
    return after.model_dump(mode="json", include=names)


def _merged(before: tuple[ClockState, ...], changed: tuple[ClockState, ...]) -> tuple[ClockState, ...]:
    """Each clock once, in its newest state."""
    by_id = {clock.id: clock for clock in before} | {clock.id: clock for clock in changed}
    return tuple(by_id.values())


def _dues(all_clocks: tuple[ClockState, ...]) -> dict[str, Any]:
    """The times kept on the case row, so that queues sort by them."""
    first = clocks.next_due(all_clocks)
    handling = [c for c in all_clocks if c.kind is ClockKind.HANDLING and c.stopped_at is None]
    return {
        "due_at": first.due_at if first else None,
        "amber_at": first.amber_at if first else None,
        "handling_due_at": handling[0].due_at if handling else None,
    }
