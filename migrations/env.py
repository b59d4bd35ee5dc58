"""Runs the migrations: one at a time over all processes, and never waiting long for a lock."""

from __future__ import annotations

import importlib
from typing import Any

from alembic import context
from geoalchemy2 import alembic_helpers
from sqlalchemy import create_engine, pool, text
from sqlalchemy.dialects.postgresql.base import ischema_names

from app.cases.tables import XID8
from app.db import metadata

for _tables in (
    "identity.tables",
    "grid.tables",
    "dispatch.tables",
    "cases.tables",
    "photos.tables",
    "suggestions.tables",
    "idempotency",
    "channels.catalogue",
):
    importlib.import_module(f"app.{_tables}")

ischema_names["xid8"] = XID8  # so that a comparison with the database knows the type

#: Any constant will do: every run of the migrations takes this advisory lock first.
_LOCK = 0x4347


def _is_ours(name: str | None, kind: str, parents: Any) -> bool:
    """Leaves out the tables of PostGIS and of the job queue, which come with their own SQL, and the day
    partitions of the track."""
    if kind == "schema":
        return name is None
    return not (
        kind == "table"
        and name is not None
        and (name.startswith(("procrastinate", "track_point_")) or name == "spatial_ref_sys")
    )


def run() -> None:
    url = context.config.attributes["url"]
    engine = create_engine(url, poolclass=pool.NullPool, connect_args={"options": "-c timezone=UTC"})
    with engine.connect() as connection:
        connection.execute(text("SET lock_timeout = '4s'; SET statement_timeout = '60s'"))
        connection.execute(text(f"SELECT pg_advisory_lock({_LOCK})"))
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=metadata,
            transaction_per_migration=True,
            include_name=_is_ours,
            include_object=alembic_helpers.include_object,
            process_revision_directives=alembic_helpers.writer,
            render_item=alembic_helpers.render_item,
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
