"""专业部门: what the unit does with a case it was given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from app.cases.workflow import Action, Stage
from app.dispatch.rulebook import ClockKind, CodeSet
from app.identity.principal import Role
from app.replay.life import Life, Plan

_Step = Callable[[Life], Awaitable[None]]


async def sign(life: Life) -> None:
    """Within office hours, and what is urgent at once, at night too."""
    share = life.behaviour.signing.draw(life.rng)
    usual = life.after(life.rulebook.stage_limit[ClockKind.SIGNING], share, life.now)
    await life.until(min(usual, life.of_handling(share)))
    officer = life.officer
    declined = life.docket.reply["declines"] > 0
    share = life.behaviour.declined_again if declined else life.behaviour.declined
    if life.chance(share) and await officer.may(life.docket, Action.DECLINE):
        reason = life.code(CodeSet.DECLINE, "not_mine")
        await life.act(officer, Action.DECLINE, reason=reason, note="不属本单位职责范围")
    else:
        await life.act(officer, Action.SIGN)


async def handle(life: Life) -> None:
    """The unit goes through what it has to do by and by, until the case leaves its hands."""
    for moment, step in sorted(_agenda(life), key=lambda entry: entry[0]):
        await life.until(moment)
        if _in_hand(life):
            await step(life)
        if not _in_hand(life):
            return


def _in_hand(life: Life) -> bool:
    return life.docket.stage is Stage.HANDLING


def _agenda(life: Life) -> list[tuple[datetime, _Step]]:
    """What the unit will do and when."""
    behaviour = life.behaviour
    (clock,) = life.docket.clocks(ClockKind.HANDLING)
    if (plan := life.plans.get(clock["id"])) is None:
        share = behaviour.handling.draw(life.rng)
        short = share > behaviour.short_of_time and life.chance(behaviour.asks_extension)
        plan = life.plans[clock["id"]] = Plan(share, short)
    at = life.of_handling
    finish = at(plan.share)
    if not life.report.exists:
        return [(at(plan.share / 2), _find_nothing), (finish, _hand_back)]
    agenda: list[tuple[datetime, _Step]] = []
    for milestone in life.docket.clocks(ClockKind.MILESTONE):
        share = life.milestones.setdefault(milestone["id"], behaviour.milestone.draw(life.rng))
        moment = life.of_handling(share, milestone["name"])
        agenda.append((min(moment, finish), _reach(milestone["name"])))
    if plan.asks_extension:
        agenda.append((at(0.7), _ask_extension))
    if life.once("suspension", behaviour.suspended):
        agenda.append((at(plan.share * 0.3), _ask_suspension))
    return [*agenda, (finish, _hand_back)]


def _reach(milestone: str) -> _Step:
    async def reach(life: Life) -> None:
        await life.act(life.officer, Action.REACH_MILESTONE, milestone=milestone)

    return reach


async def _hand_back(life: Life) -> None:
    condition = life.rulebook.condition_by_code[life.docket.reply["condition"]]
    await life.act(life.officer, Action.HAND_BACK, result=f"已处置：{condition.closing}")


async def _ask_extension(life: Life) -> None:
    officer = life.officer
    if not await officer.may(life.docket, Action.REQUEST_EXTENSION):
        return
    reason = life.code(CodeSet.EXTENSION, "materials", "weather")
    await life.act(officer, Action.REQUEST_EXTENSION, reason=reason)
    granted, no = life.behaviour.extension_granted, "时限内可以完成"
    await _answer(life, granted, Action.APPROVE_EXTENSION, Action.REJECT_EXTENSION, no)


async def _ask_suspension(life: Life) -> None:
    officer = life.officer
    if not await officer.may(life.docket, Action.REQUEST_SUSPENSION):
        return
    until = life.now + timedelta(days=life.rng.randint(*life.behaviour.suspension_days))
    reason = life.code(CodeSet.SUSPENSION, "engineering")
    await life.act(officer, Action.REQUEST_SUSPENSION, reason=reason, until=until.isoformat())
    granted, no = life.behaviour.suspension_granted, "不具备挂账条件"
    await _answer(life, granted, Action.APPROVE_SUSPENSION, Action.REJECT_SUSPENSION, no)


async def _answer(life: Life, granted: float, approve: Action, reject: Action, no: str) -> None:
    """A dispatcher grants what was asked for, or tells why not."""
    dispatcher = life.one_of(Role.DISPATCHER)
    if life.chance(granted):
        await life.act(dispatcher, approve)
    else:
        await life.act(dispatcher, reject, note=no)


async def sit_out(life: Life) -> None:
    """A suspension ends by itself: the worker resumes the case."""
    (clock,) = life.docket.clocks(ClockKind.SUSPENSION)
    over = max(life.now, datetime.fromisoformat(clock["due_at"]))
    await life.until(over + life.behaviour.worker_every + timedelta(minutes=1))
    await life.officer.open(life.docket)


async def _find_nothing(life: Life) -> None:
    """There is no such problem, which nobody verified: the centre voids the case, by two people."""
    await life.act(life.officer, Action.NOTE, text="现场查看未发现所报问题")
    leader = life.one_of(Role.SHIFT_LEADER)
    if not await leader.may(life.docket, Action.REQUEST_VOIDING):
        return
    await life.act(leader, Action.REQUEST_VOIDING, reason=life.code(CodeSet.VOIDING, "vanished"))
    second = life.crew.another(leader, Role.SHIFT_LEADER)
    if life.chance(life.behaviour.voiding_rejected):
        await life.act(second, Action.REJECT_VOIDING, note="请再次到场确认")
    else:
        await life.act(second, Action.APPROVE_VOIDING)


async def appeal(life: Life) -> None:
    """申诉 against having been late, through its reviews."""
    await life.until(life.now + timedelta(days=life.rng.uniform(0.5, 3)))
    officer = life.officer
    if not await officer.may(life.docket, Action.APPEAL):
        return
    await life.act(officer, Action.APPEAL, text="现场道路封闭，无法按时进场")
    await life.turn(ClockKind.APPEALING)
    upheld = life.chance(life.behaviour.upheld)
    first = life.one_of(Role.SHIFT_LEADER)
    await life.act(first, Action.REVIEW_APPEAL, upheld=upheld, note="初审意见")
    if upheld:
        decided = life.chance(life.behaviour.upheld)
        second = life.one_of(Role.EVALUATOR)
        await life.act(second, Action.DECIDE_APPEAL, upheld=decided, note="复审意见")
