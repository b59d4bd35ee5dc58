"""The demo district is importable, shaped as the standard asks, and the same each time."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import shapely

from app.db import Database
from app.demo import RULEBOOK
from app.demo.district import DEFAULT_SEED, NOTE, District, build, generate
from app.demo.picture import draw
from app.demo.plan import OFFICES, RoadClass
from app.dispatch.folder import read_folder
from app.dispatch.rulebook import CategoryKind, Rulebook
from app.grid.loading import load
from app.grid.manifest import LayerKind, Tolerance, read_manifest
from app.grid.survey import import_district
from app.grid.topology import check


@pytest.fixture(scope="module")
def district() -> District:
    return build(DEFAULT_SEED)


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_folder(RULEBOOK)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("district"))


def features(manifest: Path, layer: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((manifest.parent / f"{layer}.geojson").read_text())["features"]
    return found


def chief_rows(manifest: Path) -> list[dict[str, str]]:
    with (manifest.parent / "chiefs.csv").open(encoding="utf-8", newline="") as rows:
        return list(csv.DictReader(rows))


@pytest.mark.parametrize("seed", [DEFAULT_SEED, 1])
def test_the_import_finds_nothing_wrong_with_it_even_without_tolerance(seed: int, tmp_path: Path) -> None:
    layers = load(read_manifest(generate(tmp_path, seed)))
    assert check(layers, Tolerance(area_m2=0.001, width_m=0.0001, length_m=0.001)).findings == ()


@pytest.mark.cloned
async def test_it_is_stored_by_an_import_that_tolerates_nothing(cloned_url: str, manifest: Path) -> None:
    database = Database(cloned_url)
    stored = await import_district(database, manifest, now=datetime(2026, 1, 1, tzinfo=UTC))
    again = await import_district(database, manifest, now=datetime(2026, 1, 2, tzinfo=UTC))
    await database.close()
    assert stored.counts[LayerKind.CELLS].added == len(features(manifest, "cells"))
    assert stored.counts[LayerKind.CHIEFS].added == len(chief_rows(manifest))
    assert again.run_id is None


def test_the_same_seed_gives_the_same_bytes_in_another_process(manifest: Path, tmp_path: Path) -> None:
    script = "import sys, pathlib, app.demo.district as d; d.generate(pathlib.Path(sys.argv[1]))"
    hashed_otherwise = {**os.environ, "PYTHONHASHSEED": "4711"}
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, env=hashed_otherwise)
    for file in sorted(manifest.parent.iterdir()):
        assert (tmp_path / file.name).read_bytes() == file.read_bytes()


def test_another_seed_gives_another_town(district: District) -> None:
    assert build(1).areas.cells != district.areas.cells


def test_every_layer_says_that_it_is_invented(manifest: Path) -> None:
    for layer in ("district", "streets", "communities", "cells", "roads", "components", "pois"):
        assert {feature["properties"]["note"] for feature in features(manifest, layer)} == {NOTE}
    assert "几何为虚构，仅供演示" in (manifest.parent / "README.md").read_text(encoding="utf-8")


def test_it_has_the_eight_street_offices_with_three_to_six_communities_each(district: District) -> None:
    assert [(area.code, area.name) for area in district.areas.streets] == [(o.code, o.name) for o in OFFICES]
    for street in district.areas.streets:
        within = [area for area in district.areas.communities if area.code.startswith(street.code)]
        assert 3 <= len(within) <= 6


def test_cells_are_of_the_size_of_their_class_and_numbered_without_a_hole(district: District) -> None:
    assert 1200 <= len(district.areas.cells) <= 2000
    median = {}
    for area_class in "ABC":
        sizes = sorted(cell.shape.area for cell in district.areas.cells if cell.area_class == area_class)
        median[area_class] = sizes[len(sizes) // 2]
    assert 9_000 <= median["A"] <= 11_000
    assert median["A"] < median["B"] < median["C"]
    for community in district.areas.communities:
        codes = [cell.code for cell in district.areas.cells if cell.code.startswith(community.code)]
        assert codes == [f"{community.code}{number:03d}" for number in range(1, len(codes) + 1)]


def test_the_first_cell_of_a_community_lies_north_west_of_its_last(district: District) -> None:
    for community in district.areas.communities:
        cells = [cell.shape.centroid for cell in district.areas.cells if cell.code.startswith(community.code)]
        assert cells[0].y > cells[-1].y
        in_a_row = sum(one.x < other.x for one, other in pairwise(cells))
        assert in_a_row > len(cells) / 2


def test_no_cell_lies_on_both_banks_of_the_river(district: District) -> None:
    for cell in district.areas.cells:
        assert shapely.intersection(cell.shape.buffer(-1), district.town.river).is_empty


def test_segments_of_every_class_end_at_junctions(district: District) -> None:
    assert 600 <= len(district.segments) <= 1200
    assert {segment.road_class for segment in district.segments} == set(RoadClass)
    for one, other in (
        shapely.STRtree([s.line for s in district.segments])
        .query([s.line for s in district.segments], predicate="crosses")
        .T
    ):
        pytest.fail(f"{district.segments[one].code} crosses {district.segments[other].code}")


def test_every_named_segment_has_a_chief_all_year(manifest: Path, rulebook: Rulebook) -> None:
    levels = {level.code for level in rulebook.chief_levels}
    terms: dict[tuple[str, str, str], list[dict[str, str]]] = {}
    for row in chief_rows(manifest):
        assert row["level"] in levels
        assert row["unit"] in rulebook.unit_by_code
        assert 20 <= int(row["visible_range_m"]) <= 40
        terms.setdefault((row["segment_code"], row["level"], row["deputy"]), []).append(row)
    for road in features(manifest, "roads"):
        named = bool(road["properties"]["name"])
        assert ((road["properties"]["code"], "segment", "0") in terms) == named
    for of_post in terms.values():
        assert of_post[0]["valid_from"] == "2026-01-01"
        assert of_post[-1]["valid_to"] == ""
        assert all(one["valid_to"] == other["valid_from"] for one, other in pairwise(of_post))
    changed = sum(len(of_post) > 1 for of_post in terms.values())
    assert 0 < changed < len(terms) / 5


def test_main_roads_have_deputies(manifest: Path) -> None:
    road_class = {r["properties"]["code"]: r["properties"]["road_class"] for r in features(manifest, "roads")}
    deputised = {road_class[row["segment_code"]] for row in chief_rows(manifest) if row["deputy"] == "1"}
    assert deputised == {"main"}


def test_components_are_of_the_rulebooks_kinds_and_units(manifest: Path, rulebook: Rulebook) -> None:
    components = [feature["properties"] for feature in features(manifest, "components")]
    assert 300 <= len(components) <= 1000
    assert len({component["code"] for component in components}) == len(components)
    for component in components:
        category = rulebook.category_by_code[component["category"]]
        assert category.kind is CategoryKind.COMPONENT
        assert component["name"] == category.name
        assert component["code"][:10] == f"211103{component['category'][1:]}"
        for unit in (component["owner_unit"], component["maintainer_unit"]):
            assert unit == "" or unit in rulebook.unit_by_code
    assert any(component["owner_unit"] == "" for component in components)
    assert len({component["state"] for component in components}) > 2


def test_the_picture_in_the_readme_is_the_districts(district: District) -> None:
    drawn = draw(district)
    ElementTree.fromstring(drawn)
    assert drawn == (Path(__file__).parents[2] / "docs/images/demo-district.svg").read_text(encoding="utf-8")
    assert len(drawn.encode()) < 300_000
