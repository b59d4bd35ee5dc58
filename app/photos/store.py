"""SQL of uploads under way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import table_of
from app.photos.tables import UploadRow

_UPLOAD = table_of(UploadRow)


@dataclass(frozen=True, slots=True)
class Upload:
    """断点续传: an upload as its row tells it."""

    id: UUID
    owner_id: UUID
    owner_name: str
    length: int
    about: str
    created_at: datetime
    expires_at: datetime
    finished_at: datetime | None = None


async def begin(connection: AsyncConnection, upload: Upload) -> None:
    await connection.execute(insert(_UPLOAD).values(asdict(upload)))


async def under_way(connection: AsyncConnection, owner: UUID, now: datetime) -> int:
    """How many uploads the caller has begun and not finished."""
    wanted = select(func.count()).where(
        _UPLOAD.c.owner_id == owner, _UPLOAD.c.finished_at.is_(None), _UPLOAD.c.expires_at > now
    )
    return int((await connection.execute(wanted)).scalar_one())


async def own(connection: AsyncConnection, upload: UUID, owner: UUID, now: datetime) -> Upload | None:
    """The caller's upload, unless its time is over."""
    row = (
        await connection.execute(
            select(_UPLOAD).where(
                _UPLOAD.c.id == upload, _UPLOAD.c.owner_id == owner, _UPLOAD.c.expires_at > now
            )
        )
    ).one_or_none()
    return None if row is None else _upload(row)


async def all_own(connection: AsyncConnection, owner: UUID, now: datetime, limit: int) -> list[Upload]:
    """The caller's uploads whose time is not over, the newest first."""
    wanted = (
        select(_UPLOAD)
        .where(_UPLOAD.c.owner_id == owner, _UPLOAD.c.expires_at > now)
        .order_by(_UPLOAD.c.created_at.desc(), _UPLOAD.c.id.desc())
        .limit(limit)
    )
    return [_upload(row) for row in await connection.execute(wanted)]


async def finished(connection: AsyncConnection, upload: UUID, now: datetime) -> None:
    await connection.execute(update(_UPLOAD).where(_UPLOAD.c.id == upload).values(finished_at=now))


async def remove(connection: AsyncConnection, upload: UUID) -> None:
    await connection.execute(delete(_UPLOAD).where(_UPLOAD.c.id == upload))


async def expired(connection: AsyncConnection, now: datetime, limit: int) -> Sequence[UUID]:
    """Uploads whose time is over, finished or not."""
    wanted = select(_UPLOAD.c.id).where(_UPLOAD.c.expires_at <= now).order_by(_UPLOAD.c.expires_at)
    return (await connection.execute(wanted.limit(limit))).scalars().all()


async def known(connection: AsyncConnection, uploads: Sequence[UUID]) -> set[UUID]:
    """Those of them that there are."""
    wanted = select(_UPLOAD.c.id).where(_UPLOAD.c.id.in_(uploads))
    return set((await connection.execute(wanted)).scalars())


def _upload(row: Row[Any]) -> Upload:
    return Upload(**row._mapping)
