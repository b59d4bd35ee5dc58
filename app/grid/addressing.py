"""地址解读: which of the known names an address in words means, and how surely. Pure: no SQL.

Candidates come from the gazetteer by trigrams, which only tell that a name may be meant. Here each is looked
for in the words: as it is, without its generic ending (福华 for 福华路), or with one slip of the pen. A name
that lies inside another one found (福华路 in 福华路小学) is explained by it; a character that tells roads
apart (福华一路, 福华三路) is no slip.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import permutations
from typing import Protocol


class PlaceKind(StrEnum):
    """What a name is the name of."""

    POI = "poi"  # 兴趣点
    CROSSING = "crossing"  # 路口
    ROAD = "road"  # 道路
    COMMUNITY = "community"  # 社区
    STREET = "street"  # 街道


#: What a name found as it is scores at most: the more exactly it tells a place, the more.
WORTH = {
    PlaceKind.POI: 0.97,
    PlaceKind.CROSSING: 0.97,
    PlaceKind.ROAD: 0.85,
    PlaceKind.COMMUNITY: 0.75,
    PlaceKind.STREET: 0.65,
}
#: A place no larger than this is a position, metres.
PRECISE_M = 150.0
#: Two answers farther apart than this are different places, metres.
APART_M = 300.0
#: Nobody finds a place by "往东 2000 米": a position so far from what is named is none.
FARTHEST_OFFSET_M = 500.0

_EARTH_M = 111_320.0
_DROPPED_FROM_TEXT = re.compile(r"[-—–~～]+")
_NUMERALS = "零一二三四五六七八九"
#: Characters that tell like names apart.
_TELLING = frozenset("零一二三四五六七八九十东西南北中上下前后左右内外新老旧大小辅支高0123456789")
_ENDINGS = (
    "居民委员会", "社区居委会", "街道办事处", "工作站", "居委会", "街道办", "社区", "街道", "大道", "大街",
    "支路", "胡同", "大厦", "广场", "小区", "花园", "公园", "医院", "小学", "中学", "学校", "市场", "商场",
    "路", "街", "巷", "道", "村", "苑", "里", "坊",
)  # fmt: skip
#: A name of nothing but these means any of them.
_ANY_OF_THEM = re.compile(
    r"(公共|便民|综合|农贸|社区|临时|地下|儿童|文化|购物|服务|生活)*"
    r"(厕所|公厕|卫生间|停车场|菜市场|市场|公园|广场|小学|中学|幼儿园|学校|医院|超市|便利店|药店|商店|中心|小区|花园"
    r"|工地|垃圾站|垃圾房|中转站|公交站|地铁站|加油站|银行|酒店|宾馆|饭店|大厦)"
)
#: What follows here is the ending of another, longer name.
_GOES_ON = re.compile(r"[一二三四五六七八九十东西南北中]+[大]?[路街巷道]|大道|大街|路(?!口)|街|巷|道(?!路)")
_MEETING = re.compile(r"(路段|路)?(十字|丁字|三岔)?(路)?(交叉|交汇|交界|相交|交接|路口|转角|拐角|转弯|口|交)")
_JOINED = frozenset(("", "与", "和", "同", "及", "跟", "交", "近", "靠近"))
_STRETCH = re.compile(r"[至到]")
_OFFSET = re.compile(
    r"(?P<way>[东西南北]{1,2})(?:方向|侧|边|面|方|行|走|约|大约|处)*(?P<metres>\d{1,5})(?:多)?(?:米|m)"
)
_WAYS = {"东": (1, 0), "西": (-1, 0), "北": (0, 1), "南": (0, -1)}
#: How many of the roads named are tried for crossings.
_ROADS_LOOKED_AT = 8
#: How many characters after a name its offset begins at most.
_OFFSET_WITHIN = 10


@dataclass(frozen=True, slots=True)
class Named:
    """A name of the gazetteer: of a point, or of something that reaches over `extent_m` metres around it."""

    kind: PlaceKind
    code: str
    name: str
    area_code: str
    lon: float
    lat: float
    extent_m: float = 0.0

    @property
    def precise(self) -> bool:
        return self.extent_m <= PRECISE_M


@dataclass(frozen=True, slots=True)
class Mention:
    """Where in the words a name was found. `likeness` 1: as it is."""

    named: Named
    start: int
    end: int
    likeness: float

    def overlaps(self, other: Mention) -> bool:
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class Guess:
    """A place that may be meant, and how surely (0…1)."""

    named: Named
    score: float
    end: int = 0


@dataclass(frozen=True, slots=True)
class Meeting:
    """Two roads named one after the other, in the words' order, and how likely their crossing is meant."""

    left: str
    right: str
    likely: float
    end: int


def plain(words: str) -> str:
    """The words as they are compared: letters and digits alone, full-width ones as usual, lower-cased; road
    numbers in Chinese (福华1路 is 福华一路); a dash is a 至."""
    folded = _DROPPED_FROM_TEXT.sub("至", unicodedata.normalize("NFKC", words).lower())
    kept = "".join(one for one in folded if one.isalnum())
    return re.sub(r"(?<!\d)(\d{1,2})(?=[路街巷道坊村])", lambda found: _numeral(int(found[1])), kept)


def _numeral(number: int) -> str:
    tens, ones = divmod(number, 10)
    if not tens:
        return _NUMERALS[ones]
    return (_NUMERALS[tens] if tens > 1 else "") + "十" + (_NUMERALS[ones] if ones else "")


def whole_roads(candidates: Iterable[Named]) -> list[Named]:
    """The candidates, each part of a road (it is stored by street) as long as all its parts are."""
    told = list(candidates)
    length: Counter[str] = Counter()
    for one in told:
        if one.kind is PlaceKind.ROAD:
            length[one.name] += math.ceil(one.extent_m)
    return [
        replace(one, extent_m=max(one.extent_m, length[one.name])) if one.kind is PlaceKind.ROAD else one
        for one in told
    ]


# -- names in the words ----------------------------------------------------------------------------------


def mentions(words: str, candidates: Iterable[Named]) -> list[Mention]:
    """Where the plain words name the candidates, the likeliest first; those not named are left out."""
    found: dict[str, tuple[int, int, float] | None] = {}
    told = []
    for named in candidates:
        if named.name not in found:
            found[named.name] = _best(plain(named.name), words)
        if (place := found[named.name]) is not None:
            told.append(Mention(named, *place))
    return sorted(_explained(told), key=lambda one: -one.likeness)


def _best(name: str, words: str) -> tuple[int, int, float] | None:
    if len(name) < 2:
        return None
    exact = [(start, start + len(name), _as_it_is(name, words, start)) for start in _places(name, words)]
    if exact:
        return max(exact, key=lambda place: place[2])
    short = _without_ending(name, words)
    slip = _with_a_slip(name, words)
    return max((one for one in (short, slip) if one), key=lambda place: place[2], default=None)


def _places(name: str, words: str) -> list[int]:
    """Where the name begins in the words; not inside a number."""
    return [
        found.start()
        for found in re.finditer(re.escape(name), words)
        if not (name[-1].isdigit() and words[found.end() : found.end() + 1].isdigit())
        and not (name[0].isdigit() and words[max(0, found.start() - 1) : found.start()].isdigit())
    ]


def _as_it_is(name: str, words: str, start: int) -> float:
    before, after = words[max(0, start - 1) : start], words[start + len(name) :]
    likeness = {2: 0.6, 3: 0.93}.get(len(name), 1.0)
    if name.endswith(("路", "街", "道", "巷")) and len(name) == 3:
        likeness = 1.0
    if _ANY_OF_THEM.fullmatch(name):
        likeness *= 0.4
    if len(name) <= 3 and before and before in _TELLING:
        likeness *= 0.8  # 北新洲路 is not 新洲路
    if not name.endswith(("路", "街", "道", "巷")) and _GOES_ON.match(after):
        likeness *= 0.4  # 莲花 of 莲花路 is no place called 莲花
    return likeness


def _without_ending(name: str, words: str) -> tuple[int, int, float] | None:
    """The name without its generic ending: 福华 of 福华路. Where another ending follows, another is meant."""
    ending = next((one for one in _ENDINGS if name.endswith(one)), "")
    stem = name.removesuffix(ending)
    if not ending or len(stem) < 2:
        return None
    places = [
        (start, start + len(stem), (0.75 if len(stem) > 2 else 0.6) * (0.4 if _GOES_ON.match(rest) else 1.0))
        for start in _places(stem, words)
        for rest in (words[start + len(stem) :],)
    ]
    return max(places, key=lambda place: place[2], default=None)


def _with_a_slip(name: str, words: str) -> tuple[int, int, float] | None:
    """The name with one character changed, left out or added."""
    size = len(name)
    if size < 3:
        return None
    best: tuple[int, int, float] | None = None
    full = {3: 0.45, 4: 0.65, 5: 0.75}.get(size, 0.82)
    for start in range(len(words)):
        head = _common(name, words[start : start + size + 1])
        if head == 0 and words[start + 1 : start + 2] != name[1]:
            continue
        for length in (size, size - 1, size + 1):
            window = words[start : start + length]
            if len(window) < length:
                continue
            tail = _common(name[::-1], window[::-1])
            if min(head, length, size) + tail < min(length, size) - (length == size):
                continue
            changed = {*name[head : size - tail], *window[head : length - tail]}
            likeness = full * (0.4 if not changed or changed & _TELLING else 1.0)
            if best is None or likeness > best[2]:
                best = (start, start + length, likeness)
    return best


def _common(one: str, other: str) -> int:
    """How many characters both begin with."""
    return next(
        (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _explained(found: Sequence[Mention]) -> list[Mention]:
    """A name inside a longer one found is hardly meant, nor a name like what another was found to be."""
    told = []
    for one in found:
        likeness = one.likeness
        for other in found:
            if other.named.name == one.named.name or not one.overlaps(other):
                continue
            inside = other.start <= one.start and one.end <= other.end
            longer = other.end - other.start > one.end - one.start
            if inside and longer and other.likeness >= 0.9:
                likeness = min(likeness, 0.3 * one.likeness)
            elif one.likeness < other.likeness and other.likeness >= 0.9:
                likeness = min(likeness, 0.4 * one.likeness)
        told.append(replace(one, likeness=likeness))
    return told


# -- places meant ----------------------------------------------------------------------------------------


def meetings(words: str, found: Sequence[Mention]) -> list[Meeting]:
    """The crossings the words may mean: each two roads they name, one after the other."""
    roads: dict[str, Mention] = {}
    for one in found:
        if one.named.kind is PlaceKind.ROAD and one.likeness >= 0.4:
            roads.setdefault(one.named.name, one)
    firmly = [one for one in roads.values() if one.likeness >= 0.9]
    told = []
    for left, right in permutations(list(roads.values())[:_ROADS_LOOKED_AT], 2):
        if left.end > right.start:
            continue
        between = words[left.end : right.start]
        if _is_stretch(words, firmly, left, right):
            sure = 0.5
        elif _MEETING.match(words, right.end) or between in _JOINED:
            sure = 1.0
        else:
            sure = 0.85
        likely = sure * left.likeness * right.likeness
        told.append(Meeting(left.named.name, right.named.name, likely, right.end))
    return told


def _is_stretch(words: str, roads: Sequence[Mention], *pair: Mention) -> bool:
    """Whether the words tell of the stretch of a road between two others: A 路 B 路至 C 路."""
    return any(
        _STRETCH.match(words, left.end) and right.start - left.end <= 2
        for left, right in permutations([*roads, *pair], 2)
        if left.end < right.start and (left in pair or right in pair)
    )


def areas_named(found: Iterable[Mention]) -> tuple[str, ...]:
    """Codes of the communities the words name in full, else of the streets."""
    sure = [one.named for one in found if one.likeness >= 0.9]
    for kind in (PlaceKind.COMMUNITY, PlaceKind.STREET):
        if codes := {named.area_code for named in sure if named.kind is kind}:
            return tuple(sorted(codes))
    return ()


def meets(area_code: str, others: Iterable[str]) -> bool:
    """Whether the area lies within one of the others, or holds one of them."""
    return any(area_code.startswith(one) or one.startswith(area_code) for one in others)


def in_area(guess: Guess, areas: Sequence[str]) -> Guess:
    """Less sure where the words name another community or street."""
    if not areas or guess.named.kind in (PlaceKind.COMMUNITY, PlaceKind.STREET):
        return guess
    return guess if meets(guess.named.area_code, areas) else replace(guess, score=guess.score * 0.7)


def beside_roads(guess: Guess, distance_m: float | None) -> Guess:
    """Less sure the farther the place lies from the nearest of the roads that are named beside it."""
    if distance_m is None:
        return guess
    doubt = min(max(distance_m - APART_M, 0.0) / APART_M, 1.0)
    return replace(guess, score=guess.score * (1 - 0.5 * doubt))


def with_offset(words: str, guess: Guess) -> Guess:
    """The place moved by what the words say after it: 往东 120 米. Too far, it is a position no more."""
    if not guess.named.precise:
        return guess
    told = _OFFSET.search(words, guess.end, guess.end + _OFFSET_WITHIN + 8)
    if told is None or told.start() - guess.end > _OFFSET_WITHIN:
        return guess
    metres = float(told["metres"])
    if metres > FARTHEST_OFFSET_M:
        return replace(guess, named=replace(guess.named, extent_m=metres))
    x = sum(_WAYS[one][0] for one in told["way"])
    y = sum(_WAYS[one][1] for one in told["way"])
    length = math.hypot(x, y) or 1.0
    lat = guess.named.lat + metres * y / length / _EARTH_M
    lon = guess.named.lon + metres * x / length / (_EARTH_M * math.cos(math.radians(lat)))
    return replace(guess, named=replace(guess.named, lon=lon, lat=lat))


def ranked(guesses: Iterable[Guess]) -> list[Guess]:
    """The likeliest first, of a place told twice the likelier one; where positions far from each other are
    about as likely, none is sure."""
    order = sorted(guesses, key=lambda one: (-one.score, -one.named.extent_m, one.named.name, one.named.code))
    kept: dict[tuple[str, str, str], Guess] = {}
    for guess in order:
        whole_road = guess.named.kind is PlaceKind.ROAD and not guess.named.precise
        code = "" if whole_road else guess.named.code  # a road is one, through however many streets
        kept.setdefault((guess.named.kind, guess.named.name, code), guess)
    unique = list(kept.values())
    positions = [one for one in unique if one.named.precise]
    told = []
    for guess in unique:
        rivals = sum(
            other.score >= 0.85 * guess.score and metres_between(guess.named, other.named) > APART_M
            for other in positions
        )
        doubted = guess.named.precise and rivals
        told.append(replace(guess, score=guess.score / (1 + rivals) ** 0.75) if doubted else guess)
    return sorted(told, key=lambda one: -one.score)


class Spot(Protocol):
    """Whatever lies somewhere, in CGCS2000 degrees."""

    @property
    def lon(self) -> float: ...
    @property
    def lat(self) -> float: ...


def metres_between(one: Spot, other: Spot) -> float:
    """Metres between two places of a district."""
    x = (one.lon - other.lon) * _EARTH_M * math.cos(math.radians(one.lat))
    return math.hypot(x, (one.lat - other.lat) * _EARTH_M)
