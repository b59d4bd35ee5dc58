"""Who is on duty for a place, against reading every shift."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import new_id
from app.grid.store import on_duty
from app.grid.tables import DutyShift

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
CELLS = [
    f"990101{street:03}{community:03}{cell:03}"
    for street in (1, 2)
    for community in (1, 2)
    for cell in (1, 2)
]


def _shifts(lot: Random, many: int) -> list[dict]:
    found = []
    for number in range(many):
        started = NOW + timedelta(minutes=lot.randrange(-120, 60))
        ended = started + timedelta(minutes=lot.randrange(1, 180)) if lot.random() < 0.5 else None
        until = lot.choice([None, started + timedelta(minutes=lot.randrange(1, 180))])
        areas = [lot.choice(CELLS)[: lot.choice((6, 9, 12, 15, 15, 15))] for _ in range(lot.randint(1, 3))]
        found.append(
            {"id": new_id(), "account_id": new_id(), "username": f"i{number}", "area_codes": areas,
             "started_at": started, "ended_at": ended, "until": until}
        )  # fmt: skip
    return found


async def test_whoever_s_beat_meets_the_place_is_found(connection: AsyncConnection):
    lot = Random(7)
    shifts = _shifts(lot, 60)
    await connection.execute(insert(DutyShift), shifts)
    seen = 0
    for area in (*CELLS, "990101", "990101001", "990101002001", "990102001001001"):
        for minutes in (-60, 0, 30):
            at = NOW + timedelta(minutes=minutes)
            expected = {
                one["username"]
                for one in shifts
                if one["started_at"] <= at
                and (one["ended_at"] is None or one["ended_at"] > at)
                and (one["until"] is None or one["until"] > at)
                and any(area.startswith(code) or code.startswith(area) for code in one["area_codes"])
            }
            found = [one.username for one in await on_duty(connection, area, at)]
            assert set(found) == expected
            assert len(found) == len(expected)
            seen += len(found)
    assert seen > 100


async def test_of_many_shifts_only_those_of_the_cell_are_read(connection: AsyncConnection):
    await connection.execute(
        text(
            "INSERT INTO duty_shift (id, account_id, username, area_codes, started_at)"
            " SELECT gen_random_uuid(), gen_random_uuid(), 'i' || i,"
            " ARRAY['990101' || lpad(i::text, 9, '0')], '2026-03-01' FROM generate_series(1, 5000) AS i"
        )
    )
    await connection.execute(text("ANALYZE duty_shift"))
    await connection.execute(text("SET LOCAL enable_seqscan = off"))
    assert [one.username for one in await on_duty(connection, "990101000000077", NOW)] == ["i77"]
    used = text("SELECT pg_stat_get_xact_numscans('ix_duty_shift_open_area_codes'::regclass)")
    assert (await connection.execute(used)).scalar_one() > 0
