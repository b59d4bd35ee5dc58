"""The topology report: a clean town has none, and each way of spoiling it is found, placed and measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import shapely
from shapely import LineString, Point, Polygon

from app.errors import GridRefused, InvalidInput
from app.grid.findings import Finding, FindingKind, SizeUnit, TopologyReport, parse_kinds
from app.grid.manifest import LayerKind
from app.grid.topology import check
from tests.grid.town import CELL_M2, DISTRICT, EAST, WEST, Town, square

W1, W2 = WEST + "001001", WEST + "001002"


@pytest.fixture
def report(town: Town, tmp_path: Path):
    """Checks the town as it is when called."""

    def checked() -> TopologyReport:
        layers, manifest = town.read(tmp_path)
        return check(layers, manifest.tolerance)

    return checked


def only(report: TopologyReport, kind: FindingKind, layer: LayerKind) -> Finding:
    """The one finding of that kind in the layer."""
    (found,) = [one for one in report.findings if (one.kind, one.layer) == (kind, layer)]
    return found


def test_a_clean_town_has_no_findings(report):
    assert report().findings == ()


def test_an_invalid_ring_is_shown_where_it_crosses_itself(town, report):
    corners = shapely.get_coordinates(square(0, 0))
    town.one("cells", W1).shape = Polygon(corners[[0, 1, 3, 2, 0]])  # a bow tie
    found = only(report(), FindingKind.INVALID_RING, LayerKind.CELLS)
    assert found.codes == (W1,)
    assert "Self-intersection" in found.note
    assert found.place is not None
    assert found.place.equals_exact(Point(120.0005, 30.0005), 1e-6)


def test_overlapping_cells_are_measured(town, report):
    town.one("cells", W1).shape = square(0, 0, 1.2)
    report = report()
    found = only(report, FindingKind.OVERLAP, LayerKind.CELLS)
    assert found.codes == (W1, W2)
    assert found.size == pytest.approx(0.2 * CELL_M2, rel=1e-3)
    assert shapely.hausdorff_distance(found.place, square(1, 0, 0.2)) < 1e-7
    assert report.counts == {FindingKind.OVERLAP: 1}


def test_one_cell_drawn_twice_overlaps_itself_under_two_codes(town, report):
    town.one("cells", W2).shape = town.one("cells", W1).shape
    found = only(report(), FindingKind.OVERLAP, LayerKind.CELLS)
    assert found.size == pytest.approx(CELL_M2, rel=1e-3)


def test_a_gap_between_cells_is_measured(town, report):
    town.one("cells", W1).shape = square(0, 0, 0.9)
    report = report()
    found = only(report, FindingKind.GAP, LayerKind.CELLS)
    assert found.codes == (WEST + "001",)
    assert found.size == pytest.approx(0.1 * CELL_M2, rel=1e-3)
    assert shapely.hausdorff_distance(found.place, square(0.9, 0, 0.1)) < 1e-7
    assert report.counts == {FindingKind.GAP: 1}


def test_a_community_without_cells_is_one_gap(town, report):
    town.layers["cells"] = [
        row for row in town.layers["cells"] if not row.fields["code"].startswith(EAST + "002")
    ]
    found = only(report(), FindingKind.GAP, LayerKind.CELLS)
    assert found.codes == (EAST + "002",)
    assert found.size == pytest.approx(2 * CELL_M2, rel=1e-3)


def test_a_hole_between_streets_is_a_gap_of_the_district(town, report):
    for layer, code in (("streets", WEST), ("communities", WEST + "001"), ("cells", W2)):
        row = town.one(layer, code)
        row.shape = row.shape.difference(square(1.4, 0.4, 0.2, 0.2))
    found = only(report(), FindingKind.GAP, LayerKind.STREETS)
    assert found.codes == (DISTRICT,)
    assert found.size == pytest.approx(0.04 * CELL_M2, rel=1e-3)


def test_a_cell_across_its_communitys_border_is_found(town, report):
    town.one("cells", W1).shape = square(0, 0, 1, 1.5)
    report = report()
    found = only(report, FindingKind.CROSSES_BORDER, LayerKind.CELLS)
    assert found.codes == (W1, WEST + "001")
    assert found.size == pytest.approx(0.5 * CELL_M2, rel=1e-3)
    assert shapely.hausdorff_distance(found.place, square(0, 1, 1, 0.5)) < 1e-7
    assert set(report.counts) == {FindingKind.CROSSES_BORDER, FindingKind.OVERLAP}


def test_a_community_outside_its_street_is_found(town, report):
    town.one("communities", EAST + "001").shape = square(2, -0.5, 2, 1.5)
    report = report()
    found = only(report, FindingKind.CROSSES_BORDER, LayerKind.COMMUNITIES)
    assert found.codes == (EAST + "001", EAST)
    assert found.size == pytest.approx(CELL_M2, rel=1e-3)
    assert only(report, FindingKind.GAP, LayerKind.CELLS).size == pytest.approx(CELL_M2, rel=1e-3)


@pytest.mark.parametrize(
    ("code", "parent", "note"),
    [
        (W1, EAST + "001", "does not begin with its parent's"),
        ("330198001001001", None, "does not begin with the district's"),
        (W1[:-1], None, "must be 15 digits"),
        (W1[:-1] + "一", None, "must be 15 digits"),
        (W1[:-1] + "X", None, "must be 15 digits"),
        ("", None, "must be 15 digits"),
    ],
)
def test_a_code_that_does_not_match_is_found(town, report, code, parent, note):
    town.one("cells", W1).fields |= {"code": code, "parent_code": parent}
    found = only(report(), FindingKind.WRONG_PARENT, LayerKind.CELLS)
    assert found.codes == (code,)
    assert note in found.note
    assert square(0, 0).contains(found.place)


def test_cells_of_the_older_standard_have_14_digits_where_the_manifest_says_so(town, report):
    for row in town.layers["cells"]:
        row.fields["code"] = row.fields["code"][:12] + row.fields["code"][13:]
    assert report().counts == {FindingKind.WRONG_PARENT: 8}
    town.head["cell_code_length"] = 14
    assert report().findings == ()


def test_a_code_given_twice_is_found_once(town, report):
    town.one("cells", W2).fields["code"] = W1
    found = only(report(), FindingKind.DUPLICATE_CODE, LayerKind.CELLS)
    assert (found.codes, found.size, found.unit) == ((W1,), 2, SizeUnit.ROW)
    assert square(1, 0).contains(found.place)


def test_a_parent_that_is_not_there_is_found(town, report):
    town.layers["communities"].remove(town.one("communities", EAST + "002"))
    report = report()
    missing = [one.codes for one in report.findings if one.kind is FindingKind.MISSING_PARENT]
    assert missing == [(EAST + "002001",), (EAST + "002002",)]
    assert only(report, FindingKind.GAP, LayerKind.COMMUNITIES).codes == (EAST,)


def test_a_row_without_a_geometry_is_found(town, report):
    town.one("cells", W1).shape = None
    found = only(report(), FindingKind.EMPTY_GEOMETRY, LayerKind.CELLS)
    assert (found.codes, found.place) == ((W1,), None)


def test_what_lies_outside_the_district_is_found(town, report):
    town.one("roads", "R-E").shape = LineString([(120.002, 30.001), (120.005, 30.001)])
    town.layers["components"][0].shape = Point(120.0005, 29.999)
    report = report()
    road = only(report, FindingKind.OUTSIDE_DISTRICT, LayerKind.ROADS)
    assert (road.codes, road.unit) == (("R-E",), SizeUnit.METRE)
    assert road.size == pytest.approx(96.5, abs=0.1)
    component = only(report, FindingKind.OUTSIDE_DISTRICT, LayerKind.COMPONENTS)
    assert component.size == pytest.approx(110.9, abs=0.1)


def test_roads_and_components_carry_codes_of_the_district(town, report):
    town.one("roads", "R-W").fields["street_code"] = "330198001"
    town.layers["components"][0].fields["code"] = "33019901020001"
    report = report()
    assert only(report, FindingKind.WRONG_PARENT, LayerKind.ROADS).codes == ("R-W",)
    assert only(report, FindingKind.MISSING_PARENT, LayerKind.ROADS).codes == ("R-W",)
    assert only(report, FindingKind.WRONG_PARENT, LayerKind.COMPONENTS).codes == ("33019901020001",)


def test_terms_of_one_post_may_not_overlap(town, report):
    chief = town.chiefs[0]
    town.chiefs[0] = chief | {"valid_from": "2026-01-01", "valid_to": "2026-07-01"}
    town.chiefs += [
        chief | {"name": "接任", "valid_from": "2026-07-01"},
        chief | {"name": "副街长", "deputy": 1, "valid_from": "2026-02-01"},
        chief | {"name": "太早", "valid_from": "2026-06-21", "valid_to": "2026-07-01"},
    ]
    found = only(report(), FindingKind.TERM_OVERLAP, LayerKind.CHIEFS)
    assert (found.codes, found.unit) == (("R-W",), SizeUnit.DAY)
    assert found.size == pytest.approx(10)
    assert "陈街长 / 太早" in found.note


def test_a_long_term_is_held_against_every_later_one(town, report):
    chief = town.chiefs[0]
    town.chiefs = [
        chief | {"name": "甲", "valid_from": "2026-01-01"},
        chief | {"name": "乙", "valid_from": "2026-02-01", "valid_to": "2026-03-01"},
        chief | {"name": "丙", "valid_from": "2026-04-01", "valid_to": "2026-05-01"},
    ]
    notes = [one.note for one in report().findings if one.kind is FindingKind.TERM_OVERLAP]
    assert len(notes) == 2
    assert "甲 / 丙" in notes[1]


def test_the_size_of_an_overlap_without_an_end_is_null_in_geojson(town, report):
    town.chiefs.append(town.chiefs[0] | {"name": "又一位", "valid_from": "2026-02-01"})
    (feature,) = json.loads(json.dumps(report().geojson(), allow_nan=False))["features"]
    assert feature["properties"]["size"] is None
    assert feature["geometry"]["type"] == "Point"


def test_a_chief_of_no_segment_is_found(town, report):
    town.chiefs[0]["segment_code"] = "R-GONE"
    assert only(report(), FindingKind.MISSING_PARENT, LayerKind.CHIEFS).codes == ("R-GONE",)


def test_slivers_below_the_tolerance_are_ignored(town, report, tmp_path):
    thin = 0.03 / 96.5  # 3 cm, in cells
    town.one("cells", W1).shape = square(0, 0, 1 + thin)
    assert report().findings == ()
    layers, manifest = town.read(tmp_path)
    stricter = manifest.tolerance.model_copy(update={"width_m": 0.01})
    found = only(check(layers, stricter), FindingKind.OVERLAP, LayerKind.CELLS)
    assert found.size == pytest.approx(0.03 * 110.9, rel=0.05)


def test_the_report_is_geojson_to_look_at(town, report):
    town.one("cells", W1).shape = square(0, 0, 0.9)
    collection = report().geojson()
    assert collection["type"] == "FeatureCollection"
    assert collection["tolerance"] == {"area_m2": 0.5, "width_m": 0.05, "length_m": 1.0}
    (feature,) = collection["features"]
    assert feature["geometry"]["type"] == "Polygon"
    assert feature["properties"]["kind"] == "gap"
    assert feature["properties"]["codes"] == [WEST + "001"]


def test_the_layers_are_refused_as_a_whole_unless_the_kinds_are_accepted(town, report):
    town.one("cells", W1).shape = square(0, 0, 0.9)
    town.one("cells", W2).fields["code"] = W1
    report = report()
    with pytest.raises(GridRefused, match="gap 1, duplicate_code 1") as refusal:
        report.refuse_unless({FindingKind.OVERLAP})
    assert "--accept gap,duplicate_code" in refusal.value.detail
    with pytest.raises(GridRefused, match="duplicate_code 1;"):
        report.refuse_unless({FindingKind.GAP})
    report.refuse_unless(parse_kinds("gap, duplicate_code"))


def test_an_unknown_kind_is_refused():
    with pytest.raises(InvalidInput, match="invalid_ring"):
        parse_kinds("gap,hole")
