"""批量: many at once: reports by COPY with one join to their cells, and maps by COPY, beside the service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from time import perf_counter
from uuid import UUID

import pyogrio.raw

from app.db import new_id
from app.identity.principal import Role
from bench.contest import Sample
from bench.district import CELL_LAT, CELL_LON, DISTRICT, MANIFEST, Plan, generate
from bench.ground import Ground
from bench.machine import cpu_seconds
from bench.service import command
from bench.words import Words

#: Where the neighbour lies whose map is imported: east of the district, in cells.
NEIGHBOUR = "211199"
FAR_EAST = 400

_STAGING = """
CREATE TEMPORARY TABLE incoming (
    id uuid, lon float8, lat float8, category text, description text, address text, pairs text[],
    geom geometry(point, 4490) GENERATED ALWAYS AS (ST_SetSRID(ST_MakePoint(lon, lat), 4490)) STORED
) ON COMMIT DROP
"""
#: An index on the points and a loop over the cells is the fastest join there is.
_CELLS = """
CREATE TEMPORARY TABLE placed ON COMMIT DROP AS
SELECT DISTINCT ON (incoming.id) incoming.id, area.code, area.area_class
FROM area JOIN incoming ON ST_Covers(area.geom, incoming.geom)
WHERE area.level = 'cell' AND area.valid_to IS NULL
ORDER BY incoming.id, area.code
"""
_OPENED = """
INSERT INTO case_file (
    id, number, district_code, stage, version, head, source, category, description, address, lon, lat,
    raw_x, raw_y, datum, area_code, street_code, area_class, reporter_id, reporter_name, rulebook_id,
    assisting_units, reported_at, due_at, amber_at, self_handled, exempt, declines, extensions,
    suspensions, reworks, reminders, duplicates, listed, pairs)
SELECT id, number, '211103', 'reported', 1, md5(number) || md5(address), 'inspector', category, description,
    address, lon, lat, lon, lat, 'cgcs2000', code, left(code, 9), area_class, gen_random_uuid(), '监督员',
    (SELECT id FROM rulebook_version LIMIT 1), '{}', now(), now() + interval '15 min',
    now() + interval '12 min', false, false, 0, 0, 0, 0, 0, 0, false, pairs || ARRAY[number, right(number, 7)]
FROM (
    SELECT *, '211103-20260302-' || lpad(nextval('case_serial')::text, 7, '0') AS number
    FROM incoming JOIN placed USING (id)
) AS numbered
"""
_TOLD = """
INSERT INTO journal (
    id, case_id, version, at, action, actor_id, actor_name, to_stage, data, previous, hash, district_code)
SELECT gen_random_uuid(), id, 1, now(), 'report', gen_random_uuid(), '监督员', 'reported',
    jsonb_build_object('command', jsonb_build_object('description', description, 'address', address),
        'changes', jsonb_build_object('number', code, 'lon', lon, 'lat', lat)),
    repeat('0', 64), encode(sha256(description::bytea), 'hex'), '211103'
FROM incoming JOIN placed USING (id)
"""
_TIMED = """
INSERT INTO case_clock (
    id, case_id, kind, name, started_at, amount, limit_unit, times, pauses, due_at, amber_at, because)
SELECT gen_random_uuid(), id, 'accepting', '', now(), 15, 'minute', 1, '[]', now() + interval '15 min',
    now() + interval '12 min', '15 分钟'
FROM incoming JOIN placed USING (id)
"""
_CELLS_OF_MAP = f"""
INSERT INTO area (
    id, district_code, level, code, name, parent_code, area_class, geom, predecessors, valid_from, import_id)
SELECT gen_random_uuid(), '{DISTRICT}', 'cell', code, code, left(code, 12), area_class,
    ST_Multi(ST_GeomFromWKB(shape, 4490)), '{{}}', now(), (SELECT id FROM import_run LIMIT 1)
FROM incoming
"""


def reports_imported(ground: Ground, reports: int, prefix: str) -> Sample:
    """Takes that many in by the command, from a file; its start and every check included."""
    file = ground.folder / "reports.jsonl"
    with file.open("w") as lines:
        for number, (_, lon, lat, category, description, address, _) in enumerate(_reports(ground, reports)):
            report = {
                "position": {"x": lon, "y": lat, "datum": "cgcs2000"}, "category": category,
                "description": description, "address": address, "external_number": f"{prefix}{number}",
            }  # fmt: skip
            lines.write(json.dumps(report, ensure_ascii=False) + "\n")
    clerk = next(person.username for person in ground.place.people if person.role is Role.INTAKE_CLERK)
    with _timed(ground, reports) as done:
        command(ground.env, "report", "import", str(file), "--as", clerk, log=ground.log)
    return done.sample


def reports_by_copy(ground: Ground, reports: int) -> Sample:
    """Writes as many into the real tables with all their indexes, and takes them back."""
    rows = list(_reports(ground, reports))
    with ground.connect() as connection:
        with _timed(ground, reports) as done, connection.transaction(force_rollback=True):
            connection.execute(_STAGING.encode())
            with (
                connection.cursor() as cursor,
                cursor.copy(
                    "COPY incoming (id, lon, lat, category, description, address, pairs) FROM STDIN"
                ) as copy,
            ):
                for row in rows:
                    copy.write_row(row)
            connection.execute("CREATE INDEX ON incoming USING gist (geom)")
            connection.execute("ANALYZE incoming")
            for statement in (_CELLS, _OPENED, _TOLD, _TIMED):
                connection.execute(statement.encode())
        connection.execute("VACUUM case_file, journal, case_clock")
    return done.sample


def _reports(ground: Ground, reports: int) -> Iterator[tuple[UUID, float, float, str, str, str, list[str]]]:
    place = ground.place
    rng = Random(4)
    words = Words(rng)
    for _ in range(reports):
        lon, lat = place.plan.middle(*place.plan.anywhere(rng))
        lon, lat = lon + rng.uniform(-0.3, 0.3) * CELL_LON, lat + rng.uniform(-0.3, 0.3) * CELL_LAT
        yield new_id(), lon, lat, rng.choice(place.conditions).category, *words.problem()


def map_imported(ground: Ground) -> Sample:
    """Imports a neighbour's map of as many cells by the command; nothing of it stays."""
    neighbour, folder = _neighbour(ground)
    generate(folder, neighbour)
    with _timed(ground, neighbour.across * neighbour.down) as done:
        command(ground.env, "grid", "import", str(folder / MANIFEST), log=ground.log)
    with ground.connect() as connection:
        for table in ("street_chief", "road_segment", "area"):
            connection.execute(f"DELETE FROM {table} WHERE district_code = '{NEIGHBOUR}'".encode())
        connection.execute("VACUUM ANALYZE area, road_segment, street_chief")
    return done.sample


def map_by_copy(ground: Ground) -> Sample:
    """Writes the cells of the map that was imported, and takes them back."""
    _, folder = _neighbour(ground)
    _, _, shapes, (codes, classes) = pyogrio.raw.read(folder / "cells.geojson")
    with ground.connect() as connection:
        with _timed(ground, len(codes)) as done, connection.transaction(force_rollback=True):
            connection.execute(
                "CREATE TEMPORARY TABLE incoming (code text, area_class text, shape bytea) ON COMMIT DROP"
            )
            with connection.cursor() as cursor, cursor.copy("COPY incoming FROM STDIN") as copy:
                for row in zip(codes, classes, shapes, strict=True):
                    copy.write_row(row)
            connection.execute(_CELLS_OF_MAP.encode())
        connection.execute("VACUUM area")
    return done.sample


def _neighbour(ground: Ground) -> tuple[Plan, Path]:
    plan = ground.place.plan
    return Plan(plan.communities, plan.cells, NEIGHBOUR, FAR_EAST), ground.folder / "neighbour"


class _Done:
    sample: Sample


@contextmanager
def _timed(ground: Ground, operations: int) -> Iterator[_Done]:
    """What is done within is that many operations; afterwards there is a sample of them."""
    done = _Done()
    postmaster = ground.postmaster()
    before, began = cpu_seconds(postmaster), perf_counter()
    yield done
    seconds = perf_counter() - began
    done.sample = Sample(operations, seconds, cpu={"postgres": cpu_seconds(postmaster) - before})
