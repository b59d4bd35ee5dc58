"""The plan the demo town grows from, drawn by hand in metres around its centre (x east, y north).

Street offices, and the roads and places 兴二街, 兴油支路, 中兴步行街, 钻井市场, 百特, 三辰 and 四季公园,
bear the names of 兴隆台区's public notice 兴政发〔2019〕29号; every line and every other name is invented.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

Point = tuple[float, float]

DISTRICT_CODE = "211103"
DISTRICT_NAME = "兴隆台区"
#: Longitude and latitude of the plan's origin, CGCS2000 degrees.
ORIGIN = (122.07, 41.12)


class RoadClass(StrEnum):
    """道路等级."""

    MAIN = "main"  # 主干路
    SECONDARY = "secondary"  # 次干路
    BRANCH = "branch"  # 支路
    LANE = "lane"  # 巷


@dataclass(frozen=True, slots=True)
class Planned:
    """A road given by the points it runs through, smoothly."""

    name: str
    road_class: RoadClass
    through: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Office:
    """街道办事处: the code of its area, its unit in the rulebook, and the point its area grows from."""

    code: str
    unit: str
    name: str
    seed: Point


@dataclass(frozen=True, slots=True)
class Landmark:
    """A place people name in reports. `weight` is its share of hot-spot reports, `spread_m` their scatter,
    `kinds` what draws problems there: `cbd`, `market`, `labour`, `park`, `housing`."""

    name: str
    at: Point
    weight: float
    spread_m: float
    kinds: frozenset[str]


OUTLINE: tuple[Point, ...] = (
    (-2950, -1250), (-2700, -1900), (-2150, -2150), (-1500, -2420), (-700, -2330), (-150, -2480),
    (650, -2400), (1350, -2520), (2050, -2260), (2600, -1950), (2880, -1350), (2760, -700),
    (3010, -150), (2940, 480), (3060, 900), (2780, 1480), (2250, 1780), (1900, 2230), (1200, 2390),
    (500, 2300), (-200, 2480), (-950, 2330), (-1500, 2420), (-2050, 2020), (-2560, 1800),
    (-2800, 1200), (-3060, 620), (-2890, 60), (-3040, -600),
)  # fmt: skip

RIVER_NAME = "苇河"
RIVER_WIDTH_M = 46.0
RIVER: tuple[Point, ...] = (
    (-3500, 150), (-2900, 360), (-2250, 760), (-1600, 640), (-1050, 430), (-500, 640), (50, 1010),
    (650, 1060), (1150, 720), (1700, 420), (2250, 560), (2750, 900), (3500, 760),
)  # fmt: skip
#: Distance of the two riverside roads from the river's middle, metres.
BANK_M = 95.0

RING: tuple[Point, ...] = (
    (2060, -150), (1960, 560), (1560, 1270), (820, 1640), (-20, 1700), (-900, 1610), (-1560, 1180),
    (-1980, 470), (-2080, -260), (-1930, -950), (-1420, -1540), (-640, -1830), (200, -1880), (1010, -1790),
    (1650, -1420), (1980, -830),
)  # fmt: skip

CENTRE: Point = (-70, -130)

ROADS: tuple[Planned, ...] = (
    Planned("兴隆台街", RoadClass.MAIN,
            ((-3400, -330), (-1900, -210), (-70, -130), (1500, -90), (3400, -260))),
    Planned("石油大街", RoadClass.MAIN,
            ((-330, 2900), (-190, 1500), (-90, 500), (-70, -130), (-130, -1100), (-330, -2900))),
    Planned("油城大道", RoadClass.MAIN,
            ((-70, -130), (545, -635), (1090, -1050), (1420, -1290), (2200, -1760), (3100, -2420))),
    Planned("双兴大街", RoadClass.MAIN,
            ((1330, 2900), (1180, 1500), (1110, 500), (1130, -120), (1090, -1050), (1160, -2900))),
    Planned("惠宾大街", RoadClass.MAIN,
            ((-1500, 2900), (-1290, 1400), (-1230, 300), (-1270, -900), (-1180, -1700), (-1330, -2900))),
    Planned("新工街", RoadClass.MAIN,
            ((-3400, -1280), (-1900, -1130), (-100, -1120), (1090, -1050), (2000, -930), (3400, -980))),
    Planned("渤海路", RoadClass.SECONDARY,
            ((-3300, 1560), (-1500, 1210), (-160, 1330), (1180, 1290), (3300, 1460))),
    Planned("兴二街", RoadClass.SECONDARY,
            ((470, 1760), (500, 900), (480, 200), (545, -635), (500, -1930))),
    Planned("中兴路", RoadClass.SECONDARY,
            ((-690, 1720), (-660, 800), (-650, 240), (-700, -900), (-640, -1900))),
    Planned("振兴街", RoadClass.SECONDARY,
            ((-2540, -760), (-1200, -640), (-90, -600), (545, -635))),
    Planned("创新街", RoadClass.SECONDARY, ((545, -635), (1130, -530), (1990, -470), (3100, -560))),
    Planned("兴海路", RoadClass.SECONDARY,
            ((-2480, -2900), (-2520, -1100), (-2500, -200), (-2560, 700), (-2420, 2500))),
    Planned("泰山路", RoadClass.SECONDARY,
            ((2500, -2900), (2440, -1100), (2540, -200), (2480, 700), (2380, 2500))),
    Planned("油建街", RoadClass.SECONDARY,
            ((-1480, -1480), (-700, -1480), (-140, -1470), (500, -1500), (1104, -1480))),
    Planned("钻井路", RoadClass.SECONDARY,
            ((1700, 1150), (1640, 300), (1660, -500), (1690, -1430))),
    Planned("采油路", RoadClass.SECONDARY,
            ((-1680, 1100), (-1650, 200), (-1700, -600), (-1690, -1330))),
    Planned("芦花街", RoadClass.SECONDARY,
            ((-650, 240), (-90, 330), (490, 420), (1110, 310), (1640, 130), (2520, 180))),
    Planned("迎宾街", RoadClass.SECONDARY,
            ((-3200, 160), (-2300, 230), (-1650, 180), (-1235, 130), (-650, 240))),
    Planned("中兴步行街", RoadClass.LANE, ((-60, -400), (200, -385), (510, -400))),
    Planned("兴油支路", RoadClass.BRANCH, ((-660, -360), (-400, -370), (-60, -400))),
)  # fmt: skip

OFFICES: tuple[Office, ...] = (
    Office("211103001", "street_xinghai", "兴海街道", (-2300, -500)),
    Office("211103002", "street_xingsheng", "兴盛街道", (-1500, 1100)),
    Office("211103003", "street_xinglong", "兴隆街道", (-700, -300)),
    Office("211103004", "street_zhenxing", "振兴街道", (-900, -1450)),
    Office("211103005", "street_chuangxin", "创新街道", (230, -250)),
    Office("211103006", "street_bohai", "渤海街道", (550, 1650)),
    Office("211103007", "street_xingong", "新工街道", (1300, -1500)),
    Office("211103008", "street_huibin", "惠宾街道", (2000, 100)),
)

LANDMARKS: tuple[Landmark, ...] = (
    Landmark("中兴步行街", (230, -390), 0.26, 110, frozenset({"cbd"})),
    Landmark("钻井市场", (850, -350), 0.18, 90, frozenset({"market"})),
    Landmark("百特商场", (500, -130), 0.15, 90, frozenset({"cbd"})),
    Landmark("兴油市场", (-420, -370), 0.12, 80, frozenset({"market", "labour"})),
    Landmark("三辰广场", (-1250, -640), 0.11, 100, frozenset({"labour"})),
    Landmark("四季公园", (-660, 620), 0.10, 130, frozenset({"park", "labour"})),
    Landmark("油建家属院", (-420, -1480), 0.08, 120, frozenset({"housing"})),
)
