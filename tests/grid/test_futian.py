"""福田区: 1,365 real cells and 8,231 road segments, imported and asked for places."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime

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


async def test_random_points_agree_with_shapely(connection, cells):
    random = np.random.default_rng(20260302)
    west, south, east, north = shapely.total_bounds(cells.geometries)
    points = random.uniform((west, south), (east, north), (400, 2)).round(6)
    await assert_agrees(connection, cells, points)


async def test_points_on_borders_agree_with_shapely_and_always_give_the_same(connection, cells):
    """Corners that several cells share, and points midway along their sides."""
    corners, owner = shapely.get_coordinates(cells.geometries, return_index=True)
    shared, count = np.unique(corners, axis=0, return_counts=True)
    random = np.random.default_rng(7)
    chosen = random.choice(shared[count > 2], 200, replace=False)
    sides = random.choice(np.flatnonzero(np.diff(owner) == 0), 200, replace=False)
    midway = (corners[sides] + corners[sides + 1]) / 2
    await assert_agrees(connection, cells, np.vstack((chosen, midway)))
    for lon, lat in chosen[:20].tolist():
        assert len({(await locate(connection, lon, lat, NOW)).cell_code for _ in range(3)}) == 1


async def assert_agrees(connection: AsyncConnection, cells: Layer, points: np.ndarray) -> None:
    """The smallest code of the cells that cover each point, computed by Shapely; in a crack between two
    cells, of those a hundredth of a millimetre away."""
    tree = shapely.STRtree(cells.geometries)
    for lon, lat in points.tolist():
        point = shapely.Point(lon, lat)
        found = tree.query(point, predicate="covered_by")
        if not len(found):
            found = tree.query(point, predicate="dwithin", distance=1e-10)
        place = await locate(connection, lon, lat, NOW)
        assert place.cell_code == min(cells.codes[found], default=None), (lon, lat)


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
