"""The small city with two rulebooks to judge by, as it is before each story."""

from __future__ import annotations

import pytest

from tests.city import founded

pytest.register_assert_rewrite("tests.exact.teller", "tests.exact.truth")

__all__ = ["founded"]
