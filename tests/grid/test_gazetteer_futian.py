"""福田 addresses put to the gazetteer: how many are found, and how seldom one is put at a wrong place.

The figures of `docs/grid.md` are those of more addresses made the same way.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from app.db import Database
from app.grid import gazetteer
from app.grid.addressing import PlaceKind
from app.grid.findings import TopologyReport
from app.grid.gazetteer import PlaceFound
from app.grid.importing import store
from app.grid.loading import load
from app.grid.manifest import read_manifest
from tests.conftest import admin
from tests.futian import futian_manifest
from tests.grid.addresses import Address, Futian, metres_off

#: Farther from what was meant is a wrong place, metres.
OFF_M = 150.0
NOW = datetime(2026, 3, 2, tzinfo=UTC)
ASKED = 400


@dataclass(frozen=True)
class Answer:
    address: Address
    found: list[PlaceFound]

    def right(self, place: PlaceFound) -> bool:
        if self.address.at is None:
            return place.kind is PlaceKind.ROAD and place.name == self.address.road
        return place.precise and metres_off(place.lon, place.lat, self.address.at) <= OFF_M


@pytest.fixture(scope="module")
def answers(cluster, template, tmp_path_factory) -> list[Answer]:
    manifest = read_manifest(futian_manifest(tmp_path_factory.mktemp("futian")))
    name = f"names_{uuid.uuid4().hex[:12]}"
    admin(cluster, f"CREATE DATABASE {name} TEMPLATE {template}")

    async def run() -> list[Answer]:
        layers = load(manifest)
        futian = Futian(layers, seed=20260302)
        database = Database(cluster.database_url(name))
        async with database.transaction() as connection:
            await store(
                connection,
                futian.known(layers),
                TopologyReport((), manifest.tolerance),
                manifest_name="futian.toml",
                now=NOW,
            )
        async with database.transaction() as connection:
            told = [
                Answer(address, await gazetteer.search(connection, address.words, area=None, limit=5))
                for address in futian.addresses(ASKED)
            ]
        await database.close()
        return told

    return asyncio.run(run())


def share(some: Iterable[bool]) -> float:
    counted = Counter(some)
    return counted[True] / max(counted.total(), 1)


def found_first(some: Iterable[Answer]) -> float:
    return share(bool(one.found) and one.right(one.found[0]) for one in some)


def found_among_five(some: Iterable[Answer]) -> float:
    return share(any(map(one.right, one.found)) for one in some)


@pytest.mark.parametrize(
    ("kind", "slip", "first", "among_five"),
    [
        ("crossing", False, 0.93, 0.95),
        ("poi", False, 0.92, 0.95),
        ("road", False, 0.95, 0.95),
        ("crossing", True, 0.0, 0.45),
        ("poi", True, 0.3, 0.7),
        ("road", True, 0.1, 0.3),
    ],
)
def test_what_is_known_is_found(
    answers: list[Answer], kind: str, slip: bool, first: float, among_five: float
):
    some = [
        one for one in answers if one.address.known and (one.address.kind, one.address.slip) == (kind, slip)
    ]
    assert len(some) > 4
    assert found_first(some) >= first
    assert found_among_five(some) >= among_five


def test_what_is_taken_without_asking_is_hardly_ever_wrong(answers: list[Answer]):
    """Unknown roads and points, slips and numbers included."""
    sure = [(one, one.found[0]) for one in answers if one.found and one.found[0].sure]
    assert [(one.address.words, place.name) for one, place in sure if not one.right(place)][
        len(sure) // 50 :
    ] == []
    assert len(sure) > len(answers) / 2.5


def test_positions_that_are_written_right_are_mostly_taken(answers: list[Answer]):
    plain = [one for one in answers if one.address.known and not one.address.slip and one.address.at]
    assert share(bool(one.found) and one.found[0].sure for one in plain) > 0.8
