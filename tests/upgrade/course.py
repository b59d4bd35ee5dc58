"""Three weeks in the small city, so that a release's database has of everything."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from app import worker
from app.clock import ManualClock
from app.dispatch import service as rulebooks
from app.identity import service as accounts
from app.identity.principal import SYSTEM, Role
from app.requests import Services
from tests.access import situations
from tests.cases.desk import Desk
from tests.world import DISTRICT, MANHOLE, MONDAY_9AM, RULEBOOK

_FIRST_DAY = (
    *situations.STAGES.values(), situations.extension_asked, situations.suspension_asked,
    situations.supervised, situations.voiding_asked,
)  # fmt: skip
#: Each takes a morning.
_LATE = (situations.closed_late, situations.appealed, situations.appeal_reviewed)
#: Stages in which the last day's cases are left, fresh.
_AT_THE_END = (
    "reported", "verifying", "filing", "dispatching", "signing", "handling", "ruling", "checking", "closing",
    "closed",
)  # fmt: skip


async def three_weeks(desk: Desk, services: Services) -> dict[str, Any]:
    """Lets them go by; gives a report that was sent with an Idempotency-Key, and its reply."""
    for situation in _FIRST_DAY:
        await situation(desk)
    for situation in _LATE:
        await _days(services, 1)
        await situation(desk)
    await _days(services, 4)
    await _second_rulebook(services)
    for cell in ("W2", "E1"):
        await desk.closed(cell)
    illegal = await desk.handling("W3", "E0101-1")
    await desk.act("enforcer", illegal, "reach_milestone", milestone="停工")
    await desk.dispatched("W1", "C0102-1", component_code=MANHOLE)
    await _days(services, 11)
    for stage in _AT_THE_END:
        await situations.STAGES[stage](desk)
    waiting = await desk.handling("E2")
    until = (desk.clock.now() + timedelta(days=20)).isoformat()
    await desk.act("east_officer", waiting, "request_suspension", reason="engineering", until=until)
    await desk.act("dispatcher", waiting, "approve_suspension")
    await worker.run_once(services)
    desk.later(minutes=10)
    return await _repeatable(desk)


async def _days(services: Services, count: int) -> None:
    """So many days go by, with the background jobs at noon and in the evening; then it is nine again."""
    clock = services.clock
    assert isinstance(clock, ManualClock)
    for _ in range(count):
        morning = MONDAY_9AM + timedelta(days=(clock.now() - MONDAY_9AM).days)
        for hours in (3, 9):
            clock.set(max(clock.now(), morning + timedelta(hours=hours)))
            await worker.run_once(services)
        clock.set(morning + timedelta(days=1))


async def _second_rulebook(services: Services) -> None:
    """A version that allows longer, in force from now on; a third stays a draft. And a client of the API."""
    now = services.clock.now()
    limits = tuple(limit.model_copy(update={"amount": limit.amount * 2}) for limit in RULEBOOK.limits)
    async with services.database.transaction() as connection:
        second = RULEBOOK.model_copy(update={"name": "小城规则库 第二版", "limits": limits})
        head = await rulebooks.save_draft(connection, second, by=SYSTEM.id, now=now)
        await rulebooks.activate(connection, head.number, effective_from=now, by=SYSTEM.id, now=now)
        third = RULEBOOK.model_copy(update={"name": "小城规则库 草稿"})
        await rulebooks.save_draft(connection, third, by=SYSTEM.id, now=now)
        await accounts.add_client(
            connection, SYSTEM, now=now, name="12345 平台", roles=[Role.INTEGRATION], areas=[DISTRICT]
        )


async def _repeatable(desk: Desk) -> dict[str, Any]:
    """Kept as text: a repeat is the same to the letter."""
    key = desk.key()
    position = {"x": 120.0025, "y": 30.0015, "datum": "cgcs2000"}
    body = json.dumps({"position": position, "description": "路灯不亮"})
    headers = desk.world.headers["hotline"] | {
        "Idempotency-Key": key,
        "Content-Type": "application/json",
    }
    reply = await desk.http.post("/api/v1/cases", headers=headers, content=body)
    assert reply.status_code == 201, reply.text
    return {"key": key, "body": body, "reply": reply.json()}
