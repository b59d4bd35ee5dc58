"""看照片: who sees a case sees its photos; the centre and who took them, where and when that was."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases import album
from app.cases import service as cases
from app.cases.photo import Doubt
from app.cases.scope import visible
from app.dispatch.active import active_rulebook
from app.errors import Forbidden, NotFound
from app.identity.principal import CENTRE_ROLES, Principal
from app.photos.schemas import CasePhoto, DoubtfulPhoto, EvidenceRecord
from app.photos.storage import Kept, Variant, storage
from app.requests import Services

_NEWEST = 100


def sees_place(viewer: Principal, uploader: UUID) -> bool:
    """Whether the viewer may know where and when a photo was taken, and have the original."""
    return viewer.has(*CENTRE_ROLES) or viewer.id == uploader


async def of_case(
    connection: AsyncConnection, reference: str, viewer: Principal, now: datetime
) -> list[CasePhoto]:
    """The photos of a case. Errors: `NotFound`."""
    case_id = await cases.resolve_id(connection, reference)
    await cases.see(connection, case_id, viewer, now)
    return [
        CasePhoto.of(row, with_place=sees_place(viewer, row.uploader_id))
        for row in await album.of_case(connection, case_id)
    ]


async def see(connection: AsyncConnection, photo_id: UUID, viewer: Principal, now: datetime) -> Row[Any]:
    """A photo the viewer uploaded, or that belongs to a case the viewer sees. Errors: `NotFound`."""
    row = await album.photo(connection, photo_id)
    if row is not None and row.uploader_id != viewer.id:
        rulebook = (await active_rulebook(connection, now)).rulebook
        if not await album.shows(connection, photo_id, visible(viewer, rulebook)):
            row = None
    if row is None:
        raise NotFound("没有这张照片，或不在您的可见范围内 / no such photo, or not within your scope")
    return row


async def file(parts: Services, viewer: Principal, photo_id: UUID, variant: Variant) -> tuple[Row[Any], Kept]:
    """A photo and one of its files. Errors: `NotFound`, `Forbidden` for another's original, `NotReady`."""
    async with parts.database.transaction() as connection:
        row = await see(connection, photo_id, viewer, parts.clock.now())
    if variant is Variant.ORIGINAL and not sees_place(viewer, row.uploader_id):
        raise Forbidden(
            "原件仅限中心和上传人查看，请看 picture / the original is for the centre: ask for the picture"
        )
    try:
        return row, await storage(parts.settings).get(row.sha256, variant)
    except FileNotFoundError as error:
        raise NotFound("照片文件已不存在 / the photo's file is gone") from error


async def record(
    connection: AsyncConnection,
    account: UUID,
    viewer: Principal,
    now: datetime,
    since: datetime,
    until: datetime,
) -> EvidenceRecord:
    """What a person attached to the cases the viewer sees. Errors: `Forbidden` for others than the centre."""
    if account != viewer.id and not viewer.has(*CENTRE_ROLES):
        raise Forbidden("只能查看本人的取证记录 / you may look at your own record only")
    seen = visible(viewer, (await active_rulebook(connection, now)).rulebook)
    counted = await album.attached_by(connection, account, seen, since, until)
    newest = await album.doubtful_of(connection, account, seen, since, until, _NEWEST)
    return EvidenceRecord(
        account=account,
        photos=counted.pop("photos"),
        doubtful=counted.pop("doubtful"),
        by_doubt={Doubt(doubt): many for doubt, many in counted.items()},
        newest=[DoubtfulPhoto.of(row) for row in newest],
    )
