"""旅程: a thousand real requests led from report to closure over HTTP, and their figures computed twice."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
import structlog
import uvloop
from pydantic import SecretStr
from rich.console import Console
from sqlalchemy import select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases import journal, store
from app.cases.case import Case, fold
from app.cases.tables import JournalRow
from app.db import Database
from app.dispatch import service as rulebooks
from app.dispatch.rulebook import Rulebook
from app.grid.findings import FindingKind
from app.grid.survey import import_district
from app.identity import service as accounts
from app.identity.principal import SYSTEM
from app.replay.behaviour import Behaviour
from app.replay.figures import Figures, shown
from app.replay.roster import enlist, roster
from app.replay.running import run
from app.settings import Settings
from tests.futian import ACCEPTED, futian_manifest
from tests.journey import audit, us311
from tests.journey.futian_rulebook import adapted

PASSWORD = "a password for the journey"
SEED = 311
BEHAVIOUR = Behaviour(opens=0.02, worker_every=timedelta(hours=2))
#: How many clocks of each kind of limit have their deadline found minute by minute.
SAMPLE = 12
#: What must have happened on the way at least once.
HAPPENED = (
    "refused", "voided", "merged", "self_handled", "declines", "extensions", "suspensions", "reworks",
    "listed", "reminders", "supervised", "appeals", "granted", "overruns", "repeated", "outdated",
)  # fmt: skip


@pytest.fixture
def _quiet() -> Iterator[None]:
    """A log line for each of ten thousand requests would bury what is printed."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    yield
    structlog.reset_defaults()


@pytest.mark.usefixtures("_quiet")
def test_a_thousand_real_requests_from_report_to_closure(cloned_url: str, tmp_path: Path) -> None:
    uvloop.run(_journey(cloned_url, tmp_path))


async def _journey(url: str, folder: Path) -> None:
    requests, rulebook = us311.read(), adapted()
    database = Database(url)
    try:
        figures = await _replay(database, url, folder, requests, rulebook)
        _tell(figures, requests)
        _is_a_journey(figures, requests)
        async with database.transaction() as connection:
            await _holds_against_the_journal(connection, figures, rulebook)
    finally:
        await database.close()


async def _replay(
    database: Database, url: str, folder: Path, requests: us311.Requests, rulebook: Rulebook
) -> Figures:
    """Sets Futian up and leads the requests through it to the last one's end."""
    settings = Settings(database_url=url, data=folder, secret_key=SecretStr("the journey's own key " * 2))
    start, people = us311.MONDAY, roster(rulebook)
    accepted = [FindingKind(kind) for kind in ACCEPTED.split(",")]
    await import_district(database, futian_manifest(folder), now=start, accepted=accepted)
    async with database.transaction() as connection:
        head = await rulebooks.save_draft(connection, rulebook, by=SYSTEM.id, now=start)
        await rulebooks.activate(connection, head.number, effective_from=start, by=SYSTEM.id, now=start)
    await enlist(database, people, PASSWORD, start)
    return await run(
        settings, database, requests.reports, people,
        password=PASSWORD, start=start, seed=SEED, behaviour=BEHAVIOUR,
    )  # fmt: skip


def _tell(figures: Figures, requests: us311.Requests) -> None:
    output = Console(width=110)
    output.print(f"类型表覆盖 types covered: {requests.covered:.1%} of all rows")
    output.print("搁置 laid aside:", dict(requests.laid_aside.most_common()))
    output.print(shown(figures))


def _is_a_journey(figures: Figures, requests: us311.Requests) -> None:
    assert requests.covered > 0.95
    assert requests.laid_aside["no coordinates"] > 0
    assert requests.laid_aside["rounded coordinates"] > 0
    assert figures.surprises == ()
    assert figures.outside == 0
    assert figures.reported == len(requests.reports) >= 1000
    assert figures.open == 0
    assert [name for name in HAPPENED if not getattr(figures, name)] == []
    assert figures.on_time_rate is not None
    assert 0.88 < figures.on_time_rate < 0.97


async def _holds_against_the_journal(
    connection: AsyncConnection, figures: Figures, rulebook: Rulebook
) -> None:
    rows = select(JournalRow.__table__).order_by(JournalRow.case_id, JournalRow.version)
    cases = audit.stories(await connection.execute(rows))
    computed = audit.figures(cases)
    assert computed == {name: asdict(figures)[name] for name in computed}
    told = await store.figures(connection, true(), figures.first, figures.last)
    assert told == {name: computed[name] for name in told}
    assert sum(len(case.of("absorb")) for case in cases) == computed["merged"]

    assert audit.unrecorded_overruns(cases, figures.last) == []
    _deadlines_are_right(cases)
    await _checkers_are_independent(connection, cases)
    units = {unit.code for unit in rulebook.units}
    assert {entry.data["changes"]["lead_unit"] for case in cases for entry in case.of("dispatch")} <= units
    await _rows_are_their_journals(connection, cases)
    assert (await journal.inspect(connection)).flaws == ()


def _deadlines_are_right(cases: list[audit.Story]) -> None:
    """A sample of each kind of limit, those that were paused or extended among them."""
    days, kinds = audit.workdays(), {}
    for case in cases:
        for clock in case.clocks().values():
            if clock["limit_unit"] is not None and clock["due_at"] is not None:
                special = "moved" if clock["times"] > 1 or clock["pauses"] else "plain"
                kinds.setdefault((clock["limit_unit"], special), []).append(clock)
    assert {unit for unit, _ in kinds} >= {"minute", "urgent_hour", "work_hour", "work_day"}
    assert any(special == "moved" for _, special in kinds)
    for found in kinds.values():
        for clock in Random(SEED).sample(found, min(SAMPLE, len(found))):
            assert audit.due(clock, days) == audit.moment(clock["due_at"]), clock


async def _checkers_are_independent(connection: AsyncConnection, cases: list[audit.Story]) -> None:
    """Closed cases were found in order by somebody who neither reported them nor is of their units."""
    unit_of = {account.id: account.unit for account in await accounts.list_accounts(connection, SYSTEM)}
    checked = [case for case in cases if case.end == "closed" and not case.of("audit_pass")]
    assert checked
    for case in checked:
        check = case.of("check")[-1]
        dispatched = case.of("dispatch", "redispatch")[-1].data["changes"]
        assert check.data["command"]["passed"] is True
        assert check.actor_id != case.entries[0].actor_id
        assert unit_of[check.actor_id] not in {
            dispatched["lead_unit"],
            *dispatched.get("assisting_units", ()),
        }


async def _rows_are_their_journals(connection: AsyncConnection, cases: list[audit.Story]) -> None:
    found: dict[Any, Any] = {row.id: row for row in await connection.execute(select(*store.CASE_COLUMNS))}
    assert len(found) == len(cases)
    for case in cases:
        kept = Case.model_validate(found[case.entries[0].case_id]._asdict())
        assert fold((e.version, e.hash, e.data) for e in case.entries).case == kept
