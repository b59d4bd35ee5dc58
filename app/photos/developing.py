"""冲洗: hands a file to the darkroom, a process of its own, and takes back what it made of it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from app.errors import InvalidInput, NotReady
from app.settings import PhotoSettings

log = structlog.get_logger(__name__)

#: Seconds after which the darkroom is given up.
_PATIENCE = 90
#: Photos one API process has in work; the others wait, with nothing but a file each.
_AT_ONCE = 2
_HANDS = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="darkroom")


@dataclass(frozen=True, slots=True)
class Developed:
    """What a file is, and what it tells of itself (`exif`). Its copies lie in the folder that was given."""

    sha256: str
    media_type: str
    width: int
    height: int
    look: int | None
    exif: dict[str, Any]


async def develop(file: Path, folder: Path, limits: PhotoSettings) -> Developed:
    """Develops a file. Errors: `InvalidInput` when it is no photo that can be taken."""
    arguments = (str(file), str(folder), limits.max_pixels, limits.picture_px, limits.thumbnail_px)
    return await asyncio.get_running_loop().run_in_executor(_HANDS, _develop, tuple(map(str, arguments)))


def _develop(arguments: tuple[str, ...]) -> Developed:
    try:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "app.photos.darkroom", *arguments],
            env={},  # it needs none, and is to know no secret
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=True,
        )
        found = json.loads(done.stdout)
    except OSError as error:
        raise NotReady("照片暂时无法处理，请稍后再试 / photos cannot be looked at now: try again") from error
    except (subprocess.SubprocessError, ValueError) as error:
        said = getattr(error, "stderr", None) or b""
        log.warning("darkroom_failed", error=str(error), said=said[-500:].decode(errors="replace"))
        found = {"refused": "照片无法解读 / the photo cannot be read"}
    if "refused" in found:
        raise InvalidInput(found["refused"], fields={"photo": "refused"})
    return Developed(**found)
