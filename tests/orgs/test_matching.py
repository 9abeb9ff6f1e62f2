"""Who is responsible: precedence, ties, doubt, fallbacks, and when nobody needs to look."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.model import LEVELS, AreaRef, AssetRef
from orgs.matching import AREA_VALUE
from orgs.rules import Rule
from tests.orgs.parties import CITY, GRID, NIGHT, NOON, area_only, directory, place, rule

PATH = tuple(area.code for area in place().area_path)
MARKET = AreaRef("Z1", "示例市场", "special")
LEADS = ("520103-urban", "520103-sanit", "520103-police", "C-urban", "C-util", "T520103001", "T520103002")


def test_match_when_one_rule_holds_then_it_is_dispatched_with_its_basis() -> None:
    match = directory(rule("520103", "0101", "520103-sanit", basis="《条例》第三条")).match(place(), "0101", NOON)
    best = match.candidates[0]
    assert (match.decided, match.doubt, best.unit.code) == ("auto", (), "520103-sanit")
    assert best.rule == "R-0101-520103-0" and best.basis == "《条例》第三条"
    assert best.reason == "规则 R-0101-520103-0 · 小类×名520103 · 依据 《条例》第三条"
    assert best.parts == {"area": AREA_VALUE[1], "category": 1.0}


def test_match_when_the_winner_is_clear_then_further_candidates_follow_with_lower_scores() -> None:
    match = directory(rule("520103", "0101", "520103-sanit")).match(place(), "0101", NOON)
    scores = [candidate.score for candidate in match.candidates]
    assert [candidate.unit.code for candidate in match.candidates[1:]] == ["T520103001", "D520103", "C"]
    assert scores == sorted(scores, reverse=True) and len(set(scores)) == len(scores)


def test_lead_when_named_by_type_and_level_then_it_is_the_unit_of_the_places_district() -> None:
    snapshot = directory(rule(CITY, "0101", "urban@district"))
    for grid, unit in (("520102001001001", "520102-urban"), (GRID, "520103-urban")):
        assert snapshot.match(place(grid), "0101", NOON).candidates[0].unit.code == unit


def test_match_when_an_asset_of_the_category_is_near_then_its_owner_leads() -> None:
    assets = (AssetRef("W1", "0101", "520103-police", 3), AssetRef("L7", "0201", "C-util", 12))
    match = directory(rule(GRID, "0201", "520103-urban")).match(place(assets=assets), "0201", NOON)
    assert (match.decided, match.candidates[0].unit.code, match.candidates[0].rule) == ("auto", "C-util", "asset:L7")
    assert match.candidates[1].unit.code == "520103-urban"


@pytest.mark.parametrize(("second", "tied"), [(15, True), (29, False)])
def test_match_when_another_owner_is_almost_as_near_then_it_is_a_tie(second: int, tied: bool) -> None:
    assets = (AssetRef("A", "0201", "C-util", 8), AssetRef("B", "0201", "520103-urban", second))
    match = directory().match(place(assets=assets), "0201", NOON)
    assert ("tie" in match.doubt) is tied


def test_match_when_a_component_is_beyond_thirty_metres_then_it_does_not_decide() -> None:
    far = place(assets=(AssetRef("A", "0201", "C-util", 31), AssetRef("R", "*", "520103-police", 45, "line")))
    assert directory().match(far, "0201", NOON).candidates[0].unit.code == "520103-police"


def test_match_when_inside_a_special_polygon_then_its_rule_wins_over_the_grid() -> None:
    rules = (rule(GRID, "0101", "520103-sanit"), rule("", "0101", "520103-police", zone="Z1"))
    assert directory(*rules).match(place(special=MARKET), "0101", NOON).candidates[0].unit.code == "520103-police"
    assert directory(*rules).match(place(), "0101", NOON).candidates[0].unit.code == "520103-sanit"


@pytest.mark.parametrize(("at", "unit"), [(NOON, "520103-urban"), (NIGHT, "520103-police")])
def test_match_when_a_rule_has_hours_then_it_holds_and_wins_only_then(at: datetime, unit: str) -> None:
    night = rule("520103", "0101", "520103-police", hours="22:00-06:00")
    match = directory(rule("520103", "0101", "520103-urban", priority=9), night).match(place(), "0101", at)
    assert match.candidates[0].unit.code == unit


def test_match_when_a_rule_is_not_yet_or_no_longer_valid_then_it_does_not_hold() -> None:
    now = NOON.timestamp()
    rules = (
        rule(GRID, "0101", "C-util", since=now + 1),
        rule("520103001", "0101", "C-urban", until=now),
        rule("520103", "0101", "520103-sanit", since=now, until=now + 1),
    )
    assert directory(*rules).match(place(), "0101", NOON).candidates[0].unit.code == "520103-sanit"


def test_match_when_two_rules_are_equal_then_both_are_shown_and_nothing_is_dispatched() -> None:
    pair = (rule("520103", "0101", "520103-sanit", number=1), rule("520103", "0101", "520103-urban", number=2))
    match = directory(*pair).match(place(), "0101", NOON)
    assert match.decided == "manual" and match.doubt == ("tie",)
    assert match.candidates[0].score == match.candidates[1].score > match.candidates[2].score


@pytest.mark.parametrize("better", [{"priority": 1}, {"since": 1.0}])
def test_match_when_one_of_two_rules_is_preferred_then_it_wins_alone(better: dict[str, float]) -> None:
    older = rule("520103", "0101", "520103-sanit", number=1, since=0.0)
    other = msgspec.structs.replace(rule("520103", "0101", "520103-urban", number=2, since=0.0), **better)
    match = directory(older, other).match(place(), "0101", NOON)
    assert (match.decided, match.candidates[0].unit.code) == ("auto", "520103-urban")
    assert match.candidates[0].score > match.candidates[1].score


def test_match_when_the_level_says_township_first_then_the_office_leads() -> None:
    best = directory().match(place(), "0105", NOON).candidates[0]
    assert (best.unit.code, best.rule) == ("T520103001", "default")


def test_match_when_no_rule_holds_then_the_category_default_is_shown_but_not_dispatched() -> None:
    match = directory().match(place(), "0101", NOON)
    assert [candidate.unit.code for candidate in match.candidates] == ["520103-sanit", "T520103001", "D520103", "C"]
    assert (match.decided, match.doubt) == ("manual", ("low_score",))


def test_match_when_only_a_rule_for_any_category_holds_then_a_person_decides() -> None:
    match = directory(rule(GRID, "*", "520103-urban")).match(place(), "1801", NOON)
    assert (match.candidates[0].unit.code, match.doubt) == ("520103-urban", ("any_category",))


@pytest.mark.parametrize("category", [None, "4242"])
def test_match_when_the_category_is_unknown_then_the_territory_is_proposed(category: str | None) -> None:
    match = directory().match(place(), category, NOON)
    assert match.candidates[0].unit.code == "T520103001" and "no_category" in match.doubt and match.organizations == ()


def test_match_when_nobody_works_there_then_there_is_no_owner() -> None:
    match = directory(units=[]).match(place(), "0101", NOON)
    assert match.candidates == () and "no_owner" in match.doubt and match.lead is None


def test_match_when_only_the_city_covers_then_it_is_shown_with_no_owner() -> None:
    match = directory().match(place(CITY), "1801", NOON)
    assert match.candidates[0].unit.code == "C" and "no_owner" in match.doubt


@pytest.mark.parametrize(("category", "doubt"), [("0701", "sensitive"), ("9901", "category_disabled")])
def test_match_when_the_category_is_sensitive_or_disabled_then_a_person_decides(category: str, doubt: str) -> None:
    match = directory(rule("520103", category, "520103-police")).match(place(), category, NOON)
    assert (match.decided, match.doubt) == ("manual", (doubt,))


def test_match_when_the_point_is_at_a_border_then_a_person_decides() -> None:
    near = place(boundary_doubt=True, doubt=("boundary:6:520102001",))
    assert directory(rule("520103", "0101", "520103-sanit")).match(near, "0101", NOON).doubt == ("boundary",)


def test_match_when_only_the_area_is_known_and_no_finer_rule_exists_then_it_is_dispatched() -> None:
    snapshot = directory(rule("520103", "0101", "520103-sanit"), rule("520102001", "0101", "T520102001"))
    assert snapshot.match(area_only("520103001"), "0101", NOON).decided == "auto"


def test_match_when_the_rules_lie_on_other_ground_then_a_finer_one_counts_there_alone() -> None:
    snapshot = directory(rule("520103", "0101", "520103-sanit"), rule("520103009001", "0101", "520103-urban"))
    categories = snapshot.categories.values()
    assert snapshot.match(area_only("520103001"), "0101", NOON).decided == "auto"
    below = snapshot.on_ground({"520103009001": "520103001", "520103001": "520103", "520103": "520100"}, categories)
    assert below.match(area_only("520103001"), "0101", NOON).doubt == ("area_only",)
    assert below.on_ground(snapshot.parents, categories).match(area_only("520103001"), "0101", NOON).decided == "auto"


@pytest.mark.parametrize(
    "finer",
    [
        rule("520103001001", "0101", "520103-urban"),
        rule("520103001001", "01", "520103-urban"),
        rule("520103001001", "*", "520103-urban"),
        rule("", "0101", "520103-urban", zone="Z1"),
    ],
)
def test_match_when_only_the_area_is_known_and_a_finer_rule_exists_then_a_person_decides(finer: Rule) -> None:
    snapshot = directory(rule("520103", "0101", "520103-sanit"), finer)
    assert snapshot.match(area_only("520103001"), "0101", NOON).doubt == ("area_only",)


def test_match_when_only_the_area_is_known_and_the_owner_of_an_asset_leads_then_a_person_decides() -> None:
    snapshot = directory(rule("520103", "0201", "520103-urban"))
    assert snapshot.match(area_only("520103001"), "0201", NOON).doubt == ("area_only",)


def test_assists_when_the_rule_names_none_then_they_come_from_the_category_without_the_lead() -> None:
    by_rule = rule("520103", "0201", "520103-police", assists=("C-urban", "sanit@district", "520103-police"))
    named = directory(by_rule).match(place(), "0201", NOON)
    assert [unit.code for unit in named.assists] == ["C-urban", "520103-sanit"]
    unnamed = directory(rule("520103", "0201", "520103-police")).match(place(), "0201", NOON)
    assert [unit.code for unit in unnamed.assists] == ["T520103001"]


def test_threshold_when_it_is_raised_then_city_wide_rules_need_a_person() -> None:
    snapshot = directory(rule(CITY, "0101", "sanit@district"), threshold=0.85)
    assert snapshot.match(place(), "0101", NOON).doubt == ("low_score",)


RULES = st.lists(
    st.builds(
        Rule,
        id=st.uuids().map(str),
        area=st.sampled_from((*PATH, "520103002", "520102", "")),
        zone=st.sampled_from(("", "", "", "Z1", "Z2")),
        category=st.sampled_from(("0101", "01", "*", "0105", "02")),
        hours=st.sampled_from(("", "", "22:00-06:00", "08:00-18:00")),
        lead=st.sampled_from(LEADS),
        priority=st.integers(0, 1),
        since=st.sampled_from((0.0, 1e9, 4e9)),
    ),
    max_size=12,
)


def _strength(found: Rule) -> tuple[int, int, bool, int, float]:
    """The precedence of a rule at the tests' place, written anew from the domain's words."""
    area = len(LEVELS) if found.zone or found.area == "Z1" else max(PATH.index(found.area), 0) if found.area else 0
    return area, {"0101": 2, "01": 1, "*": 0}[found.category], found.hours != "", found.priority, found.since


def _holds(found: Rule) -> bool:
    return (
        found.category in ("0101", "01", "*")
        and found.area in ("", *PATH)
        and found.zone in ("", "Z1")
        and found.hours != "22:00-06:00"
        and found.since <= NOON.timestamp()
    )


@given(RULES)
def test_match_for_any_rules_then_the_most_specific_wins_and_the_order_of_rows_is_nothing(rules: list[Rule]) -> None:
    match = directory(*rules).match(place(special=MARKET), "0101", NOON)
    assert directory(*reversed(rules)).match(place(special=MARKET), "0101", NOON) == match
    held = [found for found in rules if _holds(found)]
    scores = [candidate.score for candidate in match.candidates]
    assert scores == sorted(scores, reverse=True) and all(0 <= score <= 1 for score in scores) and match.candidates
    if held:
        best = max(map(_strength, held))
        winners = {found.lead for found in held if _strength(found) == best}
        assert match.candidates[0].unit.code in winners
        assert ("tie" in match.doubt) is (len(winners) > 1)
    assert (match.decided == "auto") is (match.doubt == ())


@given(RULES, st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)))
def test_match_for_any_time_then_what_is_equal_in_score_is_a_tie(rules: list[Rule], at: datetime) -> None:
    match = directory(*rules).match(place(special=MARKET), "0101", at.replace(tzinfo=UTC))
    if len(match.candidates) > 1 and match.candidates[0].score == match.candidates[1].score:
        assert "tie" in match.doubt
