"""收件: the file of an upload under way. How long it is is how far the upload is: nothing else is asked.

Any number of processes may hold pieces of one upload, the one whose sender has gone and the one he came
back to: a piece is written only where the file ends, under its lock, so the slower of two is refused and
the file never has a gap or a byte twice. The lock is held for the writing alone, not while a sender is waited
for.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from uuid import UUID

from app.errors import Conflict, NotReady

_DESK = "desk-"


class Reception:
    """收件处: the folder of uploads under way. All of it blocks: ask it off the event loop."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, upload: UUID) -> Path:
        return self.folder / str(upload)

    def size(self, upload: UUID) -> int:
        """How many bytes have come in. Errors: `NotReady`."""
        try:
            with _plainly():
                return self.path(upload).stat().st_size
        except FileNotFoundError:
            return 0

    def append(self, upload: UUID, offset: int, piece: bytes) -> int:
        """Writes a piece at the end of the file; gives the new end.

        Errors: `Conflict` when the file ends elsewhere, `NotReady` when it cannot be written.
        """
        with _plainly():
            self._make_folder()
            descriptor = os.open(self.path(upload), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                end = os.fstat(descriptor).st_size
                if end != offset:
                    raise elsewhere(end)
                rest = memoryview(piece)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
                return offset + len(piece)
            finally:
                os.close(descriptor)

    def settle(self, upload: UUID) -> None:
        """What came in outlives a power cut from now on."""
        with _plainly():
            sync(self.path(upload))
            sync(self.folder)

    def remove(self, upload: UUID) -> None:
        self.path(upload).unlink(missing_ok=True)

    def desk(self) -> Path:
        """A new folder to work in."""
        with _plainly():
            self._make_folder()
            return Path(mkdtemp(prefix=_DESK, dir=self.folder))

    def clear(self, desk: Path) -> None:
        shutil.rmtree(desk, ignore_errors=True)

    def leftovers(self, older_than: float) -> Iterator[Path]:
        """Files and desks not touched since that moment, as a file's time tells it."""
        if self.folder.exists():
            yield from (path for path in self.folder.iterdir() if _touched(path) < older_than)

    def _make_folder(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def elsewhere(end: int) -> Conflict:
    """What is told to who goes on at a place where the file does not end."""
    return Conflict(
        f"上传已到第 {end} 字节，请从该处继续 / the upload stands at byte {end}: go on from there", offset=end
    )


def sync(path: Path) -> None:
    """Brings a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _touched(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


@contextmanager
def _plainly() -> Iterator[None]:
    """Tells of a disk that is full or gone as a service that is not ready."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise NotReady(
            f"照片暂时无法保存（{error.strerror}），请稍后续传 / photos cannot be kept now: go on later"
        ) from error
