"""Several phones, and the job, at the same track at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from random import Random

from sqlalchemy import text

from app.channels.inspectors.tracks import partitions
from app.channels.inspectors.tracks.jobs import tend_tracks
from tests.channels.inspectors.walk import NEW_SHIFT, TRACK, points, stored
from tests.world import MONDAY_9AM


async def test_batches_at_once_count_each_point_once(cloned_city, world):
    """Four phones of one inspector send overlapping batches in any order, and nobody waits for ever."""
    lot = Random(5)
    walked = points("W1", MONDAY_9AM, 40) + points("W2", MONDAY_9AM + timedelta(hours=1), 40)
    batches = [lot.sample(walked, 30) for _ in range(24)]
    sent = {point["at"] for batch in batches for point in batch}
    async with cloned_city as (http, services):
        async with services.database.transaction() as connection:
            await connection.execute(text(NEW_SHIFT))
        services.clock.set(MONDAY_9AM + timedelta(hours=2))

        async def send(batch):
            body = {"datum": "cgcs2000", "points": batch}
            reply = await http.post(f"/api/v1{TRACK}", headers=world.headers["wei"], json=body)
            assert reply.status_code == 200, reply.text
            return reply.json()["stored"]

        async with asyncio.timeout(60):
            kept = await asyncio.gather(*map(send, batches))
        assert sum(kept) == len(sent)
        async with services.database.transaction() as connection:
            assert await stored(connection) == len(sent)
            visits = "SELECT sum(points) FROM patrol_visit"
            assert (await connection.execute(text(visits))).scalar_one() == len(sent)


async def test_a_busy_day_is_dropped_later(cloned_city):
    async with cloned_city as (_, services):
        await tend_tracks(services)
        services.clock.set(MONDAY_9AM + timedelta(days=40))
        async with services.database.transaction() as writing:
            await writing.execute(text("SELECT count(*) FROM track_point_20260302"))
            assert await tend_tracks(services) == 4 + 3  # new days made, three of the old four dropped
        assert await tend_tracks(services) == 1
        async with services.database.transaction() as connection:
            assert await partitions.over(connection, services.clock.now() - timedelta(days=30)) == []
