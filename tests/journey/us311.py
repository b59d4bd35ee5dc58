"""Real 311 requests of two cities as reports of Futian.

Type: `types.csv` maps each city's types to filing conditions of the rulebook, to `refuse` (a report the
centre takes in and refuses) or to `skip` (no report at all: permits, billing, crews' own orders).
Position: each city's bounding box, without the outermost half percent on every side, is stretched onto that
of Futian's cells; a point that then lies in no cell moves to the nearest one.
Time: St Louis's week becomes the week of 2026-03-02, and Baltimore's years are folded onto the same. Weekday
and time of day stay as they were.
Dirty rows are left out as a clerk would lay them aside, and counted.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import shapely

from app.geo import Datum
from app.replay.report import ReplayReport
from tests.conftest import shared_file

TYPES = Path(__file__).parent / "types.csv"
REFUSE, SKIP = "refuse", "skip"
#: Every so manieth row of a city is taken.
EVERY = {"stlouis": 2, "baltimore": 17}
ZONE = ZoneInfo("Asia/Shanghai")
MONDAY = datetime(2026, 3, 2, tzinfo=ZONE)
#: Coordinates rounded to fewer decimals name a quarter, not a place.
_DECIMALS = 3
_SOURCES = {
    "phone": "hotline",
    "internal": "inspector",
    "api": "citizen",
    "web": "citizen",
    "email": "citizen",
    "twitter": "citizen",
    "system": "sensor",
}
_OTHER_SOURCE = "transferred"


@dataclass
class Requests:
    """The reports in order of their moments, and what was laid aside, by reason.

    `covered` is the share of all rows whose type is in the table.
    """

    reports: list[ReplayReport]
    laid_aside: Counter[str] = field(default_factory=Counter)
    covered: float = 0.0


def read() -> Requests:
    """The requests taken."""
    with gzip.open(shared_file("data/cases/us311_baltimore_stlouis.csv.gz"), "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with TYPES.open(encoding="utf-8") as file:
        types = {_type(row): row["outcome"] for row in csv.DictReader(file)}
    carry_over = _Carrier(rows)
    found = Requests([], covered=sum(_type(row) in types for row in rows) / len(rows))
    for city, every in EVERY.items():
        of_the_city = [row for row in rows if row["source"] == city]
        for row in of_the_city[::every]:
            outcome = types.get(_type(row))
            if reason := _fault(row, outcome):
                found.laid_aside[reason] += 1
            else:
                assert outcome is not None
                found.reports.append(_report(row, outcome, carry_over))
    found.reports.sort(key=lambda report: report.moment)
    return found


def _type(row: dict[str, str]) -> tuple[str, str, str]:
    return row["source"], row["category"], row["subcategory"]


def _fault(row: dict[str, str], outcome: str | None) -> str | None:
    """Why a row is laid aside; None when it is a report."""
    if outcome is None:
        return "type not in the table"
    if outcome == SKIP:
        return "no report"
    if not row["lat"] or not row["lon"]:
        return "no coordinates"
    if _decimals(row) < _DECIMALS:
        return "rounded coordinates"
    if row["closed_at"] and row["closed_at"] < row["created_at"]:
        return "closed before it was opened"
    return None


def _decimals(row: dict[str, str]) -> int:
    return min(len(row[name].partition(".")[2].rstrip("0")) for name in ("lat", "lon"))


def _report(row: dict[str, str], outcome: str, carry_over: _Carrier) -> ReplayReport:
    x, y = carry_over(row)
    return ReplayReport(
        moment=_moment(row),
        source=_SOURCES.get(row["channel"].lower(), _OTHER_SOURCE),
        x=x,
        y=y,
        datum=Datum.WGS84,
        condition=None if outcome == REFUSE else outcome,
        description=f"{row['subcategory']} ({row['source']} {row['source_id']})",
        address=row["neighborhood"],
        exists=row["status"] != "CANCEL",
        external_number=row["source_id"] if row["channel"].lower() == "phone" else None,
    )


def _moment(row: dict[str, str]) -> datetime:
    """The same weekday and time of day, in the one week."""
    created = datetime.fromisoformat(row["created_at"])
    midnight = created.replace(hour=0, minute=0, second=0)
    return MONDAY + timedelta(days=created.weekday()) + (created - midnight)


class _Carrier:
    """Carries positions over onto Futian."""

    def __init__(self, rows: list[dict[str, str]]) -> None:
        cells = json.loads(shared_file("data/futian/cells.geojson").read_text("utf-8"))
        self._cells = np.array([shapely.from_geojson(json.dumps(f["geometry"])) for f in cells["features"]])
        self._tree = shapely.STRtree(self._cells)
        self._onto = shapely.total_bounds(self._cells)
        self._boxes = {city: _box(city, rows) for city in EVERY}

    def __call__(self, row: dict[str, str]) -> tuple[float, float]:
        west, south, east, north = self._boxes[row["source"]]
        left, bottom, right, top = self._onto
        x = left + (float(row["lon"]) - west) / (east - west) * (right - left)
        y = bottom + (float(row["lat"]) - south) / (north - south) * (top - bottom)
        point = shapely.Point(x, y)
        if not self._tree.query(point, predicate="intersects").size:
            nearest = self._cells[self._tree.nearest(point)]
            way_in = shapely.LineString([shapely.shortest_line(nearest, point).coords[0], nearest.centroid])
            point = way_in.interpolate(0.01, normalized=True)
        return round(point.x, 7), round(point.y, 7)


def _box(city: str, rows: list[dict[str, str]]) -> tuple[float, float, float, float]:
    good = [row for row in rows if row["source"] == city and row["lat"] and _decimals(row) >= _DECIMALS]
    west, east = np.percentile([float(row["lon"]) for row in good], (0.5, 99.5))
    south, north = np.percentile([float(row["lat"]) for row in good], (0.5, 99.5))
    return west, south, east, north
