"""Tables of app.photos: uploads under way. What came of them is `photo`, in `app.cases.tables`."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class UploadRow(Base):
    """断点续传 of one photo. How far it is tells its file; the photo that comes of it has the same id."""

    __tablename__ = "photo_upload"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID]
    owner_name: Mapped[str]
    length: Mapped[int]
    about: Mapped[str]  # the sender's `Upload-Metadata`, given back as it came
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_photo_upload_owner", "owner_id", "created_at"),
        Index("ix_photo_upload_expires_at", "expires_at"),
    )
