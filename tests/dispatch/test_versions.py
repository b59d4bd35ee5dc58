"""Rulebook versions in Lanxi: drafted, checked, in force from a moment, and never changed again."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import delete, insert, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import Database, new_id
from app.dispatch import service
from app.dispatch.active import active_rulebook, rulebook_version
from app.dispatch.rulebook import Rulebook
from app.dispatch.service import VersionState
from app.dispatch.tables import RulebookActivation, RulebookVersionRow
from app.errors import Conflict, InvalidInput, NotFound, NotReady, RulebookRefused
from app.grid.tables import Area, ImportRun
from app.identity.principal import SYSTEM
from tests.dispatch.lanxi import EVERYTHING, HARBOUR, local, row, rulebook

MONDAY = local(2026, 3, 2, 9)
HOUR = timedelta(hours=1)

FIRST = rulebook(EVERYTHING)
SECOND = rulebook(EVERYTHING, row("STREET", "ENFORCE", category="E04"))
BROKEN = rulebook(row("ALL", "GONE"))


async def drafted(connection: AsyncConnection, book: Rulebook, now: datetime = MONDAY) -> int:
    return (await service.save_draft(connection, book, by=SYSTEM.id, now=now)).number


async def put_in_force(
    connection: AsyncConnection, book: Rulebook, since: datetime | None = None, *, now: datetime = MONDAY
) -> int:
    number = await drafted(connection, book, now)
    await service.activate(connection, number, effective_from=since, by=SYSTEM.id, now=now)
    return number


async def in_force(connection: AsyncConnection, at: datetime) -> int:
    return (await active_rulebook(connection, at)).number


async def test_before_the_first_activation_the_service_is_not_ready(connection: AsyncConnection) -> None:
    await drafted(connection, FIRST)
    with pytest.raises(NotReady, match="rulebook activate"):
        await active_rulebook(connection, MONDAY)


async def test_the_version_in_force_is_that_of_the_latest_activation(connection: AsyncConnection) -> None:
    first = await put_in_force(connection, FIRST, MONDAY - timedelta(days=400))
    second = await put_in_force(connection, SECOND, MONDAY + HOUR)
    assert await in_force(connection, MONDAY) == first
    assert await in_force(connection, MONDAY + HOUR - timedelta(microseconds=1)) == first
    assert await in_force(connection, MONDAY + HOUR) == second
    with pytest.raises(NotReady):
        await active_rulebook(connection, MONDAY - timedelta(days=401))


async def test_a_change_is_taken_back_by_activating_the_older_version(connection: AsyncConnection) -> None:
    first = await put_in_force(connection, FIRST)
    second = await put_in_force(connection, SECOND, now=MONDAY + HOUR)
    await service.activate(connection, first, by=SYSTEM.id, now=MONDAY + 2 * HOUR)
    assert [await in_force(connection, MONDAY + n * HOUR) for n in (0, 1, 2)] == [first, second, first]
    states = {v.head.number: v.state for v in await service.list_versions(connection, MONDAY + HOUR)}
    assert states == {first: VersionState.SCHEDULED, second: VersionState.ACTIVE}


async def test_states_follow_the_moment(connection: AsyncConnection) -> None:
    first = await put_in_force(connection, FIRST)
    second = await put_in_force(connection, SECOND, MONDAY + HOUR)
    draft = await drafted(connection, BROKEN)

    async def states(now: datetime) -> dict[int, str]:
        return {v.head.number: v.state for v in await service.list_versions(connection, now)}

    assert await states(MONDAY) == {first: "active", second: "scheduled", draft: "draft"}
    assert await states(MONDAY + HOUR) == {first: "retired", second: "active", draft: "draft"}


async def test_what_is_stored_comes_back_the_same(connection: AsyncConnection) -> None:
    number = await put_in_force(connection, SECOND)
    version = await active_rulebook(connection, MONDAY)
    assert version.number == number
    assert version.rulebook == SECOND
    assert await rulebook_version(connection, version.id) is version
    with pytest.raises(NotFound):
        await rulebook_version(connection, uuid4())


async def test_the_same_content_is_stored_once(connection: AsyncConnection) -> None:
    number = await drafted(connection, FIRST)
    assert await drafted(connection, FIRST, MONDAY + HOUR) == number
    assert await drafted(connection, SECOND) == number + 1


async def test_a_rulebook_with_errors_is_never_in_force(connection: AsyncConnection) -> None:
    number = await drafted(connection, BROKEN)
    with pytest.raises(RulebookRefused) as refused:
        await service.activate(connection, number, by=SYSTEM.id, now=MONDAY)
    assert refused.value.extra["findings"][0]["where"] == "matrix ALL"
    with pytest.raises(NotReady):
        await active_rulebook(connection, MONDAY)


async def test_areas_are_checked_against_the_grid(connection: AsyncConnection) -> None:
    number = await drafted(connection, FIRST)
    run = new_id()
    await connection.execute(
        insert(ImportRun).values(
            id=run,
            district_code="999999",
            manifest="",
            digest="",
            counts={},
            findings={},
            accepted=[],
            imported_at=MONDAY - HOUR,
        )
    )
    await connection.execute(
        insert(Area).values(
            id=new_id(),
            import_id=run,
            district_code="999999",
            level="district",
            code="999999",
            name="别处",
            geom="SRID=4490;MULTIPOLYGON(((0 0,0 1,1 1,1 0,0 0)))",
            valid_from=MONDAY - HOUR,
            valid_to=None,
            predecessors=[],
        )
    )
    with pytest.raises(RulebookRefused) as refused:
        await service.activate(connection, number, by=SYSTEM.id, now=MONDAY)
    assert any(HARBOUR in finding["message"] for finding in refused.value.extra["findings"])


async def test_later_activations_may_not_reach_into_the_past(connection: AsyncConnection) -> None:
    await put_in_force(connection, FIRST, MONDAY - HOUR)
    number = await drafted(connection, SECOND)
    with pytest.raises(InvalidInput, match="past"):
        await service.activate(
            connection, number, effective_from=MONDAY - timedelta(seconds=1), by=SYSTEM.id, now=MONDAY
        )


async def test_two_activations_never_share_a_moment(connection: AsyncConnection) -> None:
    await put_in_force(connection, FIRST)
    with pytest.raises(Conflict, match="another moment"):
        await put_in_force(connection, SECOND)


async def test_one_database_serves_one_district(connection: AsyncConnection) -> None:
    await put_in_force(connection, FIRST)
    elsewhere = FIRST.model_copy(
        update={"district_code": "440304", "units": tuple(u for u in FIRST.units if not u.areas)}
    )
    with pytest.raises(Conflict, match="330799"):
        await put_in_force(connection, elsewhere, now=MONDAY + HOUR)


@pytest.mark.parametrize(
    "statement",
    [
        update(RulebookVersionRow).values(name="改过"),
        delete(RulebookVersionRow),
        update(RulebookActivation).values(effective_from=MONDAY),
        delete(RulebookActivation),
        text("TRUNCATE rulebook_version CASCADE"),
        text("TRUNCATE rulebook_activation"),
    ],
    ids=str,
)
async def test_the_database_refuses_to_change_what_was_activated(
    connection: AsyncConnection, statement: object
) -> None:
    await put_in_force(connection, FIRST)
    with pytest.raises(IntegrityError, match="is refused"):
        await connection.execute(statement)  # type: ignore[call-overload]


async def test_a_draft_nobody_activated_may_go_but_not_change(connection: AsyncConnection) -> None:
    number = await drafted(connection, FIRST)
    mine = RulebookVersionRow.number == number
    with pytest.raises(IntegrityError, match="is refused"):
        async with connection.begin_nested():
            await connection.execute(update(RulebookVersionRow).values(name="改过").where(mine))
    await connection.execute(delete(RulebookVersionRow).where(mine))
    with pytest.raises(NotFound):
        await service.numbered(connection, number)


@pytest.mark.cloned
async def test_two_people_activating_at_once_get_one_activation(cloned_url: str) -> None:
    database = Database(cloned_url)
    async with database.transaction() as connection:
        numbers = [await drafted(connection, FIRST), await drafted(connection, SECOND)]

    async def activate(number: int) -> None:
        async with database.transaction() as connection:
            await service.activate(connection, number, effective_from=MONDAY, by=SYSTEM.id, now=MONDAY)

    outcomes = await asyncio.gather(*map(activate, numbers), return_exceptions=True)
    assert sorted(type(outcome) for outcome in outcomes if outcome) == [Conflict]
    await database.close()


@pytest.mark.cloned
async def test_drafts_stored_at_once_get_their_own_numbers(cloned_url: str) -> None:
    database = Database(cloned_url)

    async def draft(book: Rulebook) -> int:
        async with database.transaction() as connection:
            return await drafted(connection, book)

    books = [FIRST.model_copy(update={"name": f"第{n}稿"}) for n in range(5)]
    assert sorted(await asyncio.gather(*map(draft, books))) == [1, 2, 3, 4, 5]
    await database.close()
