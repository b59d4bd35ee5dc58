"""断点续传 over HTTP: the routes of the tus protocol."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from app.cases.workflow import BY_ACTION, Action
from app.errors import (
    ChecksumMismatch,
    Conflict,
    InvalidInput,
    NotFound,
    NotReady,
    Overloaded,
    UnknownProtocol,
)
from app.identity.access import OPEN, CallerRoleRequired
from app.identity.principal import Principal, Role
from app.paging import Page
from app.photos import service, tus
from app.photos.schemas import UploadState
from app.photos.store import Upload
from app.problems import problem_responses
from app.requests import ServicesDep

router = APIRouter(tags=["照片 Photos"], route_class=tus.TusRoute)

#: Who may attach a photo may upload one.
_PHOTOGRAPHERS = tuple(role for role in BY_ACTION[Action.ATTACH].roles if isinstance(role, Role))
Photographer = Annotated[Principal, Depends(CallerRoleRequired(_PHOTOGRAPHERS))]

_PIECE: dict[str, Any] = {
    "requestBody": {"content": {tus.PIECE: {"schema": {"type": "string", "format": "binary"}}}}
}


def _told(upload: Upload, offset: int) -> dict[str, str]:
    return {
        "Upload-Offset": str(offset),
        "Upload-Expires": tus.expires(upload.expires_at),
        "Cache-Control": "no-store",
    }


@router.options(
    "/photos/uploads",
    status_code=204,
    summary="断点续传协议 What of tus is spoken",
    openapi_extra=OPEN,
)
async def protocol(parts: ServicesDep) -> Response:
    """The versions, extensions and limits, as headers."""
    headers = {
        "Tus-Version": tus.VERSION,
        "Tus-Extension": tus.EXTENSIONS,
        "Tus-Checksum-Algorithm": ",".join(tus.ALGORITHMS),
        "Tus-Max-Size": str(parts.settings.photos.max_bytes),
    }
    return Response(status_code=204, headers=headers)


@router.post(
    "/photos/uploads",
    status_code=201,
    summary="开始上传照片 Begin an upload",
    responses=problem_responses(
        Conflict, InvalidInput, ChecksumMismatch, UnknownProtocol, NotReady, Overloaded
    ),
    openapi_extra=_PIECE,
)
async def begin(
    request: Request,
    parts: ServicesDep,
    caller: Photographer,
    length: tus.Length,
    resumable: tus.Resumable = None,
    metadata: tus.Metadata = "",
    checksum: tus.ChecksumHeader = None,
) -> Response:
    """`Location` is where the bytes go; its last part is the photo's id. The first bytes may come at once."""
    tus.check_version(resumable)
    expected = tus.checksum(checksum)
    upload = await service.begin(parts, caller, length, tus.check_metadata(metadata))
    offset = 0
    if tus.is_piece(request):
        offset = await service.receive(parts, upload, 0, expected, request.stream())
    headers = {"Location": f"/api/v1/photos/uploads/{upload.id}", **_told(upload, offset)}
    return Response(status_code=201, headers=headers)


@router.get("/photos/uploads", summary="我的上传 My uploads")
async def all_uploads(parts: ServicesDep, caller: Photographer) -> Page[UploadState]:
    """Those of the caller whose time is not over, the newest first."""
    found = await service.all_own(parts, caller)
    return Page(items=[UploadState.of(upload, offset) for upload, offset in found], next_cursor=None)


@router.head(
    "/photos/uploads/{upload}",
    summary="查询断点 How far an upload is",
    responses=problem_responses(NotFound, InvalidInput, UnknownProtocol, NotReady, Overloaded),
)
async def how_far(
    parts: ServicesDep, caller: Photographer, upload: UUID, resumable: tus.Resumable = None
) -> Response:
    """`Upload-Offset` is how many bytes have come in. One that is whole becomes a photo, if it was none."""
    tus.check_version(resumable)
    found = await service.own(parts, caller, upload)
    offset = await service.progress(parts, found)
    if offset == found.length and found.finished_at is None:
        await service.finish(parts, found)
    headers = _told(found, offset) | {"Upload-Length": str(found.length)}
    if found.about:
        headers["Upload-Metadata"] = found.about
    return Response(status_code=200, headers=headers)


@router.get("/photos/uploads/{upload}", summary="查看上传 An upload", responses=problem_responses(NotFound))
async def read_upload(parts: ServicesDep, caller: Photographer, upload: UUID) -> UploadState:
    """The same as JSON, for those who do not speak tus."""
    found = await service.own(parts, caller, upload)
    return UploadState.of(found, await service.progress(parts, found))


@router.patch(
    "/photos/uploads/{upload}",
    status_code=204,
    summary="续传照片 Send bytes",
    responses=problem_responses(
        NotFound, Conflict, InvalidInput, ChecksumMismatch, UnknownProtocol, NotReady, Overloaded
    ),
    openapi_extra=_PIECE,
)
async def send_on(
    request: Request,
    parts: ServicesDep,
    caller: Photographer,
    upload: UUID,
    offset: tus.Offset,
    resumable: tus.Resumable = None,
    checksum: tus.ChecksumHeader = None,
) -> Response:
    """Any number of bytes from the offset on. What came in before the line broke stays. The last byte makes
    the upload a photo, or is answered with what is wrong with it."""
    tus.check_version(resumable)
    tus.check_piece(request)
    expected = tus.checksum(checksum)
    found = await service.own(parts, caller, upload)
    reached = await service.receive(parts, found, offset, expected, request.stream())
    return Response(status_code=204, headers=_told(found, reached))


@router.delete(
    "/photos/uploads/{upload}",
    status_code=204,
    summary="取消上传 Give up an upload",
    responses=problem_responses(NotFound, UnknownProtocol),
)
async def give_up(
    parts: ServicesDep, caller: Photographer, upload: UUID, resumable: tus.Resumable = None
) -> Response:
    """Its bytes are deleted. A photo that came of it stays."""
    tus.check_version(resumable)
    await service.remove(parts, await service.own(parts, caller, upload))
    return Response(status_code=204)
