"""The small city with two rulebooks to judge by, as it is before each story."""

from __future__ import annotations

from tests.city import founded
from tests.exact.ground import ground

__all__ = ["founded", "ground"]
