"""What is found in a rulebook: against an oracle that asks a directory at every hour, and each kind by an example."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.model import AreaRef
from dispatch.succession import UNCHANGED, Succession
from orgs.findings import Finding, findings
from orgs.rule_audit import around
from orgs.rules import Rule
from tests.orgs.parties import CITY, GRID, NOON, PARENTS, directory, place, rule

NOW = NOON.timestamp()
DAY = 86_400.0


def found(*rules: Rule, after: Succession = UNCHANGED) -> list[Finding]:
    snapshot = directory(parents=PARENTS | {CITY: "", "ZONE": ""}, after=after)  # a management area lies below none
    surroundings = around(snapshot, frozenset({"Z1"}))
    return sorted(findings(rules, surroundings, NOW), key=lambda one: (one.kind, one.rule, one.column))


def told(*rules: Rule) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(one.kind, one.rule[-1], tuple(other[-1] for other in one.others)) for one in found(*rules)]


def here(number: int, lead: str = "520103-urban", **fields: Any) -> Rule:
    return rule("520103", "0101", lead, number=number, **{"since": 0.0} | fields)


def test_rule_when_a_stronger_one_always_holds_is_shadowed() -> None:
    assert told(here(1), here(2, "C-urban", priority=1)) == [("shadowed", "1", ("2",))]
    assert told(here(1), here(2, "C-urban", priority=1, until=NOW + DAY)) == [], "it comes back"
    assert told(here(1), here(2, "C-urban", hours="08:00-18:00")) == [], "at night it decides"
    assert told(here(1, hours="09:00-17:00"), here(2, "C-urban", hours="08:00-18:00", priority=1)) == [("shadowed", "1", ("2",))]
    assert told(here(1), here(2, "gone", priority=1))[-1:] == [("dangling", "2", ())], "nobody stands in the way"


def test_rule_when_several_together_cover_it_is_shadowed_by_them() -> None:
    day, night = here(2, "C-urban", hours="06:00-22:00"), here(3, "C-util", hours="22:00-06:00")
    assert told(here(1, priority=9), day, night) == [("shadowed", "1", ("2", "3"))]
    first, then = here(2, "C-urban", priority=1, until=NOW + DAY), here(3, "C-util", priority=1, since=NOW + DAY)
    assert told(here(1), first, then) == [("shadowed", "1", ("2", "3"))]


def test_rules_when_equal_for_other_units_contradict_each_other() -> None:
    assert told(here(1), here(2, "C-urban")) == [("contradictory", "1", ("2",)), ("contradictory", "2", ("1",))]
    assert told(here(1), here(2)) == [], "one unit: nothing to choose"
    assert told(here(1), here(2, "urban@district")) == [], "the same unit by its post"
    assert told(here(1, hours="08:00-12:00"), here(2, "C-urban", hours="12:00-18:00")) == [], "never at once"
    assert told(here(1, until=NOW + DAY), rule("520103", "0101", "C-urban", number=2, since=NOW + DAY)) == []


def test_rules_when_of_other_places_or_categories_do_not_meet() -> None:
    assert told(here(1), rule(GRID, "0101", "C-urban", since=0.0), rule("520103", "01", "C-urban", since=0.0)) == []


def test_rules_when_one_is_for_the_city_and_one_for_no_area_meet() -> None:
    pair = (rule(CITY, "0101", "C-urban", number=1), rule("", "0101", "C-util", number=2))
    assert [kind for kind, *_ in told(*pair)] == ["contradictory", "contradictory"]


def test_rules_when_for_the_city_and_for_a_management_area_do_not_meet() -> None:
    assert told(rule(CITY, "0101", "C-urban", number=1), rule("ZONE", "0101", "C-util", number=2)) == []


def test_rule_when_its_area_is_void_is_dangling_with_what_came_after() -> None:
    (one,) = found(rule("520109", "0101", "C"), after=Succession({"520109": ("520102",)}))
    assert (one.kind, one.column, one.reason) == ("dangling", "area_code", "void_area")


def test_rules_when_for_a_zone_are_held_against_those_of_the_areas_around() -> None:
    whole = rule("", "0101", "C-urban", number=1, zone="Z1", priority=1)
    inside = rule("520103", "0101", "C-util", number=2, zone="Z1")
    assert told(whole, inside) == [("shadowed", "2", ("1",))]
    beside = rule("520102", "0101", "C-util", number=3, zone="Z1", priority=1)
    assert told(inside, beside) == []
    assert [kind for kind, *_ in told(whole, beside)] == ["contradictory"], "where the narrower one holds"
    special = rule("Z1", "0101", "C-util", number=4, priority=1)
    assert ("contradictory", "4", ("1",)) in told(whole, special)


@pytest.mark.parametrize(
    ("wrong", "column", "value", "reason"),
    [
        (here(1, "gone"), "lead", "gone", "unknown_unit"),
        (here(1, "zoo@district"), "lead", "zoo@district", "unknown_post"),
        (here(1, assists=("C", "gone")), "assists", "gone", "unknown_unit"),
        (rule("999", "0101", "C"), "area_code", "999", "unknown_code"),
        (rule("", "0101", "C", zone="Z9"), "zone", "Z9", "unknown_code"),
        (rule(CITY, "4242", "C"), "category", "4242", "unknown_category"),
        (rule(CITY, "9901", "C"), "category", "9901", "category_disabled"),
    ],
)
def test_rule_when_it_names_what_is_gone_is_dangling(wrong: Rule, column: str, value: str, reason: str) -> None:
    (one,) = found(wrong)
    assert (one.kind, one.column, one.value, one.reason) == ("dangling", column, value, reason)


def test_rule_when_it_is_over_is_expired_and_nothing_else() -> None:
    assert told(here(1, until=NOW), here(2, "C-urban")) == [("expired", "1", ())]


MOMENTS = (0.0, NOW + DAY, NOW + 2 * DAY)
RULES = st.lists(
    st.builds(
        here,
        st.integers(0, 9),
        st.sampled_from(("520103-urban", "520103-sanit", "C-util", "urban@district")),
        hours=st.sampled_from(("", "", "22:00-06:00", "08:00-18:00", "12:00-24:00", "00:00-12:00")),
        priority=st.integers(0, 1),
        since=st.sampled_from(MOMENTS),
        until=st.sampled_from((NOW + DAY, NOW + 3 * DAY, inf)),
        zone=st.sampled_from(("", "", "Z1")),
    ).filter(lambda one: one.since < one.until),
    max_size=6,
    unique_by=lambda one: one.id,
)


def _holds(one: Rule, at: datetime) -> bool:
    hour = (at.hour + 8) % 24
    begin, end = (int(part[:2]) for part in one.hours.split("-")) if one.hours else (0, 24)
    in_hours = begin <= hour < end if begin < end else hour >= begin or hour < end
    return one.since <= at.timestamp() < one.until and in_hours


@settings(max_examples=100, deadline=None)
@given(RULES)
def test_findings_when_made_are_what_every_hour_says(rules: list[Rule]) -> None:
    """The oracle: for each hour of the next days, inside and outside the zone, the strongest of all that hold, and whether they
    are for one unit; a directory that is asked must name one of them."""
    snapshot = directory(*rules)
    winners, tied = set[str](), set[str]()
    for zone, where in (("", place(GRID)), ("Z1", place(GRID, special=AreaRef("Z1", "市场", "special")))):
        for hour in range(5 * 24):
            at = datetime.fromtimestamp(NOW, UTC) + timedelta(hours=hour)
            holding = [one for one in rules if one.zone == zone and _holds(one, at)]
            best = [one for one in holding if one.precedence == max(other.precedence for other in holding)]
            if not best:
                continue
            winners |= {one.id for one in best}
            if len({one.lead.replace("urban@district", "520103-urban") for one in best}) > 1:
                tied |= {one.id for one in best}
            assert snapshot.match(where, "0101", at).candidates[0].rule in {one.id for one in best}
    wrong = found(*rules)
    assert {one.rule for one in wrong if one.kind == "contradictory"} == tied
    assert {one.rule for one in wrong if one.kind == "shadowed"} == {one.id for one in rules} - winners
