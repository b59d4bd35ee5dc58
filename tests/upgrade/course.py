"""Three weeks in the small city, so that a release's database has of everything."""

from __future__ import annotations

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

_SITUATIONS = (
    *situations.STAGES.values(), situations.extension_asked, situations.suspension_asked,
    situations.supervised, situations.voiding_asked, situations.closed_late, situations.appealed,
    situations.appeal_reviewed,
)  # fmt: skip
#: Stages in which the last day's cases are left, fresh.
_AT_THE_END = (
    "reported", "verifying", "filing", "dispatching", "signing", "handling", "ruling", "checking", "closing",
    "closed",
)  # fmt: skip


async def three_weeks(desk: Desk, services: Services) -> dict[str, Any]:
    """Lets them go by; gives a report that was sent with an Idempotency-Key, and its reply."""
    for situation in _SITUATIONS:
        await situation(desk)
    await _evenings(desk, services, days=7)
    await _second_rulebook(services)
    for cell in ("W2", "E1"):
        await desk.closed(cell)
    illegal = await desk.handling("W3", "E0101-1")
    await desk.act("enforcer", illegal, "reach_milestone", milestone="停工")
    await desk.dispatched("W1", "C0102-1", component_code=MANHOLE)
    await _evenings(desk, services, days=11)
    for stage in _AT_THE_END:
        await situations.STAGES[stage](desk)
    waiting = await desk.handling("E2")
    until = (desk.clock.now() + timedelta(days=20)).isoformat()
    await desk.act("east_officer", waiting, "request_suspension", reason="engineering", until=until)
    await desk.act("dispatcher", waiting, "approve_suspension")
    await worker.run_once(services)
    desk.later(minutes=10)
    return await _repeatable(desk)


async def _evenings(desk: Desk, services: Services, *, days: int) -> None:
    """The background jobs run at noon and in the evening of each day; the last ends at nine."""
    assert isinstance(services.clock, ManualClock)
    begin = services.clock.now()
    for day in range(days):
        for hours in (3, 9):
            services.clock.set(max(services.clock.now(), begin + timedelta(days=day, hours=hours)))
            await worker.run_once(services)
    nine = MONDAY_9AM + timedelta(days=(begin - MONDAY_9AM).days + days)
    services.clock.set(nine)


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
    key = desk.key()
    body = {"position": {"x": 120.0025, "y": 30.0015, "datum": "cgcs2000"}, "description": "路灯不亮"}
    headers = desk.world.headers["hotline"] | {"Idempotency-Key": key}
    reply = await desk.http.post("/api/v1/cases", headers=headers, json=body)
    assert reply.status_code == 201, reply.text
    return {"key": key, "body": body, "reply": reply.json()}
