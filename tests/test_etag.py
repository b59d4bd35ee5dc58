"""Versions in headers."""

from __future__ import annotations

import pytest

from app.errors import InvalidInput, VersionRequired
from app.etag import etag, parse_if_match


def test_an_etag_is_understood_again():
    assert parse_if_match(etag(7)) == 7
    assert parse_if_match(' "0" ') == 0


@pytest.mark.parametrize(
    "header", ["", "7", 'W/"7"', '"7", "8"', "*", '"-1"', '"07"', '"７"', '"' + "9" * 30 + '"']
)
def test_anything_else_is_refused(header: str):
    with pytest.raises(InvalidInput):
        parse_if_match(header)


def test_a_change_must_name_its_version():
    with pytest.raises(VersionRequired):
        parse_if_match(None)
