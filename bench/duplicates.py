"""疑似重复: how well likeness tells duplicates from what only lies near. `python -m bench.duplicates`

Prints the tables of `docs/duplicates.md`: of real requests labelled by hand, and of the demo district's
reports, of which is known which repeat another.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import groupby, pairwise
from operator import attrgetter
from pathlib import Path

import numpy as np
import shapely

from app.cases.duplicates import reach_of
from app.cases.likeness import Reach, likeness
from app.demo import RULEBOOK, plan
from app.demo.arrivals import DemoReport, reports
from app.demo.district import DEFAULT_SEED, build
from app.dispatch.folder import read_folder
from app.dispatch.rulebook import Rulebook
from app.geo import LocalMetric, to_storage

_HERE = Path(__file__).resolve().parent
#: Pairs of one week's requests of St Louis, at most 100 m apart, with the label of somebody who read them.
LABELS = _HERE / "duplicate_pairs.csv"
REQUESTS = _HERE.parent.parent / "shared" / "data" / "cases" / "us311_baltimore_stlouis.csv.gz"
THRESHOLDS = (30, 40, 50, 60, 70, 80)
#: Reaches a city might set: metres and hours.
REACHES = ((50.0, 24.0), (50.0, 72.0), (100.0, 72.0))


@dataclass(frozen=True, slots=True)
class Telling:
    """A report, as far as it is compared."""

    category: str | None
    description: str
    address: str
    reported_at: datetime
    x: float
    y: float
    condition: str | None = None
    component_code: str | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """Two reports, and whether they tell of the same problem."""

    one: Telling
    other: Telling
    same: bool

    @property
    def metres(self) -> float:
        return float(np.hypot(self.one.x - self.other.x, self.one.y - self.other.y))

    def score(self, reach: Reach) -> int:
        return likeness(self.one, self.other, self.metres, reach).score


# -- real requests ---------------------------------------------------------------------------------------


def labelled() -> list[Pair]:
    """The labelled pairs. A request's type is its minor, its agency the major; there is no text but that."""
    with gzip.open(REQUESTS, "rt", encoding="utf-8") as file:
        rows = {row["source_id"]: row for row in csv.DictReader(file) if row["source"] == "stlouis"}
    plane = LocalMetric(-90.25, 38.63)
    with LABELS.open(encoding="utf-8") as file:
        return [
            Pair(
                _request(rows[row["one"]], plane), _request(rows[row["other"]], plane), row["label"] == "same"
            )
            for row in csv.DictReader(file)
        ]


def _request(row: dict[str, str], plane: LocalMetric) -> Telling:
    (point,) = plane.to_metres([shapely.Point(float(row["lon"]), float(row["lat"]))])
    return Telling(
        category=f"{row['agency']}/{row['category']}",
        description=row["subcategory"],
        address=row["neighborhood"],
        reported_at=datetime.fromisoformat(row["created_at"]),
        x=point.x,
        y=point.y,
    )


def _agency(category: str) -> str:
    return category.split("/")[0]


# -- the demo district -----------------------------------------------------------------------------------


def demo(rulebook: Rulebook, days: int = 4, per_day: float = 600.0) -> list[tuple[Telling, int]]:
    """Reports in order of time, each with the number of the problem it tells of."""
    problems: dict[int, int] = {}
    told = []
    for report in reports(DEFAULT_SEED, date(2026, 4, 20), days, per_day, build(DEFAULT_SEED), rulebook):
        problems[report.serial] = problems.get(report.duplicate_of or 0, report.serial)
        told.append((_demo_report(report), problems[report.serial]))
    points = LocalMetric(*plan.ORIGIN).to_metres([shapely.Point(one.x, one.y) for one, _ in told])
    return [
        (replace(one, x=point.x, y=point.y), problem)
        for (one, problem), point in zip(told, points, strict=True)
    ]


def _demo_report(report: DemoReport) -> Telling:
    x, y = to_storage(report.x, report.y, report.datum)
    return Telling(
        category=report.category, description=report.text, address=report.address,
        reported_at=report.moment, x=x, y=y, component_code=report.component_code,
    )  # fmt: skip


def near(told: Sequence[tuple[Telling, int]], reach: Reach) -> list[Pair]:
    """Every two of them within the reach, the earlier first."""
    assert all(a.reported_at <= b.reported_at for (a, _), (b, _) in pairwise(told))
    x, y, hours = np.array([(one.x, one.y, one.reported_at.timestamp() / 3600) for one, _ in told]).T
    found = []
    for n, (later, problem) in enumerate(told):
        first = int(np.searchsorted(hours, hours[n] - reach.hours))
        close = np.hypot(x[first:n] - x[n], y[first:n] - y[n]) <= reach.radius_m
        earlier = (told[first + m] for m in np.flatnonzero(close).tolist())
        found += [Pair(one, later, about == problem) for one, about in earlier]
    return found


# -- tables ----------------------------------------------------------------------------------------------


def table(pairs: Sequence[Pair], reach: Reach) -> Iterator[str]:
    """Recall and precision of each threshold, as Markdown."""
    same = sum(pair.same for pair in pairs)
    scored = [(pair.score(reach), pair.same) for pair in pairs]
    yield "| score from | hinted at | right | recall | precision | F1 |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for threshold in THRESHOLDS:
        yield _line(str(threshold), [is_same for score, is_same in scored if score >= threshold], same)
    plain = [pair.same for pair in pairs if _plainly_like(pair, reach)]
    yield _line("the same minor, no score", plain, same)


def _plainly_like(pair: Pair, reach: Reach) -> bool:
    """The rule of running systems: the same minor within the radius and the hours."""
    hours = abs((pair.one.reported_at - pair.other.reported_at).total_seconds()) / 3600
    alike = pair.one.category is not None and pair.one.category == pair.other.category
    return alike and pair.metres <= reach.radius_m and hours <= reach.hours


def _line(name: str, hinted: Sequence[bool], same: int) -> str:
    right = sum(hinted)
    recall, precision = right / same, right / len(hinted) if hinted else 1.0
    f1 = 2 * recall * precision / (recall + precision) if right else 0.0
    return f"| {name} | {len(hinted)} | {right} | {recall:.0%} | {precision:.0%} | {f1:.2f} |"


def of_requests() -> Iterator[str]:
    """The tables of the labelled requests, one for each reach."""
    pairs = labelled()
    yield f"{len(pairs)} pairs, {sum(pair.same for pair in pairs)} of them the same problem."
    for radius_m, hours in REACHES:
        yield from ("", f"Within {radius_m:.0f} m and {hours:.0f} h:", "")
        yield from table(pairs, Reach(radius_m, hours, _agency))


def first_is_right(pairs: Sequence[Pair], rank: Callable[[Pair], float]) -> tuple[int, int]:
    """Of how many repeats the first of what lies near is the same problem; and of how many there are."""
    groups = (list(group) for _, group in groupby(pairs, key=lambda pair: id(pair.other)))
    firsts = [min(group, key=rank) for group in groups if any(pair.same for pair in group)]
    return sum(first.same for first in firsts), len(firsts)


def of_the_demo() -> Iterator[str]:
    """The tables of the demo district: as reported, and as if nobody had named a minor."""
    rulebook = read_folder(RULEBOOK)
    reach = reach_of(rulebook)
    told = demo(rulebook)
    pairs = near(told, reach)
    yield (
        f"{len(told)} reports; {len(pairs)} pairs within {reach.radius_m:.0f} m and {reach.hours:.0f} h, "
        f"{sum(pair.same for pair in pairs)} of them the same problem."
    )
    yield from ("", "As reported:", "")
    yield from table(pairs, reach)
    by_likeness, repeats = first_is_right(pairs, lambda pair: -pair.score(reach))
    nearest, _ = first_is_right([pair for pair in pairs if _plainly_like(pair, reach)], attrgetter("metres"))
    yield ""
    yield (
        f"Of {repeats} repeats the first hint is right for {by_likeness / repeats:.0%}; the nearest of the "
        f"same minor would be for {nearest / repeats:.0%}."
    )
    yield from ("", "The later one without a minor and a component, as a citizen reports it:", "")
    yield from table([*map(_bare, pairs)], reach)


def _bare(pair: Pair) -> Pair:
    return replace(pair, other=replace(pair.other, category=None, component_code=None))


def main() -> None:
    for heading, lines in (("Real requests", of_requests), ("The demo district", of_the_demo)):
        _tell(heading, lines())


def _tell(heading: str, lines: Iterable[str]) -> None:
    print(f"### {heading}", *lines, "", sep="\n")


if __name__ == "__main__":
    main()
