"""Looking up a point: inside, on borders, outside, near roads, and at another moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from geoalchemy2.shape import from_shape
from shapely import MultiPolygon, box
from sqlalchemy import delete, update

from app.grid.lookup import component, locate
from app.grid.place import ChiefNear, NearestCell
from app.grid.tables import Area, StreetChief
from tests.grid.town import DISTRICT, EAST, MANHOLE, WEST

BEGUN = datetime(2025, 12, 31, 16, tzinfo=UTC)
NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
W1, W2 = WEST + "001001", WEST + "001002"

pytestmark = pytest.mark.usefixtures("map_")


async def test_a_point_inside_has_its_cell_and_all_above(connection):
    place = await locate(connection, 120.0005, 30.0002, NOW)
    assert (place.cell_code, place.area_class) == (W1, "A")
    assert (place.community_code, place.community_name) == (WEST + "001", "西街1社区")
    assert (place.street_code, place.street_name) == (WEST, "西街")
    assert (place.district_code, place.district_name) == (DISTRICT, "海棠区")
    assert place.nearest is None


@pytest.mark.parametrize(
    ("lon", "lat", "code"),
    [
        (120.001, 30.0005, W1),  # between two cells
        (120.001, 30.001, W1),  # where four meet
        (120.002, 30.0005, W2),  # between two streets
        (120.002, 30.001, W2),
        (120.000, 30.000, W1),  # the town's corner
        (120.004, 30.002, EAST + "002002"),
    ],
)
async def test_a_point_on_a_border_goes_to_the_smallest_code(connection, lon, lat, code):
    assert (await locate(connection, lon, lat, NOW)).cell_code == code


async def test_beside_a_long_side_a_point_is_in_the_cell_within_a_millimetre(connection):
    """The shortest way on the globe along 1 km of a parallel runs a centimetre north of it. Borders are
    straight on the map; the millimetre counts from there."""
    e2 = EAST + "001002"
    stretched = from_shape(MultiPolygon([box(120.003, 30.000, 120.013, 30.001)]), srid=4490)
    await connection.execute(update(Area).where(Area.code == e2).values(geom=stretched))
    assert (await locate(connection, 120.008, 30 - 9e-9, NOW)).cell_code == e2
    assert (await locate(connection, 120.008, 30 - 2e-8, NOW)).cell_code is None


async def test_a_point_outside_says_so_and_tells_the_nearest_cell(connection):
    place = await locate(connection, 119.999, 30.0005, NOW)
    assert (place.cell_code, place.street_code, place.district_code) == (None, None, None)
    assert place.nearest is not None
    assert place.nearest.code == W1
    assert place.nearest.distance_m == pytest.approx(96.5, abs=0.1)


async def test_nearest_is_measured_in_metres_not_degrees(connection):
    """0.0010° east of 东街 is nearer than 0.0009° north of it: degrees of longitude are shorter."""
    place = await locate(connection, 120.005, 30.0029, NOW)
    assert place.nearest is not None
    assert place.nearest.code == EAST + "002002"
    far = await locate(connection, 121.0, 31.0, NOW)
    assert far.nearest is not None
    assert far.nearest.code == EAST + "002002"
    assert far.nearest.distance_m == pytest.approx(146_600, rel=0.01)


async def test_a_point_just_outside_counts_as_inside_within_the_snap(connection):
    at_120_m = (119.99875, 30.0005)
    beyond = await locate(connection, *at_120_m, NOW, snap_m=100)
    assert beyond.cell_code is None
    within = await locate(connection, *at_120_m, NOW, snap_m=130)
    assert (within.cell_code, within.street_code, within.area_class) == (W1, WEST, "A")
    assert within.nearest == beyond.nearest == NearestCell(W1, pytest.approx(120.6, abs=0.2))


async def test_where_no_cell_is_the_street_is_told(connection):
    await connection.execute(delete(Area).where(Area.code.in_([W1, WEST + "001"])))
    place = await locate(connection, 120.0005, 30.0005, NOW)
    assert (place.cell_code, place.community_code, place.street_code, place.district_code) == (
        None, None, WEST, DISTRICT,
    )  # fmt: skip
    assert place.nearest is not None


async def test_a_class_unsaid_by_the_cell_comes_from_above(connection):
    assert (await locate(connection, 120.0025, 30.0005, NOW)).area_class is None
    await connection.execute(update(Area).where(Area.code == EAST).values(area_class="B"))
    assert (await locate(connection, 120.0025, 30.0005, NOW)).area_class == "B"


async def test_before_the_map_held_there_is_nothing(connection):
    place = await locate(connection, 120.0005, 30.0005, BEGUN - timedelta(seconds=1))
    assert (place.cell_code, place.district_code, place.nearest, place.segments) == (None, None, None, ())
    assert (await locate(connection, 120.0005, 30.0005, BEGUN)).cell_code == W1


async def test_segments_in_range_and_their_chiefs(connection):
    """陈街长 looks 60 m to both sides of R-W, 林街长 30 m of R-E."""
    near = await locate(connection, 120.0019, 30.0012, NOW)  # 22 m off the road, 10 m from 东街
    assert [segment.code for segment in near.segments] == ["R-W", "R-E"]
    assert near.segments[0].distance_m == pytest.approx(22.2, abs=0.1)
    assert [chief.name for chief in near.chiefs] == ["陈街长", "林街长"]
    at_55_m = await locate(connection, 120.0010, 30.0015, NOW)
    assert at_55_m.chiefs == (
        ChiefNear("陈街长", "street", 0, None, None, "R-W", pytest.approx(55.4, abs=0.1)),
    )
    assert (await locate(connection, 120.0030, 30.0015, NOW)).segments == ()


async def test_a_segment_without_a_chief_is_seen_from_30_metres(connection):
    await connection.execute(delete(StreetChief))
    at_22_m = await locate(connection, 120.001, 30.0012, NOW)
    assert [segment.code for segment in at_22_m.segments] == ["R-W"]
    assert at_22_m.chiefs == ()
    assert (await locate(connection, 120.001, 30.0013, NOW)).segments == ()


async def test_chiefs_are_those_in_office_then(connection):
    left = datetime(2026, 2, 1, tzinfo=UTC)
    await connection.execute(update(StreetChief).values(valid_to=left))
    on_the_road = (120.001, 30.001)
    assert len((await locate(connection, *on_the_road, left - timedelta(seconds=1))).chiefs) == 1
    assert (await locate(connection, *on_the_road, left)).chiefs == ()


async def test_a_component_by_its_code(connection):
    fact = await component(connection, MANHOLE, NOW)
    assert fact is not None
    assert (fact.name, fact.owner_unit) == ("污水井盖", "water")
    assert await component(connection, MANHOLE, BEGUN - timedelta(days=1)) is None
    assert await component(connection, "3301990102999999", NOW) is None
