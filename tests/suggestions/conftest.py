"""The suggestions' tests happen in the small city of `tests/world.py`, with everybody logged in."""

from __future__ import annotations

from tests.city import app, desk, founded, http, settings, shared_url, world

__all__ = ["app", "desk", "founded", "http", "settings", "shared_url", "world"]
