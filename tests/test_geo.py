"""Datums: against published vectors, there and back, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import example, given
from hypothesis import strategies as st
from pyproj import Geod

from app import geo
from app.errors import InvalidInput
from app.geo import Datum
from tests.conftest import shared_file

IN_CHINA = (st.floats(73.0, 135.0), st.floats(4.0, 53.5))


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    """(500, 6): WGS-84, GCJ-02 and BD-09 pairs of the same places."""
    return np.loadtxt(shared_file("data/coords/gcj02_bd09_vectors.csv"), delimiter=",", skiprows=1)


@pytest.mark.parametrize("datum", Datum)
def test_many_pairs_are_placed_like_each_one(datum):
    places = [(120.0, 30.0), (122.0712, 41.1198), (-70.5, -33.4), (0.0, 0.0)]
    pairs = np.array([geo.from_storage(*place, datum) for place in places])
    nowhere = np.array([(9e9, 30.0), (np.nan, 30.0), (120.0, -9e9)])
    found = geo.many_to_storage(np.concatenate([pairs, nowhere]), datum)
    assert [tuple(pair) for pair in found[:4]] == [geo.to_storage(*pair, datum) for pair in pairs.tolist()]
    assert np.isnan(found[4:]).all()


@pytest.mark.parametrize("datum", Datum)
def test_a_shape_is_drawn_where_its_corners_are(datum):
    square = shapely.box(120.0, 30.0, 120.001, 30.001)
    drawn = shapely.get_coordinates(geo.drawn_in(square, datum))
    for corner, found in zip(shapely.get_coordinates(square), drawn, strict=True):
        assert tuple(found) == pytest.approx(geo.from_storage(*corner, datum), abs=1e-7)


def test_published_vectors_hold_in_every_direction(vectors):
    wgs, gcj, bd = vectors[:, 0:2], vectors[:, 2:4], vectors[:, 4:6]
    assert len(vectors) == 500
    for found, expected in [
        (geo.wgs84_to_gcj02(wgs), gcj),
        (geo.gcj02_to_bd09(gcj), bd),
        (geo.gcj02_to_wgs84(gcj), wgs),
        (geo.bd09_to_gcj02(bd), gcj),
    ]:
        np.testing.assert_allclose(found, expected, atol=1e-7, rtol=0)


def test_a_report_lands_where_the_vectors_say(vectors):
    lon, lat, gcj_lon, gcj_lat, bd_lon, bd_lat = (float(value) for value in vectors[0])
    for datum, x, y in [
        (Datum.WGS84, lon, lat),
        (Datum.CGCS2000, lon, lat),
        (Datum.GCJ02, gcj_lon, gcj_lat),
        (Datum.BD09, bd_lon, bd_lat),
        (Datum.WEB_MERCATOR, *geo.wgs84_to_web_mercator(np.array([[lon, lat]]))[0]),
    ]:
        assert geo.to_storage(float(x), float(y), datum) == pytest.approx((lon, lat), abs=1.1e-8)


@given(*IN_CHINA, st.sampled_from(Datum))
def test_there_and_back_loses_nothing(lon, lat, datum):
    assert geo.to_storage(*geo.from_storage(lon, lat, datum), datum) == pytest.approx((lon, lat), abs=6e-9)


@given(*IN_CHINA)
def test_gcj02_lies_a_few_hundred_metres_off(lon, lat):
    shifted = geo.wgs84_to_gcj02(np.array([[lon, lat]]))[0]
    east, north = (shifted - (lon, lat)) * (111_320 * math.cos(math.radians(lat)), 110_574)
    assert 10 < math.hypot(east, north) < 1500


@given(st.floats(-180, 70), st.floats(-89, 89))
def test_outside_china_gcj02_is_unshifted(lon, lat):
    there = np.array([[lon, lat]])
    assert (geo.wgs84_to_gcj02(there) == there).all()
    assert (geo.gcj02_to_wgs84(there) == there).all()


def test_arrays_and_scalars_agree(vectors):
    together = geo.gcj02_to_wgs84(vectors[:, 2:4])
    for pair, expected in zip(vectors[:20, 2:4], together, strict=False):
        assert geo.to_storage(*map(float, pair), Datum.GCJ02) == pytest.approx(expected, abs=6e-9)


@given(st.floats(-180, 180), st.floats(-90, 90))
@example(72.004, 0.8293)
@example(137.8347, 55.8271)
@example(180.0, 90.0)
def test_one_point_is_where_it_is_among_many(x, y):
    among_many = geo.many_to_storage(np.array([[x, y]]), Datum.GCJ02)[0]
    assert geo.to_storage(x, y, Datum.GCJ02) == pytest.approx(among_many, abs=2e-8)


def test_web_mercator_of_the_published_example():
    """IOGP guidance note 373-7-2, EPSG method 1024: 24°22'54.433"N 100°20'00.000"W."""
    place = geo.to_storage(-11169055.58, 2800000.00, Datum.WEB_MERCATOR)
    assert place == pytest.approx((-100.33333333, 24.38178694), abs=1e-7)


@pytest.mark.parametrize(
    ("x", "y", "datum", "field"),
    [
        (math.nan, 22.5, Datum.WGS84, "x"),
        (114.0, math.inf, Datum.GCJ02, "y"),
        (-math.inf, 0.0, Datum.WEB_MERCATOR, "x"),
        (181.0, 22.5, Datum.CGCS2000, "x"),
        (22.5, 114.0, Datum.BD09, "y"),  # latitude first: the usual mistake
        (12697872.0, 2.1e7, Datum.WEB_MERCATOR, "y"),
    ],
)
def test_what_is_no_place_is_refused(x, y, datum, field):
    with pytest.raises(InvalidInput) as refusal:
        geo.to_storage(x, y, datum)
    assert list(refusal.value.fields) == [field]


def test_a_file_in_a_gauss_kruger_zone_is_read():
    """EPSG:4547, CGCS2000 3° zone 38: the central meridian is 114° E, with 500 km added to the east."""
    lon, lat = geo.file_conversion("EPSG:4547")(np.array([[500_000.0, 2_493_000.0]]))[0]
    assert lon == pytest.approx(114.0)
    assert lat == pytest.approx(22.53, abs=0.02)


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:4490", "OGC:CRS84"])
def test_degrees_of_wgs84_and_cgcs2000_are_taken_as_equal(crs):
    place = np.array([[114.05, 22.54]])
    assert (geo.file_conversion(crs)(place) == place).all()


@pytest.mark.parametrize(
    ("crs", "x", "y"),
    [
        ("EPSG:4326", 500_000.0, 2_493_000.0),  # metres said to be degrees
        ("EPSG:4547", 114.05, 22.54),  # degrees said to be metres
        ("EPSG:4490", math.nan, 22.54),
        ("gcj02", 22.54, 114.05),
    ],
)
def test_a_file_in_another_system_than_said_is_refused(crs, x, y):
    with pytest.raises(InvalidInput, match="no places in"):
        geo.file_conversion(crs)(np.array([[x, y]]))


def test_an_unknown_system_is_refused():
    with pytest.raises(InvalidInput, match="unknown coordinate system"):
        geo.file_conversion("EPSG:999999")


def test_local_metres_measure_true():
    metric = geo.LocalMetric(114.0, 22.5)
    square = shapely.box(114.1, 22.6, 114.11, 22.61)  # 15 km away
    true_area = abs(Geod(ellps="GRS80").geometry_area_perimeter(square)[0])
    flat = metric.to_metres(square)
    assert flat.area == pytest.approx(true_area, rel=2e-3)
    assert shapely.hausdorff_distance(metric.to_degrees(flat), square) < 1e-12


def test_what_is_straight_in_degrees_is_straight_in_local_metres():
    metric = geo.LocalMetric(114.0, 22.5)
    ends, middle = shapely.LineString([(114.0, 22.5), (114.06, 22.56)]), shapely.Point(114.03, 22.53)
    assert metric.to_metres(ends).distance(metric.to_metres(middle)) < 1e-9
