"""A walk through the small city, as a phone hands it in."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from app.geo import Datum, from_storage
from tests.world import cell_code, middle

TRACK = "/inspectors/me/track"
W1, W2, W3 = (cell_code(cell) for cell in ("W1", "W2", "W3"))
NEW_SHIFT = """
    UPDATE duty_shift SET started_at = '2026-03-02 08:00+08', ended_at = NULL, until = '2026-03-02 20:00+08'
    WHERE username = 'wei'
"""


def points(cell, start, many, *, every=10, accuracy=8.0, datum=Datum.CGCS2000):
    here = middle(cell)
    x, y = from_storage(here["x"], here["y"], datum)
    return [
        {"at": (start + timedelta(seconds=every * i)).isoformat(), "x": x, "y": y, "accuracy_m": accuracy}
        for i in range(many)
    ]


def track(*parts, datum="cgcs2000"):
    return {"datum": datum, "points": [point for part in parts for point in part]}


async def stored(connection):
    counted = "SELECT count(*) FROM track_point"
    return (await connection.execute(text(counted))).scalar_one()
