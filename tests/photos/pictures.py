"""Photos for tests: real files with EXIF, and photos that are there without having been uploaded."""

from __future__ import annotations

import hashlib
import io
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from PIL import Image
from PIL.TiffImagePlugin import IFDRational
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases import album
from app.cases.album import NewPhoto
from tests.world import FOUNDED

_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825


def content_of(photo: UUID | str) -> str:
    """The hash of what nobody uploaded."""
    return hashlib.sha256(str(photo).encode()).hexdigest()


async def uploaded(connection: AsyncConnection, photo: str, uploader: UUID, name: str, **facts: Any) -> None:
    """A photo that tells nothing of place and time, unless said."""
    known: dict[str, Any] = {
        "sha256": content_of(photo), "media_type": "image/jpeg", "size": 100_000, "width": 1200,
        "height": 900, "look": None, "uploaded_at": FOUNDED, "taken_at": None, "lon": None, "lat": None,
        "exif": {},
    }  # fmt: skip
    new = NewPhoto(id=UUID(photo), uploader_id=uploader, uploader_name=name, **{**known, **facts})
    await album.add(connection, new)
    await album.stored(connection, new.id, FOUNDED)


def lay_files(folder: Path, *photos: UUID) -> None:
    """The files that belong to photos nobody uploaded."""
    for photo in photos:
        for variant in ("original", "picture", "thumbnail"):
            file = folder / variant / content_of(photo)[:2] / content_of(photo)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(variant.encode())


def scenery(seed: int, width: int = 640, height: int = 480) -> Image.Image:
    """Something to see, the same for the same seed."""
    fields = Image.frombytes("RGB", (16, 12), Random(seed).randbytes(16 * 12 * 3))
    return fields.resize((width, height), Image.Resampling.BICUBIC)


def picture(
    seed: int = 1,
    *,
    place: tuple[float, float] | None = None,
    taken: datetime | None = None,
    offset: str | None = None,
    orientation: int | None = None,
    format: str = "JPEG",
    size: tuple[int, int] = (640, 480),
    quality: int = 85,
) -> bytes:
    """A photo as a phone makes it. `taken` is what the phone's clock showed."""
    exif = Image.Exif()
    exif[0x010F] = "Phone"
    if orientation:
        exif[0x0112] = orientation
    if taken:
        exif.get_ifd(_EXIF_IFD)[0x9003] = taken.strftime("%Y:%m:%d %H:%M:%S")
    if offset:
        exif.get_ifd(_EXIF_IFD)[0x9011] = offset
    if place:
        lon, lat = place
        gps = exif.get_ifd(_GPS_IFD)
        gps[1], gps[2] = "N" if lat >= 0 else "S", _dms(abs(lat))
        gps[3], gps[4] = "E" if lon >= 0 else "W", _dms(abs(lon))
    made = io.BytesIO()
    scenery(seed, *size).save(made, format, exif=exif, quality=quality)
    return made.getvalue()


def _dms(degrees: float) -> tuple[IFDRational, ...]:
    minutes, seconds = divmod(round(degrees * 3600 * 1000) / 1000, 60)
    whole, minutes = divmod(int(minutes), 60)
    parts = (Fraction(whole), Fraction(minutes), Fraction(round(seconds * 1000), 1000))
    return tuple(IFDRational(part.numerator, part.denominator) for part in parts)
