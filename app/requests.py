"""What a route may ask for: the service's parts, the transaction, the caller's language."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Query, Request
from sqlalchemy.ext.asyncio import AsyncConnection

from app.clock import Clock
from app.db import Database
from app.moment import Moment
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of one running service, made by `create_app` and kept in `app.state.services`."""

    settings: Settings
    database: Database
    clock: Clock
    #: Signs access tokens.
    secret: str


async def services(request: Request) -> Services:
    found: Services = request.app.state.services
    return found


ServicesDep = Annotated[Services, Depends(services)]


async def _clock(parts: ServicesDep) -> Clock:
    return parts.clock


async def _transaction(parts: ServicesDep) -> AsyncIterator[AsyncConnection]:
    async with parts.database.transaction() as connection:
        yield connection


ClockDep = Annotated[Clock, Depends(_clock)]


async def _moment(
    clock: ClockDep,
    at: Annotated[Moment | None, Query(description="As it was at this moment; now when absent.")] = None,
) -> datetime:
    return at or clock.now()


#: For what has versions.
MomentDep = Annotated[datetime, Depends(_moment)]

#: One transaction a request. `scope="function"`: it commits before the reply leaves, so a reply that
#: says "stored" is never followed by a failed commit.
Conn = Annotated[AsyncConnection, Depends(_transaction, scope="function")]
