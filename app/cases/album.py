"""照片档: the SQL of photos and of what they are evidence of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    bindparam,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alone import alone_with
from app.cases.case import Case
from app.cases.photo import SAME_LOOK_BITS, Examined, Photo, PhotoKind, Used, bands
from app.cases.tables import CasePhotoRow, CaseRow, PhotoRow
from app.db import table_of
from app.identity.principal import Principal
from app.prepared import Prepared

_PHOTO = table_of(PhotoRow)
_ATTACHED = table_of(CasePhotoRow)
_CASE = table_of(CaseRow)
_FACTS = [_PHOTO.c[field.name] for field in fields(Photo)]


@dataclass(frozen=True, slots=True)
class NewPhoto:
    """照片 as it came in. `exif` is what it told, as it told it."""

    id: UUID
    sha256: str
    media_type: str
    size: int
    width: int
    height: int
    look: int | None
    uploader_id: UUID
    uploader_name: str
    uploaded_at: datetime
    taken_at: datetime | None
    lon: float | None
    lat: float | None
    exif: dict[str, Any]


# -- photos ----------------------------------------------------------------------------------------------


async def _alone_with(connection: AsyncConnection, sha256: str) -> None:
    """Nobody else adds, attaches or removes a photo of this content until the transaction ends."""
    await alone_with(connection, f"photo {sha256}")


async def add(connection: AsyncConnection, photo: NewPhoto) -> None:
    """Notes a photo whose files are about to be stored; once, however often it is said."""
    await _alone_with(connection, photo.sha256)
    row = asdict(photo) | {"bands": bands(photo.look)}
    await connection.execute(upsert(_PHOTO).values(row).on_conflict_do_nothing(index_elements=["id"]))


async def stored(connection: AsyncConnection, photo: UUID, now: datetime) -> None:
    """Its files are safe: from now on it can be attached."""
    safe = update(_PHOTO).where(_PHOTO.c.id == photo, _PHOTO.c.stored_at.is_(None)).values(stored_at=now)
    await connection.execute(safe)


async def photo(connection: AsyncConnection, photo_id: UUID) -> Row[Any] | None:
    """The row of a photo whose files are safe."""
    wanted = select(_PHOTO).where(_PHOTO.c.id == photo_id, _PHOTO.c.stored_at.is_not(None))
    return (await connection.execute(wanted)).one_or_none()


async def unattached(connection: AsyncConnection, before: datetime, limit: int) -> list[Any]:
    """Photos uploaded before that moment which belong to no case: `id`, `sha256`."""
    attached = select(_ATTACHED.c.photo_id).where(_ATTACHED.c.photo_id == _PHOTO.c.id).exists()
    wanted = (
        select(_PHOTO.c.id, _PHOTO.c.sha256)
        .where(_PHOTO.c.uploaded_at < before, ~attached)
        .order_by(_PHOTO.c.uploaded_at)
        .limit(limit)
    )
    return list(await connection.execute(wanted))


async def remove(connection: AsyncConnection, photo_id: UUID, sha256: str) -> tuple[bool, bool]:
    """Removes a photo that still belongs to no case; whether it did, and whether no other has its content."""
    await _alone_with(connection, sha256)
    attached = select(_ATTACHED.c.photo_id).where(_ATTACHED.c.photo_id == photo_id).exists()
    gone = await connection.execute(delete(_PHOTO).where(_PHOTO.c.id == photo_id, ~attached))
    left = select(func.count()).select_from(_PHOTO).where(_PHOTO.c.sha256 == sha256)
    return bool(gone.rowcount), not (await connection.execute(left)).scalar_one()


# -- what they are evidence of -----------------------------------------------------------------------------

_OWN = Prepared(
    select(*_FACTS).where(
        _PHOTO.c.id == bindparam("photo"),
        _PHOTO.c.uploader_id == bindparam("uploader"),
        _PHOTO.c.stored_at.is_not(None),
    )
)
_HERE = Prepared(
    select(
        func.count().filter(_ATTACHED.c.kind == bindparam("kind")).label("of_kind"),
        func.coalesce(func.bool_or(_ATTACHED.c.photo_id == bindparam("photo")), False).label("already"),
    ).where(_ATTACHED.c.case_id == bindparam("case_id"))
)
_SAME_FILE = Prepared(
    select(_PHOTO.c.id)
    .join(_ATTACHED, _ATTACHED.c.photo_id == _PHOTO.c.id)
    .where(_PHOTO.c.sha256 == bindparam("sha256"))
    .order_by(_ATTACHED.c.attached_at)
    .limit(1)
)
_SAME_LOOK = Prepared(
    select(_PHOTO.c.id)
    .join(_ATTACHED, _ATTACHED.c.photo_id == _PHOTO.c.id)
    .where(
        _PHOTO.c.bands.overlap(bindparam("bands", type_=_PHOTO.c.bands.type)),
        func.bit_count(_PHOTO.c.look.op("#")(bindparam("look", type_=BigInteger)).op("::")(text("bit(64)")))
        <= SAME_LOOK_BITS,
    )
    .order_by(_ATTACHED.c.attached_at)
    .limit(1)
)


async def own_photo(connection: AsyncConnection, photo_id: UUID, uploader: UUID) -> Photo | None:
    """A photo the caller uploaded, its content held until the transaction ends."""
    row = await _OWN.row(connection, photo=photo_id, uploader=uploader)
    if row is None:
        return None
    await _alone_with(connection, row["sha256"])
    # It may have been removed while we waited for its content.
    row = await _OWN.row(connection, photo=photo_id, uploader=uploader)
    return None if row is None else Photo(**row)


async def here_already(
    connection: AsyncConnection, case_id: UUID, photo_id: UUID, kind: PhotoKind
) -> tuple[bool, int]:
    """Whether the case has this very photo, and how many of the kind."""
    row = await _HERE.row(connection, case_id=case_id, photo=photo_id, kind=kind.value)
    assert row is not None
    return row["already"], row["of_kind"]


async def used_before(connection: AsyncConnection, photo: Photo) -> Used | None:
    """An attached photo of the same content, or else of the same look."""
    found = await _SAME_FILE.value(connection, sha256=photo.sha256)
    if found is not None:
        return Used(found, same_file=True)
    if photo.look is None:
        return None
    found = await _SAME_LOOK.value(connection, look=photo.look, bands=bands(photo.look))
    return None if found is None else Used(found, same_file=False)


async def attach(
    connection: AsyncConnection, case: Case, examined: Examined, actor: Principal, now: datetime
) -> None:
    """The photo is evidence of the case from its present version on."""
    await connection.execute(
        insert(_ATTACHED).values(
            case_id=case.id,
            photo_id=examined.photo.id,
            kind=examined.kind.value,
            version=case.version,
            attached_at=now,
            attached_by=actor.id,
            attached_name=actor.name,
            doubts=[doubt.value for doubt in examined.doubts],
            distance_m=examined.distance_m,
            age_minutes=examined.age_minutes,
            same_as=examined.same_as,
        )
    )


_SHOWN = (
    *_ATTACHED.c,
    *(_PHOTO.c[name] for name in ("sha256", "media_type", "size", "width", "height", "uploader_id")),
    *(_PHOTO.c[name] for name in ("taken_at", "lon", "lat")),
)


async def of_case(connection: AsyncConnection, case_id: UUID) -> Sequence[Row[Any]]:
    """The case's photos in the order they were attached."""
    wanted = select(*_SHOWN).join(_PHOTO, _PHOTO.c.id == _ATTACHED.c.photo_id)
    return (
        await connection.execute(
            wanted.where(_ATTACHED.c.case_id == case_id).order_by(_ATTACHED.c.version, _ATTACHED.c.photo_id)
        )
    ).all()


async def shows(connection: AsyncConnection, photo_id: UUID, visible: ColumnElement[bool]) -> bool:
    """Whether the photo is evidence of a case that may be seen."""
    case = _ATTACHED.join(_CASE, _CASE.c.id == _ATTACHED.c.case_id)
    found = select(_ATTACHED.c.case_id).select_from(case).where(_ATTACHED.c.photo_id == photo_id, visible)
    return (await connection.execute(found.limit(1))).one_or_none() is not None


# -- the record of a person ----------------------------------------------------------------------------------


async def attached_by(
    connection: AsyncConnection, account: UUID, visible: ColumnElement[bool], since: datetime, until: datetime
) -> dict[str, int]:
    """How many photos the person attached to cases that may be seen, and how many with each doubt:
    `photos`, `doubtful`, and by doubt."""
    mine = _by(account, visible, since, until)
    doubtful = func.count().filter(func.cardinality(_ATTACHED.c.doubts) > 0)
    (total,) = await connection.execute(
        mine(select(func.count().label("photos"), doubtful.label("doubtful")))
    )
    each = mine(select(func.unnest(_ATTACHED.c.doubts).label("doubt"))).subquery()
    rows = await connection.execute(select(each.c.doubt, func.count().label("many")).group_by(each.c.doubt))
    return {"photos": total.photos, "doubtful": total.doubtful, **{row.doubt: row.many for row in rows}}


async def doubtful_of(
    connection: AsyncConnection,
    account: UUID,
    visible: ColumnElement[bool],
    since: datetime,
    until: datetime,
    limit: int,
) -> Sequence[Row[Any]]:
    """The person's doubtful photos on cases that may be seen, the newest first, with `number` of the case."""
    mine = _by(account, visible, since, until)
    wanted = mine(select(*_ATTACHED.c, _CASE.c.number)).where(func.cardinality(_ATTACHED.c.doubts) > 0)
    return (
        await connection.execute(
            wanted.order_by(_ATTACHED.c.attached_at.desc(), _ATTACHED.c.photo_id.desc()).limit(limit)
        )
    ).all()


def _by(account: UUID, visible: ColumnElement[bool], since: datetime, until: datetime) -> Any:
    def narrowed(statement: Any) -> Any:
        return (
            statement.select_from(_ATTACHED.join(_CASE, _CASE.c.id == _ATTACHED.c.case_id))
            .where(_ATTACHED.c.attached_by == account, visible)
            .where(_ATTACHED.c.attached_at >= since, _ATTACHED.c.attached_at < until)
        )

    return narrowed
