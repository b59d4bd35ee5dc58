"""The demo district brought into an empty database: map, rulebook, accounts, and a week of cases."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import astuple, replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from app.demo import RULEBOOK
from app.demo.accounts import INSPECTORS, DemoAccount, accounts
from app.demo.arrivals import reports
from app.demo.district import DEFAULT_SEED, build, generate
from app.demo.people import TERMS_FROM
from app.dispatch import service as rulebooks
from app.dispatch.folder import read_folder
from app.dispatch.rulebook import Rulebook
from app.dispatch.store import area_codes
from app.errors import Conflict
from app.grid.survey import import_district
from app.identity.principal import SYSTEM, Role
from app.replay.figures import Figures
from app.replay.report import ReplayReport
from app.replay.roster import Person, Shift, enlist
from app.replay.running import Watch, run
from app.replay.store import count_cases
from app.requests import Services
from app.settings import Settings

_PASSWORD_FILE = "demo-password"  # noqa: S105


def rulebook(now: datetime) -> Rulebook:
    """The demo rulebook, its calendar long enough for what is filed now."""
    shipped = read_folder(RULEBOOK)
    years = max(shipped.calendar.last_year, now.year + 1)
    return shipped.model_copy(update={"calendar": shipped.calendar.model_copy(update={"last_year": years})})


def people(rules: Rulebook) -> tuple[Person, ...]:
    """Everybody who works in the demo district, half of each street's inspectors by day, half by night."""
    posts = accounts(DEFAULT_SEED, build(DEFAULT_SEED).chiefs, rules)
    return tuple(replace(Person(*astuple(account)), shift=_shift(account)) for account in posts)


def _shift(account: DemoAccount) -> Shift | None:
    if account.role is not Role.INSPECTOR:
        return None
    return Shift.DAY if int(account.username[-1]) <= INSPECTORS // 2 else Shift.NIGHT


def password(settings: Settings) -> str:
    """The demo accounts' password: random, made once, kept in the data folder (mode 0600)."""
    path = settings.data / _PASSWORD_FILE
    if not path.exists():
        settings.data.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(9))
    return path.read_text().strip()


async def enlist_where_unknown(parts: Services, rules: Rulebook) -> None:
    """Where the data folder is not the one the demo was loaded from, all accounts get a new password."""
    if not (parts.settings.data / _PASSWORD_FILE).exists():
        await enlist(parts.database, people(rules), password(parts.settings), parts.clock.now())


async def is_installed(parts: Services) -> bool:
    """Whether the database holds the demo with its cases already.

    Errors: `Conflict` when it holds another district.
    """
    now = parts.clock.now()
    async with parts.database.transaction() as connection:
        versions = await rulebooks.list_versions(connection, now)
        if not versions and not await area_codes(connection, now):
            return False
        name = read_folder(RULEBOOK).name
        if all(version.head.name != name for version in versions):
            raise Conflict("this database holds a district of its own: give the demo an empty one")
        return await count_cases(connection) > 0


async def prepare(parts: Services, rules: Rulebook, tell: Callable[[str], None]) -> None:
    """Imports the district and the rulebook and makes the accounts; what is there already stays."""
    database, now = parts.database, parts.clock.now()
    manifest = generate(parts.settings.data / "district")
    await import_district(database, manifest, now=now, progress=tell)
    tell("规则库 rulebook")
    async with database.transaction() as connection:
        head = await rulebooks.save_draft(connection, rules, by=SYSTEM.id, now=now)
        if not head.active_from:
            await rulebooks.activate(
                connection, head.number, effective_from=_opening(rules), by=SYSTEM.id, now=now
            )
    tell("账号 accounts")
    await enlist(database, people(rules), password(parts.settings), now)


def _opening(rules: Rulebook) -> datetime:
    """When the district began its work: as its map and its chiefs' terms do."""
    return datetime.combine(TERMS_FROM, time.min, ZoneInfo(rules.calendar.timezone))


def arrivals(
    rules: Rulebook, begin: datetime, now: datetime, *, per_day: float, seed: int
) -> Iterator[ReplayReport]:
    """The demo's reports from a local midnight up to now."""
    days = (now - begin).days + 1
    for report in reports(seed, begin.date(), days, per_day, build(DEFAULT_SEED), rules):
        if report.moment > now:
            return
        yield ReplayReport(
            moment=report.moment,
            source=report.source,
            x=report.x,
            y=report.y,
            datum=report.datum,
            condition=report.condition,
            description=report.text,
            address=report.address,
            component_code=report.component_code,
            exists=report.real,
            external_number=report.external_number,
        )


def beginning(rules: Rulebook, now: datetime, days: int) -> datetime:
    """The local midnight that many days ago."""
    zone = ZoneInfo(rules.calendar.timezone)
    return datetime.combine(now.astimezone(zone).date() - timedelta(days=days), time.min, zone)


async def live(
    parts: Services,
    rules: Rulebook,
    begin: datetime,
    now: datetime,
    *,
    per_day: float,
    seed: int,
    watch: Watch,
) -> Figures:
    """Replays the time from `begin` to now; the cases of the last hours are still open then."""
    coming = arrivals(rules, begin, now, per_day=per_day, seed=seed)
    return await run(
        parts.settings, parts.database, coming, people(rules), password=password(parts.settings),
        start=begin, end=now, seed=seed, stay_on_duty=True, watch=watch,
    )  # fmt: skip
