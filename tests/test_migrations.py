"""Migrations: up, down and up again; the tables in the code; and no waiting for locks."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from app import migrate
from app.db import libpq_url
from app.postgres import PrivateCluster
from tests.conftest import admin

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def empty_url(cluster: PrivateCluster) -> Iterator[str]:
    name = f"empty_{uuid.uuid4().hex[:12]}"
    admin(cluster, f"CREATE DATABASE {name}")
    yield cluster.database_url(name)
    admin(cluster, f"DROP DATABASE {name} WITH (FORCE)")


def contents(url: str) -> set[str]:
    """Every table, index, constraint, trigger, function and type of ours."""
    everything = """
        SELECT 'relation ' || relname || relkind::text FROM pg_class
            JOIN pg_namespace n ON n.oid = relnamespace
            WHERE n.nspname = 'public' AND relname NOT LIKE 'spatial_ref_sys%'
        UNION SELECT 'constraint ' || conrelid::regclass || pg_get_constraintdef(c.oid) FROM pg_constraint c
            JOIN pg_namespace n ON n.oid = connamespace WHERE n.nspname = 'public' AND conrelid <> 0
        UNION SELECT 'trigger ' || tgname || tgrelid::regclass FROM pg_trigger WHERE NOT tgisinternal
        UNION SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
        UNION SELECT 'function ' || p.oid::regprocedure FROM pg_proc p
            JOIN pg_namespace n ON n.oid = pronamespace WHERE n.nspname = 'public' AND NOT EXISTS
            (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
        UNION SELECT 'type ' || t.oid::regtype FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace
            WHERE n.nspname = 'public' AND typtype IN ('e', 'd') AND NOT EXISTS
            (SELECT FROM pg_depend d WHERE d.objid = t.oid AND d.deptype = 'e')
    """
    engine = create_engine(url)
    with engine.connect() as connection:
        found = set(connection.execute(text(everything)).scalars())
    engine.dispose()
    return found


def test_up_down_up(empty_url: str):
    migrate.upgrade(empty_url)
    first = contents(empty_url)
    assert migrate.revision(empty_url) == migrate.newest()
    migrate.downgrade(empty_url, "base")
    assert {line for line in contents(empty_url) if "alembic_version" not in line} == set()
    assert migrate.revision(empty_url) is None
    migrate.upgrade(empty_url)
    assert contents(empty_url) == first


def test_a_migration_is_named_by_its_revision():
    scripts = ScriptDirectory(str(ROOT / "migrations"))
    assert scripts.get_heads() == [migrate.newest()]
    assert {script.revision for script in scripts.walk_revisions()} == {
        file.stem for file in (ROOT / "migrations" / "versions").glob("*.py")
    }


def test_the_tables_in_the_code_are_the_migrated_ones(empty_url: str):
    migrate.upgrade(empty_url)
    migrate.check(empty_url)
    with psycopg.connect(libpq_url(empty_url)) as connection:
        connection.execute("ALTER TABLE idempotent_requests DROP COLUMN headers")
    with pytest.raises(Exception, match="headers"):
        migrate.check(empty_url)


def test_a_migration_gives_up_on_a_lock_rather_than_queue_everybody_behind_it(empty_url: str):
    migrate.upgrade(empty_url)
    with psycopg.connect(libpq_url(empty_url)) as busy:
        busy.execute("SELECT * FROM sensor_notice")
        with pytest.raises(OperationalError, match="lock timeout"):
            migrate.downgrade(empty_url, "0005_cases")
    assert migrate.revision(empty_url) == "0012_sensors"  # of the one that had to wait nothing is done
