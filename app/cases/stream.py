"""日志流: the journal followed by cursor, complete under concurrent writers and in order within a case.

Numbers (`seq`) appear out of order: a transaction that took number 100 may commit after one that took 101,
so whoever asks for `seq > cursor` loses entries. A cursor is therefore a snapshot: what it has read is what
that snapshot sees, and an entry is new when this statement sees it and the cursor's snapshot does not. Nobody
waits for a slow writer, and nobody overtakes one. All that is new between two snapshots is a window, read in
the order of `seq`: of two entries of a case the later one took its number after the earlier one had
committed, since both lock the case, so within a case the order is that of the versions, in a window and over
windows.

Snapshots speak of one server's transactions. Entries that came by a dump from another server are settled:
`journal_server` says up to which number, and they are read by number alone (`settle`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Text,
    and_,
    bindparam,
    cast,
    func,
    literal,
    not_,
    or_,
    select,
    text,
    true,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import UserDefinedType

from app.cases.store import plan_for_these_values
from app.cases.tables import CaseRow, JournalRow
from app.db import table_of
from app.errors import InvalidInput, NotReady
from app.paging import decode, encode
from app.prepared import Prepared

_JOURNAL = table_of(JournalRow)
_CASE = table_of(CaseRow)

#: Longest cursor, as text: two snapshots with hundreds of writers under way in each.
TOKEN_LENGTH = 8000
#: A snapshot before any transaction: sees nothing.
_NOTHING = "1:1:"
#: Entries looked through in one go, and how often for one page: who may see little is given what was found by
#: then, and goes on from there.
_SCANNED = 500
_ROUNDS = 10
_SNAPSHOT = re.compile(r"\d{1,18}:\d{1,18}:(\d{1,18}(,\d{1,18})*)?")


@dataclass(frozen=True)
class Snapshot:
    """快照: which transactions had committed at a moment, as PostgreSQL writes it: `xmin:xmax:running,…`."""

    text: str

    @cached_property
    def _parts(self) -> tuple[int, frozenset[int]]:
        _, end, running = self.text.split(":")
        return int(end), frozenset(map(int, filter(None, running.split(","))))

    @property
    def end(self) -> int:
        """The first transaction that the snapshot cannot know."""
        return self._parts[0]

    @property
    def running(self) -> frozenset[int]:
        """Those before it that were under way."""
        return self._parts[1]

    def sees(self, xid: int) -> bool:
        """Whether what the transaction wrote had been committed, if it ever was."""
        return xid < self.end and xid not in self.running


@dataclass(frozen=True, slots=True)
class Cursor:
    """游标: how far a reader has come. The default stands before the first entry.

    Read is what `done` sees, and of what `window` sees beyond that the entries up to number `after`; no
    window is open when it is empty. Before a first window all up to `after` counts as read. `top` is the
    highest number in all closed windows. `server` is the database server the snapshots speak of, and its
    timeline.
    """

    server: str = ""
    done: str = _NOTHING
    window: str = ""
    after: int = 0
    top: int = 0

    def token(self) -> str:
        """The cursor as an opaque text."""
        return encode((self.server, self.done, self.window, self.after, self.top))

    @classmethod
    def read(cls, token: str) -> Cursor:
        """The cursor in a token. Errors: `InvalidInput` for what is none."""
        cursor = cls(*decode(token, str, str, str, int, int))
        sane = (
            re.fullmatch(r"(\d{1,20}/[0-9A-F]{8})?", cursor.server)
            and _is_snapshot(cursor.done)
            and (not cursor.window or _is_snapshot(cursor.window))
            and 0 <= cursor.after < 2**63
            and 0 <= cursor.top < 2**63
        )
        if not sane:
            raise _unknown(
                "此游标不是本服务给出的 / begin again without a cursor: this one was not given here"
            )
        return cursor

    @property
    def seen(self) -> Snapshot:
        """What is read for certain; with a window open more than that may be."""
        return Snapshot(self.done)


def _is_snapshot(told: str) -> bool:
    """Whether PostgreSQL would take it: its numbers in order."""
    if not _SNAPSHOT.fullmatch(told):
        return False
    begin, end, running = told.split(":")
    numbers = [int(begin), *map(int, filter(None, running.split(","))), int(end)]
    inner = numbers[1:-1]
    return (
        0 < numbers[0] <= numbers[-1]
        and numbers == sorted(numbers)
        and len(set(inner)) == len(inner)
        and numbers[-1] not in inner
    )


def _unknown(detail: str) -> InvalidInput:
    return InvalidInput(detail, fields={"cursor": "unknown cursor"})


@dataclass(frozen=True, slots=True)
class Batch:
    """一批: entries in order, and the cursor behind them. `scanned` counts also those not asked for.

    Each row has the journal's columns, the case's `number` and `area_code`. `more` tells that others wait.
    """

    rows: list[Row[Any]]
    cursor: Cursor
    scanned: int
    more: bool
    window: Cursor

    def up_to(self, row: Row[Any]) -> Cursor:
        """The cursor of a reader who has read this batch up to the row."""
        return replace(self.window, after=row.seq)


@dataclass(frozen=True, slots=True)
class _Here:
    """The server as a statement finds it; `first` is the lowest number that is new."""

    server: str
    now: str
    settled: int
    first: int | None


_LOOK = Prepared(
    text(
        """
    WITH this AS (SELECT system_identifier::text AS system FROM pg_control_system()),
    here AS (
        SELECT system || '/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS server,
               (SELECT settled_seq FROM journal_server s WHERE s.system = this.system) AS settled
        FROM this
    )
    SELECT server, settled, CAST(pg_current_snapshot() AS text) AS present, least(
        -- `+ 0`: the numbers of a window lie together, and not where the index on `seq` begins
        (SELECT min(seq + 0) FROM journal
         WHERE xid >= CAST(CAST(:unseen AS text) AS xid8)
           AND xid < pg_snapshot_xmax(pg_current_snapshot()) AND seq > settled),
        (SELECT min(seq + 0) FROM journal
         WHERE xid = ANY (CAST(CAST(:running AS text[]) AS xid8[])) AND seq > settled)
    ) AS first
    FROM here
    """
    )
)


async def _look(connection: AsyncConnection, done: Snapshot) -> _Here:
    found = await _LOOK.row(
        connection, unseen=str(done.end), running=[str(xid) for xid in sorted(done.running)]
    )
    assert found is not None
    if found["settled"] is None:
        raise NotReady(
            "数据库已迁到另一台服务器，请先执行 chengguan journal seal"
            " / the database came from another server: run `chengguan journal seal`; the worker does at start"
        )
    return _Here(found["server"], found["present"], found["settled"], found["first"])


class _PgSnapshot(UserDefinedType[str]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "PG_SNAPSHOT"


def _sees(snapshot: str) -> ColumnElement[bool]:
    given = cast(bindparam(snapshot, type_=Text()), _PgSnapshot())
    return func.pg_visible_in_snapshot(_JOURNAL.c.xid, given)


_COLUMNS = [
    *(column for column in _JOURNAL.c if column.name != "xid"),
    cast(_JOURNAL.c.xid, Text).label("xid"),
    _CASE.c.number,
    _CASE.c.area_code,
]
_IS_SETTLED = _JOURNAL.c.seq <= bindparam("settled")
_WINDOW = (
    select(*_COLUMNS)
    .select_from(_JOURNAL.join(_CASE, _CASE.c.id == _JOURNAL.c.case_id))
    .where(
        _JOURNAL.c.seq > bindparam("after"),
        or_(bindparam("from_the_beginning"), and_(not_(_IS_SETTLED), not_(_sees("done")))),
        or_(_IS_SETTLED, _sees("window")),
    )
    .order_by(_JOURNAL.c.seq)
)


async def check(connection: AsyncConnection, cursor: Cursor) -> None:
    """Refuses a cursor that leads nowhere any more. Errors: `InvalidInput`, `NotReady`."""
    _hold_to(cursor, await _look(connection, Snapshot(_NOTHING_NEW)))


def _hold_to(cursor: Cursor, here: _Here) -> None:
    if cursor.server not in ("", here.server):
        raise _unknown(
            "此游标来自恢复或迁移之前的数据库，请从头（或从 now）重新读取；重复的条目按 id 识别"
            " / this cursor was given before the database was restored or moved:"
            " begin again from the beginning or `now`; known ids are repeats"
        )


def _sought(cursor: Cursor) -> Snapshot:
    """Where what is new begins is asked only where a window opens: the beginning is known."""
    return Snapshot(_NOTHING_NEW) if cursor.window or cursor.done == _NOTHING else cursor.seen


async def read(
    connection: AsyncConnection,
    cursor: Cursor,
    limit: int,
    *,
    of: ColumnElement[bool] | None = None,
    kept_here: bool = False,
) -> Batch:
    """The next entries, at most `limit`; of these only those that pass `of`, a condition on journal and case.

    A cursor that is kept in this database (`kept_here`) is followed to another server: the journal and it
    were restored together. Exact in a transaction that has written no entries itself.
    Errors: `InvalidInput` for a cursor of another server, or of this one before it was restored to an
    earlier moment; `NotReady`.
    """
    here = await _look(connection, _sought(cursor))
    if kept_here and cursor.server not in ("", here.server):
        cursor = await _followed(connection, cursor, here)
        here = await _look(connection, _sought(cursor))
    _hold_to(cursor, here)
    begins = cursor.done == _NOTHING
    if cursor.window:
        opened = cursor
    elif begins:
        opened = replace(cursor, server=here.server, window=here.now)
    elif here.first is None:
        idle = replace(cursor, server=here.server, done=here.now)
        return Batch([], idle, 0, False, idle)
    else:
        opened = replace(cursor, window=here.now, after=here.first - 1)
    await plan_for_these_values(connection)
    wanted = _WINDOW.add_columns((true() if of is None else of).label("wanted")).limit(literal(limit))
    found = (
        await connection.execute(
            wanted,
            {
                "after": opened.after,
                "settled": here.settled,
                "from_the_beginning": begins,
                "done": opened.done,
                "window": opened.window,
            },
        )
    ).all()
    moved = replace(opened, after=found[-1].seq) if found else opened
    more = len(found) == limit
    cursor = moved if more else _closed(moved)
    return Batch([row for row in found if row.wanted], cursor, len(found), more, opened)


@dataclass(frozen=True, slots=True)
class Page:
    """一页: entries with the cursor behind each, and whether more can be had at once."""

    entries: list[Any]
    places: list[Cursor]
    cursor: Cursor
    more: bool


async def page(connection: AsyncConnection, cursor: Cursor, of: ColumnElement[bool], limit: int) -> Page:
    """The next entries that pass `of`, for who may see few of all. Errors: those of `read`."""
    found: list[Any] = []
    places: list[Cursor] = []
    for _ in range(_ROUNDS):
        batch = await read(connection, cursor, max(limit, _SCANNED), of=of)
        shown = batch.rows[: limit - len(found)]
        found += shown
        places += map(batch.up_to, shown)
        if len(shown) < len(batch.rows):
            return Page(found, places, places[-1], more=True)
        cursor = batch.cursor
        if not batch.more or len(found) == limit:
            break
    return Page(found, places, cursor, batch.more)


def _closed(cursor: Cursor) -> Cursor:
    top = max(cursor.top, cursor.after)
    return replace(cursor, done=cursor.window, window="", after=0, top=top)


async def newest(connection: AsyncConnection) -> Cursor:
    """A cursor behind everything there is now."""
    here = await _look(connection, Snapshot(_NOTHING_NEW))
    top = (await connection.execute(select(func.coalesce(func.max(_JOURNAL.c.seq), 0)))).scalar_one()
    return Cursor(here.server, done=here.now, top=top)


#: A snapshot behind any transaction: nothing is looked for.
_NOTHING_NEW = f"{10**18 - 1}:{10**18 - 1}:"


# -- another server ----------------------------------------------------------------------------------------


_UNREAD = (
    select(func.min(_JOURNAL.c.seq + 0))
    .where(_JOURNAL.c.seq <= bindparam("top"), not_(_sees("done")))
)  # fmt: skip


async def _followed(connection: AsyncConnection, cursor: Cursor, here: _Here) -> Cursor:
    """The same place on this server. Nothing is lost by that; some of what came last may come again."""
    if cursor.server.partition("/")[0] == here.server.partition("/")[0]:
        return replace(cursor, server=here.server)  # the same transactions, on a timeline of their own
    unread = {"top": cursor.top, "done": cursor.done}
    first = (await connection.execute(_UNREAD, unread)).scalar_one()
    return Cursor(here.server, after=cursor.top if first is None else first - 1, top=cursor.top)


_SETTLE = Prepared(
    text(
        """
    INSERT INTO journal_server (system, settled_seq)
    SELECT system_identifier::text, CAST(:settled AS bigint) FROM pg_control_system() ON CONFLICT DO NOTHING
    """
    )
)


async def settle(connection: AsyncConnection, boundary: int) -> None:
    """Notes, once on each server, that all entries up to a `journal.boundary` are there for good."""
    await _SETTLE.rows(connection, settled=boundary)
