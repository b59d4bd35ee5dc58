"""The proofs of access happen in the small city, with more staff and things lying ready in 西街."""

from __future__ import annotations

from functools import cache
from typing import TypeAlias

import httpx
import pytest

from app.postgres import PrivateCluster
from app.requests import Services
from tests.access import scene as scenery
from tests.access.scene import Scene
from tests.city import Founded, app, copied, desk, found_once, http, settings, shared_url, world
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
def scene(staffed: Staffed) -> Scene:
    return staffed[1]
