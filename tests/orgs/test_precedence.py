"""The precedence of rules (domain.md §5.3), against an oracle that looks at every rule by itself and sorts them all.

Asset owner > special polygon > grid > community > township > management area > district > city; 小类 > 大类 > any; then hours;
then priority; then the newer; what is equal in all of it is a tie.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from dispatch.model import AreaRef, AssetRef, Place
from orgs.rules import Hit, Rule, RuleIndex, steps_of
from orgs.units import UnitTree
from tests.orgs.parties import CITY, GRID, NOON, PARENTS, directory, place, rule, units

WORDS = ("city", "district", "management", "township", "community", "grid", "special polygon")  # weakest first
MARKET = AreaRef("Z1", "市场", "special")
PARK = AreaRef("M1", "开发区", "management")
PATH = {area.code: area.level for area in place().area_path}
MOMENTS = (0.0, 1e9, NOON.timestamp(), NOON.timestamp() + 3600, 4e9)
TREE = UnitTree(units())

RULES = st.lists(
    st.builds(
        Rule,
        id=st.uuids().map(str),
        area=st.sampled_from((*PATH, "", "M1", "Z1", "520103002", "520102", "M2")),
        zone=st.sampled_from(("", "", "", "Z1", "Z2")),
        category=st.sampled_from(("0101", "01", "*", "0105", "02")),
        hours=st.sampled_from(("", "", "22:00-06:00", "08:00-18:00", "00:00-24:00", "11:30-12:00,12:00-13:00")),
        lead=st.sampled_from(("520103-urban", "520103-sanit", "C-urban", "urban@district", "town@township", "gone", "zoo@city")),
        priority=st.integers(-1, 1),
        since=st.sampled_from(MOMENTS),
        until=st.sampled_from((*MOMENTS[2:], float("inf"))),
    ),
    max_size=15,
)
PLACES = st.builds(
    lambda special, management: place(special=special, management=management),
    st.sampled_from((None, MARKET)),
    st.sampled_from((None, PARK)),
)
TIMES = st.integers(-2 * 24 * 60, 2 * 24 * 60).map(lambda minutes: NOON + timedelta(minutes=minutes))


def _minutes(clock: str) -> int:
    hour, minute = clock.split(":")
    return int(hour) * 60 + int(minute)


def _in_hours(hours: str, minute: int) -> bool:
    for span in filter(None, hours.split(",")):
        begin, end = map(_minutes, span.split("-"))
        if begin <= minute < end or (begin > end and (minute >= begin or minute < end)):
            return True
    return not hours


def _where(one: Rule, here: Place) -> str | None:
    """The step of §5.3 at which a rule fits a place, None where it does not."""
    special, management = here.special and here.special.code, here.management and here.management.code
    codes = {*PATH, *filter(None, (special, management))}
    if one.zone:
        return "special polygon" if one.zone == special and (not one.area or one.area in codes) else None
    if one.area and one.area == special:
        return "special polygon"
    if one.area and one.area == management:
        return "management"
    return PATH.get(one.area or CITY)


def _strength(one: Rule, here: Place, at: datetime) -> tuple[int, int, bool, int, float] | None:
    """How strong a rule is here and now, None where it does not hold."""
    local = at + timedelta(hours=8)
    where, category = _where(one, here), {"0101": 2, "01": 1, "*": 0}.get(one.category)
    in_time = one.since <= at.timestamp() < one.until and _in_hours(one.hours, local.hour * 60 + local.minute)
    if where is None or category is None or not in_time:
        return None
    return WORDS.index(where), category, one.hours != "", one.priority, one.since


def _oracle(rules: list[Rule], here: Place, at: datetime) -> list[set[str]]:
    """All rules that hold, strongest first, those of equal strength together."""
    strengths = [(strength, one.id) for one in rules if (strength := _strength(one, here, at)) is not None]
    strengths.sort(key=lambda pair: pair[0], reverse=True)
    return [{id for _, id in group} for _, group in groupby(strengths, key=lambda pair: pair[0])]


def _found(rules: list[Rule], here: Place, at: datetime) -> list[Hit]:
    local = at + timedelta(hours=8)
    index = RuleIndex(rules)
    return list(index.find(steps_of(here), "0101", "01", at.timestamp(), local.hour * 60 + local.minute))


@given(RULES, PLACES, TIMES)
def test_rules_when_found_come_in_the_order_of_the_oracle(rules: list[Rule], here: Place, at: datetime) -> None:
    hits = _found(rules, here, at)
    assert [{hit.rule.id for hit in group} for _, group in groupby(hits, key=lambda hit: hit.order)] == _oracle(rules, here, at)


@given(RULES, PLACES, TIMES)
def test_match_when_made_is_led_by_the_strongest_rule_whose_unit_is_there(rules: list[Rule], here: Place, at: datetime) -> None:
    match = directory(*rules).match(here, "0101", at)
    by_id = {one.id: one for one in rules}
    resolved = {"urban@district": "520103-urban", "town@township": "T520103001"}
    for group in _oracle(rules, here, at):
        leads = {resolved.get(by_id[id].lead, by_id[id].lead) for id in group} & TREE.by_code.keys()
        if leads:
            assert match.candidates[0].unit.code in leads and match.candidates[0].rule in group
            assert ("tie" in match.doubt) is (len(leads) > 1)
            return
    assert match.candidates[0].rule == "default", "without any rule the catalogue's default is shown"
    assert match.decided == "manual"


@given(RULES, PLACES, TIMES, st.sampled_from(("520103-police", "C-util")))
def test_match_when_an_asset_is_near_is_led_by_its_owner_whatever_the_rules(
    rules: list[Rule], here: Place, at: datetime, owner: str
) -> None:
    fields = {"special": here.special, "management": here.management}
    near = place(assets=(AssetRef("A1", "0101", owner, 29), AssetRef("A2", "0105", "C-urban", 1)), **fields)
    match = directory(*rules).match(near, "0101", at)
    assert (match.candidates[0].unit.code, match.candidates[0].rule) == (owner, "asset:A1")


@given(st.integers(0, 30), st.integers(0, 60))
def test_owners_when_several_are_near_then_the_nearest_leads_and_one_almost_as_near_makes_a_tie(first: int, gap: int) -> None:
    """Lines reach as far as they say themselves; components 30 m."""
    assets = (AssetRef("A", "0101", "C-util", first, "line"), AssetRef("B", "*", "520103-urban", first + gap, "line"))
    match = directory(rule(GRID, "0101", "520103-sanit")).match(place(assets=assets[::-1]), "0101", NOON)
    assert match.candidates[0].unit.code in ("C-util", "520103-urban")[: 1 + (gap == 0)]
    assert ("tie" in match.doubt) is (gap < 10)
    same = (assets[0], AssetRef("B", "*", "C-util", first + gap, "line"))
    assert directory().match(place(assets=same), "0101", NOON).doubt == (), "two things of one owner are no question"


@given(TIMES, st.sampled_from((*PARENTS, CITY)))
def test_match_when_there_is_no_rule_at_all_still_has_an_owner(at: datetime, area: str) -> None:
    match = directory().match(place(area), "0101", at.astimezone(UTC))
    assert match.candidates and match.decided == "manual"
