"""The journal followed by cursor: nothing lost or twice, in order within each case, whoever writes how."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases import jobs, service, stream
from app.cases.actions import Note
from app.cases.stream import Cursor
from app.db import Database
from app.errors import InvalidInput, NotReady
from app.identity.asking import principal_of_username
from app.identity.principal import Principal
from tests.cases.desk import Desk
from tests.world import MONDAY_9AM

pytestmark = pytest.mark.cloned

CASES = 12
WRITERS = 10
SMALL = 7


@pytest.fixture
async def desk(cloned_city, world) -> AsyncIterator[Desk]:
    async with cloned_city as (http, services):
        yield Desk(http, services, world)


class Scribe:
    """Notes things on cases, by transactions of its own."""

    def __init__(self, database: Database, leader: Principal) -> None:
        self.database, self.leader = database, leader

    @classmethod
    async def of(cls, desk: Desk) -> Scribe:
        async with desk.services.database.transaction() as connection:
            leader = await principal_of_username(connection, "leader")
        assert leader is not None
        return cls(desk.services.database, leader)

    async def note(self, connection: AsyncConnection, case: UUID, words: str = "到场") -> None:
        command = Note(action="note", text=words)
        await service.act(connection, case, command, self.leader, MONDAY_9AM, expected_version=None)


async def entry_ids(connection: AsyncConnection) -> list[str]:
    return [str(one) for one in (await connection.execute(text("SELECT id FROM journal"))).scalars()]


async def follow(database: Database, cursor: Cursor, limit: int = 1000) -> tuple[list[Any], Cursor]:
    """Everything that is new, each batch in a transaction of its own, the cursor carried over as a token."""
    found: list[Any] = []
    while True:
        async with database.transaction() as connection:
            batch = await stream.read(connection, cursor, limit)
        found += batch.rows
        cursor = Cursor.read(batch.cursor.token())
        if not batch.more:
            return found, cursor


async def reported(desk: Desk, number: int) -> list[UUID]:
    return [UUID((await desk.report("lan"))["id"]) for _ in range(number)]


# -- one thing at a time ------------------------------------------------------------------------------------


async def test_a_slow_writer_is_neither_overtaken_nor_waited_for(desk: Desk):
    """The one who took the smaller number commits later."""
    slow_case, quick_case = await reported(desk, 2)
    scribe = await Scribe.of(desk)
    _, cursor = await follow(scribe.database, Cursor())
    async with scribe.database.transaction() as slow:
        await scribe.note(slow, slow_case)
        async with scribe.database.transaction() as quick:
            await scribe.note(quick, quick_case)
        found, cursor = await follow(scribe.database, cursor)
        assert [entry.case_id for entry in found] == [quick_case]
    later, cursor = await follow(scribe.database, cursor)
    assert [entry.case_id for entry in later] == [slow_case]
    assert later[0].seq < found[0].seq
    assert (await follow(scribe.database, cursor))[0] == []


async def test_a_case_is_told_in_order_though_the_later_writer_began_first(desk: Desk):
    """Its transaction has the smaller id: whoever goes by the ids tells the second entry first."""
    (case,) = await reported(desk, 1)
    scribe = await Scribe.of(desk)
    _, cursor = await follow(scribe.database, Cursor())
    async with scribe.database.transaction() as early:
        await early.execute(text("SELECT pg_current_xact_id()"))
        async with scribe.database.transaction() as late:
            await scribe.note(late, case, "先写")
        await scribe.note(early, case, "后写")
    found, _ = await follow(scribe.database, cursor)
    assert [entry.data["command"]["text"] for entry in found] == ["先写", "后写"]
    assert int(found[0].xid) > int(found[1].xid)


async def test_pages_of_a_window_stay_what_they_were(desk: Desk):
    """What is committed while a window is read comes in the next one, also what belongs between its pages."""
    cases = await reported(desk, 3)
    scribe = await Scribe.of(desk)
    _, cursor = await follow(scribe.database, Cursor())
    async with scribe.database.transaction() as slow:
        await scribe.note(slow, cases[0])
        for _ in range(5):
            async with scribe.database.transaction() as quick:
                await scribe.note(quick, cases[1])
        async with scribe.database.transaction() as connection:
            first = await stream.read(connection, cursor, 2)
        assert first.more
    rest, cursor = await follow(scribe.database, first.cursor, 2)
    assert [entry.version for entry in [*first.rows, *rest]] == [2, 3, 4, 5, 6]
    assert {entry.case_id for entry in [*first.rows, *rest]} == {cases[1]}
    late, _ = await follow(scribe.database, cursor)
    assert [(entry.case_id, entry.version) for entry in late] == [(cases[0], 2)]


async def test_from_any_entry_on_is_what_follows_it(desk: Desk):
    await reported(desk, 6)
    database = desk.services.database
    every, _ = await follow(database, Cursor())
    async with database.transaction() as connection:
        batch = await stream.read(connection, Cursor(), 100)
        for at, entry in enumerate(batch.rows):
            again = await stream.read(connection, batch.up_to(entry), 100)
            assert [one.id for one in again.rows] == [one.id for one in every[at + 1 :]]
        assert (await stream.read(connection, await stream.newest(connection), 100)).scanned == 0


async def test_what_was_taken_back_is_told_to_nobody(desk: Desk):
    (case,) = await reported(desk, 1)
    scribe = await Scribe.of(desk)
    _, cursor = await follow(scribe.database, Cursor())
    with suppress(ZeroDivisionError):
        async with scribe.database.transaction() as connection:
            await scribe.note(connection, case)
            raise ZeroDivisionError
    async with scribe.database.transaction() as connection:
        savepoint = await connection.begin_nested()
        await scribe.note(connection, case, "作罢")
        await savepoint.rollback()
        async with connection.begin_nested():
            await scribe.note(connection, case, "保留")
    found, _ = await follow(scribe.database, cursor)
    assert [(entry.version, entry.data["command"]["text"]) for entry in found] == [(2, "保留")]


# -- all at once --------------------------------------------------------------------------------------------


async def test_many_writers_and_readers_at_once(desk: Desk):
    """Quick and slow writers, some that began long before they write, savepoints, some taken back; readers
    that read a few entries at a time meanwhile."""
    cases = await reported(desk, CASES)
    scribe = await Scribe.of(desk)
    database = Database(desk.services.database.url, pool_size=WRITERS + 6, pool_timeout=30)
    scribe.database = database
    written = asyncio.Event()
    dice = random.Random(20260302)
    taken_back = 0

    async def write(which: int) -> None:
        nonlocal taken_back
        for _ in range(12):
            case, pause, style = dice.choice(cases), dice.random() * 0.01, dice.choice("abcde")
            try:
                async with database.transaction() as connection:
                    if style == "a":
                        await connection.execute(text("SELECT pg_current_xact_id()"))
                        await asyncio.sleep(pause)
                    if style == "b":
                        async with connection.begin_nested():
                            await scribe.note(connection, case, f"{which}")
                    await scribe.note(connection, case, f"{which}")
                    if style in "bc":
                        await asyncio.sleep(pause)
                    if style == "d":
                        raise ZeroDivisionError
            except ZeroDivisionError:
                taken_back += 1

    async def long_one() -> None:
        """Has its id before all others and writes after most of them."""
        async with database.transaction() as connection:
            await connection.execute(text("SELECT pg_current_xact_id()"))
            await asyncio.sleep(0.5)
            await scribe.note(connection, cases[0], "很久以前开始")
            await asyncio.sleep(0.3)

    async def read(limit: int) -> list[Any]:
        found, cursor = await follow(database, Cursor(), limit)
        while not written.is_set():
            await asyncio.sleep(0.005)
            more, cursor = await follow(database, cursor, limit)
            found += more
        more, _ = await follow(database, cursor, limit)
        return found + more

    readers = [asyncio.create_task(read(limit)) for limit in (1, SMALL, 1000)]
    await asyncio.gather(long_one(), *map(write, range(WRITERS)))
    written.set()
    followed = await asyncio.gather(*readers)
    async with database.transaction() as connection:
        everything = Counter(await entry_ids(connection))
    await database.close()
    assert taken_back > 5
    for found in followed:
        assert Counter(str(entry.id) for entry in found) == everything
        versions: dict[UUID, int] = {}
        for entry in found:
            assert entry.version == versions.get(entry.case_id, 0) + 1
            versions[entry.case_id] = entry.version
    assert any([e.seq for e in found] != sorted(e.seq for e in found) for found in followed), (
        "nobody committed out of order: the test proves nothing"
    )


# -- cursors that lead nowhere ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "token",
    [
        "", "x", "W10", "W1tdXQ", "é", Cursor(done="3:2:").token(), Cursor(done="1:9:9").token(),
        Cursor(done="1:9:4,3").token(), Cursor(done="1:9:3,3").token(), Cursor(done="0:9:").token(),
        Cursor(window="1:1").token(), Cursor(window="a:b:").token(), Cursor(after=-1).token(),
        Cursor(after=2**63).token(), Cursor(top=-1).token(), Cursor(server="x").token(),
        Cursor(done=f"{10**19}:{10**19}:").token(), Cursor(done="1:9:\x00").token(),
    ],
)  # fmt: skip
def test_what_is_no_cursor_is_refused(token: str):
    with pytest.raises(InvalidInput) as refused:
        Cursor.read(token)
    assert "cursor" in refused.value.fields


async def test_a_cursor_of_another_server_or_timeline_is_refused(desk: Desk):
    await reported(desk, 1)
    database = desk.services.database
    _, cursor = await follow(database, Cursor())
    system, timeline = cursor.server.split("/")
    async with database.transaction() as connection:
        for server in (f"7000000000000000001/{timeline}", f"{system}/000000FF"):
            with pytest.raises(InvalidInput, match="restored"):
                await stream.read(connection, replace(cursor, server=server), 10)
        # The service's own cursor came back with the journal.
        own = replace(cursor, server=f"{system}/000000FF")
        assert (await stream.read(connection, own, 10, kept_here=True)).scanned == 0


async def test_a_journal_from_another_server_is_read_by_number_once_it_is_settled(desk: Desk):
    """As after a dump was restored: the ids in it are another server's, and ahead of this one's."""
    cases = await reported(desk, 4)
    scribe = await Scribe.of(desk)
    every, cursor = await follow(scribe.database, Cursor())
    kept = Cursor("7000000000000000001/00000001", done=f"{10**9}:{10**9 + 5}:{10**9 + 2}", top=every[2].seq)
    async with scribe.database.transaction() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))  # past the trigger
        for entry, xid in zip(every, (1, 10**9 + 2, 10**9 + 3, 10**9 + 9), strict=True):
            moved = "UPDATE journal SET xid = CAST(CAST(:xid AS text) AS xid8) WHERE seq = :seq"
            await connection.execute(text(moved), {"xid": str(xid), "seq": entry.seq})
        await connection.execute(text("UPDATE journal_server SET system = '7000000000000000001'"))
    async with scribe.database.transaction() as connection:
        with pytest.raises(NotReady, match="journal seal"):
            await stream.read(connection, Cursor(), 10)
    await jobs.seal(desk.services)
    found, cursor = await follow(scribe.database, Cursor(), 3)
    assert [entry.id for entry in found] == [entry.id for entry in every]
    async with scribe.database.transaction() as connection:
        await scribe.note(connection, cases[0])
    more, _ = await follow(scribe.database, cursor)
    assert [entry.version for entry in more] == [2]
    # A receiver's cursor from there: the second was under way, the fourth came after it.
    async with scribe.database.transaction() as connection:
        followed = await stream.read(connection, kept, 10, kept_here=True)
    told = [entry.seq for entry in followed.rows]
    assert {every[1].seq, every[3].seq, more[0].seq} <= set(told)
    assert every[0].seq not in told


_MANY = """
    INSERT INTO journal (id, case_id, version, at, action, actor_id, actor_name, to_stage, data, previous,
                         hash, district_code)
    SELECT gen_random_uuid(), case_id, :from_version + n, at, action, actor_id, actor_name, to_stage, data,
           previous, hash, district_code
    FROM journal, generate_series(1, :many) AS n WHERE version = 1
"""
_TOUCHED = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'journal'"


async def test_what_is_new_is_found_by_indexes(desk: Desk):
    """However many entries there are, and however long somebody has been writing."""
    await reported(desk, 1)
    database = desk.services.database
    async with database.transaction() as slow:
        await slow.execute(text("SELECT pg_current_xact_id()"))
        async with database.transaction() as connection:
            await connection.execute(text(_MANY), {"from_version": 1, "many": 30_000})
        async with database.transaction() as connection:
            await connection.execute(text("ANALYZE journal"))
            cursor = await stream.newest(connection)
        async with database.transaction() as connection:
            await connection.execute(text(_MANY), {"from_version": 50_000, "many": 3})
        async with database.transaction() as connection:
            batch = await stream.read(connection, cursor, 100)
            assert batch.scanned == 3
            assert (await connection.execute(text(_TOUCHED))).scalar_one() < 100
        for begun in (Cursor(), batch.up_to(batch.rows[0]), (await first_page(database)).cursor):
            async with database.transaction() as connection:
                assert (await stream.read(connection, begun, 2)).scanned == 2
                assert (await connection.execute(text(_TOUCHED))).scalar_one() < 100


async def first_page(database: Database) -> stream.Batch:
    async with database.transaction() as connection:
        return await stream.read(connection, Cursor(), 2)
