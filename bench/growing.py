"""成长: bringing a database to a size: indexes taken off, cases made on every core, indexes built anew."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import psycopg

from bench.cases import HEAD, History

_TABLES = ("case_file", "case_clock", "journal")
#: At once; the machine of the targets has two cores.
_HANDS = 2
#: Cases made in one transaction.
_STRETCH = 50_000
#: Fewer cases are made with the indexes in place.
_MANY = 1_000

_CONSTRAINTS = """
WITH grown AS (SELECT unnest(%s::regclass[]) AS relation)
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid IN (TABLE grown) AND contype IN ('p', 'u')
    OR contype = 'f' AND (conrelid IN (TABLE grown) OR confrelid IN (TABLE grown))
ORDER BY contype <> 'f', conname
"""
_INDEXES = """
SELECT indexname, indexdef FROM pg_indexes
WHERE tablename = ANY(%s) AND indexname NOT IN (SELECT conname FROM pg_constraint)
ORDER BY indexdef LIKE '%%gin%%' DESC, indexdef LIKE '%%gist%%' DESC, indexname
"""
_AFTERWARDS = """
SELECT EXISTS (SELECT FROM case_file WHERE reported_at >= %(now)s)
    OR EXISTS (SELECT FROM case_clock WHERE overran_at >= %(now)s)
"""
_RUN_AGAIN = """
UPDATE case_clock SET overran_at = NULL, due_at = %(now)s + interval '9 days' WHERE overran_at >= %(now)s
"""
#: While cases are made a crash may cost everything: nothing is written twice, and seldom.
_HURRY = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "'4GB'", "autovacuum": "off"}

Connect = Callable[[], psycopg.Connection[Any]]


class Growth:
    """The database of a district as its history gets longer. `connect` gives autocommitting connections."""

    def __init__(self, connect: Connect, history: History) -> None:
        self._connect = connect
        self._history = history
        self._made = 0

    def resume(self, cases: int) -> None:
        """Goes on with `cases` that are there from before, besides the head; what came after them goes."""
        self._made = HEAD + cases
        self.forget()

    def forget(self) -> None:
        """Takes away what was reported since the history was made, and lets run again what ran out."""
        with self._connect() as connection:
            found = connection.execute(_AFTERWARDS.encode(), {"now": self._history.now}).fetchone()
        if found is not None and found[0]:
            self._take_away()
            self._vacuum()

    def reach(self, cases: int) -> float:
        """Adds older cases until there are `cases` besides the head; gives the seconds it took.

        Errors: ValueError when there are more already.
        """
        began = perf_counter()
        wanted = HEAD + cases
        if wanted < self._made:
            raise ValueError(f"there are {self._made - HEAD:,} cases already: begin with another folder")
        if wanted > self._made:
            with self._hurry():
                self._grow(self._made + 1, wanted)
            self._made = wanted
        return perf_counter() - began

    def _grow(self, begin: int, end: int) -> None:
        many = end - begin > _MANY
        constraints = self._rows(_CONSTRAINTS) if many else []
        indexes = self._rows(_INDEXES) if many else []
        for table, name, _ in constraints:
            self._run(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        for name, _ in indexes:
            self._run(f"DROP INDEX {name}")
        # The clocks and journal of a stretch are read off its cases: this index alone stays useful.
        if many:
            self._take_away()
            self._run("CREATE INDEX bench_reported ON case_file USING brin (reported_at)")
        self._all(self._fill, [(at, min(at + _STRETCH - 1, end)) for at in range(begin, end + 1, _STRETCH)])
        if many:
            self._run("DROP INDEX bench_reported")
        self._all(self._build, [definition for _, definition in indexes])
        for table, name, definition in reversed(constraints):
            self._build(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
        self._vacuum()

    def _vacuum(self) -> None:
        self._all(self._run, [f"VACUUM (ANALYZE) {table}" for table in _TABLES])

    def _take_away(self) -> None:
        with self._connect() as connection, connection.transaction():
            connection.execute("SET LOCAL session_replication_role = replica")
            connection.execute("DELETE FROM idempotent_requests")
            for table, at in (("journal", "at"), ("case_clock", "started_at"), ("case_file", "reported_at")):
                connection.execute(f"DELETE FROM {table} WHERE {at} >= %s".encode(), (self._history.now,))
            connection.execute(_RUN_AGAIN.encode(), {"now": self._history.now})

    def _fill(self, stretch: tuple[int, int]) -> None:
        with self._connect() as connection, connection.transaction():
            # The parents are there: foreign keys need no look, and the journal's triggers refuse nothing.
            connection.execute("SET LOCAL session_replication_role = replica")
            connection.execute("SET LOCAL work_mem = '256MB'")
            connection.execute("SET LOCAL enable_nestloop = off")
            connection.execute("SET LOCAL jit = off")
            connection.execute("SET LOCAL default_toast_compression = 'lz4'")
            self._history.fill(connection, *stretch)

    def _build(self, definition: str) -> None:
        with self._connect() as connection:
            connection.execute("SET maintenance_work_mem = '1GB'")
            connection.execute(definition.encode())

    def _run(self, statement: str) -> None:
        with self._connect() as connection:
            connection.execute(statement.encode())

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        with self._connect() as connection:
            return connection.execute(query.encode(), (list(_TABLES),)).fetchall()

    def _all(self, work: Callable[[Any], None], pieces: Sequence[Any]) -> None:
        with ThreadPoolExecutor(_HANDS) as hands:
            list(hands.map(work, pieces))

    @contextmanager
    def _hurry(self) -> Iterator[None]:
        for name, value in _HURRY.items():
            self._run(f"ALTER SYSTEM SET {name} = {value}")
        self._run("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            for name in _HURRY:
                self._run(f"ALTER SYSTEM RESET {name}")
            self._run("SELECT pg_reload_conf()")
            self._run("CHECKPOINT")
            os.sync()  # what was written unsynced goes to the disk now, and not while one measures
