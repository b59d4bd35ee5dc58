"""Hostile requests are sent to the staffed city of the proofs of access, in databases of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from schemathesis.python.asgi import shutdown_lifespans

from app.main import create_app
from app.postgres import PrivateCluster
from tests.access.conftest import Staffed, staffed
from tests.access.scene import HOME, Scene
from tests.city import city_settings, copied
from tests.conftest import admin
from tests.world import World, clock_at

__all__ = ["staffed"]


@dataclass(frozen=True)
class Api:
    """The API as its own description tells of it, over a city with real transactions."""

    schema: Any
    world: World
    scene: Scene

    def headers(self, caller: str) -> dict[str, str]:
        return self.world.headers[HOME.get(caller, caller)]


@pytest.fixture(scope="module")
def api(cluster: PrivateCluster, staffed: Staffed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Requests commit: what one leaves behind the next one finds."""
    (origin, world), scene = staffed
    name = copied(cluster, origin)
    folder: Path = tmp_path_factory.mktemp("hostile")
    app = create_app(city_settings(cluster.database_url(name), folder), clock=clock_at())
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    # The callers bring their own credentials, or none.
    schema.config.generation.update(with_security_parameters=False)
    yield Api(schema, world, scene)
    shutdown_lifespans()
    admin(cluster, f"DROP DATABASE {name} WITH (FORCE)")
