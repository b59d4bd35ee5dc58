"""花名册: who works in a district, derived from its rulebook: both centres, beats, units and chiefs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time
from enum import Enum

from app.db import Database
from app.dispatch.rulebook import Rulebook, Unit, UnitKind
from app.errors import Conflict
from app.identity import service as accounts
from app.identity.principal import ROLE_LABELS, SYSTEM, Role

#: Inspectors of a street by day, and of the district by night. Two, since nobody checks the own report.
INSPECTORS = 2
#: How the names of a replay's own people and API clients begin.
MARK = "回放"
_PREFIX = "replay."
_CENTRE = {
    Role.INTAKE_CLERK: "clerk",
    Role.SHIFT_LEADER: "leader",
    Role.DISPATCHER: "dispatcher",
    Role.EVALUATOR: "evaluator",
}
_SAFE = re.compile(r"[a-z0-9][a-z0-9._-]*")
_STREET_DIGITS = 9


class Shift(Enum):
    """班次, local time from … to."""

    DAY = (time(7), time(19))
    NIGHT = (time(19), time(7))

    def holds(self, at: time) -> bool:
        """Whether the shift is at work at that time of day."""
        start, end = self.value
        return start <= at < end if start < end else at >= start or at < end


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account. `areas` are what the account may see; an inspector works them in shifts."""

    username: str
    name: str
    role: Role
    areas: tuple[str, ...]
    unit: str | None = None
    shift: Shift | None = None


def roster(rulebook: Rulebook) -> tuple[Person, ...]:
    """A replay's own people: two of each role of the centres, two inspectors and a chief for each street, two
    inspectors for the night, an officer for each unit.

    The streets are those the street offices serve. User names begin with `replay.`, names with `MARK`.
    """
    return tuple(_people(rulebook))


def _people(rulebook: Rulebook) -> Iterator[Person]:
    district = (rulebook.district_code,)
    for role, word in _CENTRE.items():
        for number in (1, 2):
            yield Person(f"{_PREFIX}{word}{number}", f"{MARK}{ROLE_LABELS[role]}{number}", role, district)
    streets = list(_streets(rulebook))
    beats = [(code, code, name, Shift.DAY) for code, name in streets]
    for word, code, name, shift in (*beats, ("night", rulebook.district_code, "夜班", Shift.NIGHT)):
        for number in range(1, INSPECTORS + 1):
            username = f"{_PREFIX}inspector.{word}.{number}"
            yield Person(username, f"{MARK}{name}监督员{number}", Role.INSPECTOR, (code,), shift=shift)
    for code, name in streets:
        yield Person(f"{_PREFIX}chief.{code}", f"{MARK}{name}街长", Role.STREET_CHIEF, (code,))
    for number, unit in enumerate(rulebook.units, start=1):
        username = f"{_PREFIX}unit.{_word(unit) or number}"
        yield Person(username, f"{MARK}{unit.name}经办", Role.UNIT_OFFICER, unit.areas or district, unit.code)


def _streets(rulebook: Rulebook) -> Iterator[tuple[str, str]]:
    """Code and name of each street that an office serves."""
    for unit in rulebook.units:
        if unit.kind is UnitKind.STREET_OFFICE:
            for code in unit.areas:
                if len(code) == _STREET_DIGITS:
                    yield code, unit.name.removesuffix("办事处")


def _word(unit: Unit) -> str | None:
    """The unit's code, if a user name may hold it."""
    return unit.code if _SAFE.fullmatch(unit.code) else None


async def enlist(database: Database, people: tuple[Person, ...], password: str, now: datetime) -> None:
    """Gives everybody an account with the password; those who have one already get the new password.

    Errors: `Conflict` when an account of that name belongs to somebody of another role or unit.
    """
    async with database.transaction() as connection:
        known = {account.username: account for account in await accounts.list_accounts(connection, SYSTEM)}
        for person in people:
            account = known.get(person.username)
            if account is None:
                await accounts.create_account(
                    connection, username=person.username, display_name=person.name, password=password,
                    roles=[person.role], areas=list(person.areas), unit=person.unit, now=now,
                )  # fmt: skip
                continue
            if (account.roles, account.unit) != ((person.role,), person.unit):
                raise Conflict(f"the account {person.username} is somebody else's: rename or remove it first")
            await accounts.reset_password(connection, SYSTEM, account.id, password, now)
            await accounts.change_account(connection, SYSTEM, account.id, {"active": True}, now)


async def dismiss(database: Database, people: tuple[Person, ...], now: datetime) -> None:
    """Closes the accounts: nobody logs in with them until they are enlisted again."""
    names = {person.username for person in people}
    async with database.transaction() as connection:
        for account in await accounts.list_accounts(connection, SYSTEM):
            if account.username in names:
                await accounts.change_account(connection, SYSTEM, account.id, {"active": False}, now)
