"""The rulebook in force, as other packages ask for it."""

from __future__ import annotations

import gc
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.dispatch import store
from app.dispatch.rulebook import Rulebook
from app.errors import NotFound, NotReady


@dataclass(frozen=True, slots=True)
class RulebookVersion:
    """A stored version. `number` counts up from 1; a version once stored never changes."""

    id: UUID
    number: int
    rulebook: Rulebook


#: Parsed versions, the longest unused first. A process meets few: the one in force, those of older cases.
_parsed: OrderedDict[UUID, RulebookVersion] = OrderedDict()
_KEPT = 16


#: The id of the version in force at the moment `at`, for statements that find out other things besides.
IN_FORCE = store.IN_FORCE.scalar_subquery()


async def active_rulebook(connection: AsyncConnection, at: datetime) -> RulebookVersion:
    """The version in force at the moment. Errors: `NotReady` when none is."""
    return await found_in_force(connection, await store.version_in_force(connection, at), at)


async def found_in_force(
    connection: AsyncConnection, version_id: UUID | None, at: datetime
) -> RulebookVersion:
    """The version that a statement found by `IN_FORCE`. Errors: `NotReady` when it found none."""
    if version_id is None:
        raise NotReady(
            f"No rulebook is in force at {at.isoformat()}: import one and activate it"
            " (`chengguan rulebook import`, `chengguan rulebook activate`)."
        )
    return await rulebook_version(connection, version_id)


async def rulebook_version(connection: AsyncConnection, version_id: UUID) -> RulebookVersion:
    """The version of that id, kept in memory since it never changes. Errors: `NotFound`."""
    if (known := _parsed.get(version_id)) is None:
        stored = await store.content(connection, version_id)
        if stored is None:
            raise NotFound(f"There is no rulebook version with the id {version_id}.")
        number, content = stored
        known = _parsed[version_id] = RulebookVersion(version_id, number, Rulebook.model_validate(content))
        if len(_parsed) > _KEPT:
            _parsed.popitem(last=False)
        gc.freeze()  # a rulebook is many objects that stay: the collector need not walk them again and again
    _parsed.move_to_end(version_id)
    return known
