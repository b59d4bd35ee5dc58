"""断点续传协议: the headers of tus 1.0 (https://tus.io/protocols/resumable-upload) and how they are read."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Annotated, Any

from fastapi import Header, Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from app import problems
from app.errors import ChengguanError, InvalidInput, UnknownProtocol

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,expiration,termination,checksum"
ALGORITHMS = ("sha1", "sha256")
#: Content type of the pieces.
PIECE = "application/offset+octet-stream"

_METADATA = re.compile(r"[!-+\--~]+( [A-Za-z0-9+/=]*)?(, ?[!-+\--~]+( [A-Za-z0-9+/=]*)?)*")

Resumable = Annotated[
    str | None, Header(alias="Tus-Resumable", description="The protocol's version, `1.0.0`.", max_length=20)
]
Length = Annotated[int, Header(alias="Upload-Length", ge=1, le=2**53, description="Bytes of the photo.")]
Offset = Annotated[int, Header(alias="Upload-Offset", ge=0, le=2**53, description="Where these bytes begin.")]
Metadata = Annotated[
    str,
    Header(
        alias="Upload-Metadata", max_length=2000, description="`key base64, …`: kept, and given back by HEAD."
    ),
]
ChecksumHeader = Annotated[
    str | None,
    Header(
        alias="Upload-Checksum", max_length=200, description="`sha1` or `sha256`, and the digest in base64."
    ),
]


class TusRoute(APIRoute):
    """Every answer tells the version, refusals too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def with_version(request: Request) -> Response:
            try:
                response = await answer(request)
            except ChengguanError as error:
                response = problems.refused(request, error)
                if isinstance(error, UnknownProtocol):
                    response.headers["Tus-Version"] = VERSION
            response.headers["Tus-Resumable"] = VERSION
            return response

        return with_version


def check_version(told: str | None) -> None:
    """Errors: `UnknownProtocol`."""
    if told != VERSION:
        raise UnknownProtocol(f"请用 tus {VERSION} / send Tus-Resumable: {VERSION}")


def check_metadata(told: str) -> str:
    """Errors: `InvalidInput` when it is no list of keys with base64."""
    if told and not _METADATA.fullmatch(told):
        raise InvalidInput(
            "Upload-Metadata 应为 键 base64, … / send keys with base64",
            fields={"Upload-Metadata": "unreadable"},
        )
    return told


def is_piece(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == PIECE


def check_piece(request: Request) -> None:
    """Errors: 415 for any other content type."""
    if not is_piece(request):
        raise HTTPException(415, f"send the bytes as {PIECE}", headers={"Tus-Resumable": VERSION})


@dataclass(frozen=True, slots=True)
class Checksum:
    """校验和 of one piece."""

    algorithm: str
    digest: bytes

    def begin(self) -> Any:
        return hashlib.new(self.algorithm, usedforsecurity=False)


def checksum(told: str | None) -> Checksum | None:
    """Errors: `InvalidInput` for an algorithm that is not offered or a digest that is none."""
    if told is None:
        return None
    algorithm, _, digest = told.partition(" ")
    try:
        found = base64.b64decode(digest.strip(), validate=True)
    except binascii.Error:
        found = b""
    if algorithm not in ALGORITHMS or not found:
        raise InvalidInput(
            f"Upload-Checksum 应为 {' 或 '.join(ALGORITHMS)} 加 base64 / send an algorithm and base64",
            fields={"Upload-Checksum": "unreadable"},
        )
    return Checksum(algorithm, found)


def expires(moment: datetime) -> str:
    """As `Upload-Expires` tells it."""
    return format_datetime(moment, usegmt=True)
