"""Cases in W1 in every stage, each brought there by those whose job it is. All but one were reported by the
hotline, so that an external system sees them too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeAlias

from tests.cases.desk import Desk
from tests.world import MONDAY_9AM

Case: TypeAlias = dict[str, Any]
Situation: TypeAlias = Callable[[Desk], Awaitable[Case]]


async def reported(desk: Desk) -> Case:
    return await desk.report("hotline", "W1")


async def auditing(desk: Desk) -> Case:
    return await desk.report("chief", "W1", action="report_handled", result="当场劝离")


def _after(before: Situation, who: str, action: str, **body: Any) -> Situation:
    """The situation a person's action leads to; `lead` is the officer of the case's lead unit, `inspector`
    the one who has the task."""

    async def situation(desk: Desk) -> Case:
        case = await before(desk)
        if who == "lead":
            actor = desk.officer(case)
        elif who == "inspector":
            actor = case["inspector_name"]
        else:
            actor = who
        return await desk.act(actor, case, action, **body)

    return situation


def _later(before: Situation, **duration: float) -> Situation:
    async def situation(desk: Desk) -> Case:
        case = await before(desk)
        desk.later(**duration)
        return case

    return situation


TOMORROW = (MONDAY_9AM + timedelta(days=1)).isoformat()

verifying = _after(reported, "clerk", "request_verification")
filing = _after(reported, "clerk", "accept")
refused = _after(reported, "clerk", "refuse", reason="not_found")
dispatching = _after(filing, "leader", "file", condition="E0405-1")
signing = _after(dispatching, "dispatcher", "dispatch")
handling = _after(signing, "lead", "sign")
illegal_building = _after(
    _after(_after(filing, "leader", "file", condition="E0101-1"), "dispatcher", "dispatch"), "lead", "sign"
)
extension_asked = _after(handling, "lead", "request_extension", reason="weather")
suspension_asked = _after(handling, "lead", "request_suspension", reason="engineering", until=TOMORROW)
suspended = _after(suspension_asked, "dispatcher", "approve_suspension")
ruling = _after(handling, "lead", "decline", reason="not_mine", note="不属本单位")
supervised = _after(
    handling, "evaluator", "supervise", level="urgent", text="今日回复", reply_due_at=TOMORROW
)
voiding_asked = _after(handling, "leader", "request_voiding", reason="filed_in_error")
voided = _after(voiding_asked, "second_leader", "approve_voiding")
checking = _after(handling, "lead", "hand_back", result="已处理")
closing = _after(checking, "inspector", "check", passed=True)
closed = _after(closing, "leader", "close")
_late = _after(_later(handling, hours=3), "lead", "hand_back", result="已处理")
closed_late = _after(_after(_late, "inspector", "check", passed=True), "leader", "close")
appealed = _after(closed_late, "lead", "appeal", text="道路封闭")
appeal_reviewed = _after(appealed, "evaluator", "review_appeal", upheld=True, note="属实")


async def merged(desk: Desk) -> Case:
    into = await reported(desk)
    return await desk.act("clerk", await reported(desk), "merge", into=into["id"])


STAGES: dict[str, Situation] = {
    "reported": reported, "verifying": verifying, "auditing": auditing, "filing": filing,
    "dispatching": dispatching, "signing": signing, "handling": handling, "ruling": ruling,
    "suspended": suspended, "checking": checking, "closing": closing, "closed": closed, "refused": refused,
    "voided": voided, "merged": merged,
}  # fmt: skip
