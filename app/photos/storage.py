"""照片库: the files of photos, by the hash of what came in; in a folder or in any S3 store.

One interface over both (`obstore`). A file is written whole or not at all. In a folder it is brought to the
disk before anybody is told that it is safe; a store does that by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.errors import NotReady
from app.photos.reception import sync
from app.settings import Settings

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_PIECE = 262_144


class Variant(StrEnum):
    """版本 of a photo."""

    ORIGINAL = "original"  # 原件, as it came in, with its EXIF
    PICTURE = "picture"  # 图片, upright, without anything but the picture
    THUMBNAIL = "thumbnail"  # 缩略图


@dataclass(frozen=True, slots=True)
class Kept:
    """A file as it lies in the store."""

    size: int
    pieces: AsyncIterator[bytes]


class Storage:
    """照片库. `folder` is where it is, when it is a folder."""

    def __init__(self, store: ObjectStore, folder: Path | None = None) -> None:
        self._store = store
        self._folder = folder

    async def put(self, sha256: str, files: dict[Variant, Path]) -> None:
        """Stores a photo's files; what is there already is written again, with the same content."""
        import obstore

        for variant, file in files.items():
            with _plainly():
                await obstore.put_async(self._store, _key(sha256, variant), file)
        if self._folder is not None:
            await asyncio.to_thread(_settle, self._folder, [_key(sha256, one) for one in files])

    async def get(self, sha256: str, variant: Variant) -> Kept:
        """A photo's file. Errors: `NotReady` when it cannot be reached."""
        import obstore

        with _plainly():
            found = await obstore.get_async(self._store, _key(sha256, variant))
        return Kept(found.meta["size"], _bytes(found))

    async def remove(self, sha256: str) -> None:
        """Removes every file of a photo, those already gone too."""
        import obstore

        for variant in Variant:
            try:
                with _plainly():
                    await obstore.delete_async(self._store, _key(sha256, variant))
            except FileNotFoundError:
                continue


@lru_cache(maxsize=8)
def _opened(place: str) -> Storage:
    from obstore.store import LocalStore, S3Store

    if "://" in place:
        return Storage(
            S3Store.from_url(
                place,
                client_options={
                    "allow_http": True,  # as far as the operator's own endpoint says so
                    "connect_timeout": timedelta(seconds=3),
                    "timeout": timedelta(seconds=20),
                },
                retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=20)},
            )
        )
    folder = Path(place).absolute()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Storage(LocalStore(folder), folder)


def storage(settings: Settings) -> Storage:
    """The photos' store. Errors: `NotReady` when its folder cannot be made or its address not be read."""
    place = settings.photos.store or str(settings.data / "photos")
    try:
        with _plainly():
            return _opened(place)
    except ValueError as error:
        raise NotReady(f"the photos' store {place} cannot be opened: {error}") from error


def uploads_folder(settings: Settings) -> Path:
    """Where uploads under way are kept."""
    return settings.photos.uploads or settings.data / "uploads"


def _key(sha256: str, variant: Variant) -> str:
    return f"{variant}/{sha256[:2]}/{sha256}"


def _settle(folder: Path, keys: list[str]) -> None:
    for key in keys:
        file = folder / key
        for path in (file, file.parent, file.parent.parent, folder):
            sync(path)


async def _bytes(found: Any) -> AsyncIterator[bytes]:
    async for piece in found.stream(min_chunk_size=_PIECE):
        yield bytes(piece)


@contextmanager
def _plainly() -> Iterator[None]:
    """Tells of a store that does not answer as a service that is not ready."""
    from obstore.exceptions import BaseError

    try:
        yield
    except FileNotFoundError:
        raise
    except (BaseError, OSError) as error:
        raise NotReady(
            "照片库暂时不可用，请稍后再试 / the photos' store cannot be reached: try again shortly"
        ) from error
