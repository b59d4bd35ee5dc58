"""后台任务 of photos: what was never finished or never used goes after its time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from app.cases import album
from app.photos import service, store
from app.photos.storage import storage
from app.requests import Services

_BATCH = 500


async def tidy(services: Services) -> int:
    """Deletes uploads whose time is over and photos that belong to no case; gives how many."""
    return await _expired(services) + await _unattached(services) + await _leftovers(services)


async def _expired(services: Services) -> int:
    incoming, done = service.reception(services), 0
    while True:
        async with services.database.transaction() as connection:
            found = await store.expired(connection, services.clock.now(), _BATCH)
            for upload in found:
                await store.remove(connection, upload)
        # The file after its row: what is left by a crash in between is found by `_leftovers`.
        for upload in found:
            await asyncio.to_thread(incoming.remove, upload)
        done += len(found)
        if len(found) < _BATCH:
            return done


async def _unattached(services: Services) -> int:
    """The files go before the row does, so that no file is left that no row tells of."""
    before = services.clock.now() - timedelta(hours=services.settings.photos.unattached_hours)
    async with services.database.transaction() as connection:
        found = await album.unattached(connection, before, _BATCH)
    for photo in found:
        async with services.database.transaction() as connection:
            removed, last = await album.remove(connection, photo.id, photo.sha256)
            if removed and last:
                await storage(services.settings).remove(photo.sha256)
    return len(found)


async def _leftovers(services: Services) -> int:
    """Files and folders of uploads that nobody knows any more, when they have not been touched for long."""
    incoming = service.reception(services)
    long_ago = services.clock.now() - timedelta(hours=services.settings.photos.upload_hours)
    found = await asyncio.to_thread(lambda: list(incoming.leftovers(long_ago.timestamp())))
    named = {path: _upload_of(path) for path in found}
    async with services.database.transaction() as connection:
        known = await store.known(connection, _ids(named.values()))
    unknown = [path for path, upload in named.items() if upload is None or upload not in known]
    for path in unknown:
        await asyncio.to_thread(incoming.clear if path.is_dir() else Path.unlink, path)
    return len(unknown)


def _ids(uploads: Iterable[UUID | None]) -> list[UUID]:
    return [upload for upload in uploads if upload is not None]


def _upload_of(path: Path) -> UUID | None:
    try:
        return UUID(path.name)
    except ValueError:
        return None
