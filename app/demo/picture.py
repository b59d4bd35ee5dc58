"""A map of the demo district as SVG, for the README.

`python -m app.demo.picture docs/images/demo-district.svg` draws it anew.
"""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import shapely
from shapely import LineString, Polygon

from app.demo import plan
from app.demo.district import DEFAULT_SEED, District, build
from app.demo.plan import RoadClass
from app.demo.roads import heading
from app.demo.sites import REACH

#: Metres of the plan shown around the district, and metres a unit of the picture.
MARGIN_M, METRES_A_UNIT = 120, 4
#: Detail smaller than this is left out, metres.
DETAIL_M = 2.0
TINTS = ("#f6d9c4", "#dcebc6", "#cfe3ee", "#ecd7ea", "#fbecb8", "#d2e8e0", "#eadfcf", "#dedcf2")
#: Width in metres and colour of roads; casings are drawn below main and secondary ones.
ROADS = {
    RoadClass.LANE: (5, "#ffffff"),
    RoadClass.BRANCH: (9, "#ffffff"),
    RoadClass.SECONDARY: (17, "#fff6cf"),
    RoadClass.MAIN: (26, "#ffd98a"),
}
CASING = "#a89a86"
WATER = "#9cc7e2"


def draw(district: District) -> str:
    """The district as an SVG document: streets tinted, cells outlined, roads by class, river, hot spots."""
    west, south, east, north = (round(edge) for edge in district.areas.district.buffer(MARGIN_M).bounds)
    width, height = (east - west) // METRES_A_UNIT, (north - south) // METRES_A_UNIT
    title = f"{plan.DISTRICT_NAME}（演示，几何为虚构 invented geometry）"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
            f' height="{height}" font-family="Noto Sans CJK SC, Microsoft YaHei, PingFang SC, sans-serif"'
            ' stroke-linejoin="round" fill="none">',
            f"<title>{title}</title>",
            '<defs><radialGradient id="hot"><stop stop-color="#e0321c" stop-opacity=".55"/>'
            '<stop offset="1" stop-color="#e0321c" stop-opacity="0"/></radialGradient></defs>',
            f'<rect width="{width}" height="{height}" fill="#f7f5ef"/>',
            *_Pen(west, north).layers(district),
            f'<text x="14" y="{height - 16}" font-size="15" fill="#777">{title}</text>',
            f'<path stroke="#777" stroke-width="2" d="M{width - 270},{height - 24}v8h250v-8"/>',
            f'<text x="{width - 145}" y="{height - 24}" font-size="14" fill="#777"'
            ' text-anchor="middle">1 km</text>',
            "</svg>\n",
        ]
    )


class _Pen:
    """Draws shapes given in metres on paper whose upper left corner is at (`west`, `north`)."""

    def __init__(self, west: float, north: float) -> None:
        self._west, self._north = west, north

    def layers(self, district: District) -> Iterator[str]:
        areas = district.areas
        for street, tint in zip(areas.streets, TINTS, strict=True):
            yield f'<path fill="{tint}" d="{self._ring(street.shape)}"/>'
        inside = shapely.intersection(district.town.river, areas.district)
        yield self._stroke([inside], plan.RIVER_WIDTH_M, WATER)
        yield self._stroke((cell.shape.exterior for cell in areas.cells), 1.6, "#0000002e")
        roads = {of: [s.line for s in district.segments if s.road_class is of] for of in ROADS}
        for of, (metres, _) in ROADS.items():
            yield self._stroke(roads[of], metres + 5, CASING)
        for of, (metres, colour) in ROADS.items():
            yield self._stroke(roads[of], metres, colour)
        borders = [area.shape.exterior for area in areas.communities]
        yield self._stroke(borders, 5, "#7a5ea855", dashes="4 3")
        yield self._stroke((area.shape.exterior for area in areas.streets), 10, "#6b4c9a88")
        for spot in plan.LANDMARKS:
            x, y = self._at(*spot.at)
            radius = spot.spread_m * REACH / METRES_A_UNIT
            yield f'<circle cx="{x}" cy="{y}" r="{radius:.0f}" fill="url(#hot)"/>'
        for name, line in _main_roads(district):
            yield self._along(line, name)
        for spot in plan.LANDMARKS:
            yield _words(*self._at(*spot.at), spot.name, size=13, colour="#8c1c0c")
        hot = shapely.union_all(
            [shapely.Point(spot.at).buffer(spot.spread_m * REACH) for spot in plan.LANDMARKS]
        )
        for street in areas.streets:
            middle = shapely.maximum_inscribed_circle(shapely.difference(street.shape, hot)).coords[0]
            yield _words(*self._at(*middle), street.name, size=26, colour="#4a3a66")

    def _along(self, line: LineString, name: str) -> str:
        """A road's name on the road, towards its eastern or southern end."""
        at = line.length * 0.93
        (dx, dy), point = heading(line, at), line.interpolate(at)
        x, y = self._at(point.x, point.y)
        turn = math.degrees(math.atan2(-dy, dx))
        turn -= math.copysign(180, turn) if abs(turn) > 90 else 0  # never upside down
        return _words(x, y, name, size=12, colour="#7a5a1e", turn=turn)

    def _stroke(self, lines: Iterable[LineString], metres: float, colour: str, dashes: str = "") -> str:
        drawn = "".join(self._line(line) for line in lines)
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        return f'<path stroke="{colour}" stroke-width="{metres / METRES_A_UNIT:.2g}"{dashed} d="{drawn}"/>'

    def _ring(self, shape: Polygon) -> str:
        return f"{self._line(shape.exterior)}Z"

    def _line(self, line: LineString) -> str:
        """Path data, each point told by its distance from the one before."""
        points = [self._at(x, y) for x, y in shapely.simplify(line, DETAIL_M).coords]
        (x, y), steps = points[0], []
        for u, v in points[1:]:
            steps.append(f"{u - x:g},{v - y:g}")
            x, y = u, v
        return f"M{points[0][0]:g},{points[0][1]:g}l{' '.join(steps)}"

    def _at(self, x: float, y: float) -> tuple[float, float]:
        return round((x - self._west) / METRES_A_UNIT, 1), round((self._north - y) / METRES_A_UNIT, 1)


def _main_roads(district: District) -> Iterator[tuple[str, LineString]]:
    """Each main road in one piece, from west to east or, if that is its way, from north to south."""
    pieces: dict[str, list[LineString]] = defaultdict(list)
    for segment in district.segments:
        if segment.road_class is RoadClass.MAIN:
            pieces[segment.name].append(segment.line)
    for name, lines in pieces.items():
        merged = shapely.line_merge(shapely.union_all(lines))
        longest = max(shapely.get_parts(merged), key=lambda part: part.length)
        (x, y), (u, v) = longest.coords[0], longest.coords[-1]
        backwards = u < x if abs(u - x) > abs(v - y) else v > y
        yield name, shapely.reverse(longest) if backwards else longest


def _words(x: float, y: float, words: str, *, size: int, colour: str, turn: float = 0) -> str:
    turned = f' transform="rotate({turn:.0f} {x} {y})"' if turn else ""
    return (
        f'<text x="{x}" y="{y}" dy=".35em" font-size="{size}" text-anchor="middle" fill="{colour}"{turned} '
        f'stroke="#ffffffd0" stroke-width="3" paint-order="stroke">{words}</text>'
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(draw(build(DEFAULT_SEED)), encoding="utf-8")
