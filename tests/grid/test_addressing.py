"""Reading an address: which names it means, and how surely."""

from __future__ import annotations

import pytest

from app.grid.addressing import (
    Guess,
    Meeting,
    Named,
    PlaceKind,
    areas_named,
    meetings,
    mentions,
    metres_between,
    plain,
    ranked,
    with_offset,
)


def named(name: str, kind: PlaceKind = PlaceKind.ROAD, lon: float = 120.0, lat: float = 30.0) -> Named:
    extent = {PlaceKind.POI: 0.0, PlaceKind.CROSSING: 20.0}.get(kind, 2000.0)
    return Named(kind, f"{name} {lon}", name, "330199001", lon, lat, extent)


def likeness(words: str, *names: str, kind: PlaceKind = PlaceKind.ROAD) -> dict[str, float]:
    return {one.named.name: one.likeness for one in mentions(plain(words), [named(n, kind) for n in names])}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("福华1路", "福华一路"),
        ("新洲１１街", "新洲十一街"),
        ("新洲20街 ", "新洲二十街"),
        ("Ａ座, 12 号", "a座12号"),
        ("石厦\u200e北四街", "石厦北四街"),
        ("福华路—益田路", "福华路至益田路"),
        ("\x00", ""),
    ],
)
def test_words_are_compared_without_what_makes_no_difference(words: str, said: str):
    assert plain(words) == said


def test_a_name_as_it_is_is_meant():
    assert likeness("深圳市福田区福华一路12号", "福华一路") == {"福华一路": 1.0}


def test_a_road_of_another_number_or_side_is_not():
    found = likeness("福华一路与益田路路口", "福华一路", "福华三路", "福华路", "益田路")
    assert found["福华一路"] == found["益田路"] == 1.0
    assert found.get("福华三路", 0) < 0.2
    assert found.get("福华路", 0) < 0.2


def test_one_slip_is_forgiven_and_costs():
    assert 0.6 < likeness("泰燃金融路", "泰然金融路")["泰然金融路"] < 0.8
    assert likeness("泰然融路", "泰然金融路")["泰然金融路"] > 0.6
    assert likeness("泰然大金融路", "泰然金融路").get("泰然金融路", 0) < 0.5  # 大 tells roads apart
    assert likeness("两字都错路", "泰然金融路") == {}


def test_an_ending_may_be_left_out_unless_another_stands_there():
    assert likeness("桂花与福强路口", "桂花路")["桂花路"] == 0.6
    assert likeness("桂花街", "桂花路")["桂花路"] < 0.5


def test_a_short_name_after_a_word_that_tells_roads_apart_is_less_sure():
    assert likeness("北新洲路", "新洲路")["新洲路"] == 0.8


def test_a_name_inside_a_longer_one_is_explained_by_it():
    found = mentions("福华路小学门口", [named("福华路"), named("福华路小学", PlaceKind.POI)])
    assert [(one.named.name, one.likeness) for one in found] == [("福华路小学", 1.0), ("福华路", 0.3)]


def test_a_name_that_any_place_may_have_means_little():
    assert likeness("河边菜市场", "菜市场", kind=PlaceKind.POI)["菜市场"] < 0.5


def test_a_number_is_matched_whole():
    assert likeness("福华路120号", "福华路12", kind=PlaceKind.POI).get("福华路12", 0) < 0.5
    assert likeness("福华路12号", "福华路12号", kind=PlaceKind.POI)["福华路12号"] == 1.0


@pytest.mark.parametrize(
    "words",
    [
        "福华路与益田路路口",
        "福华路益田路交叉口",
        "福华路近益田路",
        "福华路/益田路",
        "福华路（益田路口）往东50米",
    ],
)
def test_two_roads_side_by_side_mean_their_crossing(words: str):
    said = plain(words)
    (meeting,) = meetings(said, mentions(said, [named("福华路"), named("益田路")]))
    assert (meeting.left, meeting.right, meeting.likely) == ("福华路", "益田路", 1.0)


@pytest.mark.parametrize("words", ["福华路（益田路至金田路）", "福华路益田路到金田路段"])
def test_a_stretch_between_two_roads_is_no_crossing(words: str):
    said = plain(words)
    roads = [named("福华路"), named("益田路"), named("金田路")]
    assert [one.likely for one in meetings(said, mentions(said, roads))] == [0.5, 0.5, 0.5]


def test_roads_apart_from_each_other_meet_less_surely():
    said = "福华路上有人摆摊一直摆到了益田路那边"
    (meeting,) = meetings(said, mentions(said, [named("福华路"), named("益田路")]))
    assert meeting == Meeting("福华路", "益田路", 0.85, 16)


def test_the_smallest_areas_named_count():
    community = Named(PlaceKind.COMMUNITY, "330199001001", "芦苇社区", "330199001001", 120, 30, 900)
    street = Named(PlaceKind.STREET, "330199001", "西街街道", "330199001", 120, 30, 2000)
    assert areas_named(mentions("西街街道芦苇社区", [community, street])) == ("330199001001",)
    assert areas_named(mentions("西街街道", [community, street])) == ("330199001",)
    assert areas_named(mentions("芦苇", [community, street])) == ()


@pytest.mark.parametrize(
    ("words", "east", "north"),
    [("往东120米", 120, 0), ("向北约50米", 0, 50), ("西南方向100米", -70.7, -70.7), ("附近", 0, 0)],
)
def test_an_offset_moves_the_place(words: str, east: float, north: float):
    crossing = Guess(named("路口", PlaceKind.CROSSING), 0.9, end=2)
    moved = with_offset(f"路口{words}", crossing).named
    metres = ((moved.lon - 120) * 111_320 * 0.866, (moved.lat - 30) * 111_320)
    assert metres == pytest.approx((east, north), abs=1)


def test_too_far_an_offset_leaves_no_position():
    crossing = Guess(named("路口", PlaceKind.CROSSING), 0.9, end=2)
    assert not with_offset("路口往东2000米", crossing).named.precise


def test_places_of_one_name_far_apart_make_each_other_unsure():
    here, there = (Guess(named("便民超市", PlaceKind.POI, lon), 0.97) for lon in (120.0, 120.01))
    beside = Guess(named("便民超市东门", PlaceKind.POI, 120.0005), 0.97)
    assert metres_between(here.named, there.named) == pytest.approx(964, abs=2)
    assert all(guess.score < 0.6 for guess in ranked([here, there]))
    assert all(guess.score == 0.97 for guess in ranked([here, beside]))
