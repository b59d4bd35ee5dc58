"""事件流: what happened to the cases a caller may see, page by page from any place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases import stream
from app.cases.stream import Cursor

#: Entries looked through in one go, and how often one request does so: who may see little is given what was
#: found by then, and goes on from there.
_SCANNED = 500
_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class FeedPage:
    """一页 of the feed: entries with the cursor behind each, and whether more can be had at once."""

    entries: list[Any]
    places: list[Cursor]
    cursor: Cursor
    more: bool


async def page(
    connection: AsyncConnection, cursor: Cursor, visible: ColumnElement[bool], limit: int
) -> FeedPage:
    """The next entries of visible cases. Errors: `InvalidInput` for a cursor that leads nowhere any more."""
    found: list[Any] = []
    places: list[Cursor] = []
    for _ in range(_ROUNDS):
        batch = await stream.read(connection, cursor, max(limit, _SCANNED), of=visible)
        shown = batch.rows[: limit - len(found)]
        found += shown
        places += map(batch.up_to, shown)
        if len(shown) < len(batch.rows):
            return FeedPage(found, places, places[-1], more=True)
        cursor = batch.cursor
        if not batch.more or len(found) == limit:
            break
    return FeedPage(found, places, cursor, batch.more)
