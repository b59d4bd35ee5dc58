"""sensors: classes of sources, observations, leads and their history, and notices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from sqlalchemy.dialects.postgresql import JSONB

revision = "0012_sensors"
down_revision = "0011_gazetteer"
branch_labels = None
depends_on = None


def _moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.TIMESTAMP(timezone=True), nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _id(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.UUID(), nullable=nullable)


def _degrees(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Float(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "sensor_class",
        _id("client_id"), _text("label"), _text("category"), _text("condition", nullable=True),
        _text("source"), _degrees("radius_m"), sa.Column("window_minutes", sa.Integer(), nullable=False),
        _degrees("min_confidence"), _moment("muted_at", nullable=True),
        _moment("counted_from", nullable=True), _moment("changed_at"),
        sa.PrimaryKeyConstraint("client_id", "label", name=op.f("pk_sensor_class")),
        sa.ForeignKeyConstraint(
            ["client_id"], ["api_client.id"], name=op.f("fk_sensor_class_client_id_api_client")
        ),
    )  # fmt: skip
    op.create_table(
        "sensor_lead",
        _id("id"), _text("district_code"), _text("state"), _text("category"),
        _text("condition", nullable=True), _text("source"), sa.Column("probe", sa.Boolean(), nullable=False),
        _text("area_code"), _degrees("lon"), _degrees("lat"),
        sa.Column("sightings", sa.Integer(), nullable=False), _degrees("confidence"),
        _text("picture", nullable=True), _moment("first_seen_at"), _moment("last_seen_at"),
        _moment("opened_at"), _moment("due_at"), _id("inspector_id", nullable=True),
        _text("inspector_name", nullable=True), _moment("decided_at", nullable=True),
        _id("case_id", nullable=True),
        sa.Column(
            "geom", Geometry("POINT", srid=4490, spatial_index=False),
            sa.Computed("ST_SetSRID(ST_MakePoint(lon, lat), 4490)", persisted=True), nullable=True,
        ),
        sa.CheckConstraint(
            "state IN ('open', 'confirmed', 'rejected')", name=op.f("ck_sensor_lead_state_known")
        ),
        sa.CheckConstraint("(decided_at IS NULL) = (state = 'open')", name=op.f("ck_sensor_lead_decided")),
        sa.CheckConstraint(
            "(case_id IS NOT NULL) = (state = 'confirmed')", name=op.f("ck_sensor_lead_case_of_confirmed")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sensor_lead")),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_sensor_lead_case_id_case_file")),
    )  # fmt: skip
    op.create_index("ix_sensor_lead_geom", "sensor_lead", ["geom"], postgresql_using="gist")
    op.create_index("ix_sensor_lead_due", "sensor_lead", ["state", "due_at", "id"])
    op.create_index(
        "ix_sensor_lead_inspector",
        "sensor_lead",
        ["inspector_id"],
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "sensor_observation",
        _id("id"), _id("client_id"), _text("own_id"), _text("label"), _degrees("confidence"),
        _moment("seen_at"), _moment("received_at"), _text("device", nullable=True),
        _text("picture", nullable=True), _degrees("raw_x"), _degrees("raw_y"), _text("datum"),
        _degrees("lon"), _degrees("lat"), _text("area_code"), _text("outcome"), _id("lead_id", nullable=True),
        sa.CheckConstraint("confidence BETWEEN 0 AND 1", name=op.f("ck_sensor_observation_confidence")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sensor_observation")),
        sa.ForeignKeyConstraint(
            ["client_id", "label"], ["sensor_class.client_id", "sensor_class.label"],
            name="fk_sensor_observation_client_id_sensor_class",
        ),
        sa.ForeignKeyConstraint(
            ["lead_id"], ["sensor_lead.id"], name=op.f("fk_sensor_observation_lead_id_sensor_lead")
        ),
    )  # fmt: skip
    op.create_index(
        "uq_sensor_observation_own_id", "sensor_observation", ["client_id", "own_id"], unique=True
    )
    op.create_index("ix_sensor_observation_lead", "sensor_observation", ["lead_id"])
    op.create_index(
        "ix_sensor_observation_class", "sensor_observation", ["client_id", "label", "received_at"]
    )
    op.create_table(
        "sensor_lead_event",
        _id("id"), _id("lead_id"), _moment("at"), _text("kind"), _id("actor_id"), _text("actor_name"),
        sa.Column("data", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sensor_lead_event")),
        sa.ForeignKeyConstraint(
            ["lead_id"], ["sensor_lead.id"], name=op.f("fk_sensor_lead_event_lead_id_sensor_lead")
        ),
    )  # fmt: skip
    op.create_index("ix_sensor_lead_event_lead", "sensor_lead_event", ["lead_id", "at", "id"])
    op.create_table(
        "sensor_notice",
        _id("id"), _moment("at"), _id("client_id"), _text("label"), _text("kind"),
        sa.Column("confirmed", sa.Integer(), nullable=False),
        sa.Column("decided", sa.Integer(), nullable=False),
        _id("actor_id"), _text("actor_name"), _text("note"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sensor_notice")),
    )  # fmt: skip
    op.create_index("ix_sensor_notice_at", "sensor_notice", ["at", "id"])
    for table in ("sensor_lead_event", "sensor_notice"):
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    for table in ("sensor_notice", "sensor_lead_event", "sensor_observation", "sensor_lead", "sensor_class"):
        op.drop_table(table)
