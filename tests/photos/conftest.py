"""The photos' tests happen in the small city; some over a socket, with clients that are not ours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.main import create_app
from app.postgres import PrivateCluster
from app.settings import Settings
from tests.city import (
    Founded,
    app,
    city_settings,
    cloned_city,
    copied,
    desk,
    founded,
    http,
    settings,
    shared_url,
    world,
)
from tests.conftest import admin
from tests.photos.phone import Phone
from tests.serving import served_at
from tests.world import World, clock_at

__all__ = ["app", "cloned_city", "desk", "founded", "http", "settings", "shared_url", "world"]


@dataclass(frozen=True)
class Served:
    """The API behind a socket, over a city of its own."""

    url: str
    settings: Settings
    world: World


@pytest.fixture
def served(cluster: PrivateCluster, founded: Founded, tmp_path: Path) -> Iterator[Served]:
    origin, world = founded
    name = copied(cluster, origin)
    made = city_settings(cluster.database_url(name), tmp_path)
    with served_at(create_app(made, clock=clock_at())) as address:
        yield Served(address, made, world)
    admin(cluster, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def phone(http, world) -> Phone:
    """Uploads by the protocol, step by step."""
    return Phone(http, world)
