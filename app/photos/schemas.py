"""What the API says of photos."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import Row

from app.cases.photo import DOUBT_WORDS, Doubt, PhotoKind
from app.photos.storage import Variant
from app.photos.store import Upload


class UploadState(BaseModel):
    """断点续传: how far an upload is. Once `finished`, it is the photo of the same id."""

    id: UUID
    offset: int = Field(description="Bytes that have come in.")
    length: int
    finished: bool
    expires_at: datetime

    @classmethod
    def of(cls, upload: Upload, offset: int) -> UploadState:
        return cls(
            id=upload.id,
            offset=offset,
            length=upload.length,
            finished=upload.finished_at is not None,
            expires_at=upload.expires_at,
        )


class DoubtTold(BaseModel):
    """疑点: what speaks against a photo."""

    doubt: Doubt
    label: str
    label_en: str


def doubts_told(doubts: list[str]) -> list[DoubtTold]:
    found = [(Doubt(doubt), *DOUBT_WORDS[Doubt(doubt)]) for doubt in doubts]
    return [DoubtTold(doubt=doubt, label=zh, label_en=en) for doubt, zh, en in found]


class Where(BaseModel):
    """拍摄信息 from EXIF, in CGCS2000 and UTC; for the centre and who uploaded it only."""

    taken_at: datetime | None
    lon: float | None
    lat: float | None


class CasePhoto(BaseModel):
    """案卷照片: a photo as evidence of a case."""

    id: UUID
    kind: PhotoKind
    version: int = Field(description="The case's version it came with.")
    attached_at: datetime
    attached_by: UUID
    attached_name: str
    doubts: list[DoubtTold]
    distance_m: float | None = Field(description="From the case to where it was taken, in metres.")
    age_minutes: int | None = Field(description="From when it was taken to when it was attached.")
    same_as: UUID | None = Field(description="The photo used before that is or looks the same.")
    media_type: str
    width: int
    height: int
    size: int
    sha256: str
    taken: Where | None
    links: dict[Variant, str]

    @classmethod
    def of(cls, row: Row[Any], *, with_place: bool) -> CasePhoto:
        return cls(
            id=row.photo_id,
            doubts=doubts_told(row.doubts),
            taken=Where(taken_at=row.taken_at, lon=row.lon, lat=row.lat) if with_place else None,
            links=links(row.photo_id, original=with_place),
            **{name: getattr(row, name) for name in _OWN},
        )


_OWN = (
    "kind", "version", "attached_at", "attached_by", "attached_name", "distance_m", "age_minutes", "same_as",
    "media_type", "width", "height", "size", "sha256",
)  # fmt: skip


class PhotoReply(BaseModel):
    """照片: what came in. `exif` is what the camera wrote, for the centre and who uploaded it only."""

    id: UUID
    media_type: str
    width: int
    height: int
    size: int
    sha256: str
    uploader_id: UUID
    uploader_name: str
    uploaded_at: datetime
    taken: Where | None
    exif: dict[str, Any] | None
    links: dict[Variant, str]

    @classmethod
    def of(cls, row: Row[Any], *, with_place: bool) -> PhotoReply:
        shown = set(cls.model_fields) - {"taken", "exif", "links"}
        return cls(
            taken=Where(taken_at=row.taken_at, lon=row.lon, lat=row.lat) if with_place else None,
            exif=row.exif if with_place else None,
            links=links(row.id, original=with_place),
            **{name: getattr(row, name) for name in shown},
        )


def links(photo: UUID, *, original: bool) -> dict[Variant, str]:
    """Where the caller finds its files."""
    return {
        variant: f"/api/v1/photos/{photo}/{variant}"
        for variant in Variant
        if original or variant is not Variant.ORIGINAL
    }


class DoubtfulPhoto(BaseModel):
    """存疑照片 of a person."""

    photo: UUID
    case: UUID
    number: str
    kind: PhotoKind
    attached_at: datetime
    doubts: list[DoubtTold]
    distance_m: float | None
    age_minutes: int | None
    same_as: UUID | None

    @classmethod
    def of(cls, row: Row[Any]) -> DoubtfulPhoto:
        return cls(
            photo=row.photo_id,
            case=row.case_id,
            doubts=doubts_told(row.doubts),
            **{
                name: getattr(row, name)
                for name in ("number", "kind", "attached_at", "distance_m", "age_minutes", "same_as")
            },
        )


class EvidenceRecord(BaseModel):
    """取证记录 of a person: photos attached to cases the caller may see, and those in doubt, newest first."""

    account: UUID
    photos: int
    doubtful: int
    by_doubt: dict[Doubt, int]
    newest: list[DoubtfulPhoto] = Field(description="At most 100.")
