"""Who names a void area names the areas after it: rules, units, organizations, people, rosters, as if each were rewritten."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.model import AreaRef, Place, Point
from dispatch.succession import Succession
from orgs.organizations import Organization
from orgs.people import Person
from orgs.roster import Duty
from orgs.rules import Rule
from orgs.units import Unit
from tests.orgs.parties import GRID, NOON, directory, place, rule, units
from tests.orgs.test_precedents import RULES

WEST, EAST = f"{GRID[:12]}007", f"{GRID[:12]}008"
SPLIT = Succession({GRID: (WEST, EAST)})


def in_part(code: str) -> Place:
    """A place in what came after the grid."""
    above = place(GRID[:12]).area_path
    return Place(point=Point(106.7, 26.6), area_path=(*above, AreaRef(code, f"名{code}", "grid")))


def test_rule_when_its_grid_was_split_then_it_holds_in_all_parts_and_for_cases_placed_before() -> None:
    own = rule(GRID, "0101", "C-util")
    snapshot = directory(own, after=SPLIT)
    for where in (in_part(WEST), in_part(EAST), place(GRID)):
        first = snapshot.match(where, "0101", NOON).candidates[0]
        assert (first.rule, first.unit.code) == (own.id, "C-util")
    assert list(snapshot.rules) == [own] and len(snapshot.rules) == 1
    assert directory(own).match(in_part(WEST), "0101", NOON).candidates[0].rule != own.id


def test_rules_when_two_grids_were_merged_and_disagree_then_a_person_decides() -> None:
    merged = Succession({WEST: (GRID,)})
    one, other = rule(GRID, "0101", "C-util"), rule(WEST, "0101", "C-urban")
    found = directory(one, other, after=merged).match(place(GRID), "0101", NOON)
    assert found.decided == "manual" and "tie" in found.doubt
    assert {candidate.unit.code for candidate in found.candidates[:2]} == {"C-util", "C-urban"}


def test_parties_when_their_grid_was_split_then_they_work_in_all_parts() -> None:
    unit = Unit(code="G-urban", name="网格城管", type="urban", level="community", parent="C", area_codes=(GRID,))
    people = [Person(username="li", role="grid_worker", area_codes=(GRID,)), Person(username="wang", role="grid_worker")]
    helping = Organization(code="O1", name="志愿队", kinds=("VOL",), area_codes=(GRID,), capacity=5)
    snapshot = directory(
        units=[*units(), unit], people=people, duties=[Duty(username="wang", area_codes=(GRID,))], organizations=[helping],
        after=SPLIT,
    )  # fmt: skip
    for code in (WEST, EAST, GRID):
        where = in_part(code) if code != GRID else place(GRID)
        assert snapshot.unit_covers("G-urban", where)
        assert set(snapshot.on_duty("grid_worker", where, NOON)) == {"li", "wang"}
        assert [one.code for one in snapshot.organizations(where, "0101", NOON)] == ["O1"]
    assert snapshot.people["li"].area_codes == (GRID, WEST, EAST)
    busy = snapshot.with_workload([helping], {"O1": 1}, {})
    assert [one.code for one in busy.organizations(in_part(WEST), "0101", NOON)] == ["O1"]


@settings(max_examples=150, deadline=None)
@given(RULES, st.sampled_from((WEST, EAST)), st.sampled_from(("0101", "0201", "0105", None)))
def test_match_when_rules_are_inherited_then_as_if_they_had_been_rewritten(
    rules: list[Rule], code: str, category: str | None
) -> None:
    rewritten = [msgspec.structs.replace(one, area=code) if one.area == GRID else one for one in rules]
    where = in_part(code)
    assert directory(*rules, after=SPLIT).match(where, category, NOON) == directory(*rewritten).match(where, category, NOON)


AREAS = st.sampled_from("abcdefgh")


@given(st.dictionaries(AREAS, st.lists(AREAS, max_size=3, unique=True), max_size=8), AREAS)
def test_heirs_when_any_areas_follow_each_other_then_exactly_those_that_a_walk_reaches(
    after: dict[str, list[str]], start: str
) -> None:
    reached, before = {start}, set[str]()
    while reached != before:
        before = set(reached)
        reached |= {heir for code in before for heir in after.get(code, ())}
    succession = Succession(after)
    assert set(succession.heirs(start)) == reached - {start}
    assert all(start in succession.forerunners(heir) for heir in succession.heirs(start))
