"""The proofs of access happen in the small city, with more staff and things lying ready in 西街."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TypeAlias

import httpx
import pytest

from app.postgres import PrivateCluster
from app.requests import Services
from app.settings import Settings
from tests.access import scene as scenery
from tests.access.scene import Scene
from tests.city import Founded, app, city_settings, copied, desk, found_once, http, shared_url, world
from tests.photos.pictures import lay_files
from tests.world import World

__all__ = ["app", "desk", "http", "settings", "shared_url", "world"]

Staffed: TypeAlias = tuple[Founded, Scene]


@cache
def staffed_once(cluster: PrivateCluster, template: str) -> Staffed:
    """Once a run, for every package whose tests happen there."""
    origin, home = found_once(cluster, template)
    world, scene = World(dict(home.ids), dict(home.headers)), Scene()

    async def prepare(http: httpx.AsyncClient, services: Services) -> None:
        nonlocal scene
        await scenery.staff(services, world)
        scene = await scenery.lay_out(http, services, world)

    return (copied(cluster, origin, prepare), world), scene


@pytest.fixture(scope="session")
def staffed(cluster: PrivateCluster, template: str) -> Staffed:
    return staffed_once(cluster, template)


@pytest.fixture(scope="session")
def founded(staffed: Staffed) -> Founded:
    return staffed[0]


@pytest.fixture
def settings(shared_url: str, tmp_path: Path, scene: Scene) -> Settings:
    """With the files of the photos that lie ready."""
    lay_files(tmp_path / "photos", scenery.photo_of("clerk"), scenery.photo_of("client"))
    return city_settings(shared_url, tmp_path)


@pytest.fixture
def scene(staffed: Staffed) -> Scene:
    return staffed[1]
