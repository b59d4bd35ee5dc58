"""Lists in pages: a page ends with a cursor that says where the next one begins.

A cursor holds the sort key of the last row shown, so paging neither skips nor repeats rows while new
ones arrive, and the last page costs as little as the first.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from pydantic_core import to_json

from app.errors import InvalidInput

MAX_LIMIT = 200
DEFAULT_LIMIT = 50

Item = TypeVar("Item")
Row = TypeVar("Row")


class Page(BaseModel, Generic[Item]):
    """一页. `next_cursor` is null on the last page."""

    items: list[Item]
    next_cursor: str | None = Field(None, description="Pass it as `cursor` to get the next page.")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page is asked for."""

    limit: int = DEFAULT_LIMIT
    cursor: str | None = None

    def after(self, *types: Any) -> tuple[Any, ...] | None:
        """The sort key after which the page begins, of these types; None for the first page.

        Errors: `InvalidInput` when the cursor is not one that a page of this list ended with.
        """
        return None if self.cursor is None else decode(self.cursor, *types)


async def _page_request(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Items on a page at most.")] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None, Query(max_length=1000, description="`next_cursor` of the page before.")
    ] = None,
) -> PageRequest:
    return PageRequest(limit, cursor)


PageDep = Annotated[PageRequest, Depends(_page_request)]


def encode(key: Sequence[Any]) -> str:
    """The cursor of a row's sort key: dates, numbers, text, ids or None, the row's id last."""
    return urlsafe_b64encode(to_json(list(key))).rstrip(b"=").decode()


def decode(cursor: str, *types: Any) -> tuple[Any, ...]:
    """The sort key in a cursor. Errors: `InvalidInput` for anything `encode` has not made of such types."""
    try:
        content = urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
        return _adapter(types).validate_json(content)
    except (ValueError, ValidationError) as error:
        reason = "begin again without a cursor: this one was not given by this list"
        raise InvalidInput(reason, fields={"cursor": "unknown cursor"}) from error


@lru_cache
def _adapter(types: tuple[Any, ...]) -> TypeAdapter[tuple[Any, ...]]:
    return TypeAdapter(tuple[types])  # type: ignore[valid-type]


def cut(
    rows: Sequence[Row], limit: int, key: Callable[[Row], Sequence[Any]]
) -> tuple[Sequence[Row], str | None]:
    """Splits `limit + 1` rows read into a page and the cursor of the next, None when this is the last."""
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], encode(key(rows[limit - 1]))
