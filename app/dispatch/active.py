"""The rulebook in force, as other packages ask for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.dispatch.rulebook import Rulebook


@dataclass(frozen=True, slots=True)
class RulebookVersion:
    """A stored version. `number` counts up from 1; a version once activated never changes."""

    id: UUID
    number: int
    rulebook: Rulebook


async def active_rulebook(connection: AsyncConnection, at: datetime) -> RulebookVersion:
    """The version in force at the moment. Errors: `NotReady` when none is."""
    raise NotImplementedError


async def rulebook_version(connection: AsyncConnection, version_id: UUID) -> RulebookVersion:
    """The version of that id, kept in memory since it never changes. Errors: `NotFound`."""
    raise NotImplementedError
