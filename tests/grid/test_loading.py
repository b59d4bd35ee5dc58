"""Reading map files: every format and coordinate system, and one clear error for each bad file."""

from __future__ import annotations

import csv
import gzip
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyogrio.raw
import pytest
import shapely
from pyproj import Transformer

from app import geo
from app.errors import InvalidInput
from app.grid.layers import Layers
from app.grid.loading import load
from app.grid.manifest import LayerKind, read_manifest
from app.grid.topology import check
from tests.grid.town import DISTRICT, MANHOLE, WEST, Town, clean_town, square

HEAD = f'valid_from = 2026-01-01\n[district]\ncode = "{DISTRICT}"\nname = "海棠区"\n'


def read(folder: Path, manifest: str) -> Layers:
    (folder / "m.toml").write_text(HEAD + manifest, "utf-8")
    return load(read_manifest(folder / "m.toml"))


def write_cells(path: Path, town: Town, crs: str | None, driver: str, convert=lambda c: c, **options) -> None:
    """The town's cells in another format; Shapefile columns are in Chinese, as cities have them."""
    rows = town.layers["cells"]
    shapes = shapely.transform(np.array([row.shape for row in rows]), convert)
    codes = np.array([row.fields["code"] for row in rows], dtype=object)
    names = np.array(["网格" + code[-3:] for code in codes], dtype=object)
    pyogrio.raw.write(
        path, shapely.to_wkb(shapes), [codes, names], ["网格码", "名称"], driver=driver, crs=crs,
        geometry_type="Polygon", **options,
    )  # fmt: skip


FIELDS = 'fields = { code = "网格码", name = "名称" }\n'


def assert_is_the_town(layers: Layers) -> None:
    cells = layers.layers[LayerKind.CELLS]
    expected = {row.fields["code"]: row.shape for row in clean_town().layers["cells"]}
    assert set(cells.codes) == set(expected)
    for code, name, shape in zip(cells.codes, cells.columns["name"], cells.geometries, strict=True):
        assert name == "网格" + code[-3:]
        assert shape.geom_type == "MultiPolygon"
        assert shapely.hausdorff_distance(shape, expected[code]) < 2e-8


def to_gauss_kruger(degrees: np.ndarray) -> np.ndarray:
    zone = Transformer.from_crs(4490, 4549, always_xy=True)  # CGCS2000, 3° zone, 120° E
    return np.column_stack(zone.transform(*degrees.T))


SYSTEMS = {
    "EPSG:4490": lambda degrees: degrees,
    "EPSG:4549": to_gauss_kruger,
    "EPSG:3857": geo.wgs84_to_web_mercator,
}


@pytest.mark.parametrize("crs", SYSTEMS)
@pytest.mark.parametrize(("suffix", "driver"), [("gpkg", "GPKG"), ("shp", "ESRI Shapefile")])
def test_geopackage_and_shapefile_say_their_own_system(tmp_path, suffix, driver, crs):
    write_cells(tmp_path / f"cells.{suffix}", clean_town(), crs, driver, SYSTEMS[crs])
    assert_is_the_town(read(tmp_path, f'[cells]\nfile = "cells.{suffix}"\n{FIELDS}'))


@pytest.mark.parametrize(
    ("crs", "convert"),
    [
        ("gcj02", geo.wgs84_to_gcj02),
        ("bd09", lambda degrees: geo.gcj02_to_bd09(geo.wgs84_to_gcj02(degrees))),
        ("EPSG:4549", to_gauss_kruger),
    ],
)
def test_the_manifest_overrules_what_the_file_says(tmp_path, crs, convert):
    write_cells(
        tmp_path / "cells.geojson", clean_town(), "EPSG:4326", "GeoJSON", convert, COORDINATE_PRECISION="12"
    )
    assert_is_the_town(read(tmp_path, f'[cells]\nfile = "cells.geojson"\ncrs = "{crs}"\n{FIELDS}'))


@pytest.mark.parametrize("inner", ["", "数据/网格/"])
def test_a_zipped_shapefile_in_gbk(tmp_path, inner):
    write_cells(tmp_path / "cells.shp", clean_town(), "EPSG:4490", "ESRI Shapefile", encoding="GBK")
    (tmp_path / "cells.cpg").unlink()
    with zipfile.ZipFile(tmp_path / "cells.zip", "w") as archive:
        for part in tmp_path.glob("cells.*"):
            if part.suffix != ".zip":
                archive.write(part, inner + part.name)
    assert_is_the_town(read(tmp_path, f'[cells]\nfile = "cells.zip"\nencoding = "GBK"\n{FIELDS}'))


def test_a_layer_of_several_in_a_geopackage(tmp_path):
    town = clean_town()
    write_cells(
        tmp_path / "all.gpkg", Town({"cells": town.layers["cells"][:1]}, []), "EPSG:4490", "GPKG", layer="旧"
    )
    write_cells(tmp_path / "all.gpkg", town, "EPSG:4490", "GPKG", layer="网格", append=True)
    assert_is_the_town(read(tmp_path, f'[cells]\nfile = "all.gpkg"\nlayer = "网格"\n{FIELDS}'))


def test_a_gzipped_geojson(tmp_path):
    write_cells(tmp_path / "cells.geojson", clean_town(), "EPSG:4326", "GeoJSON")
    plain = (tmp_path / "cells.geojson").read_bytes()
    (tmp_path / "cells.geojson.gz").write_bytes(gzip.compress(plain))
    assert_is_the_town(read(tmp_path, f'[cells]\nfile = "cells.geojson.gz"\n{FIELDS}'))


def test_what_a_file_does_not_say_follows_from_code_and_manifest(tmp_path):
    layers, _ = clean_town().read(tmp_path)
    cells, chiefs = layers.layers[LayerKind.CELLS], layers.layers[LayerKind.CHIEFS]
    first = list(cells.codes).index(WEST + "001001")
    assert cells.columns["parent_code"][first] == WEST + "001"
    assert cells.columns["name"][first] == WEST + "001001"
    assert cells.columns["valid_from"][first] == datetime(2025, 12, 31, 16, tzinfo=UTC)
    assert list(chiefs.columns["visible_range_m"]) == [60.0, 30.0]
    assert list(chiefs.columns["deputy"]) == [0, 0]
    component = layers.layers[LayerKind.COMPONENTS]
    assert component.columns["category"][0] == "C0102"
    assert component.columns["state"][0] == "intact"


def test_a_missing_district_is_the_union_of_its_streets(tmp_path):
    layers, manifest = clean_town().read(tmp_path)
    district = layers.layers[LayerKind.DISTRICT]
    assert layers.derived_district
    assert list(district.codes) == [DISTRICT]
    assert list(district.columns["name"]) == ["海棠区"]
    assert district.geometries[0].equals(square(0, 0, 4, 2))
    assert check(layers, manifest.tolerance).findings == ()


def test_a_district_of_its_own_file(tmp_path):
    town = clean_town()
    town.layers["area"] = [type(town.layers["cells"][0])(square(0, 0, 4, 2), {"note": "测绘"})]
    path = town.write(tmp_path)
    text = path.read_text("utf-8").replace("[area]\n", "").replace('file = "area.geojson"\n', "")
    path.write_text(text.replace('name = "海棠区"', 'name = "海棠区"\nfile = "area.geojson"'), "utf-8")
    layers = load(read_manifest(path))
    district = layers.layers[LayerKind.DISTRICT]
    assert not layers.derived_district
    assert (district.codes[0], district.columns["name"][0], district.columns["note"][0]) == (
        DISTRICT,
        "海棠区",
        "测绘",
    )


def test_defaults_fill_what_is_empty_and_constants_what_is_absent(tmp_path):
    town = clean_town()
    town.one("cells", WEST + "001001").fields["area_class"] = None
    path = town.write(tmp_path)
    text = path.read_text("utf-8")
    path.write_text(
        text.replace(
            '"cells.geojson"', '"cells.geojson"\ndefaults = { area_class = "C", note = "2026 普查" }'
        ),
        "utf-8",
    )
    cells = load(read_manifest(path)).layers[LayerKind.CELLS]
    assert sorted(cells.columns["area_class"]) == ["A"] * 3 + ["C"] * 5
    assert set(cells.columns["note"]) == {"2026 普查"}


def test_codes_kept_as_numbers_and_dates_in_several_ways(tmp_path):
    town = clean_town()
    for row in town.layers["cells"]:
        row.fields["code"] = int(row.fields["code"])
    town.layers["components"][0].fields |= {
        "initial_date": "2020/05/06", "changed_date": "20210708",
        "valid_from": "2026-02-01T08:00:00+08:00", "state": "破损",
    }  # fmt: skip
    layers, _ = town.read(tmp_path)
    assert WEST + "001001" in layers.layers[LayerKind.CELLS].codes
    component = layers.layers[LayerKind.COMPONENTS].columns
    assert component["initial_date"][0] == date(2020, 5, 6)
    assert component["changed_date"][0] == date(2021, 7, 8)
    assert component["valid_from"][0] == datetime(2026, 2, 1, tzinfo=UTC)
    assert component["state"][0] == "damaged"


# Bad files: one clear error, naming the layer, the file and what to do


def refusal(folder: Path, manifest: str) -> str:
    with pytest.raises(InvalidInput) as refused:
        read(folder, manifest)
    assert "\n" not in refused.value.detail
    return refused.value.detail


@pytest.fixture
def maps(tmp_path) -> Path:
    """A folder with the clean town's files."""
    clean_town().write(tmp_path)
    return tmp_path


def test_a_file_that_is_not_there(maps):
    assert "cells (gone.shp): there is no file" in refusal(maps, '[cells]\nfile = "gone.shp"')


@pytest.mark.parametrize(
    "name", ["notes.txt", "notes.geojson", "notes.gpkg", "notes.shp", "notes.geojson.gz"]
)
def test_a_file_that_is_no_map(maps, name):
    (maps / name).write_text("会议纪要", "utf-8")
    assert f"cells ({name}): cannot be read as a map" in refusal(maps, f'[cells]\nfile = "{name}"')


def test_archives_without_one_map(maps):
    (maps / "bad.zip").write_text("不是压缩包", "utf-8")
    assert "is not a ZIP archive" in refusal(maps, '[cells]\nfile = "bad.zip"')
    with zipfile.ZipFile(maps / "two.zip", "w") as archive:
        archive.write(maps / "cells.geojson", "a.geojson")
        archive.write(maps / "cells.geojson", "b.geojson")
    assert "must hold one map file, this one holds 2" in refusal(maps, '[cells]\nfile = "two.zip"')


def test_a_table_without_a_map(maps):
    (maps / "table.csv").write_text("code\n330199001001001\n", "utf-8")
    assert "holds no map" in refusal(maps, '[cells]\nfile = "table.csv"')


def test_a_column_that_is_not_there(maps):
    told = refusal(maps, '[cells]\nfile = "cells.geojson"\nfields = { code = "BGCODE" }')
    assert "no column 'BGCODE' (for 'code'); there are code, area_class" in told
    write_cells(maps / "nameless.geojson", clean_town(), "EPSG:4326", "GeoJSON")
    assert "no column for 'code': name one of 网格码, 名称" in refusal(
        maps, '[cells]\nfile = "nameless.geojson"'
    )


def test_a_target_that_is_not_there(maps):
    assert "no such target 'colour'" in refusal(
        maps, '[cells]\nfile = "cells.geojson"\ndefaults = { colour = "red" }'
    )


def test_another_coordinate_system_than_said(maps):
    told = refusal(maps, '[cells]\nfile = "cells.geojson"\ncrs = "EPSG:4549"')
    assert "the coordinates are no places in EPSG:4549" in told
    write_cells(maps / "plane.geojson", clean_town(), "EPSG:4326", "GeoJSON", to_gauss_kruger)
    told = refusal(maps, f'[cells]\nfile = "plane.geojson"\n{FIELDS}')
    assert "the coordinates are no places in EPSG:4326" in told


def test_a_file_that_says_no_coordinate_system(maps):
    with pytest.warns(UserWarning, match="'crs' was not provided"):
        write_cells(maps / "cells.shp", clean_town(), None, "ESRI Shapefile")
    told = refusal(maps, f'[cells]\nfile = "cells.shp"\n{FIELDS}')
    assert "does not say its coordinate system: name it as crs" in told


def test_points_where_polygons_belong(maps):
    assert "row 1 is a Point: cells are polygons" in refusal(maps, '[cells]\nfile = "components.geojson"')
    assert "row 1 is a Polygon: roads are lines" in refusal(maps, '[roads]\nfile = "cells.geojson"')


def test_a_value_that_means_nothing(maps):
    told = refusal(maps, '[components]\nfile = "components.geojson"\ndefaults = { accuracy = "好" }')
    assert "row 1: accuracy = '好': must be A, B or C" in told


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("name", "", "row 1: name is empty"),
        ("deputy", "1.5", "row 1: deputy = '1.5': must be a whole number"),
        ("visible_range_m", "900", "must lie from 0 to 500 metres"),
        ("valid_from", "去年", "row 1: valid_from = '去年'"),
        ("valid_to", "2025-12-31", "row 1: the term ends 2025-12-31, before it begins"),
    ],
)
def test_a_wrong_chief(maps, column, value, told):
    chief = {"segment_code": "R-W", "level": "street", "name": "陈街长"} | {column: value}
    with (maps / "chiefs.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(chief))
        table.writeheader()
        table.writerow(chief)
    assert told in refusal(maps, '[chiefs]\nfile = "chiefs.csv"')


def test_a_csv_in_another_encoding(maps):
    content = "segment_code,level,name\nR-W,street,陈街长\n"
    (maps / "chiefs.csv").write_bytes(content.encode("gbk"))
    assert "is its encoding right?" in refusal(maps, '[chiefs]\nfile = "chiefs.csv"')
    chiefs = read(maps, '[chiefs]\nfile = "chiefs.csv"\nencoding = "gbk"').layers[LayerKind.CHIEFS]
    assert list(chiefs.columns["name"]) == ["陈街长"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("valid_from = ", "is not TOML"),
        ("[district]\nname = '区'\ncode = '330199'", "valid_from: Field required"),
        (HEAD.replace(DISTRICT, "3301"), "district.code"),
        (HEAD + "[cell]\nfile = 'x'", "cell: Extra inputs are not permitted"),
        (HEAD + "[cells]\nfile = 'x'\nfile_type = 'shp'", "cells.file_type: Extra inputs"),
        ("timezone = 'Asia/Nowhere'\n" + HEAD, "timezone: Value error, no such time zone"),
        (HEAD, "the manifest names no layer"),
    ],
)
def test_a_wrong_manifest(tmp_path, text, told):
    path = tmp_path / "m.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(InvalidInput) as refused:
        load(read_manifest(path))
    assert told in refused.value.detail


def test_a_manifest_that_is_not_there(tmp_path):
    with pytest.raises(InvalidInput, match="cannot read"):
        read_manifest(tmp_path / "gone.toml")


def test_the_component_of_the_town_is_where_it_is(tmp_path):
    layers, _ = clean_town().read(tmp_path)
    component = layers.layers[LayerKind.COMPONENTS]
    assert (component.codes[0], component.geometries[0].wkt) == (MANHOLE, "POINT (120.0005 30.0005)")


def test_dates_and_times_of_a_geopackage(tmp_path):
    rows = clean_town().layers["cells"][:2]
    codes = np.array([row.fields["code"] for row in rows], dtype=object)
    dates = np.array(["2026-02-01", "NaT"], dtype="datetime64[D]")
    pyogrio.raw.write(
        tmp_path / "cells.gpkg", shapely.to_wkb(np.array([row.shape for row in rows])), [codes, dates],
        ["code", "valid_from"], driver="GPKG", crs="EPSG:4490", geometry_type="Polygon",
    )  # fmt: skip
    cells = read(tmp_path, '[cells]\nfile = "cells.gpkg"').layers[LayerKind.CELLS]
    assert list(cells.columns["valid_from"]) == [
        datetime(2026, 1, 31, 16, tzinfo=UTC),
        datetime(2025, 12, 31, 16, tzinfo=UTC),
    ]
