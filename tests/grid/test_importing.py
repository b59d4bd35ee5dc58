"""Storing a district: all or nothing, again without effect, and changed pieces as new versions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import astuple
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import shapely
from sqlalchemy import func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import Conflict, GridRefused
from app.grid.findings import FindingKind
from app.grid.importing import ImportResult, reused_codes, store, with_stored
from app.grid.lookup import component, locate
from app.grid.manifest import LayerKind
from app.grid.merging import Merged
from app.grid.tables import Area, Component, ImportRun, RoadSegment, StreetChief
from app.grid.topology import check
from tests.grid.town import CELL_M2, DISTRICT, EAST, MANHOLE, WEST, Town, square

W1, W2 = WEST + "001001", WEST + "001002"
#: The manifest's valid_from, midnight in the city; the first import; a year later.
BEGUN = datetime(2025, 12, 31, 16, tzinfo=UTC)
MARCH = datetime(2026, 3, 2, 1, tzinfo=UTC)
NEXT_YEAR = datetime(2027, 3, 2, 1, tzinfo=UTC)

Bring = Callable[..., Awaitable[ImportResult]]


@pytest.fixture
def bring(town: Town, connection: AsyncConnection, tmp_path: Path) -> Bring:
    """Imports the town as it is when called."""

    async def imported(now: datetime = MARCH, *accepted: FindingKind) -> ImportResult:
        layers, manifest = town.read(tmp_path)
        layers = await with_stored(connection, layers)
        report = check(layers, manifest.tolerance).extended(await reused_codes(connection, layers))
        return await store(connection, layers, report, manifest_name="town.toml", now=now, accepted=accepted)

    return imported


async def versions(connection: AsyncConnection, code: str) -> list[Any]:
    found = await connection.execute(
        select(*(column for column in Area.__table__.columns if column.name != "geom"))
        .where(Area.code == code)
        .order_by(Area.valid_from)
    )
    return list(found)


async def everything(connection: AsyncConnection) -> list[Any]:
    """Every stored row and where it lies on disk, which any update changes."""
    return [
        row
        for table in (Area, RoadSegment, StreetChief, Component, ImportRun)
        for row in await connection.execute(select(table.id, literal_column("ctid::text")).order_by(table.id))
    ]


async def test_a_first_import_stores_everything(bring, connection):
    result = await bring()
    assert {kind: astuple(merged) for kind, merged in result.counts.items()} == {
        LayerKind.DISTRICT: (1, 0, 0, 0),
        LayerKind.STREETS: (2, 0, 0, 0),
        LayerKind.COMMUNITIES: (4, 0, 0, 0),
        LayerKind.CELLS: (8, 0, 0, 0),
        LayerKind.ROADS: (2, 0, 0, 0),
        LayerKind.CHIEFS: (2, 0, 0, 0),
        LayerKind.COMPONENTS: (1, 0, 0, 0),
    }
    (cell,) = await versions(connection, W1)
    assert (cell.level, cell.parent_code, cell.area_class, cell.predecessors) == (
        "cell",
        WEST + "001",
        "A",
        [],
    )
    assert (cell.valid_from, cell.valid_to) == (BEGUN, None)
    assert cell.area_m2 == pytest.approx(CELL_M2, rel=1e-3)
    road = (await connection.execute(select(RoadSegment).where(RoadSegment.code == "R-E"))).one()
    assert road.street_code == EAST  # it touches 西街 in a point only
    assert road.length_m == pytest.approx(193, abs=0.2)
    fact = await component(connection, MANHOLE, MARCH)
    assert (fact.category, fact.owner_unit, fact.state) == ("C0102", "water", "intact")
    stored = (await connection.execute(select(Component.cell_code))).scalar_one()
    assert stored == W1
    run = (await connection.execute(select(ImportRun.__table__))).one()
    assert (run.id, run.district_code, run.manifest, run.imported_at) == (
        result.run_id,
        DISTRICT,
        "town.toml",
        MARCH,
    )
    assert run.counts["cells"] == {"added": 8, "changed": 0, "closed": 0, "unchanged": 0}


async def test_the_same_import_again_touches_nothing(bring, connection):
    first = await bring()
    before = await everything(connection)
    again = await bring(NEXT_YEAR)
    assert first.run_id is not None
    assert again.run_id is None
    assert again.counts[LayerKind.CELLS] == Merged(added=0, changed=0, closed=0, unchanged=8)
    assert await everything(connection) == before


async def test_another_order_of_rows_and_corners_is_no_change(town, bring, connection):
    await bring()
    before = await everything(connection)
    for row in town.layers["cells"]:
        row.shape = shapely.Polygon(
            list(row.shape.exterior.coords)[2:-1] + list(row.shape.exterior.coords)[:3]
        )
    town.layers["cells"].reverse()
    assert (await bring(NEXT_YEAR)).run_id is None
    assert await everything(connection) == before


async def test_a_moved_border_gives_new_versions_of_the_cells_beside_it_only(town, bring, connection):
    await bring()
    town.one("cells", W1).shape = square(0, 0, 1.2)
    town.one("cells", W2).shape = square(1.2, 0, 0.8)
    result = await bring(NEXT_YEAR)
    assert result.counts[LayerKind.CELLS] == Merged(added=0, changed=2, closed=0, unchanged=6)
    old, new = await versions(connection, W1)
    assert (old.valid_from, old.valid_to) == (BEGUN, NEXT_YEAR)
    assert (new.valid_from, new.valid_to, new.predecessors) == (NEXT_YEAR, None, [W1])
    assert new.area_m2 == pytest.approx(1.2 * old.area_m2, rel=1e-3)
    point = (120.0011, 30.0005)
    assert (await locate(connection, *point, MARCH)).cell_code == W2
    assert (await locate(connection, *point, NEXT_YEAR)).cell_code == W1


async def test_a_changed_attribute_counts_from_the_rows_own_date(town, bring, connection):
    await bring()
    town.one("cells", W1).fields |= {"area_class": "B", "valid_from": "2026-07-01T00:00:00Z"}
    await bring(NEXT_YEAR)
    old, new = await versions(connection, W1)
    july = datetime(2026, 7, 1, tzinfo=UTC)
    assert (old.area_class, old.valid_to) == ("A", july)
    assert (new.area_class, new.valid_from) == ("B", july)


async def test_two_cells_become_one_and_the_old_codes_are_void(town, bring, connection):
    await bring()
    town.layers["cells"] = [row for row in town.layers["cells"] if row.fields["code"] not in (W1, W2)]
    joined = WEST + "001003"
    town.add("cells", square(0, 0, 2), code=joined, predecessors=f"{W1},{W2}")
    result = await bring(NEXT_YEAR)
    assert result.counts[LayerKind.CELLS] == Merged(added=1, changed=0, closed=2, unchanged=6)
    (new,) = await versions(connection, joined)
    assert new.predecessors == [W1, W2]
    (old,) = await versions(connection, W1)
    assert old.valid_to == NEXT_YEAR
    assert old.void_reason == f"由下列取代 succeeded by: {joined}"


async def test_a_voided_code_is_never_given_again(town, bring, connection):
    await bring()
    gone = town.one("cells", W1)
    town.layers["cells"].remove(gone)
    await bring(NEXT_YEAR, FindingKind.GAP)
    (old,) = await versions(connection, W1)
    assert old.void_reason == "新图层中已无 no longer in the imported layer"
    town.layers["cells"].append(gone)
    later = datetime(2028, 1, 1, tzinfo=UTC)
    with pytest.raises(GridRefused, match="reused_code 1"):
        await bring(later)
    await bring(later, FindingKind.REUSED_CODE)
    assert [(row.valid_from, row.valid_to) for row in await versions(connection, W1)] == [
        (BEGUN, NEXT_YEAR),
        (NEXT_YEAR, None),
    ]


async def test_a_layer_left_out_stays_and_the_others_are_checked_against_it(town, bring, connection):
    await bring()
    for layer in ("streets", "communities", "roads", "components"):
        del town.layers[layer]
    town.chiefs = []
    town.one("cells", W1).shape = square(0, -0.5, 1, 1.5)
    with pytest.raises(GridRefused, match="crosses_border 1"):
        await bring(NEXT_YEAR)
    result = await bring(NEXT_YEAR, FindingKind.CROSSES_BORDER)
    assert result.counts == {LayerKind.CELLS: Merged(added=0, changed=1, closed=0, unchanged=7)}
    standing = await connection.execute(
        select(func.count()).where(Area.level == "street", Area.valid_to.is_(None))
    )
    assert standing.scalar_one() == 2


async def test_new_communities_are_held_against_the_stored_cells(town, bring):
    await bring()
    for layer in ("streets", "cells", "roads", "components"):
        del town.layers[layer]
    town.chiefs = []
    town.one("communities", WEST + "001").shape = square(0, 0, 2, 0.5)
    town.one("communities", WEST + "002").shape = square(0, 0.5, 2, 1.5)
    with pytest.raises(GridRefused, match="gap 1, crosses_border 2"):
        await bring(NEXT_YEAR)


async def test_what_is_refused_leaves_nothing_behind(town, bring, connection):
    town.one("cells", W2).fields["code"] = W1
    with pytest.raises(GridRefused):
        await bring()
    assert await everything(connection) == []


async def test_what_acceptance_does_to_the_rows(town, bring, connection):
    """Of two rows with a code the first stays, one without a geometry is left out, a bad ring is mended."""
    corners = shapely.get_coordinates(square(0, 0))
    town.one("cells", W1).shape = shapely.Polygon(corners[[0, 1, 3, 2, 0]])
    town.one("cells", WEST + "002001").shape = None
    town.one("cells", WEST + "002002").fields["code"] = W2
    town.chiefs.append(town.chiefs[0] | {"name": "接任", "valid_from": "2026-02-01T00:00:00Z"})
    kinds = (
        FindingKind.INVALID_RING, FindingKind.EMPTY_GEOMETRY, FindingKind.DUPLICATE_CODE, FindingKind.GAP,
        FindingKind.TERM_OVERLAP, FindingKind.CROSSES_BORDER,
    )  # fmt: skip
    result = await bring(MARCH, *kinds)
    assert result.counts[LayerKind.CELLS].added == 6
    (mended,) = await versions(connection, W1)
    assert mended.area_m2 == pytest.approx(CELL_M2 / 2, rel=1e-2)
    (first,) = await versions(connection, W2)
    assert first.parent_code == WEST + "001"
    terms = await connection.execute(
        select(StreetChief.name, StreetChief.valid_to).where(StreetChief.segment_code == "R-W")
        .order_by(StreetChief.valid_from)
    )  # fmt: skip
    assert list(terms) == [("陈街长", datetime(2026, 2, 1, tzinfo=UTC)), ("接任", None)]
    run = (await connection.execute(select(ImportRun.__table__))).one()
    assert set(run.accepted) == set(kinds)
    assert run.findings["duplicate_code"] == 1
    assert (await bring(NEXT_YEAR, *kinds)).run_id is None


async def test_a_version_that_begins_later_stands_in_the_way(town, bring):
    town.one("cells", W1).fields["valid_from"] = "2030-01-01"
    await bring()
    town.one("cells", W1).fields["area_class"] = "C"
    with pytest.raises(Conflict, match="give a later valid_from"):
        await bring(NEXT_YEAR)


# Street chiefs


async def terms(connection: AsyncConnection, segment: str) -> list[Any]:
    columns = (StreetChief.name, StreetChief.phone, StreetChief.valid_from, StreetChief.valid_to)
    found = await connection.execute(
        select(*columns).where(StreetChief.segment_code == segment).order_by(StreetChief.valid_from)
    )
    return [tuple(row) for row in found]


async def test_a_chief_is_followed_by_another(town, bring, connection):
    await bring()
    january = datetime(2027, 1, 1, tzinfo=UTC)
    town.chiefs[0] = town.chiefs[0] | {"name": "周街长", "valid_from": "2027-01-01T00:00:00Z"}
    result = await bring(NEXT_YEAR)
    assert result.counts[LayerKind.CHIEFS] == Merged(added=1, changed=0, closed=1, unchanged=1)
    assert await terms(connection, "R-W") == [
        ("陈街长", None, BEGUN, january),
        ("周街长", None, january, None),
    ]


async def test_a_corrected_telephone_is_the_same_term(town, bring, connection):
    await bring()
    town.chiefs[0]["phone"] = "0571-123456"
    result = await bring(NEXT_YEAR)
    assert result.counts[LayerKind.CHIEFS] == Merged(added=0, changed=1, closed=0, unchanged=1)
    assert await terms(connection, "R-W") == [("陈街长", "0571-123456", BEGUN, None)]


async def test_a_chief_no_longer_named_leaves_office(town, bring, connection):
    await bring()
    del town.chiefs[1]
    result = await bring(NEXT_YEAR)
    assert result.counts[LayerKind.CHIEFS] == Merged(added=0, changed=0, closed=1, unchanged=1)
    assert await terms(connection, "R-E") == [("林街长", None, BEGUN, NEXT_YEAR)]


async def test_two_terms_change_places_in_one_import(town, bring, connection):
    """The boundary between two terms moves later: for a moment they overlap, at the end they do not."""
    chief = town.chiefs[0]
    town.chiefs[0] = chief | {"valid_to": "2026-06-01"}
    town.chiefs.append(chief | {"name": "周街长", "valid_from": "2026-06-01", "valid_to": "2026-12-01"})
    await bring()
    town.chiefs[0] = chief | {"valid_to": "2026-09-01"}
    town.chiefs[-1] = chief | {"name": "周街长", "valid_from": "2026-09-01"}
    with pytest.raises(Conflict, match="stored versions stand in the way"):
        await bring(NEXT_YEAR)  # the stored term from June has ended and is history
