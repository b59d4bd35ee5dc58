"""增量同步: what changed for a caller since the device last asked; complete, whoever writes meanwhile.

A first sync gives the open cases the caller may see, in pages of one list as it stood at the first page or
later; what changes during the paging comes again after it. From then on a token gives each case that changed:
as it is now, or a tombstone (`gone`) when it ended or left what the caller may see. What the caller could not
see before it changed leaves no tombstone: that is reckoned from the journal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases import journal, stream
from app.cases.case import Case, fold
from app.cases.scope import sees, visible
from app.cases.store import cases_of
from app.cases.stream import Cursor
from app.cases.summary import CaseSummary, summary
from app.cases.workflow import OPEN
from app.channels.outbox import store
from app.dispatch.active import active_rulebook
from app.dispatch.rulebook import Rulebook
from app.identity.principal import Principal
from app.paging import decode, encode

#: Journal entries looked through in one request, and cases on a page of the first sync.
_SCANNED = 500
PAGE = 200


class Why(StrEnum):
    """为何移除: why a case is to be removed from the device."""

    ENDED = "ended"
    OUT_OF_SCOPE = "out_of_scope"


class Gone(BaseModel):
    """移除: a case the caller had and has no longer."""

    id: UUID
    number: str
    reason: Why


class Synced(BaseModel):
    """同步结果. With `reset` the device drops all it had first: this is the first page of a new list."""

    reset: bool
    cases: list[CaseSummary]
    gone: list[Gone]
    token: str = Field(description="Send it as `since` with the next request.")
    more: bool = Field(description="Ask again at once: there is more.")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a device stands: the cursor, and while the first list is paged the last case it got."""

    scope: str
    cursor: Cursor
    listed: UUID | None = None
    phase: Literal["list", "changes"] = "list"

    def token(self) -> str:
        return encode((self.phase, self.scope, self.cursor.token(), self.listed))

    @classmethod
    def read(cls, token: str) -> _Place:
        """Errors: `InvalidInput` for what is no token."""
        phase, scope, cursor, listed = decode(token, Literal["list", "changes"], str, str, UUID | None)
        return cls(scope, Cursor.read(cursor), listed, phase)


def _scope_of(caller: Principal, rulebook: Rulebook) -> str:
    """What decides over what a caller may see besides the cases: when it changes, the device begins anew."""
    units = rulebook.unit_and_below(caller.unit) if caller.unit is not None else frozenset()
    parts = (str(caller.id), caller.username, sorted(caller.roles), sorted(caller.areas), sorted(units))
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


async def sync(connection: AsyncConnection, caller: Principal, token: str | None, now: datetime) -> Synced:
    """The first page of a new list without a token, else what follows it.

    Errors: `InvalidInput` for a token that is none, or was given before the database was restored.
    """
    rulebook = (await active_rulebook(connection, now)).rulebook
    scope = _scope_of(caller, rulebook)
    place = _Place.read(token) if token is not None else None
    reset = place is None or place.scope != scope
    if place is None or place.scope != scope:
        place = _Place(scope, await stream.newest(connection))
    if place.phase == "list":
        return await _list(connection, caller, place, rulebook, now, reset=reset)
    return await _changes(connection, caller, place, rulebook, now)


async def _list(
    connection: AsyncConnection,
    caller: Principal,
    place: _Place,
    rulebook: Rulebook,
    now: datetime,
    *,
    reset: bool,
) -> Synced:
    await stream.check(connection, place.cursor)
    found = await store.open_cases(connection, visible(caller, rulebook), place.listed, PAGE + 1)
    page, more = found[:PAGE], len(found) > PAGE
    following = (
        _Place(place.scope, place.cursor, page[-1].id)
        if more
        else _Place(place.scope, place.cursor, phase="changes")
    )
    cases = [summary(case, rulebook, now) for case in page]
    return Synced.model_construct(reset=reset, cases=cases, gone=[], token=following.token(), more=more)


@dataclass
class _Changed:
    """A case that changed: its number, the version it had before, and the newest one of the batch."""

    number: str
    before: int
    newest: int


async def _changes(
    connection: AsyncConnection, caller: Principal, place: _Place, rulebook: Rulebook, now: datetime
) -> Synced:
    batch = await stream.read(connection, place.cursor, _SCANNED)
    changed: dict[UUID, _Changed] = {}
    for entry in batch.rows:
        known = changed.setdefault(entry.case_id, _Changed(entry.number, entry.version - 1, entry.version))
        known.newest = entry.version
    current = await cases_of(connection, changed)
    may_see = sees(caller, rulebook)
    cases, gone = [], []
    for case_id, told in changed.items():
        case = current[case_id]
        if may_see(case) and case.stage in OPEN:
            cases.append(summary(case, rulebook, now))
        elif await _may_have_been_given(connection, case_id, told, may_see):
            reason = Why.ENDED if may_see(case) else Why.OUT_OF_SCOPE
            gone.append(Gone(id=case_id, number=told.number, reason=reason))
    following = _Place(place.scope, batch.cursor, phase="changes")
    return Synced.model_construct(
        reset=False, cases=cases, gone=gone, token=following.token(), more=batch.more
    )


async def _may_have_been_given(
    connection: AsyncConnection, case_id: UUID, told: _Changed, may_see: Callable[[Case], bool]
) -> bool:
    """Whether the case was an open one that the caller may see at any version since the device was told of
    it: a device is given cases as they are, which may be ahead of its cursor."""
    entries = [(one.version, one.hash, one.data) for one in await journal.entries(connection, case_id)]
    versions = range(max(told.before, 1), told.newest + 1)
    states = (fold(entries[:version]).case for version in versions)
    return any(case.stage in OPEN and may_see(case) for case in states)
