"""The tree of units and the small things that are read from cells."""

from __future__ import annotations

import doctest
import importlib

import pytest

from orgs.hours import is_open, parse
from orgs.units import Unit, UnitTree, cycles
from tests.orgs.parties import directory, place, units

TREE = UnitTree(units())


@pytest.mark.parametrize("name", ["hours", "organizations", "passwords", "rule_times", "unit_names", "units"])
def test_examples_when_run_then_they_hold(name: str) -> None:
    outcome = doctest.testmod(importlib.import_module(f"orgs.{name}"))
    assert outcome.attempted and not outcome.failed


def test_tree_when_asked_for_a_subtree_then_it_is_the_unit_and_all_below() -> None:
    assert TREE.subtree("C") == frozenset(TREE.by_code)
    assert TREE.subtree("D520103") == {code for code in TREE.by_code if "520103" in code}
    assert TREE.subtree("nobody") == frozenset()


def test_tree_when_asked_for_the_units_directly_below_then_none_from_further_down() -> None:
    below = [unit.code for unit in TREE.children("C")]
    assert below == sorted(below) and below == [unit.code for unit in directory().units_below("C")]
    assert below and all(TREE.by_code[code].parent == "C" for code in below) and TREE.children("nobody") == ()


def test_tree_when_asked_who_stands_below_whom_then_the_parents_say() -> None:
    assert TREE.is_in_tree("T520103001", "C") and TREE.is_in_tree("C", "C")
    assert not TREE.is_in_tree("C", "D520103") and not TREE.is_in_tree("nobody", "C")


def test_tree_when_parents_stand_in_a_circle_then_it_still_answers() -> None:
    circle = UnitTree([Unit(code="a", name="甲", parent="b"), Unit(code="b", name="乙", parent="a")])
    assert circle.subtree("a") == {"a", "b"} and not circle.is_in_tree("a", "c")
    assert cycles({"a": "b", "b": "a", "c": "c", "d": "a"}) == ["a", "b", "c"]


def test_head_when_bureaus_stand_beside_the_government_then_it_is_the_government() -> None:
    codes = place().area_codes
    heads = [TREE.head(level, codes) for level in ("city", "district", "township")]
    assert [head.code for head in heads if head] == ["C", "D520103", "T520103001"]


def test_covers_when_a_units_area_lies_above_the_place_then_it_works_there() -> None:
    snapshot = directory()
    assert snapshot.unit_covers("520103-urban", place()) and not snapshot.unit_covers("520102-urban", place())


def test_search_when_part_of_a_name_is_given_then_units_are_found_in_the_area() -> None:
    found = directory().search_units("街道办", area="520103001")
    assert [unit.code for unit in found] == ["T520103001"]
    assert directory().search_units("520102-ur")[0].code == "520102-urban"


@pytest.mark.parametrize(
    ("cell", "minute", "expected"),
    [
        ("", 0, True),
        ("24x7", 1439, True),
        ("09:00-12:00,13:00-17:00", 720, False),
        ("09:00-24:00", 1439, True),
        ("22:00-06:00", 1320, True),
    ],
)
def test_hours_when_asked_for_a_minute_then_spans_are_half_open(cell: str, minute: int, expected: bool) -> None:
    assert is_open(parse(cell), minute) is expected


@pytest.mark.parametrize("cell", ["9-17", "25:00-26:00", "09:60-10:00", "09:00-09:00", "always"])
def test_hours_when_the_cell_is_wrong_then_it_says_what_is_allowed(cell: str) -> None:
    with pytest.raises(ValueError, match="allowed"):
        parse(cell)
