"""The cases' tests happen in the small city of `tests/world.py`, with everybody logged in."""

from __future__ import annotations

from tests.city import cloned_city, desk, founded, http, settings, shared_url, world

__all__ = ["cloned_city", "desk", "founded", "http", "settings", "shared_url", "world"]
