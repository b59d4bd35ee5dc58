"""The cases' tests happen in the small city of `tests/world.py`, with everybody logged in."""

from __future__ import annotations

from tests.city import app, cloned_city, desk, founded, http, settings, shared_url, world

__all__ = ["app", "cloned_city", "desk", "founded", "http", "settings", "shared_url", "world"]
