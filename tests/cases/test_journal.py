"""The journal: it adds up to the row, cannot be changed through the front door, and shows it when it was
changed through the back door."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from app.cases import journal
from app.cases.case import Case, fold
from app.cases.store import CASE_COLUMNS, load
from app.cases.tables import CaseRow, ClockRow


async def _seal(connection, now):
    return await journal.seal(connection, await journal.boundary(connection), now)


async def _verify(connection):
    return await journal.inspect(connection)


@pytest.fixture
async def lived(desk):
    """Cases that went through much."""
    done = await desk.closed("W1")
    declined = await desk.handling("W2", "E0101-1")
    await desk.act("enforcer", declined, "decline", reason="not_mine", note="x")
    desk.later(minutes=7)
    await desk.act("dispatcher", declined, "redispatch", lead="west_office", note="y")
    verified = await desk.report("hotline", "E1", source="hotline")
    await desk.act("clerk", verified, "request_verification")
    return [done, declined, verified]


async def test_the_journal_adds_up_to_the_row_and_the_clocks(lived, connection, services):
    for case in lived:
        rows = await journal.entries(connection, case["id"])
        told = fold((row.version, row.hash, row.data) for row in rows)
        kept, _ = await load(connection, case["id"], services.clock.now())
        assert told.case == kept.case
        assert sorted(told.clocks, key=lambda c: c.id) == sorted(kept.clocks, key=lambda c: c.id)
        assert [row.version for row in rows] == list(range(1, kept.case.version + 1))


def test_the_row_keeps_every_field_of_the_case():
    beside = {"pairs", "geom"}
    assert set(CaseRow.__table__.c.keys()) - beside == set(Case.model_fields)


async def test_an_untouched_journal_is_intact(lived, connection, services):
    assert await _seal(connection, services.clock.now()) > 0
    found = await _verify(connection)
    assert found.flaws == ()
    assert (found.cases, found.seals) == (3, 1)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE journal SET at = now()", "DELETE FROM journal", "TRUNCATE journal", "DELETE FROM journal_seal"],
)
async def test_the_database_refuses_to_change_it(lived, connection, statement):
    with pytest.raises(DBAPIError, match="append-only"):
        async with connection.begin_nested():
            await connection.execute(text(statement))


TAMPERINGS = {
    "an entry's content": (
        """UPDATE journal SET data = jsonb_set(data, '{command,note}', '"forged"') WHERE version = 3""",
        "内容被改动",
    ),
    "the moment of an entry": (
        "UPDATE journal SET at = at - interval '1 hour' WHERE version = 2",
        "内容被改动",
    ),
    "who did it": ("UPDATE journal SET actor_name = 'x' WHERE version = 1", "内容被改动"),
    "an entry in the middle": ("DELETE FROM journal WHERE version = 2", "缺少第 2 条"),
    "the last entry": (
        "DELETE FROM journal j WHERE NOT EXISTS"
        " (SELECT FROM journal k WHERE k.case_id = j.case_id AND k.version > j.version)",
        "不符",
    ),
    "a case's row": ("UPDATE case_file SET overdue = NOT overdue WHERE overdue IS NOT NULL", "overdue"),
    "a case's stage": ("UPDATE case_file SET stage = 'closed' WHERE stage = 'signing'", "stage"),
    "a case whole": (
        "DELETE FROM case_clock;"
        "DELETE FROM journal WHERE case_id IN (SELECT id FROM case_file WHERE stage = 'closed');"
        "DELETE FROM case_file WHERE stage = 'closed'",
        "封印",
    ),
    "a case's journal": (
        "DELETE FROM journal WHERE case_id IN (SELECT id FROM case_file WHERE stage = 'closed')",
        "日志已不存在",
    ),
    "a case's row only": (
        "DELETE FROM case_clock; DELETE FROM case_file WHERE stage = 'closed'",
        "案卷已不存在",
    ),
    "a seal": ("UPDATE journal_seal SET digest = '\\x00'", "封印"),
}  # fmt: skip


@pytest.mark.parametrize("what", TAMPERINGS)
async def test_tampering_behind_the_services_back_is_found(lived, connection, services, what):
    statements, complaint = TAMPERINGS[what]
    await _seal(connection, services.clock.now())
    await connection.execute(text("SET LOCAL session_replication_role = replica"))  # past the triggers
    for statement in statements.split(";"):
        done = await connection.execute(text(statement))
        assert done.rowcount > 0
    flaws = (await _verify(connection)).flaws
    assert any(complaint in flaw.what for flaw in flaws), flaws


async def test_a_seal_covers_what_came_since_the_last_one(lived, connection, services, desk):
    first = await _seal(connection, services.clock.now())
    assert await _seal(connection, services.clock.now()) == 0
    await desk.act("leader", lived[1], "note", text="再看看")
    assert await _seal(connection, services.clock.now()) == 1
    found = await _verify(connection)
    assert (found.seals, found.flaws) == (2, ())
    assert first == found.entries - 1


async def test_text_of_every_kind_survives_the_hash(desk, connection):
    odd = '🚲 e\u0301 \u2028 "quoted" \\ 1e400 –0.0 ｆｕｌｌ'
    case = await desk.report("wei", "W1", description=odd)
    await desk.act("clerk", case, "note", text=odd)
    assert (await _verify(connection)).flaws == ()
    row = (await connection.execute(select(*CASE_COLUMNS))).one()
    assert Case.model_validate(row._asdict()).description == odd


def test_clock_rows_keep_every_field_of_a_clock():
    from app.cases.case import ClockState

    assert set(ClockRow.__table__.c.keys()) - {"case_id"} == set(ClockState.model_fields)
