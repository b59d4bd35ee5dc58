"""幂等: a request sent twice is carried out once, and answered the same both times.

The key and the reply are stored in the transaction that does the work, so either all of it happened or
nothing. Of two requests at once with one key, the second waits at the insert for the first to commit.
A refused request stores nothing: it may be sent again with the same key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Header, Request, Response
from sqlalchemy import Text, bindparam, cast, delete, func, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, table_of
from app.errors import IdempotencyConflict
from app.prepared import Prepared

#: How long a stored reply is certain to be found again.
KEPT = timedelta(hours=24)
REPLAYED_HEADER = "Idempotency-Replayed"

#: The client's own key of a request, any text it will not use again; without one every request is new.
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="A key of the client's own; a repeat with it returns the first reply.",
    ),
]


class IdempotentRequest(Base):
    """A request carried out, and its reply. `status` is null only inside the transaction that does it."""

    __tablename__ = "idempotent_requests"

    principal: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(index=True)
    status: Mapped[int | None]
    content: Mapped[str | None]
    #: Replies kept by release 0.1; drop it in the release after next.
    body: Mapped[Any] = mapped_column(JSONB(), nullable=True)
    headers: Mapped[dict[str, Any] | None]


_TABLE = table_of(IdempotentRequest)
_MINE = (_TABLE.c.principal == bindparam("principal")) & (_TABLE.c.key == bindparam("key"))
_CLAIM = Prepared(
    insert(_TABLE)
    .values({name: bindparam(name) for name in ("principal", "key", "fingerprint", "created_at")})
    .on_conflict_do_nothing()
    .returning(_TABLE.c.key)
)
_FIND = Prepared(
    select(
        _TABLE.c.fingerprint,
        _TABLE.c.status,
        _TABLE.c.headers,
        func.coalesce(_TABLE.c.content, cast(_TABLE.c.body, Text)).label("content"),
    ).where(_MINE)
)
_KEEP = Prepared(
    update(_TABLE)
    .where(_MINE)
    .values({name: bindparam(f"kept_{name}") for name in ("status", "content", "headers")})
)


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply that can be stored. `body` is JSON text, so that a repeat's is the same to the letter."""

    status: int
    body: str
    headers: dict[str, str] = field(default_factory=dict)
    replayed: bool = False

    def response(self) -> Response:
        """The HTTP response, marked when it is a repeat's."""
        marked = {REPLAYED_HEADER: "true"} if self.replayed else {}
        return Response(
            self.body,
            status_code=self.status,
            headers={**self.headers, **marked},
            media_type="application/json",
        )


async def fingerprint(request: Request) -> str:
    """What makes two requests the same: method, path with query, and body."""
    digest = hashlib.sha256(f"{request.method} {request.url.path}?{request.url.query}\n".encode())
    digest.update(await request.body())
    return digest.hexdigest()


async def once(
    connection: AsyncConnection,
    *,
    principal: UUID,
    key: str | None,
    fingerprint: str,
    now: datetime,
    act: Callable[[], Awaitable[Reply]],
) -> Reply:
    """Carries out `act` and stores its reply, or returns the reply stored under the principal's key.

    Errors: `IdempotencyConflict` when the key was used for another request; whatever `act` raises.
    """
    if key is None:
        return await act()
    mine = {"principal": principal, "key": key}
    claimed = await _CLAIM.row(connection, **mine, fingerprint=fingerprint, created_at=now)
    if claimed is None:
        # The other's commit is visible to this new statement (read committed).
        found = await _FIND.row(connection, **mine)
        assert found is not None
        if found["fingerprint"] != fingerprint:
            raise IdempotencyConflict("use a new Idempotency-Key: this one belongs to another request")
        return Reply(found["status"], found["content"], found["headers"], replayed=True)
    reply = await act()
    await _KEEP.rows(
        connection, **mine, kept_status=reply.status, kept_content=reply.body, kept_headers=reply.headers
    )
    return reply


async def delete_old(connection: AsyncConnection, now: datetime) -> int:
    """Deletes replies kept long enough; returns how many."""
    done = await connection.execute(
        delete(IdempotentRequest).where(IdempotentRequest.created_at < now - KEPT)
    )
    return done.rowcount
