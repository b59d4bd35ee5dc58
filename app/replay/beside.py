"""What others do about a case while the unit has it: assistance, reminders, supervision orders, notes."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.cases.workflow import Action
from app.dispatch.rulebook import ClockKind, CodeSet
from app.identity.principal import Role
from app.replay.life import Life


def begin_beside(life: Life) -> None:
    """Lets begin what there will be of it."""
    for share, story in (
        (life.behaviour.assisted, _assist),
        (life.behaviour.reminded, _remind),
        (life.behaviour.supervised, _supervise),
        (life.behaviour.noted, _note),
    ):
        if life.chance(share):
            life.scene.begin(story(life))


async def _some_time(life: Life) -> None:
    """Waits for some part of the time the unit has."""
    left = datetime.fromisoformat(life.docket.reply["handling_due_at"]) - life.now
    await life.until(life.now + left * life.rng.uniform(0.1, 0.9))


async def _assist(life: Life) -> None:
    await _some_time(life)
    if units := life.docket.reply["assisting_units"]:
        officer = life.crew.officer(life.rng.choice(units))
        if await officer.may(life.docket, Action.ASSIST):
            await life.act(officer, Action.ASSIST, note="已到场配合")


async def _remind(life: Life) -> None:
    await _some_time(life)
    clerk = life.one_of(Role.INTAKE_CLERK)
    if await clerk.may(life.docket, Action.REMIND):
        await life.act(clerk, Action.REMIND, note="来电人再次询问，请抓紧办理")


async def _note(life: Life) -> None:
    await _some_time(life)
    await life.act(life.one_of(Role.SHIFT_LEADER), Action.NOTE, text="请注意安全防护")


async def _supervise(life: Life) -> None:
    await _some_time(life)
    leader = life.one_of(Role.SHIFT_LEADER, Role.EVALUATOR)
    if not await leader.may(life.docket, Action.SUPERVISE):
        return
    before = {clock["id"] for clock in life.docket.clocks(ClockKind.REPLYING)}
    reply_by = life.now + timedelta(hours=life.rng.randint(4, 48))
    await life.act(
        leader, Action.SUPERVISE, level=life.code(CodeSet.SUPERVISION, "ordinary"),
        text="请说明办理进展", reply_due_at=reply_by.isoformat(),
        listed=life.chance(life.behaviour.listed),
    )  # fmt: skip
    (order,) = (c for c in life.docket.clocks(ClockKind.REPLYING) if c["id"] not in before)
    await life.until(life.now + (reply_by - life.now) * life.behaviour.stage.draw(life.rng))
    officer = life.officer
    if await officer.may(life.docket, Action.REPLY_SUPERVISION):
        await life.act(officer, Action.REPLY_SUPERVISION, order=order["id"], text="正在处置，按期完成")
