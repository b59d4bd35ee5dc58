"""Bringing a database to the newest schema, and telling how far it is.

What runs migrations is loaded by who does: an API process only compares two names.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.pool import NullPool

if TYPE_CHECKING:
    from alembic.config import Config

_ROOT = Path(__file__).resolve().parent.parent
_MIGRATIONS = _ROOT / "migrations"
_VERSIONS = "alembic_version"


def _config(url: str) -> Config:
    from alembic.config import Config

    config = Config(str(_ROOT / "alembic.ini"))
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["url"] = url
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Runs every migration that is still missing up to `revision`."""
    from alembic import command

    command.upgrade(_config(url), revision)


def downgrade(url: str, revision: str) -> None:
    """Takes back every migration after `revision` (`base`: all)."""
    from alembic import command

    command.downgrade(_config(url), revision)


def check(url: str) -> None:
    """Errors when the tables in the code and the migrated database differ."""
    from alembic import command

    command.check(_config(url))


def newest() -> str:
    """The revision the code needs. A migration's file is named by its revision, and they are numbered."""
    return max(file.stem for file in (_MIGRATIONS / "versions").glob("*.py"))


def current(connection: Connection) -> str | None:
    """The revision the database is at; None when it was never migrated."""
    if not inspect(connection).has_table(_VERSIONS):
        return None
    found: str | None = connection.execute(text(f"SELECT version_num FROM {_VERSIONS}")).scalar()  # noqa: S608
    return found


def revision(url: str) -> str | None:
    """`current` of the database at this URL."""
    engine = create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 5})
    with engine.connect() as connection:
        return current(connection)
