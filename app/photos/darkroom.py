"""暗房: a program of its own that looks at what came in and develops it: `python -m app.photos.darkroom`.

Decoders of pictures are written in C and fed by strangers. So they run in a process that has no secrets, a
bound on memory and time, and nothing to lose: what goes wrong there is one photo refused. The API's own
processes never load them.

Arguments: the file, a folder for what is made of it, the most pixels taken, the longer sides of picture and
thumbnail. On standard output one JSON object: what it is, or `refused`.
"""

from __future__ import annotations

import hashlib
import json
import resource
import sys
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError
from PIL import WebPImagePlugin as _WebP  # JPEG and PNG are there without being asked for

from app.photos import exif

_FORMATS = ("JPEG", "PNG", _WebP.WebPImageFile.format)
#: MPO is how phones write a JPEG with more pictures behind the first.
_MEDIA_TYPES = {"JPEG": "image/jpeg", "MPO": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_LEAST_PX = 32
_MEMORY_BYTES = 2**30
_SECONDS = 60
#: A picture whose brightness varies less than this is a wall, a night or a pocket: it looks like any other.
_LEAST_CONTRAST = 24


class Refused(Exception):
    """What came in is no photo that can be taken; the words say why."""


def main(arguments: list[str]) -> None:
    file, folder, pixels, *sides = arguments
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    try:
        found = develop(Path(file), Path(folder), int(pixels), *map(int, sides))
    except Refused as refused:
        found = {"refused": str(refused)}
    print(json.dumps(found))  # noqa: T201


def develop(file: Path, folder: Path, most_pixels: int, picture_px: int, thumbnail_px: int) -> dict[str, Any]:
    """Makes the copies that others see; gives what the photo is and tells. Errors: `Refused`."""
    try:
        with Image.open(file, formats=_FORMATS) as image:
            return _developed(image, file, folder, most_pixels, picture_px, thumbnail_px)
    except Image.DecompressionBombError as error:
        raise _too_large(most_pixels) from error
    except UnidentifiedImageError as error:
        raise Refused("不是照片：只收 JPEG、PNG、WebP / no photo: send JPEG, PNG or WebP") from error
    except MemoryError as error:
        raise _too_large(most_pixels) from error
    except (OSError, SyntaxError, ValueError, EOFError, ArithmeticError, LookupError) as error:
        raise Refused("照片不完整或已损坏，请重新拍摄或上传 / the photo is cut off or broken") from error


def _developed(
    image: Any, file: Path, folder: Path, most_pixels: int, picture_px: int, thumbnail_px: int
) -> dict[str, Any]:
    width, height = image.size
    if width * height > most_pixels:
        raise _too_large(most_pixels)
    if min(width, height) < _LEAST_PX:
        raise Refused(f"照片至少 {_LEAST_PX} 像素 / a photo has at least {_LEAST_PX} pixels a side")
    told = exif.told(image.getexif())
    image.draft("RGB", (picture_px, picture_px))  # a JPEG is decoded at half or a quarter, if that will do
    picture = _opaque(ImageOps.exif_transpose(image))
    picture.thumbnail((picture_px, picture_px))
    picture.save(folder / "picture", "JPEG", quality=85, optimize=True)
    look = _look(picture)
    picture.thumbnail((thumbnail_px, thumbnail_px))
    picture.save(folder / "thumbnail", "JPEG", quality=75, optimize=True)
    with file.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    if exif.on_its_side(told):
        width, height = height, width
    return {
        "sha256": sha256,
        "media_type": _MEDIA_TYPES[image.format],
        "width": width,
        "height": height,
        "look": look,
        "exif": told,
    }


def _opaque(image: Any) -> Any:
    """On white, without what lies beside the picture."""
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        page = Image.new("RGB", seen.size, "white")
        page.paste(seen, mask=seen.getchannel("A"))
        return page
    plain = image.convert("RGB")
    plain.info = {}
    return plain


def _look(picture: Any) -> int | None:
    """64 bits: in a grid of 9 × 8, whether it gets brighter from each field to the next. Survives being
    compressed and scaled again."""
    fields = picture.convert("L").resize((9, 8), Image.Resampling.BOX).tobytes()
    if max(fields) - min(fields) < _LEAST_CONTRAST:
        return None
    bits = 0
    for row in range(8):
        for column in range(8):
            left = fields[row * 9 + column]
            bits = bits << 1 | (fields[row * 9 + column + 1] > left)
    return bits - (1 << 64) if bits >> 63 else bits  # as the database counts


def _too_large(most_pixels: int) -> Refused:
    return Refused(f"照片超过 {most_pixels} 像素 / the photo has more than {most_pixels} pixels")


if __name__ == "__main__":
    main(sys.argv[1:])
