"""SQL of commands handed in: each is carried out once, and its result kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.channels.inspectors.tables import OfflineCommandRow
from app.db import table_of
from app.prepared import Prepared

_TABLE = table_of(OfflineCommandRow)
_MINE = (_TABLE.c.account_id == bindparam("account")) & (_TABLE.c.client_id == bindparam("client"))
_CLAIM = Prepared(
    insert(_TABLE)
    .values(
        account_id=bindparam("account"),
        client_id=bindparam("client"),
        fingerprint=bindparam("fingerprint"),
        done_at=bindparam("done_at"),
    )
    .on_conflict_do_nothing()
    .returning(_TABLE.c.client_id)
)
_FIND = Prepared(select(_TABLE).where(_MINE))
_KEEP = Prepared(
    update(_TABLE)
    .where(_MINE)
    .values({name: bindparam(f"kept_{name}") for name in ("status", "content", "case_id", "version")})
)


@dataclass(frozen=True, slots=True)
class Done:
    """A command carried out: what was told of it, and the case as it was then."""

    status: int
    content: str
    case_id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class Known:
    """The same, found again."""

    fingerprint: str
    done: Done


async def claim(
    connection: AsyncConnection, account: UUID, client: str, fingerprint: str, now: datetime
) -> bool:
    """Whether the command is new. Of two at once the second waits here for the first to commit."""
    mine = {"account": account, "client": client}
    claimed = await _CLAIM.value(connection, **mine, fingerprint=fingerprint, done_at=now)
    return claimed is not None


async def keep(connection: AsyncConnection, account: UUID, client: str, done: Done) -> None:
    """What came of it, in the transaction that did it."""
    await _KEEP.rows(
        connection,
        account=account,
        client=client,
        kept_status=done.status,
        kept_content=done.content,
        kept_case_id=done.case_id,
        kept_version=done.version,
    )


async def find(connection: AsyncConnection, account: UUID, client: str) -> Known | None:
    """The command of that id, when it was carried out."""
    row = await _FIND.row(connection, account=account, client=client)
    if row is None or row["status"] is None:
        return None
    return Known(row["fingerprint"], Done(row["status"], row["content"], row["case_id"], row["version"]))


async def forget(connection: AsyncConnection, before: datetime) -> int:
    """Deletes what was kept long enough; gives how many."""
    return (await connection.execute(delete(_TABLE).where(_TABLE.c.done_at < before))).rowcount
