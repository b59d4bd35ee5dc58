"""The private cluster: made, shared, stopped by the last to leave, found again with its data."""

from __future__ import annotations

from pathlib import Path

import psycopg
from sqlalchemy import make_url

from app.postgres import PrivateCluster


def _execute(cluster: PrivateCluster, statement: str) -> list[tuple[object, ...]]:
    url = make_url(cluster.url)
    with psycopg.connect(host=url.query["host"], user="chengguan", dbname="chengguan") as conn:
        cursor = conn.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_data_outlives_the_server(open_folder: Path):
    home = open_folder / "private"
    with PrivateCluster(home, durable=True) as first:
        _execute(first, "CREATE TABLE kept AS SELECT 1 AS one")
        assert _execute(first, "SHOW fsync") == [("on",)]
        with PrivateCluster(home) as second:
            assert _execute(second, "SELECT one FROM kept") == [(1,)]
        assert _execute(first, "SELECT one FROM kept") == [(1,)]  # the second did not stop it
    assert not first._is_running()
    with PrivateCluster(home) as again:
        assert _execute(again, "SELECT one FROM kept") == [(1,)]
