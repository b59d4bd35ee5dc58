"""后台任务 of the hotline: forgetting callers whose time is over."""

from __future__ import annotations

from datetime import timedelta

from app.channels.hotline import store
from app.requests import Services

_BATCH = 500


async def forget(services: Services) -> int:
    """Deletes callers' names and numbers some time after their case's end; the order stays."""
    now = services.clock.now()
    before = now - timedelta(days=services.settings.hotline.caller_days)
    done = 0
    while True:
        async with services.database.transaction() as connection:
            gone = await store.forget_callers(connection, before, now, _BATCH)
            if not gone:
                return done + await store.delete_refusals(connection, before)
        done += gone
