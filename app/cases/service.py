"""办案: commands carried out on a case, and the case as a caller may see it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases import actions, album, duplicates, journal, store, tasks
from app.cases.advance import advance
from app.cases.case import Case
from app.cases.command import Command
from app.cases.draw import Draw, DrawTold
from app.cases.effects import GIVES_TASK
from app.cases.evidence import examined
from app.cases.lookups import check_codes, component
from app.cases.outcome import Found
from app.cases.permission import Situation, permit, refused
from app.cases.placing import located
from app.cases.scope import sees
from app.cases.workflow import BY_ACTION, STAGE_LABELS, Action
from app.dispatch import matrix
from app.dispatch.active import RulebookVersion, active_rulebook, found_in_force, rulebook_version
from app.dispatch.explaining import facts_in_area
from app.dispatch.rulebook import Rulebook
from app.errors import InvalidInput, NotFound, VersionConflict
from app.identity.principal import SYSTEM, Principal

# -- commands ------------------------------------------------------------------------------------------


async def act(
    connection: AsyncConnection,
    case_id: UUID,
    command: Command,
    actor: Principal,
    now: datetime,
    *,
    expected_version: int | None,
) -> Situation:
    """Carries out a command and gives the case as it is then. `expected_version` None: whatever it is.

    Errors: `NotFound` (or not to be seen), `Forbidden`, `ActionNotAllowed`, `VersionConflict`,
    `InvalidInput`.
    """
    if several := await _concerned(connection, case_id, command):
        await store.lock_in_order(connection, several)
    situation = await locked(connection, case_id, actor, now)
    case = situation.folded.case
    if expected_version is not None and case.version != expected_version:
        raise VersionConflict(
            f"案卷已变为第 {case.version} 版，请刷新后再试 / the case has changed: look again",
            current={"version": case.version, "stage": case.stage.value},
        )
    return await carry_out(connection, command, situation)


async def locked(connection: AsyncConnection, case_id: UUID, actor: Principal, now: datetime) -> Situation:
    """The case as the caller sees it, kept from others until the transaction ends, at a moment that is not
    before what it has lived through. Errors: `NotFound`."""
    return await _situation(connection, case_id, actor, now, lock=True)


async def carry_out(connection: AsyncConnection, command: Command, situation: Situation) -> Situation:
    """Carries out a command on a locked case. Errors: `Forbidden`, `ActionNotAllowed`, `InvalidInput`."""
    permit(command.action, situation)
    check_codes(command, situation.rulebook)
    found = await _find(connection, command, situation)
    after = await advance(connection, command, situation, found)
    if found.photo is not None:
        await album.attach(connection, after.case, found.photo, situation.actor, situation.now)
    if isinstance(command, actions.Merge):
        await _absorb(connection, command.into, after.case, situation)
    elif isinstance(command, actions.Unmerge):
        await _release(connection, situation, after.case)
    return replace(situation, folded=after)


async def _concerned(connection: AsyncConnection, case_id: UUID, command: Command) -> list[UUID]:
    """The cases a command changes, when it is more than the one."""
    if isinstance(command, actions.Merge):
        return [case_id, command.into]
    if isinstance(command, actions.Unmerge):
        above = await duplicates.directly_into(connection, case_id)
        return [case_id, above] if above else []
    return []


async def judged_by(connection: AsyncConnection, case: Case, in_force: RulebookVersion) -> RulebookVersion:
    """The rulebook a case is judged by: the one in force until it is filed, that one from then on."""
    if case.filed_at is None and case.ended_at is None:
        return in_force
    return await rulebook_version(connection, case.rulebook_id)


async def _situation(
    connection: AsyncConnection, case_id: UUID, actor: Principal, now: datetime, *, lock: bool = False
) -> Situation:
    if (loaded := await store.load(connection, case_id, now, lock=lock)) is None:
        raise _unseen()
    folded, in_force_id = loaded
    in_force = await found_in_force(connection, in_force_id, now)
    if not sees(actor, in_force.rulebook)(folded.case):
        raise _unseen()
    version = await judged_by(connection, folded.case, in_force)
    moment = max(now, folded.latest) if lock else now
    return Situation(folded, actor, moment, version.rulebook, version.id)


def _unseen() -> NotFound:
    return NotFound("没有这份案卷，或不在您的可见范围内 / no such case, or not within your scope")


async def _find(connection: AsyncConnection, command: Command, s: Situation) -> Found:
    """Looks up what the command's effect needs."""
    case = s.folded.case
    if isinstance(command, actions.FileCase):
        return Found(component=await component(connection, command.component_code, s.now, s.actor))
    if isinstance(command, actions.Locate):
        return Found(placed=await located(connection, command, s))
    if isinstance(command, actions.Dispatch):
        return Found(decision=proposed(case, s.rulebook))
    if isinstance(command, actions.Attach):
        return Found(photo=await examined(connection, command, s))
    if command.action in GIVES_TASK:
        task = tasks.task_of(command.action, case.stage)
        if isinstance(command, actions.AssignInspector) and command.username is not None:
            return Found(draw=await tasks.named(connection, s, task, command.username))
        return Found(draw=await tasks.drawn(connection, s, task))
    return Found()


def proposed(case: Case, rulebook: Rulebook) -> matrix.Decision:
    """What the matrix decides for a filed case. Errors: `InvalidInput` when the rulebook is silent."""
    if case.condition is None:
        raise InvalidInput("案卷尚无立案条件 / the case has no filing condition yet")
    facts = replace(
        facts_in_area(case.area_code, condition=case.condition, at=case.reported_at, source=case.source),
        component_owner=case.component_owner,
        component_maintainer=case.component_maintainer,
        chief_unit=case.chief_unit,
        chief_name=case.chief_name,
    )
    try:
        return matrix.decide(facts, rulebook)
    except matrix.Undecided as silent:
        raise InvalidInput(f"规则库未能给出主办单位：{silent} / the matrix names nobody") from silent


async def _absorb(connection: AsyncConnection, into: UUID, duplicate: Case, asked: Situation) -> None:
    """The case that goes on for both notes the duplicate; it must be open and seen by the caller."""
    try:
        primary = await locked(connection, into, asked.actor, asked.now)
    except NotFound:
        raise InvalidInput(
            "没有可并入的案卷 / no such case to merge into", fields={"into": "unknown"}
        ) from None
    stage = primary.folded.case.stage
    if stage not in BY_ACTION[Action.ABSORB].sources:
        zh, en = STAGE_LABELS[stage]
        raise refused(f"要并入的案卷{zh}，不能再并入 / the case to merge into is {en}", asked)
    command = actions.Absorb(duplicate=duplicate.id, number=duplicate.number)
    await carry_out(connection, command, replace(primary, actor=SYSTEM))


async def _release(connection: AsyncConnection, before: Situation, unmerged: Case) -> None:
    """The case it was merged into counts it no longer, open or not, whoever may see it. What had been merged
    into the one that goes on again learns that there is no answer yet."""
    above = before.folded.case.merged_into
    assert above is not None
    primary = await locked(connection, above, SYSTEM, before.now)
    await carry_out(connection, actions.Release(duplicate=unmerged.id, number=unmerged.number), primary)
    for case in await duplicates.merged_into_it(connection, unmerged.id):
        if case.outcome is not None:
            told = await locked(connection, case.id, SYSTEM, before.now)
            await carry_out(connection, await told_of(connection, unmerged, told.rulebook), told)


async def told_of(connection: AsyncConnection, primary: Case, rulebook: Rulebook) -> actions.Follow:
    """What those are told whose cases were merged into this one."""
    ended = primary.stage in duplicates.ANSWERS
    return actions.Follow(
        primary=primary.id,
        number=primary.number,
        stage=primary.stage,
        ended_at=primary.ended_at if ended else None,
        text=await duplicates.answer(connection, primary, rulebook) if ended else "",
    )


# -- what is known of a case ------------------------------------------------------------------------------


async def resolve_id(connection: AsyncConnection, reference: str) -> UUID:
    """A case id from an id or a case number. Errors: `NotFound`."""
    try:
        return UUID(reference)
    except ValueError:
        found = await store.id_of_number(connection, reference)
    if found is None:
        raise _unseen()
    return found


async def see(connection: AsyncConnection, case_id: UUID, actor: Principal, now: datetime) -> Situation:
    """The case as the caller sees it, with the rulebook it is judged by. Errors: `NotFound`."""
    return await _situation(connection, case_id, actor, now)


async def draws(connection: AsyncConnection, case_id: UUID) -> list[DrawTold]:
    """Every giving of the case's tasks, oldest first, each drawn again."""
    return [
        DrawTold.of(entry.version, entry.at, entry.actor_name, Draw.model_validate(entry.data["draw"]))
        for entry in await journal.entries(connection, case_id)
        if "draw" in entry.data
    ]


async def reports_of(connection: AsyncConnection, case: Case, actor: Principal, now: datetime) -> list[Case]:
    """全部上报: the case and what was merged into it, as far as the caller may see it."""
    in_force = await active_rulebook(connection, now)
    seen = sees(actor, in_force.rulebook)
    return [case, *(one for one in await duplicates.merged_into_it(connection, case.id) if seen(one))]
