"""Reading addresses: numerals, house numbers, words of relation, and whatever somebody may type."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grid.address import BUILDING, DOOR, door_of, ends_as_road, normalise, read, runs
from grid.doors import KnownDoor, guess, metres_between
from grid.likeness import Likeness, liken
from tests.grid.gazetteers import gazetteer
from tests.grid.test_gazetteer import ENTRIES

PIECES = (
    "金阳南路",
    "宝山北路",
    "云岩区",
    "乌当区",
    "龙福苑",
    "八号",
    "3栋",
    "旁边",
    "交叉口",
    "与",
    "号",
    "路",
    "人民广场",
    "，",
    "金洋兰路",
    "x",
)
NAMES = gazetteer(ENTRIES)


def spoken(number: int) -> str:
    """Write a number below ten thousand as it is said: 1080 → 一千零八十."""
    said, gap = "", False
    for unit, power in (("千", 1000), ("百", 100), ("十", 10), ("", 1)):
        digit = number // power % 10
        if digit:
            said += ("零" if gap and said else "") + "零一二三四五六七八九"[digit] + unit
        gap = digit == 0
    return said.removeprefix("一") if said.startswith("一十") else said


@given(st.integers(1, 9999))
def test_normalise_when_a_numeral_stands_before_a_number_word_then_digits(number: int) -> None:
    assert normalise(f"{spoken(number)}号") == f"{number}号"
    assert normalise(f"{''.join('零一二三四五六七八九'[int(digit)] for digit in str(number))}栋") == f"{number}栋"


@given(st.text(max_size=300))
def test_normalise_when_anything_then_bounded_and_the_same_when_done_again(text: str) -> None:
    once = normalise(text)
    assert len(once) <= 200 and once == once.strip(",") and normalise(once) == once


@given(st.one_of(st.text(max_size=80), st.lists(st.sampled_from(PIECES), max_size=12).map("".join)))
def test_read_when_anything_then_every_stretch_lies_inside_and_runs_overlap_nothing(text: str) -> None:
    reading = read(text)
    known = [(one.start, one.end) for one in reading.numbers] + [(one.start, one.end) for one in reading.words]
    for start, end in known:
        assert 0 <= start < end <= len(reading.text)
    for start, end in runs(reading, known[:1]):
        assert 0 <= start < end <= len(reading.text)
        assert all(end <= begin or start >= stop for begin, stop in known)


@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=10).map("".join)))
def test_ask_when_anything_then_chances_are_chances_and_the_parts_are_the_text(text: str) -> None:
    answer = NAMES.ask(text)
    assert all(0.0 <= one.confidence <= 1.0 for one in answer.candidates)
    assert all(one.radius_m is None or one.radius_m > 0 for one in answer.candidates)
    said = normalise(text)
    position = 0
    for part in answer.parts:
        position = said.index(part.text, position) + len(part.text)


@pytest.mark.parametrize(
    ("text", "number", "sub", "what"),
    [
        ("金阳南路8号", 8, 0, DOOR),
        ("金阳南路甲8号", 8, 1000, DOOR),
        ("金阳南路8-2号", 8, 2, DOOR),
        ("金阳南路8之2号", 8, 2, DOOR),
        ("金阳南路附3号", 3, 6000, DOOR),
        ("金阳南路三百二十一号", 321, 0, DOOR),
        ("丽水路2279清华大学", 2279, 0, DOOR),
        ("龙福苑二十一栋", 21, 0, BUILDING),
        ("龙福苑8号楼", 8, 0, BUILDING),
    ],
)
def test_read_when_a_house_number_then_its_parts(text: str, number: int, sub: int, what: str) -> None:
    (found,) = read(text).numbers
    assert (found.number, found.sub, found.what) == (number, sub, what)


@pytest.mark.parametrize("text", ["地铁3号线", "三号线", "8号门", "2号口", "12345", "第3号桥", "金阳南路2024年"])
def test_read_when_a_number_counts_something_else_then_no_house_number(text: str) -> None:
    assert read(text).numbers == ()


def test_ends_as_road_when_a_way_inside_or_beside_then_not() -> None:
    assert [ends_as_road(name) for name in ("人行道", "小区楼道", "地下通道", "非机动车道", "街道", "大道")] == [False] * 5 + [
        True
    ]
    assert door_of("金阳南路") is None and door_of("号") is None and door_of("8号") is None


letters = st.lists(st.integers(1, 6), min_size=1, max_size=8)


@given(letters, letters, letters)
def test_liken_when_the_name_stands_inside_then_found_whole(before: list[int], name: list[int], after: list[int]) -> None:
    asked = [one + 10 for one in before] + name + [one + 20 for one in after]
    found = liken(Likeness(asked, asked), Likeness(name, name), 3)
    assert (found.score, found.key) == (1.0, 3) and asked[found.start : found.end] == name


@given(letters, letters)
def test_liken_when_anything_then_a_share(asked: list[int], name: list[int]) -> None:
    found = liken(Likeness(asked, asked), Likeness(name, name), 0)
    assert 0.0 <= found.score <= 1.0 and 0 <= found.start <= found.end <= len(asked)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=12, unique=True), st.integers(1, 70))
def test_guess_when_numbers_stand_along_a_road_then_near_where_it_would_be(numbers: list[int], wanted: int) -> None:
    known = [KnownDoor(number, 0, 106.6 + number * 1e-4, 26.6) for number in numbers]
    for one in guess(known, wanted):
        off = metres_between(one.lon, one.lat, 106.6 + wanted * 1e-4, 26.6)
        assert off <= one.radius_m and (one.how == "known") == (wanted in numbers)
