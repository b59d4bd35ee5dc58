"""The API of photos: those of a case, and their files. How they come in stands in `uploads`."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from starlette.responses import StreamingResponse

from app.cases.schemas import Period
from app.errors import NotFound
from app.identity.access import Asking, Caller
from app.photos import viewing
from app.photos.schemas import CasePhoto, EvidenceRecord, PhotoReply
from app.photos.storage import Variant
from app.problems import problem_responses
from app.requests import ServicesDep

router = APIRouter(tags=["照片 Photos"])


@router.get("/cases/{case}/photos", summary="案卷照片", responses=problem_responses(NotFound))
async def case_photos(case: str, ask: Asking) -> list[CasePhoto]:
    """The photos of a case, in the order they came, each with what speaks against it."""
    return await viewing.of_case(ask.connection, case, ask.principal, ask.now)


@router.get("/photos/{photo}", summary="查看照片 A photo", responses=problem_responses(NotFound))
async def read_photo(photo: UUID, ask: Asking) -> PhotoReply:
    """For who uploaded it and for who sees a case that has it."""
    row = await viewing.see(ask.connection, photo, ask.principal, ask.now)
    return PhotoReply.of(row, with_place=viewing.sees_place(ask.principal, row.uploader_id))


@router.get(
    "/photos/{photo}/{variant}",
    summary="照片文件 A photo's file",
    response_class=Response,
    responses=problem_responses(NotFound)
    | {200: {"content": {"image/jpeg": {}, "image/png": {}, "image/webp": {}}}},
)
async def photo_file(parts: ServicesDep, caller: Caller, photo: UUID, variant: Variant) -> Response:
    """`picture` and `thumbnail` are upright JPEGs with nothing but the picture. `original` is what came in,
    with its EXIF: for the centre and who uploaded it only."""
    row, kept = await viewing.file(parts, caller, photo, variant)
    headers = {
        "Content-Length": str(kept.size),
        "ETag": f'"{row.sha256}-{variant}"',
        "Cache-Control": "private, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": "inline",
    }
    media_type = row.media_type if variant is Variant.ORIGINAL else "image/jpeg"
    return StreamingResponse(kept.pieces, headers=headers, media_type=media_type)


@router.get("/inspectors/{account}/evidence", summary="取证记录 Photos attached by a person")
async def evidence(account: UUID, period: Annotated[Period, Query()], ask: Asking) -> EvidenceRecord:
    """On the cases the caller may see: how many photos, how many in doubt and why. For the centre, and of
    oneself."""
    return await viewing.record(ask.connection, account, ask.principal, ask.now, period.since, period.until)
