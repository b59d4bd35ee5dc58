"""后台任务 of duty."""

from __future__ import annotations

from app.channels.inspectors.duty import store
from app.requests import Services


async def end_shifts(services: Services) -> int:
    """Ends the shifts of inspectors who forgot to go off duty; gives how many."""
    async with services.database.transaction() as connection:
        return await store.end_forgotten(connection, services.clock.now())
