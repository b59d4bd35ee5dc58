"""案卷生成: cases as the service would have left them, made by set-based SQL.

Case number `g` counts back from the newest. What it is follows from `g` alone by hashing, so any stretch of
history can be made by itself. The newest `HEAD` are a working day, most of them open; the older ones have
ended but for a few that are still being handled.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from app.cases.assignment import decision_document
from app.dispatch.explaining import facts_in_area
from app.dispatch.matrix import decide
from bench.city import City
from bench.words import Words

#: Cases that are there at every size, the open work among them: a page is full, and as full at every size.
HEAD = 4_000
#: Seconds between two reports: 8,640 a day.
SPACING = 10
#: How old the newest case is: its life, up to its closing, is over.
AGE = timedelta(hours=6)
_SECOND = timedelta(seconds=1)
#: Share of the older cases that are still being handled: what an overdue sweep is given work from.
LINGERING = 0.012
#: Cases with every entry and clock and a text of usual length. Older ones are told briefly and keep their
#: first entry and their handling clock: ten million whole lives would take hours and a larger disk.
WHOLE = 1_000_000 + HEAD
#: Different texts, minors by their share of the reports.
TEXTS, SLOTS = 20_000, 1_000

#: A life by its steps: action, stage it leads to, minutes after the report.
STEPS = (
    ("report", "reported", 0), ("accept", "filing", 8), ("file", "dispatching", 15),
    ("dispatch", "signing", 22), ("sign", "handling", 40), ("hand_back", "checking", 200),
    ("check", "closing", 260), ("close", "closed", 300),
)  # fmt: skip
#: Clocks: from which step to which they run, counted from 1.
CLOCKS = (
    ("accepting", 1, 2), ("filing", 2, 3), ("dispatching", 3, 4), ("signing", 4, 5), ("handling", 4, 6),
    ("checking", 6, 7), ("closing", 7, 8),
)  # fmt: skip
#: How many steps the open cases of the head have done, and their shares.
OPEN = {1: 8, 2: 8, 3: 8, 4: 12, 5: 44, 6: 14, 7: 6}

_TABLES = """
CREATE UNLOGGED TABLE bench_cell AS
  SELECT (row_number() OVER (ORDER BY code) - 1)::int AS n, code, left(code, 9) AS street, area_class,
    ST_X(ST_PointOnSurface(geom)) AS lon, ST_Y(ST_PointOnSurface(geom)) AS lat
  FROM area WHERE level = 'cell' AND valid_to IS NULL;
CREATE UNLOGGED TABLE bench_text (n int, description text, address text, pairs text[]);
CREATE UNLOGGED TABLE bench_minor (n int, category text, condition text);
CREATE UNLOGGED TABLE bench_decision (
  condition text, street text, lead text, assisting text[], matrix_row text, decision jsonb,
  brief jsonb GENERATED ALWAYS AS (decision - 'why' - 'losers') STORED);
CREATE UNLOGGED TABLE bench_inspector AS
  SELECT (row_number() OVER (PARTITION BY areas[1] ORDER BY username) - 1)::int AS n, areas[1] AS street,
    id, display_name AS name
  FROM account WHERE 'inspector' = ANY(roles) AND length(areas[1]) = 9;
CREATE UNLOGGED TABLE bench_step (n int, action text, source text, target text, after interval);
CREATE UNLOGGED TABLE bench_kind (kind text, begins int, ends int);
CREATE UNLOGGED TABLE bench_rank (n int, steps int);
"""

_FILL = """
INSERT INTO case_file (
  id, number, district_code, stage, version, head, source, category, condition, description, address, lon,
  lat, raw_x, raw_y, datum, area_code, street_code, area_class, reporter_id, reporter_name, inspector_id,
  inspector_name, rulebook_id, matrix_row, decision, lead_unit, assisting_units, reported_at, filed_at,
  dispatched_at, signed_at, handed_back_at, ended_at, due_at, amber_at, handling_due_at, check_passed,
  self_handled, overdue, exempt, declines, extensions, suspensions, reworks, reminders, duplicates, listed,
  pairs)
SELECT (lpad(to_hex((extract(epoch FROM reported_at) * 1000)::bigint), 12, '0') || '7'
    || lpad(to_hex(g & 4095), 3, '0') || '8' || lpad(to_hex(h3 & 1152921504606846975), 15, '0'))::uuid,
  number, district, step.target, version, md5(number) || md5(step.target),
  CASE WHEN h1 & 3 > 0 THEN 'inspector' ELSE 'citizen' END, minor.category,
  CASE WHEN steps > 2 THEN minor.condition END, said.description, said.address,
  lon, lat, lon, lat, 'cgcs2000', cell.code, cell.street, cell.area_class, inspector.id, inspector.name,
  CASE WHEN steps = 6 THEN checker.id END, CASE WHEN steps = 6 THEN checker.name END, rulebook,
  CASE WHEN steps > 3 THEN decided.matrix_row END,
  CASE WHEN steps > 3 THEN CASE WHEN whole THEN decided.decision ELSE decided.brief END END,
  CASE WHEN steps > 3 THEN decided.lead END, CASE WHEN steps > 3 THEN decided.assisting ELSE '{}' END,
  reported_at, CASE WHEN steps > 2 THEN reported_at + interval '15 min' END,
  CASE WHEN steps > 3 THEN reported_at + interval '22 min' END,
  CASE WHEN steps > 4 THEN reported_at + interval '40 min' END,
  CASE WHEN steps > 5 THEN reported_at + interval '200 min' END,
  CASE WHEN steps > 7 THEN reported_at + interval '300 min' END,
  due_at, due_at - interval '1 hour', CASE WHEN steps IN (4, 5) THEN due_at END,
  CASE WHEN steps > 6 THEN true END, false, CASE WHEN steps > 5 THEN h2 & 31 = 0 END, false,
  (h2 & 63 = 0)::int, (h2 & 48 = 0)::int, 0, (h2 & 127 = 0)::int, (h2 & 15 = 0)::int, 0, h2 & 511 = 0,
  said.pairs || ARRAY[number, right(number, 7)]
FROM (
  SELECT g, h1, h2, h3, district, rulebook, steps, whole,
    CASE WHEN whole THEN steps ELSE 1 END AS version,
    newest - g * spacing AS reported_at,
    district || to_char(newest - g * spacing, '-YYYYMMDD-') || (9999999 - g %% 9000000) AS number,
    CASE WHEN steps > 7 THEN NULL
      WHEN h3 & 15 = 0 THEN now - (h3 >> 8 & 1023) * interval '1 min'
      ELSE now + interval '2 hours' + (h3 >> 8 & 1023) * interval '20 min' END AS due_at
  FROM (
    SELECT g, h1, h2, h3, g <= %(whole)s AS whole, %(district)s::text AS district,
      %(rulebook)s::uuid AS rulebook,
      %(now)s::timestamptz AS now, %(newest)s::timestamptz AS newest,
      %(spacing)s * interval '1 second' AS spacing,
      CASE WHEN g > %(head)s THEN CASE WHEN h2 >> 20 & 1048575 < %(lingering)s THEN 5 ELSE 8 END
        WHEN h2 >> 20 & 1023 < 614 THEN (SELECT steps FROM bench_rank WHERE n = (h2 >> 40 & 1023) %% 100)
        ELSE 8 END AS steps
    FROM (
      SELECT g, hashint8extended(g, 1) AS h1, hashint8extended(g, 2) AS h2, hashint8extended(g, 3) AS h3
      FROM generate_series(%(begin)s::bigint, %(end)s::bigint) AS g OFFSET 0
    ) AS hashed OFFSET 0
  ) AS judged OFFSET 0
) AS told
JOIN bench_cell AS cell ON cell.n = (h1 >> 8 & 1073741823) %% %(cells)s
JOIN bench_text AS said
  ON said.n = (h2 >> 8 & 1073741823) %% %(texts)s + CASE WHEN whole THEN 0 ELSE %(texts)s END
JOIN bench_minor AS minor ON minor.n = (h1 >> 16 & 1073741823) %% %(slots)s
JOIN bench_inspector AS inspector ON inspector.street = cell.street AND inspector.n = (h1 >> 40 & 1)
JOIN bench_inspector AS checker ON checker.street = cell.street AND checker.n = 1 - (h1 >> 40 & 1)
JOIN bench_decision AS decided ON decided.condition = minor.condition AND decided.street = cell.street
JOIN bench_step AS step ON step.n = steps
"""
#: The first entry tells the whole case, as the service's own does; the others what their step changed.
_JOURNAL = """
INSERT INTO journal (
  id, case_id, version, at, action, actor_id, actor_name, from_stage, to_stage, data, previous, hash,
  district_code)
SELECT (left(c.id::text, 15) || lpad(to_hex(step.n), 3, '0') || right(c.id::text, 18))::uuid, c.id, step.n,
  c.reported_at + step.after, step.action, c.reporter_id, c.reporter_name, step.source, step.target,
  CASE WHEN step.n = 1 AND c.version > 1
    THEN jsonb_build_object(
      'command', jsonb_build_object('description', c.description, 'address', c.address),
      'clocks', '[]'::jsonb, 'changes', to_jsonb(told))
    ELSE jsonb_build_object('command', jsonb_build_object('note', c.address), 'clocks', '[]'::jsonb,
      'changes', jsonb_build_object('stage', step.target, 'due_at', c.reported_at)) END,
  CASE WHEN step.n = 1 THEN repeat('0', 64) ELSE md5(c.number) || md5(step.source) END,
  md5(c.number) || md5(step.target), c.district_code
FROM case_file AS c JOIN bench_step AS step ON step.n <= c.version
CROSS JOIN LATERAL (
  SELECT c.id, c.number, c.district_code, 'reported' AS stage, c.source, c.category, c.condition,
    c.description, c.address, c.lon, c.lat, c.raw_x, c.raw_y, c.datum, c.area_code, c.street_code,
    c.area_class, c.segment_code, c.chief_name, c.chief_account, c.component_code, c.reporter_id,
    c.reporter_name, c.external_number, c.inspector_id, c.inspector_name, c.rulebook_id, c.matrix_row,
    c.lead_unit, c.assisting_units, c.reported_at, c.due_at, c.amber_at, c.verified, c.check_passed,
    c.self_handled, c.overdue, c.exempt, c.declines, c.extensions, c.suspensions, c.reworks, c.reminders,
    c.duplicates, c.listed, c.pending
) AS told
WHERE c.reported_at BETWEEN %(since)s AND %(until)s
"""
_CLOCKS = """
INSERT INTO case_clock (
  id, case_id, kind, name, unit, started_at, amount, limit_unit, times, pauses, due_at, amber_at, because,
  stopped_at, overran_at)
SELECT (left(id::text, 15) || 'f' || begins || ends || right(id::text, 18))::uuid, id, kind, '',
  CASE WHEN begins > 3 THEN lead_unit END, reported_at + step.after, 4, 'work_hour', 1, '[]',
  coalesce(CASE WHEN ends > steps THEN case_file.due_at END, reported_at + step.after + interval '4 hours'),
  coalesce(CASE WHEN ends > steps THEN amber_at END, reported_at + step.after + interval '3 hours'),
  '4 工作小时，自 ' || to_char(reported_at, 'YYYY-MM-DD HH24:MI') || ' 起，按工作日历计算',
  CASE WHEN ends <= steps THEN reported_at + step.after + interval '1 hour' END,
  CASE WHEN ends > steps AND case_file.due_at < %(now)s THEN case_file.due_at END
FROM case_file
JOIN LATERAL (SELECT coalesce(max(n), 8) AS steps FROM bench_step WHERE target = stage) AS at ON true
JOIN bench_kind ON begins <= steps AND (version > 1 OR kind = 'handling' OR ends > steps)
JOIN bench_step AS step ON step.n = begins
WHERE reported_at BETWEEN %(since)s AND %(until)s
"""


class History:
    """What the cases of a district are made of; `fill` makes a stretch of them."""

    def __init__(self, connection: psycopg.Connection[Any], place: City, now: datetime) -> None:
        self._place = place
        self.now = now
        if not _number(connection, "SELECT count(to_regclass('bench_cell'))"):
            self._begin(connection)
        self._cells = _number(connection, "SELECT count(*) FROM bench_cell")
        self._rulebook = connection.execute("SELECT id FROM rulebook_version").fetchone()

    def _begin(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute(_TABLES.encode())
        words = Words(Random(1))
        told = [*(words.problem() for _ in range(TEXTS)), *(words.brief() for _ in range(TEXTS))]
        _copy(connection, "bench_text", ((n, *problem) for n, problem in enumerate(told)))
        _copy(connection, "bench_minor", self._minors())
        _copy(
            connection,
            "bench_decision (condition, street, lead, assisting, matrix_row, decision)",
            self._decisions(),
        )
        sources = (None, *(target for _, target, _ in STEPS))
        _copy(
            connection,
            "bench_step",
            (
                (n, action, sources[n - 1], target, f"{minutes} min")
                for n, (action, target, minutes) in enumerate(STEPS, start=1)
            ),
        )
        _copy(connection, "bench_kind", CLOCKS)
        ranks = [steps for steps, share in OPEN.items() for _ in range(share)]
        _copy(connection, "bench_rank", enumerate(ranks))
        connection.execute("ANALYZE bench_cell, bench_inspector")

    def _minors(self) -> list[tuple[int, str, str]]:
        """A slot for each thousandth of the reports; a few conditions make most of them."""
        conditions = self._place.conditions
        shares = list(accumulate(1 / (rank + 2) for rank in range(len(conditions))))
        found, at = [], 0
        for slot in range(SLOTS):
            while shares[at] < shares[-1] * (slot + 0.5) / SLOTS:
                at += 1
            found.append((slot, conditions[at].category, conditions[at].code))
        return found

    def _decisions(self) -> list[tuple[Any, ...]]:
        found = []
        for condition in self._place.conditions:
            for street in self._place.plan.street_codes:
                facts = facts_in_area(street, condition=condition.code, at=self.now, source="inspector")
                decision = decide(facts, self._place.rulebook)
                found.append(
                    (
                        condition.code, street, decision.lead, list(decision.assisting), decision.row,
                        Jsonb(decision_document(decision)),
                    )
                )  # fmt: skip
        return found

    def fill(self, connection: psycopg.Connection[Any], begin: int, end: int) -> None:
        """Makes the cases `begin` … `end`, counted back from the newest, with their journal and clocks."""
        newest = self.now - AGE
        values = {
            "begin": begin, "end": end, "district": self._place.plan.code, "now": self.now,
            "spacing": SPACING, "whole": WHOLE, "head": HEAD, "lingering": int(LINGERING * 2**20),
            "rulebook": self._rulebook and self._rulebook[0], "cells": self._cells, "texts": TEXTS,
            "slots": SLOTS, "newest": newest,
        }  # fmt: skip
        connection.execute(_FILL.encode(), values)
        span = {
            "now": self.now, "since": newest - end * SPACING * _SECOND,
            "until": newest - begin * SPACING * _SECOND,
        }  # fmt: skip
        connection.execute(_CLOCKS.encode(), span)
        connection.execute(_JOURNAL.encode(), span)


def _number(connection: psycopg.Connection[Any], query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


def _copy(connection: psycopg.Connection[Any], table: str, rows: Any) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN".encode()) as copy:
        for row in rows:
            copy.write_row(row)
    connection.execute(f"ANALYZE {table.partition(' ')[0]}".encode())
