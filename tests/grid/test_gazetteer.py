"""地名库 over the small town: what an import makes of it, what is found, by whom, and in any locale."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from shapely import LineString, Point
from sqlalchemy.ext.asyncio import AsyncConnection

from app import migrate
from app.db import Database
from app.errors import InvalidInput
from app.grid import gazetteer
from app.grid.addressing import PlaceKind
from app.grid.gazetteer import PlaceFound
from app.grid.importing import store, with_stored
from app.grid.manifest import LayerKind
from app.grid.topology import check
from tests.conftest import admin
from tests.grid.town import DISTRICT, EAST, WEST, Town, clean_town

MARCH = datetime(2026, 3, 2, 1, tzinfo=UTC)
NEXT_YEAR = datetime(2027, 3, 2, 1, tzinfo=UTC)


@pytest.fixture
def town() -> Town:
    """With a crossroad in each street, and points of interest: one of them in both streets."""
    town = clean_town()
    town.add("roads", LineString([(120.001, 30.0), (120.001, 30.002)]), code="R-N", name="芦苇路")
    town.add("roads", LineString([(120.003, 30.0), (120.003, 30.002)]), code="R-S", name="槐花街")
    town.layers["pois"] = []
    town.add(
        "pois",
        Point(120.0015, 30.0015),
        code="P1",
        name="海棠广场",
        aliases="中心路8号，牡丹园",
        category="广场",
    )
    town.add("pois", Point(120.0002, 30.0002), code="P2", name="便民药房", aliases=None)
    town.add("pois", Point(120.0038, 30.0018), code="P3", name="便民药房", aliases=None)
    return town


async def bring(connection: AsyncConnection, town: Town, folder: Path, now: datetime = MARCH) -> None:
    layers, manifest = town.read(folder)
    layers = await with_stored(connection, layers)
    report = check(layers, manifest.tolerance)
    assert report.findings == ()
    await store(connection, layers, report, manifest_name="town.toml", now=now)


@pytest.fixture
async def map_(town: Town, connection: AsyncConnection, tmp_path: Path) -> Town:
    await bring(connection, town, tmp_path)
    return town


async def ask(connection: AsyncConnection, words: str, area: str | None = None) -> list[PlaceFound]:
    return await gazetteer.search(connection, words, area=area, limit=5)


async def test_a_point_of_interest_is_a_position(map_, connection):
    first, *_ = await ask(connection, "海棠区海棠广场门口有垃圾")
    assert (first.name, first.kind, first.code) == ("海棠广场", PlaceKind.POI, "P1")
    assert (first.lon, first.lat, first.area_code) == (120.0015, 30.0015, WEST + "002002")
    assert first.precise
    assert first.sure


async def test_its_address_is_its_name_too(map_, connection):
    first, second, *_ = await ask(connection, "中心路8号楼下")
    assert (first.name, first.code, first.sure) == ("中心路8号", "P1", True)
    assert (second.name, second.precise) == ("中心路", False)


async def test_a_road_is_found_and_is_no_position(map_, connection):
    (road,) = await ask(connection, "中心路")
    assert (road.name, road.kind, road.precise, road.sure) == ("中心路", PlaceKind.ROAD, False, False)
    assert road.code in ("R-W", "R-E")
    assert road.lat == pytest.approx(30.001)


async def test_a_crossing_lies_where_the_roads_meet(map_, connection):
    first, *_ = await ask(connection, "芦苇路与中心路路口往北50米")
    assert (first.name, first.kind, first.sure) == ("芦苇路与中心路路口", PlaceKind.CROSSING, True)
    assert first.lon == pytest.approx(120.001)
    assert (first.lat - 30.001) * 111_320 == pytest.approx(50, abs=1)
    assert first.area_code.startswith(WEST)


async def test_roads_that_do_not_meet_have_no_crossing(map_, connection):
    found = await ask(connection, "芦苇路与槐花街路口")
    assert {place.kind for place in found} == {PlaceKind.ROAD}


async def test_communities_and_streets_are_found(map_, connection):
    found = await ask(connection, "西街1社区")
    assert (found[0].name, found[0].kind, found[0].code) == ("西街1社区", PlaceKind.COMMUNITY, WEST + "001")


async def test_of_two_places_of_a_name_neither_is_sure_until_the_area_is_told(map_, connection):
    found = await ask(connection, "便民药房")
    assert {place.code for place in found} == {"P2", "P3"}
    assert not any(place.sure for place in found)
    (named,) = (place for place in await ask(connection, "东街2社区便民药房") if place.sure)
    assert named.code == "P3"
    (restricted,) = await ask(connection, "便民药房", area=EAST)
    assert (restricted.code, restricted.sure) == ("P3", True)


async def test_who_sees_a_street_finds_places_there_alone(map_, connection):
    found = await gazetteer.search(connection, "便民药房", area=None, limit=5, within=[WEST + "001"])
    assert [place.code for place in found] == ["P2"]
    assert await gazetteer.search(connection, "便民药房", area=EAST, limit=5, within=[WEST]) == []


@pytest.mark.parametrize("words", ["", "。", "路", "\x00\x00", "毫不相干的一段话" * 40, "%_'\\", "🙂🙂🙂"])
async def test_words_without_a_place_find_none(map_, connection, words):
    assert await ask(connection, words) == []


async def test_a_new_import_makes_the_gazetteer_anew(map_, town, connection, tmp_path):
    town.one("pois", "P1").fields["name"] = "玉兰广场"
    town.layers["pois"].remove(town.one("pois", "P3"))
    town.one("roads", "R-N").fields["name"] = "蒲苇路"
    await bring(connection, town, tmp_path, NEXT_YEAR)
    assert [place.code for place in await ask(connection, "玉兰广场")] == ["P1"]
    assert await ask(connection, "海棠广场") == []
    assert [place.code for place in await ask(connection, "便民药房")] == ["P2"]
    assert (await ask(connection, "蒲苇路和中心路交叉口"))[0].sure
    before = await gazetteer.search(connection, "海棠广场", area=None, limit=5, at=MARCH)
    assert [place.code for place in before] == ["P1"]


async def test_points_left_out_of_a_manifest_stay(map_, town, connection, tmp_path):
    del town.layers["pois"]
    await bring(connection, town, tmp_path, NEXT_YEAR)
    assert (await ask(connection, "海棠广场"))[0].code == "P1"


# -- the table of points ---------------------------------------------------------------------------------


def as_csv(town: Town, folder: Path, rows: str, manifest: str = 'crs = "EPSG:4490"') -> Path:
    """The town's manifest with points of interest from a CSV."""
    town.layers.pop("pois", None)
    path = town.write(folder)
    (folder / "pois.csv").write_text(rows, "utf-8")
    path.write_text(f'{path.read_text()}\n[pois]\nfile = "pois.csv"\n{manifest}\n', "utf-8")
    return path


def test_points_come_from_a_table(town, tmp_path):
    from app.grid.loading import load
    from app.grid.manifest import read_manifest

    path = as_csv(
        town, tmp_path, "编号,名称,经度,纬度,别名\nA1,海棠广场,120.0015,30.0015,\"棠广,中心路8号\"\n",
        'crs = "EPSG:4490"\nfields = { code = "编号", name = "名称", aliases = "别名" }',
    )  # fmt: skip
    layer = load(read_manifest(path)).layers[LayerKind.POIS]
    assert layer.codes.tolist() == ["A1"]
    assert layer.columns["aliases"].tolist() == [["棠广", "中心路8号"]]
    assert (layer.geometries[0].x, layer.geometries[0].y) == (120.0015, 30.0015)


@pytest.mark.parametrize(
    ("rows", "manifest", "complaint"),
    [
        ("code,name\nA1,广场\n", 'crs = "EPSG:4490"', "no columns for the coordinates"),
        ("code,name,lon,lat\nA1,广场,120,30\n", "", "name it as crs"),
        ("code,name,lon,lat\nA1,广场,东,30\n", 'crs = "EPSG:4490"', "row 1: '东', '30' are no coordinates"),
        ("code,name,lon,lat\nA1,,120,30\n", 'crs = "EPSG:4490"', "row 1: name is empty"),
        ("code,lon,lat\nA1,120,30\n", 'crs = "EPSG:4490"', "row 1: name is empty"),
    ],
)
def test_a_table_that_cannot_be_understood_is_refused(town, tmp_path, rows, manifest, complaint):
    from app.grid.loading import load
    from app.grid.manifest import read_manifest

    with pytest.raises(InvalidInput, match=complaint):
        load(read_manifest(as_csv(town, tmp_path, rows, manifest)))


def test_a_point_outside_the_district_or_without_a_place_is_a_finding(town, tmp_path):
    town.add("pois", Point(121, 31), code="P4", name="远方")
    town.add("pois", None, code="P5", name="无处")
    layers, manifest = town.read(tmp_path)
    counts = check(layers, manifest.tolerance).counts
    assert counts == {"outside_district": 1, "empty_geometry": 1}


# -- a locale that knows no Chinese ------------------------------------------------------------------------


@pytest.fixture
def c_locale_url(cluster) -> Iterator[str]:
    name = f"c_locale_{uuid.uuid4().hex[:12]}"
    admin(cluster, f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'")
    migrate.upgrade(cluster.database_url(name))
    yield cluster.database_url(name)
    admin(cluster, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def c_locale(c_locale_url: str) -> AsyncIterator[AsyncConnection]:
    database = Database(c_locale_url)
    async with database.transaction() as connection:
        yield connection
    await database.close()


async def test_chinese_is_found_where_the_locale_is_c(c_locale, town, tmp_path):
    await bring(c_locale, town, tmp_path)
    assert [place.code for place in await ask(c_locale, f"{DISTRICT}海棠广场") if place.sure] == ["P1"]
    assert (await ask(c_locale, "芦苇路中心路路口"))[0].kind is PlaceKind.CROSSING
