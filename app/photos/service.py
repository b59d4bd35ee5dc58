"""照片: an upload grows piece by piece; when it is whole it is looked at and kept by its content, as a photo.

Nothing is told to be there that is not on the disk. A process may die at any line of this: the sender asks
how far it is, and goes on; whoever asks for an upload that is whole has it made a photo, if it was not yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from tempfile import SpooledTemporaryFile
from uuid import UUID
from zoneinfo import ZoneInfo

from starlette.requests import ClientDisconnect

from app.cases import album
from app.cases.album import NewPhoto
from app.db import new_id
from app.dispatch.active import active_rulebook
from app.errors import ChecksumMismatch, Conflict, InvalidInput, NotFound
from app.identity.principal import Principal
from app.photos import store, taken
from app.photos.developing import develop
from app.photos.reception import Reception, elsewhere
from app.photos.storage import Variant, storage, uploads_folder
from app.photos.store import Upload
from app.photos.tus import Checksum
from app.requests import Services

#: A piece is written when so much of it has come in.
_PORTION = 262_144


def reception(parts: Services) -> Reception:
    return Reception(uploads_folder(parts.settings))


async def begin(parts: Services, owner: Principal, length: int, about: str) -> Upload:
    """A new upload. Errors: `InvalidInput` when it would be too large, `Conflict` when too many are open."""
    limits, now = parts.settings.photos, parts.clock.now()
    if length > limits.max_bytes:
        raise InvalidInput(
            f"照片最大 {limits.max_bytes} 字节 / a photo has {limits.max_bytes} bytes at most",
            fields={"Upload-Length": "too large"},
        )
    upload = Upload(
        new_id(), owner.id, owner.name, length, about, now, now + timedelta(hours=limits.upload_hours)
    )
    async with parts.database.transaction() as connection:
        if await store.under_way(connection, owner.id, now) >= limits.uploads_each:
            raise Conflict(
                "未完成的上传过多，请先完成或取消 / finish or delete uploads first: too many are under way"
            )
        await store.begin(connection, upload)
    return upload


async def own(parts: Services, owner: Principal, upload_id: UUID) -> Upload:
    """The caller's upload. Errors: `NotFound`."""
    async with parts.database.transaction() as connection:
        found = await store.own(connection, upload_id, owner.id, parts.clock.now())
    if found is None:
        raise NotFound("没有这个上传，或已过期，请重新开始 / no such upload of yours, or its time is over")
    return found


async def all_own(parts: Services, owner: Principal) -> list[tuple[Upload, int]]:
    """The caller's uploads, each with how far it is."""
    async with parts.database.transaction() as connection:
        found = await store.all_own(
            connection, owner.id, parts.clock.now(), parts.settings.photos.uploads_each
        )
    return [(upload, await progress(parts, upload)) for upload in found]


async def progress(parts: Services, upload: Upload) -> int:
    """How many bytes have come in."""
    if upload.finished_at is not None:
        return upload.length
    return await asyncio.to_thread(reception(parts).size, upload.id)


async def receive(
    parts: Services, upload: Upload, offset: int, checksum: Checksum | None, body: AsyncIterator[bytes]
) -> int:
    """Takes in what comes from `offset` on; gives how far the upload is then. What came before the sender
    went away stays, unless it was to be checked. The last byte makes it a photo.

    Errors: `Conflict` when the upload stands elsewhere, `InvalidInput` when more comes than was said or it is
    no photo, `ChecksumMismatch`, `NotReady`.
    """
    incoming = reception(parts)
    at = await progress(parts, upload)
    if at != offset:
        raise elsewhere(at)
    pieces = _portions(body) if checksum is None else _checked(body, checksum, upload.length - offset)
    async for piece in pieces:
        if at + len(piece) > upload.length:
            raise _too_much(upload.length)
        at = await asyncio.to_thread(incoming.append, upload.id, at, piece)
    if upload.finished_at is None:
        if at > offset:
            await asyncio.to_thread(incoming.settle, upload.id)
        if at == upload.length:
            await finish(parts, upload)
    return at


async def _portions(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    held = bytearray()
    try:
        async for chunk in body:
            held += chunk
            if len(held) >= _PORTION:
                yield bytes(held)
                held.clear()
    except ClientDisconnect:
        if held:
            yield bytes(held)
        raise
    if held:
        yield bytes(held)


async def _checked(body: AsyncIterator[bytes], checksum: Checksum, most: int) -> AsyncIterator[bytes]:
    """Nothing before all of it has come and is what was sent."""
    digest, taken = checksum.begin(), 0
    with SpooledTemporaryFile(max_size=_PORTION) as aside:
        async for chunk in body:
            taken += len(chunk)
            if taken > most:
                raise _too_much(most)
            digest.update(chunk)
            await asyncio.to_thread(aside.write, chunk)
        if digest.digest() != checksum.digest:
            raise ChecksumMismatch("内容与校验和不符，请重发这一段 / send these bytes again")
        aside.seek(0)
        while piece := await asyncio.to_thread(aside.read, _PORTION):
            yield piece


def _too_much(most: int) -> InvalidInput:
    return InvalidInput(
        f"内容超过所报的 {most} 字节 / more bytes came than {most}", fields={"Upload-Length": "exceeded"}
    )


async def finish(parts: Services, upload: Upload) -> None:
    """Makes a whole upload a photo of the same id; done twice it is done once.

    Its row comes before its files, so that no file lies in the store that no row tells of.
    Errors: `InvalidInput` when it is no photo: then the upload is gone.
    """
    incoming, now = reception(parts), parts.clock.now()
    desk = await asyncio.to_thread(incoming.desk)
    try:
        original = incoming.path(upload.id)
        try:
            developed = await develop(original, desk, parts.settings.photos)
        except InvalidInput:
            if await _is_finished(parts, upload):
                return  # somebody else was quicker, and took the file away
            await remove(parts, upload)
            raise
        async with parts.database.transaction() as connection:
            rulebook = (await active_rulebook(connection, now)).rulebook
            where = taken.place(developed.exif)
            await album.add(
                connection,
                NewPhoto(
                    id=upload.id,
                    sha256=developed.sha256,
                    media_type=developed.media_type,
                    size=upload.length,
                    width=developed.width,
                    height=developed.height,
                    look=developed.look,
                    uploader_id=upload.owner_id,
                    uploader_name=upload.owner_name,
                    uploaded_at=now,
                    taken_at=taken.moment(developed.exif, ZoneInfo(rulebook.calendar.timezone)),
                    lon=where[0] if where else None,
                    lat=where[1] if where else None,
                    exif=developed.exif,
                ),
            )
        files = {
            Variant.ORIGINAL: original,
            Variant.PICTURE: desk / "picture",
            Variant.THUMBNAIL: desk / "thumbnail",
        }
        try:
            await storage(parts.settings).put(developed.sha256, files)
        except FileNotFoundError:
            if await _is_finished(parts, upload):
                return
            raise
        async with parts.database.transaction() as connection:
            await album.stored(connection, upload.id, now)
            await store.finished(connection, upload.id, now)
        await asyncio.to_thread(incoming.remove, upload.id)
    finally:
        await asyncio.to_thread(incoming.clear, desk)


async def _is_finished(parts: Services, upload: Upload) -> bool:
    async with parts.database.transaction() as connection:
        found = await store.own(connection, upload.id, upload.owner_id, upload.created_at)
    return found is not None and found.finished_at is not None


async def remove(parts: Services, upload: Upload) -> None:
    """The upload is no more; a photo that came of it stays."""
    async with parts.database.transaction() as connection:
        await store.remove(connection, upload.id)
    await asyncio.to_thread(reception(parts).remove, upload.id)
