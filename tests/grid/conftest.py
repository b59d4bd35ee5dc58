"""The town, imported."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from app.grid.importing import store
from app.grid.topology import check
from tests.grid.town import Town, clean_town


@pytest.fixture
def town() -> Town:
    return clean_town()


@pytest.fixture
async def map_(town: Town, connection: AsyncConnection, tmp_path: Path) -> Town:
    """The clean town, stored from 2026-01-01 on."""
    layers, manifest = town.read(tmp_path)
    report = check(layers, manifest.tolerance)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    await store(connection, layers, report, manifest_name="town.toml", now=now)
    return town
