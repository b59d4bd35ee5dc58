"""photos: uploads under way, photos, what they are evidence of, and how many a case has."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0016_photos"
down_revision = "0015_open_shifts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for counted in ("photos", "doubtful_photos"):
        op.add_column(
            "case_file", sa.Column(counted, sa.Integer(), server_default=sa.text("0"), nullable=False)
        )
    op.create_table(
        "photo",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("look", sa.BigInteger(), nullable=True),
        sa.Column("bands", ARRAY(sa.Integer()), nullable=False),
        sa.Column("uploader_id", sa.UUID(), nullable=False),
        sa.Column("uploader_name", sa.Text(), nullable=False),
        sa.Column("uploaded_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("taken_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("lon", sa.Float(), nullable=True),
        sa.Column("lat", sa.Float(), nullable=True),
        sa.Column("exif", JSONB(), nullable=False),
        sa.Column("stored_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_photo")),
    )
    op.create_index("ix_photo_sha256", "photo", ["sha256"])
    op.create_index("ix_photo_bands", "photo", ["bands"], postgresql_using="gin")
    op.create_index("ix_photo_uploaded_at", "photo", ["uploaded_at"])
    op.create_table(
        "case_photo",
        sa.Column("case_id", sa.UUID(), nullable=False),
        sa.Column("photo_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("attached_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("attached_by", sa.UUID(), nullable=False),
        sa.Column("attached_name", sa.Text(), nullable=False),
        sa.Column("doubts", ARRAY(sa.Text()), nullable=False),
        sa.Column("distance_m", sa.Float(), nullable=True),
        sa.Column("age_minutes", sa.Integer(), nullable=True),
        sa.Column("same_as", sa.UUID(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_case_photo_case_id_case_file")),
        sa.ForeignKeyConstraint(["photo_id"], ["photo.id"], name=op.f("fk_case_photo_photo_id_photo")),
        sa.PrimaryKeyConstraint("case_id", "photo_id", name=op.f("pk_case_photo")),
    )
    op.create_index("ix_case_photo_photo", "case_photo", ["photo_id"])
    op.create_index("ix_case_photo_attached_by", "case_photo", ["attached_by", "attached_at"])
    op.create_table(
        "photo_upload",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("owner_id", sa.UUID(), nullable=False),
        sa.Column("owner_name", sa.Text(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("finished_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_photo_upload")),
    )
    op.create_index("ix_photo_upload_owner", "photo_upload", ["owner_id", "created_at"])
    op.create_index("ix_photo_upload_expires_at", "photo_upload", ["expires_at"])


def downgrade() -> None:
    op.drop_table("photo_upload")
    op.drop_table("case_photo")
    op.drop_table("photo")
    op.drop_column("case_file", "doubtful_photos")
    op.drop_column("case_file", "photos")
