"""最简语句: the bare SQL of what the service does, for the baselines.

Each has places `{name}` for its values: numbered parameters for a driver, expressions for pgbench.
"""

from __future__ import annotations

#: Who must act, as a table: the least that a responsibility matrix can be.
MATRIX_TABLE = "CREATE TABLE IF NOT EXISTS bench_matrix (category text PRIMARY KEY, lead text NOT NULL)"

#: A report taken in: cell, matrix, case, first clock, first journal entry and the reply kept for a repeat.
INTAKE = """
WITH place AS (
    SELECT code, area_class FROM area
    WHERE level = 'cell' AND ST_Covers(geom, ST_SetSRID(ST_MakePoint({lon}, {lat}), 4490))
      AND valid_from <= {now} AND coalesce(valid_to, 'infinity') > {now}
    ORDER BY code LIMIT 1
), decided AS (
    SELECT lead FROM bench_matrix WHERE category = {category}
), named AS (
    SELECT {case_id} AS id, '211103-20260302-' || lpad(nextval('case_serial')::text, 7, '0') AS number
), opened AS (
    INSERT INTO case_file (
        id, number, district_code, stage, version, head, source, category, description, address, lon, lat,
        raw_x, raw_y, datum, area_code, street_code, area_class, reporter_id, reporter_name, rulebook_id,
        assisting_units, reported_at, due_at, amber_at, self_handled, exempt, declines, extensions,
        suspensions, reworks, reminders, duplicates, listed, pairs)
    SELECT named.id, named.number, '211103', 'reported', 1, md5({description}) || md5({address}),
        'inspector', {category}, {description}, {address}, {lon}, {lat}, {lon}, {lat}, 'cgcs2000',
        place.code, left(place.code, 9), place.area_class, {reporter}, '监督员',
        (SELECT id FROM rulebook_version LIMIT 1), '{{}}', {now}, {now} + interval '15 min',
        {now} + interval '12 min', false, false, 0, 0, 0, 0, 0, 0, false,
        {pairs} || ARRAY[named.number, right(named.number, 7)]
    FROM place, named RETURNING id, number
), told AS (
    INSERT INTO journal (
        id, case_id, version, at, action, actor_id, actor_name, to_stage, data, previous, hash, district_code)
    SELECT {entry_id}, opened.id, 1, {now}, 'report', {reporter}, '监督员', 'reported', jsonb_build_object(
            'command', jsonb_build_object('description', {description}, 'address', {address}),
            'changes', jsonb_build_object('number', opened.number, 'lon', {lon}, 'lat', {lat}),
            'lead', decided.lead),
        repeat('0', 64), encode(sha256(({description} || opened.number)::bytea), 'hex'), '211103'
    FROM opened, decided
), timed AS (
    INSERT INTO case_clock (
        id, case_id, kind, name, started_at, amount, limit_unit, times, pauses, due_at, amber_at, because)
    SELECT {clock_id}, opened.id, 'accepting', '', {now}, 15, 'minute', 1, '[]', {now} + interval '15 min',
        {now} + interval '12 min', '15 分钟'
    FROM opened
), kept AS (
    INSERT INTO idempotent_requests (principal, key, fingerprint, created_at, status, content, headers)
    SELECT {reporter}, {key}, md5({description}), {now}, 201,
        jsonb_build_object('id', id, 'number', number)::text, '{{}}'
    FROM opened
)
SELECT id, number FROM opened
"""

#: The operator's page: what a street's units have to sign for or to handle, by due time.
QUEUE_PAGE = """
SELECT id, number, version, stage, due_at, amber_at, handling_due_at, source, category, condition,
    description, address, lon, lat, area_code, area_class, lead_unit, assisting_units, inspector_id,
    inspector_name, reported_at, ended_at, overdue, listed, pending
FROM case_file
WHERE stage IN ('signing', 'handling') AND area_code ~>=~ {street} AND area_code ~<~ ({street} || ':')
ORDER BY coalesce(due_at, '9999-12-31 00:00:00+00'::timestamptz), id LIMIT 51
"""

#: How many there are, counted as far as the service counts.
QUEUE_COUNT = """
SELECT count(*) FROM (
    SELECT FROM case_file
    WHERE stage IN ('signing', 'handling') AND area_code ~>=~ {street} AND area_code ~<~ ({street} || ':')
    LIMIT 1001) AS found
"""

LOOK_UP = """
SELECT code, name, area_class FROM area
WHERE level = 'cell' AND ST_Covers(geom, ST_SetSRID(ST_MakePoint({lon}, {lat}), 4490))
  AND valid_from <= {now} AND coalesce(valid_to, 'infinity') > {now}
ORDER BY code LIMIT 1
"""

#: The overrun of the clock that is due longest, recorded with its entry of the journal.
OVERRUN = """
WITH late AS (
    SELECT id, case_id, due_at FROM case_clock
    WHERE stopped_at IS NULL AND overran_at IS NULL AND due_at < {now}
    ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
), recorded AS (
    UPDATE case_clock SET overran_at = late.due_at FROM late WHERE case_clock.id = late.id
), noted AS (
    UPDATE case_file SET version = version + 1, head = md5(head) FROM late WHERE case_file.id = late.case_id
    RETURNING case_file.id, case_file.version, case_file.stage, late.due_at
)
INSERT INTO journal (
    id, case_id, version, at, action, actor_id, actor_name, from_stage, to_stage, data, previous, hash,
    district_code)
SELECT gen_random_uuid(), id, version, {now}, 'record_overrun', '00000000-0000-0000-0000-000000000000',
    'system', stage, stage, jsonb_build_object('overran_at', due_at), repeat('0', 64), md5(id::text), '211103'
FROM noted
"""


def numbered(statement: str, types: dict[str, str]) -> str:
    """The statement with `$1`, `$2` … of these types, in the order of the names."""
    order = {name: f"${number}::{kind}" for number, (name, kind) in enumerate(types.items(), start=1)}
    return statement.format(**order)


def with_expressions(statement: str, expressions: dict[str, str]) -> str:
    """The statement with an expression for each value."""
    return statement.format(**expressions)
