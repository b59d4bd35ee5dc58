"""What a route may ask for: the service's parts, a moment, a transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
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

#: For what has versions: `at or ask.now`.
At = Annotated[Moment | None, Query(description="As it was at this moment; now when absent.")]


async def _transaction(request: Request) -> AsyncIterator[AsyncConnection]:
    parts = await services(request)
    async with parts.database.transaction() as connection:
        yield connection


#: One transaction a request, for routes open to anybody; it commits before the reply leaves.
Conn = Annotated[AsyncConnection, Depends(_transaction, scope="function")]
