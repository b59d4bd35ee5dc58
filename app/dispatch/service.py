"""规则库的版本: draft, check, compare, activate."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.dispatch import store
from app.dispatch.rulebook import Rulebook, digest
from app.dispatch.store import VersionHead
from app.errors import Conflict, InvalidInput, NotFound


async def save_draft(
    connection: AsyncConnection, rulebook: Rulebook, *, by: UUID, now: datetime
) -> VersionHead:
    """Stores the rulebook as a new version; the same content again gives the version there already is."""
    await store.lock(connection)
    content = digest(rulebook)
    known = await store.head_of_digest(connection, rulebook.district_code, content)
    return known or await store.add_version(connection, rulebook, content, by=by, now=now)


async def find(connection: AsyncConnection, number: int) -> VersionHead:
    """The version of that number. Errors: `NotFound`."""
    head = await store.head_of_number(connection, number)
    if head is None:
        raise NotFound(f"There is no rulebook version {number}; `GET /api/v1/rulebooks` lists them.")
    return head


async def activate(
    connection: AsyncConnection,
    number: int,
    *,
    effective_from: datetime | None = None,
    by: UUID,
    now: datetime,
) -> VersionHead:
    """Puts the version in force from a moment (now when none is given), until a later activation.

    The first activation of a database may name any moment, later ones none that has passed. Activating an
    older version again is how a change is taken back.
    Errors: `NotFound`; `RulebookRefused` when the check finds errors; `InvalidInput` on a moment in the
    past; `Conflict` when another activation has the same moment or serves another district.
    """
    await store.lock(connection)
    head = await find(connection, number)
    moment = effective_from or now
    if moment.tzinfo is None:
        raise InvalidInput("Give the moment with its time zone.", fields={"effective_from": "no time zone"})
    earlier = await store.activations(connection)
    if any(other.district_code != head.district_code for other in earlier):
        raise Conflict(
            f"This database serves district {earlier[0].district_code}, the rulebook is for"
            f" {head.district_code}: activate it in that district's own database."
        )
    if any(other.effective_from == moment for other in earlier):
        raise Conflict(f"Another activation holds from {moment.isoformat()}: choose another moment.")
    if earlier and moment < now:
        raise InvalidInput(
            f"A rulebook cannot be activated for the past: choose a moment from {now.isoformat()} on.",
            fields={"effective_from": "in the past"},
        )
    await store.add_activation(connection, head, effective_from=moment, by=by, now=now)
    return await find(connection, number)
