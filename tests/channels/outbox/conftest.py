"""What goes out is tried in the small city of `tests/world.py`, with receivers that really listen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from app.requests import Services
from tests.cases.desk import Desk
from tests.channels.outbox.receiver import Receiver
from tests.city import app, cloned_city, desk, founded, http, settings, shared_url, world

__all__ = ["app", "cloned_city", "desk", "founded", "http", "settings", "shared_url", "world"]


@pytest.fixture
async def city(cloned_city, world) -> AsyncIterator[Desk]:
    """A desk in a city of its own, where transactions are transactions."""
    async with cloned_city as (http, services):
        yield Desk(http, services, world)


@pytest.fixture
def services_with(city: Desk) -> Callable[..., Services]:
    """The city's services with other settings of the outbox; receivers here stand on this machine."""

    def changed(**outbox: Any) -> Services:
        settings = city.services.settings
        own = settings.outbox.model_copy(update={"private_receivers": True, **outbox})
        return replace(city.services, settings=settings.model_copy(update={"outbox": own}))

    return changed


@pytest.fixture
def receivers() -> Iterator[Callable[..., Receiver]]:
    """Starts receivers; stopped after the test."""
    begun: list[Receiver] = []

    def start(*arguments: Any, **options: Any) -> Receiver:
        begun.append(Receiver(*arguments, **options))
        return begun[-1]

    yield start
    for one in begun:
        one.stop()
