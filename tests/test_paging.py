"""Cursors: what comes out is what went in, and nothing else is taken."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import paging
from app.errors import InvalidInput
from app.paging import PageRequest


@given(
    st.datetimes(timezones=st.just(UTC)),
    st.integers(-(2**53), 2**53) | st.none(),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.uuids(),
)
def test_a_cursor_gives_back_its_key(at: datetime, number: int | None, name: str, row: UUID):
    cursor = paging.encode([at, number, name, row])
    assert PageRequest(cursor=cursor).after(datetime, int | None, str, UUID) == (at, number, name, row)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "%%%",
        "井盖",
        "W10",
        paging.encode(["no date", 1]),
        paging.encode([1, 2, 3]),
        "bnVsbA",
        "W1tbW1s",
    ],
)
def test_garbage_is_refused(cursor: str):
    with pytest.raises(InvalidInput) as refused:
        paging.decode(cursor, datetime, int)
    assert "cursor" in refused.value.fields


def test_pages_meet_without_gap_or_repeat():
    numbers = list(range(7))
    seen: list[int] = []
    request = PageRequest(limit=3)
    for _ in range(3):
        (last,) = request.after(int) or (-1,)
        read = [n for n in numbers if n > last][: request.limit + 1]
        page, cursor = paging.cut(read, request.limit, key=lambda n: [n])
        seen += page
        request = PageRequest(limit=3, cursor=cursor)
    assert seen == numbers
    assert request.cursor is None
