"""后台任务 of tracks: partitions ahead, what is over dropped."""

from __future__ import annotations

from datetime import timedelta

import structlog

from app.channels.inspectors.tracks import partitions, store
from app.errors import NotReady
from app.requests import Services

log = structlog.get_logger(__name__)

_AHEAD = 3


async def tend_tracks(services: Services) -> int:
    """Makes the track's next days, drops the days and records whose time is over; gives how many."""
    now = services.clock.now()
    settings = services.settings.inspectors
    async with services.database.transaction() as connection:
        ahead = partitions.days_of(now + timedelta(days=days) for days in range(_AHEAD + 1))
        done = await partitions.make(connection, ahead)
        done += await store.forget_records(connection, (now - timedelta(days=settings.record_days)).date())
        over = await partitions.over(connection, now - timedelta(days=settings.track_days))
    for name in over:
        try:
            async with services.database.transaction() as connection:
                await partitions.drop(connection, name)
        except NotReady:
            log.warning("partition_busy", partition=name)  # the next run tries again
        else:
            done += 1
    return done
