"""What is remembered of matches: the same answers as without memory, for any rules, places, assets and hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.model import AreaRef, AssetRef, Match, Place
from orgs.rules import Rule
from tests.orgs.parties import CATEGORIES, CITY, GRID, NOON, area_only, directory, place, rule

MARKET = AreaRef("Z1", "示例市场", "special")
AREAS = (CITY, "520102", "520103", "520103001", "520103001001", GRID, "520103002", "520103002001001", "")
CODES = (*(category.code for category in CATEGORIES), "0000", None)
MOMENTS = (0.0, 1e9, NOON.timestamp(), NOON.timestamp() + 3600, 4e9)
OWNED = (AssetRef("W1", "0101", "520103-police", 3), AssetRef("L7", "0201", "C-util", 12))

RULES = st.lists(
    st.builds(
        Rule,
        id=st.uuids().map(str),
        area=st.sampled_from(AREAS),
        zone=st.sampled_from(("", "", "", "Z1")),
        category=st.sampled_from(("0101", "01", "*", "0201", "0105")),
        hours=st.sampled_from(("", "", "22:00-06:00", "08:00-18:00", "00:00-24:00")),
        lead=st.sampled_from(("520103-urban", "sanit@district", "C-util", "T520103001", "town@township", "gone")),
        assists=st.sampled_from(((), (), ("C-urban",))),
        priority=st.integers(0, 1),
        since=st.sampled_from(MOMENTS),
        until=st.sampled_from((*MOMENTS[1:], float("inf"))),
    ),
    max_size=15,
)
PLACES = st.one_of(
    st.sampled_from([code for code in AREAS if code]).map(place),
    st.sampled_from([code for code in AREAS if code]).map(area_only),
    st.sampled_from(
        [place(assets=OWNED), place(special=MARKET), place(asset="W9", asset_owner="C-util"), Place(), place(boundary_doubt=True)]
    ),
)
TIMES = st.integers(-30, 30).flatmap(
    lambda hours: st.sampled_from((-1, 0, 1)).map(lambda second: NOON + timedelta(hours=hours, seconds=second))
)
QUESTIONS = st.lists(st.tuples(PLACES, st.sampled_from(CODES), TIMES), min_size=1, max_size=25)


@settings(max_examples=200, deadline=None)
@given(RULES, QUESTIONS)
def test_match_when_much_was_asked_before_then_it_is_what_a_new_directory_says(
    rules: list[Rule], questions: list[tuple[Place, str | None, datetime]]
) -> None:
    old = directory(*rules)
    answers = [old.match(where, code, at) for where, code, at in questions + questions[::-1]]
    fresh = [directory(*rules).match(where, code, at) for where, code, at in questions]
    assert answers == fresh + fresh[::-1]


def test_match_when_two_grids_have_no_rule_of_their_own_then_their_candidates_are_one_object() -> None:
    snapshot = directory(rule("520103", "0101", "520103-sanit"))
    first, second = (snapshot.match(place(code), "0101", NOON) for code in (GRID, "520103001001"))
    assert first.candidates is second.candidates


def test_match_when_a_rule_ends_between_two_questions_then_the_second_answer_is_another() -> None:
    ending = rule("520103", "0101", "520103-sanit", until=NOON.timestamp())
    snapshot = directory(ending)

    def lead(at: datetime) -> Match:
        return snapshot.match(place(), "0101", at)

    assert lead(NOON - timedelta(seconds=1)).candidates[0].rule == ending.id
    assert lead(NOON.astimezone(UTC)).candidates[0].rule != ending.id


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 3 * 86_400_000), min_size=1, max_size=20))
def test_minute_when_asked_in_any_order_then_it_is_the_one_of_the_local_clock(milliseconds: list[int]) -> None:
    snapshot = directory()
    for number in milliseconds:
        at = NOON + timedelta(milliseconds=number)
        local = at.astimezone(ZoneInfo("Asia/Shanghai"))
        assert snapshot._minute_of(at) == local.hour * 60 + local.minute
