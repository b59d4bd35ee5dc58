"""后台任务 of sensors: leads that nobody was on duty for."""

from __future__ import annotations

from app.channels.sensors import leads, store
from app.requests import Services

_PORTION = 50


async def give_leads(services: Services) -> int:
    """Gives open leads to inspectors who came on duty since; gives how many."""
    now = services.clock.now()
    async with services.database.transaction() as connection:
        waiting = await store.without_inspector(connection, _PORTION)
        given = [await leads.give(connection, lead, now) for lead in waiting]
    return sum(lead.inspector_id is not None for lead in given)
