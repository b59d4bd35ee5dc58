"""The course of a case's life: whose turn it is at each stage, up to its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from app.cases.workflow import Stage
from app.replay import centre, unit
from app.replay.life import Life

_TURNS: dict[Stage, Callable[[Life], Awaitable[None]]] = {
    Stage.REPORTED: centre.take_in,
    Stage.AUDITING: centre.audit,
    Stage.VERIFYING: centre.verify,
    Stage.FILING: centre.file,
    Stage.DISPATCHING: centre.dispatch,
    Stage.SIGNING: unit.sign,
    Stage.RULING: centre.rule,
    Stage.HANDLING: unit.handle,
    Stage.SUSPENDED: unit.sit_out,
    Stage.CHECKING: centre.check,
    Stage.CLOSING: centre.close,
}


async def lead(life: Life) -> None:
    """Leads the report to its end, and an appeal if there is one."""
    if not await centre.hand_in(life):
        return
    while life.docket.open:
        await _TURNS[life.docket.stage](life)
    if life.docket.reply["overdue"] and life.chance(life.behaviour.appealed):
        await unit.appeal(life)
