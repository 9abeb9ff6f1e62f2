"""Management areas in matching: above the district, below the township, by rules and by posts; exactly as a plain search says."""

from __future__ import annotations

from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.model import AreaRef, Place
from orgs.rules import ZONE, Rule, steps_of
from orgs.units import Unit
from tests.orgs.parties import CITY, GRID, NOON, directory, place, rule, units
from tests.orgs.test_precedents import AREAS, CODES, TIMES

PARK = AreaRef("GX", "高新区", "management")
OTHER = AreaRef("JK", "经开区", "management")
MARKET = AreaRef("Z1", "示例市场", "special")
BUREAU = Unit(code="GX-urban", name="高新城管", type="urban", level="district", parent="GX-govt", area_codes=("GX",))
GOVERNMENT = Unit(code="GX-govt", name="高新区管委会", type="government", level="district", parent="C", area_codes=("GX",))
PARTIES = [*units(), BUREAU, GOVERNMENT]


def test_steps_when_in_a_management_area_then_it_stands_between_township_and_district() -> None:
    codes = [code for code, _, _ in steps_of(place(management=PARK, special=MARKET))]
    assert codes == ["Z1", GRID, "520103001001", "520103001", "GX", "520103", CITY]
    ranks = [rank for _, _, rank in steps_of(place(management=PARK, special=MARKET))]
    assert ranks == sorted(ranks, reverse=True) and ranks[0] == ZONE
    assert [code for code, _, _ in steps_of(place(CITY, management=PARK))] == ["GX", CITY]


def test_match_when_rules_stand_for_all_then_township_before_management_area_before_district() -> None:
    township, park = rule("520103001", "0101", "520103-sanit"), rule("GX", "0101", "GX-urban")
    district = rule("520103", "0101", "520103-urban")
    found = directory(park, district, township, units=PARTIES).match(place(management=PARK), "0101", NOON)
    assert [one.rule for one in found.candidates[:3]] == [township.id, park.id, district.id]
    scores = [one.score for one in found.candidates]
    assert scores == sorted(scores, reverse=True) and len(set(scores[:3])) == 3
    assert "高新区" in found.candidates[1].reason
    assert found.decided == "auto"


def test_match_when_a_post_of_the_district_is_named_then_the_unit_of_the_management_area_stands_in_its_stead() -> None:
    snapshot = directory(rule(CITY, "0105", "urban@district"), units=PARTIES)
    assert snapshot.match(place(management=PARK), "0105", NOON).lead.code == "GX-urban"
    assert snapshot.match(place(), "0105", NOON).lead.code == "520103-urban"
    assert snapshot.match(place(management=OTHER), "0105", NOON).lead.code == "520103-urban"  # which has no unit of its own
    backstops = [one.unit.code for one in snapshot.match(place(management=PARK), "1801", NOON).candidates]
    assert backstops == ["T520103001", "GX-govt", "C"]
    assert snapshot.unit_covers("GX-urban", place(management=PARK)) and not snapshot.unit_covers("GX-urban", place())


RULES = st.lists(
    st.builds(
        Rule,
        id=st.uuids().map(str),
        area=st.sampled_from((*AREAS, "GX", "GX", "JK")),
        zone=st.sampled_from(("", "", "", "Z1")),
        category=st.sampled_from(("0101", "01", "*", "0201", "0105")),
        hours=st.sampled_from(("", "", "00:00-24:00")),
        lead=st.sampled_from(("520103-urban", "GX-urban", "urban@district", "C-util", "T520103001", "town@township")),
        priority=st.integers(0, 1),
        since=st.sampled_from((0.0, 1e9)),
    ),
    max_size=15,
)
PLACES = st.builds(
    lambda code, management, special: place(code, management=management, special=special),
    st.sampled_from([code for code in AREAS if code]),
    st.sampled_from((None, PARK, PARK, OTHER)),
    st.sampled_from((None, None, None, MARKET)),
)
QUESTIONS = st.lists(st.tuples(PLACES, st.sampled_from(CODES), TIMES), min_size=1, max_size=20)
RANK = {"city": 0, "district": 1, "management": 2, "township": 3, "community": 4, "grid": 5}


def plainly(rules: list[Rule], where: Place, code: str) -> list[tuple[int, int, bool, int, float]]:
    """The precedence of every rule that holds, strongest first, by looking at each rule alone."""
    ranks = {area.code: RANK[area.level] for area in where.area_path}
    if where.management:
        ranks[where.management.code] = RANK["management"]
    found = []
    for one in rules:
        if one.category not in (code, code[:2], "*"):
            continue
        fit = 2 if one.category == code else 1 if one.category == code[:2] else 0
        if one.zone:
            if where.special is None or where.special.code != one.zone or (one.area and one.area not in ranks):
                continue
            rank = 6
        elif one.area and one.area not in ranks:
            continue
        else:
            rank = ranks[one.area] if one.area else 0
        found.append((rank, fit, one.hours != "", one.priority, one.since))
    return sorted(found, reverse=True)


@settings(max_examples=200, deadline=None)
@given(RULES, PLACES, st.sampled_from(("0101", "0201", "0105")))
def test_find_when_any_rules_then_the_order_is_that_of_a_plain_search(rules: list[Rule], where: Place, code: str) -> None:
    snapshot = directory(*rules, units=PARTIES)
    minute = 12 * 60
    found = [hit.order for hit in snapshot.rules.find(steps_of(where), code, code[:2], NOON.timestamp(), minute)]
    assert found == plainly(rules, where, code)


@settings(max_examples=200, deadline=None)
@given(RULES, QUESTIONS)
def test_match_when_much_was_asked_before_then_it_is_what_a_new_directory_says(
    rules: list[Rule], questions: list[tuple[Place, str | None, datetime]]
) -> None:
    old = directory(*rules, units=PARTIES)
    answers = [old.match(where, code, at) for where, code, at in questions + questions[::-1]]
    fresh = [directory(*rules, units=PARTIES).match(where, code, at) for where, code, at in questions]
    assert answers == fresh + fresh[::-1]
