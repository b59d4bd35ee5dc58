"""测速城: a district at work: its map, the demo's rulebook, the people who work there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import Database
from app.demo.installation import rulebook
from app.dispatch import service as rulebooks
from app.dispatch.rulebook import CategoryKind, Condition, Rulebook
from app.identity.principal import SYSTEM
from app.replay.roster import Person, enlist, roster
from bench.district import MANIFEST, Plan, generate
from bench.service import command, environment
from bench.statements import MATRIX_TABLE

PASSWORD = "Speed-of-light-299792458"


@dataclass(frozen=True, slots=True)
class City:
    """What the load generator has to know of the district."""

    plan: Plan
    rulebook: Rulebook
    people: tuple[Person, ...]
    conditions: tuple[Condition, ...]


def city(plan: Plan) -> City:
    """The district of that plan, nothing stored yet."""
    rules = rulebook(datetime.now(UTC))
    dispatchable = tuple(
        condition for condition in rules.conditions
        if rules.category_by_code[condition.category].kind is CategoryKind.EVENT
    )  # fmt: skip
    return City(plan, rules, roster(rules), dispatchable)


def import_map(env: dict[str, str], folder: Path, log: Path) -> None:
    """Imports the district as an administrator would, by the command."""
    command(env, "grid", "import", str(folder / MANIFEST), log=log)


def install(url: str, place: City, data: Path, log: Path) -> None:
    """Migrates the database and imports the map."""
    env = environment(url, data)
    generate(data / "map", place.plan)
    command(env, "db", "migrate", log=log)
    import_map(env, data / "map", log)


async def people_in(database: Database, place: City) -> None:
    """Puts the rulebook in force and gives everybody an account."""
    now = datetime.now(UTC)
    async with database.transaction() as connection:
        head = await rulebooks.save_draft(connection, place.rulebook, by=SYSTEM.id, now=now)
        opening = datetime(2020, 1, 2, tzinfo=UTC)
        await rulebooks.activate(connection, head.number, effective_from=opening, by=SYSTEM.id, now=now)
    await enlist(database, place.people, PASSWORD, now)
    async with database.transaction() as connection:
        await _bare_matrix(connection, place.rulebook)


async def _bare_matrix(connection: AsyncConnection, rules: Rulebook) -> None:
    await connection.execute(text(MATRIX_TABLE))
    await connection.execute(
        text("INSERT INTO bench_matrix VALUES (:category, :lead)"),
        [{"category": one.code, "lead": rules.policy.fallback_unit} for one in rules.categories],
    )
