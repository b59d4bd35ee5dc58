"""福田区: 1,365 real cells and 8,231 road segments, imported and asked for places."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyogrio.raw
import pytest
import shapely
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app import geo
from app.db import Database
from app.errors import GridRefused
from app.geo import Datum
from app.grid import lookup
from app.grid.findings import FindingKind, TopologyReport, parse_kinds
from app.grid.importing import ImportResult
from app.grid.layers import Layer, Layers
from app.grid.lookup import locate
from app.grid.manifest import LayerKind, read_manifest
from app.grid.survey import import_district, survey
from app.grid.tables import Area, RoadSegment
from tests.conftest import admin, shared_file
from tests.futian import ACCEPTED, CELLS, SEGMENTS, futian_manifest

NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def imported(cluster, template, tmp_path_factory) -> tuple[str, Layers, TopologyReport, list[ImportResult]]:
    """A database with Futian in it, imported twice, and what the first look at the files gave."""
    folder = tmp_path_factory.mktemp("futian")
    manifest = futian_manifest(folder)
    name = f"futian_{uuid.uuid4().hex[:12]}"
    admin(cluster, f"CREATE DATABASE {name} TEMPLATE {template}")
    url = cluster.database_url(name)

    async def run() -> tuple[Layers, TopologyReport, list[ImportResult]]:
        database = Database(url)
        layers, report = await survey(database, read_manifest(manifest))
        with pytest.raises(GridRefused, match="gap 1, outside_district 172"):
            await import_district(database, manifest, now=NOW)
        accepted = parse_kinds(ACCEPTED)
        results = [await import_district(database, manifest, now=NOW, accepted=accepted) for _ in range(2)]
        await database.close()
        return layers, report, results

    layers, report, results = asyncio.run(run())
    return url, layers, report, results


@pytest.fixture
async def connection(imported) -> AsyncIterator[AsyncConnection]:
    database = Database(imported[0])
    async with database.transaction() as opened:
        yield opened
    await database.close()


@pytest.fixture
def cells(imported) -> Layer:
    return imported[1].layers[LayerKind.CELLS]


def test_what_is_wrong_with_the_files(imported):
    """Streets, communities and cells nest without overlap; one community has a gap of 4.5 m², and roads
    run on past the district's border, as OpenStreetMap has them."""
    report = imported[2]
    assert report.counts == {FindingKind.GAP: 1, FindingKind.OUTSIDE_DISTRICT: 172}
    (gap,) = [one for one in report.findings if one.kind is FindingKind.GAP]
    assert (gap.layer, gap.codes) == (LayerKind.CELLS, ("440304009901",))
    assert gap.size == pytest.approx(4.5, abs=0.1)
    roads = [one for one in report.findings if one.kind is FindingKind.OUTSIDE_DISTRICT]
    assert {one.layer for one in roads} == {LayerKind.ROADS}
    assert max(one.size for one in roads) > 1000
    assert len(json.loads(json.dumps(report.geojson()))["features"]) == 173


async def test_every_cell_and_segment_is_stored(imported, connection):
    first, again = imported[3]
    assert first.counts[LayerKind.CELLS].added == CELLS
    assert first.counts[LayerKind.ROADS].added == SEGMENTS
    assert first.counts[LayerKind.COMMUNITIES].added == 77
    assert first.counts[LayerKind.STREETS].added == 10
    assert again.run_id is None
    levels = await connection.execute(select(Area.level, func.count()).group_by(Area.level))
    stored = {row.level: row[1] for row in levels}
    assert stored == {"district": 1, "street": 10, "community": 77, "cell": CELLS}
    assert (await connection.execute(select(func.count()).select_from(RoadSegment))).scalar_one() == SEGMENTS


async def test_sizes_agree_with_the_files(connection):
    """`area_m2` and `length_m` of the files were computed by others."""
    for name, column, table in (
        ("cells.geojson", "area_m2", select(Area.code, Area.area_m2).where(Area.level == "cell")),
        ("road_segments.geojson.gz", "length_m", select(RoadSegment.code, RoadSegment.length_m)),
    ):
        path = f"{'/vsigzip/' if name.endswith('.gz') else ''}{shared_file(f'data/futian/{name}')}"
        code = "cell_code_prov" if column == "area_m2" else "segment_id"
        _, _, _, (codes, sizes) = pyogrio.raw.read(path, columns=[code, column], read_geometry=False)
        ours = {row[0]: row[1] for row in await connection.execute(table)}
        np.testing.assert_allclose([ours[one] for one in codes], sizes, rtol=5e-3, atol=0.3)


async def test_the_civic_centre_from_a_phone(connection):
    """市民中心, as a phone's map sends it."""
    phone = geo.from_storage(114.0545, 22.5446, Datum.GCJ02)
    place = await locate(connection, *geo.to_storage(*phone, Datum.GCJ02), NOW)
    assert (place.street_name, place.district_name, place.area_class) == ("莲花街道", "福田区", "A")
    assert place.cell_code is not None
    assert place.cell_code.startswith(place.community_code)


async def test_a_hundred_thousand_points_agree_with_shapely(connection, cells):
    """Every corner as it is and as phones send it; points on the sides, which rounding puts on the line or a
    hair beside it; points a millimetre to a metre beside them; points anywhere."""
    random = np.random.default_rng(20260302)
    corners = np.unique(shapely.get_coordinates(cells.geometries), axis=0)
    on_sides = points_on_sides(cells, random, 42_000)
    hairs = random.normal(0, 1, (15_000, 2)) * 10.0 ** random.integers(-10, -4, (15_000, 1))
    beside, seldom = on_sides[:15_000] + hairs, random.choice(corners, 5_000)
    given = [corners, seldom.round(6), on_sides[15_000:], on_sides[:10_000].round(6), beside]
    anywhere = points_near_cells(cells, random, 100_000 - sum(map(len, given)))
    points = np.vstack([*given, anywhere[::2], anywhere[1::2].round(6)])
    expected, in_a_crack = cells_by_shapely(cells, points)
    assert len(points) == 100_000
    assert in_a_crack.sum() > 300
    assert (expected == NOWHERE).sum() > 200
    found = await cells_by_the_look_up(connection, points)
    wrong = np.flatnonzero(found != expected)
    assert [(points[i].tolist(), found[i], expected[i]) for i in wrong[:5]] == []


async def test_the_look_up_of_one_point_gives_what_that_of_many_gave(connection, cells):
    random = np.random.default_rng(7)
    points = np.vstack((points_on_sides(cells, random, 100), points_near_cells(cells, random, 50)))
    one_by_one = [(await locate(connection, *point, NOW)).cell_code or NOWHERE for point in points.tolist()]
    assert one_by_one == (await cells_by_the_look_up(connection, points)).tolist()


#: Sorts behind every code.
NOWHERE = "~" * 15


def points_on_sides(cells: Layer, random: np.random.Generator, number: int) -> np.ndarray:
    """Midway and anywhere along the sides of the cells."""
    corners, owner = shapely.get_coordinates(cells.geometries, return_index=True)
    first = random.choice(np.flatnonzero(np.diff(owner) == 0), number)
    share = np.where(random.uniform(size=number) < 0.3, 0.5, random.uniform(size=number))[:, None]
    return corners[first] + share * (corners[first + 1] - corners[first])


def points_near_cells(cells: Layer, random: np.random.Generator, number: int) -> np.ndarray:
    """Anywhere in the boxes around the cells: far from all of them a look-up takes long."""
    boxes = shapely.bounds(random.choice(cells.geometries, number))
    return random.uniform(boxes[:, :2], boxes[:, 2:])


def cells_by_shapely(cells: Layer, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The smallest code of the cells that cover each point, and which points lie in a crack: there, the
    smallest of those a millimetre away."""
    tree, codes = shapely.STRtree(cells.geometries), np.asarray(cells.codes)
    by_code = np.argsort(codes)
    rank = np.argsort(by_code)
    places = shapely.points(points)

    def smallest(which: np.ndarray, **near: Any) -> np.ndarray:
        asked, cell = tree.query(places[which], **near)
        best = np.full(len(which), len(codes))
        np.minimum.at(best, asked, rank[cell])
        return np.append(codes[by_code], NOWHERE)[best]

    expected = smallest(np.arange(len(points)), predicate="covered_by")
    outside = np.flatnonzero(expected == NOWHERE)
    expected[outside] = smallest(outside, predicate="dwithin", distance=1e-8)
    in_a_crack = np.zeros(len(points), dtype=bool)
    in_a_crack[outside] = expected[outside] != NOWHERE
    return expected, in_a_crack


async def cells_by_the_look_up(connection: AsyncConnection, points: np.ndarray) -> np.ndarray:
    """What the look-up of many says, a thousand points at a time."""
    found: list[str] = []
    for part in np.array_split(points, -(-len(points) // 1000)):
        asked = [(lon, lat, None) for lon, lat in part.tolist()]
        found += [place.cell_code or NOWHERE for place, _ in await lookup.locate_many(connection, asked, NOW)]
    return np.array(found)


async def test_outside_the_nearest_cell_agrees_with_a_walk_over_all(connection, cells):
    shenzhen_bay = (113.99, 22.49)
    place = await locate(connection, *shenzhen_bay, NOW)
    assert (place.cell_code, place.street_code) == (None, None)
    metric = geo.LocalMetric(*shenzhen_bay)
    distances = shapely.distance(metric.to_metres(cells.geometries), shapely.Point(0, 0))
    assert place.nearest is not None
    assert place.nearest.code == cells.codes[np.argmin(distances)]
    assert place.nearest.distance_m == pytest.approx(distances.min(), rel=2e-3)


async def test_segments_near_a_point_agree_with_shapely(connection, imported):
    roads = imported[1].layers[LayerKind.ROADS]
    here = (114.0545, 22.5446)
    metric = geo.LocalMetric(*here)
    distances = shapely.distance(metric.to_metres(roads.geometries), shapely.Point(0, 0))
    near = {code: size for code, size in zip(roads.codes, distances, strict=True) if size < 29.9}
    place = await locate(connection, *here, NOW)
    assert near.keys() <= {segment.code for segment in place.segments}
    for segment in place.segments:
        assert segment.distance_m <= 30
    assert [segment.distance_m for segment in place.segments] == sorted(
        one.distance_m for one in place.segments
    )
