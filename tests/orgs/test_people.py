"""What each role makes an actor see, and who is on duty."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from dispatch.actors import Scope
from dispatch.notices import actor_addresses
from orgs.people import PERSON_ROLES, PROGRAM_ROLES, Person, actor_of
from orgs.roster import Duty
from orgs.units import UnitTree
from tests.orgs.parties import GRID, NIGHT, NOON, directory, place, units

TREE = UnitTree(units())


def scope(role: str, **fields: object) -> Scope:
    """The scope of somebody with this role."""
    return actor_of(Person(username="x", role=role, **fields), TREE.subtree, whole=len(TREE)).scope  # type: ignore[arg-type]


@pytest.mark.parametrize("role", [*PERSON_ROLES, *PROGRAM_ROLES])
def test_scope_for_every_role_then_only_desk_and_oversight_see_the_city(role: str) -> None:
    found = scope(role)
    city = role in {"operator", "dispatcher", "supervisor", "leader", "assessor", "discipline"}
    assert found.city is city
    assert found.sensitive is (role in {"operator", "dispatcher", "supervisor"})


@pytest.mark.parametrize("role", ["sys_admin", "sec_admin", "audit_admin"])
def test_scope_for_administrators_then_they_see_no_case(role: str) -> None:
    assert scope(role, area_codes=("520100",), unit="C", subtree=True) == Scope()


def test_scope_for_field_and_units_then_it_is_their_areas_and_units() -> None:
    assert scope("grid_worker", area_codes=(GRID,)).areas == {GRID}
    assert scope("unit_clerk", unit="D520103").units == {"D520103"}
    assert scope("unit_leader", unit="D520103", subtree=True).units == TREE.subtree("D520103")
    assert scope("org_coordinator", organization="*").organizations == {"*"}
    assert scope("citizen") == Scope(reporter="x")


def test_actor_when_the_units_are_the_whole_tree_then_it_sees_the_city_and_may_act_for_all() -> None:
    actor = actor_of(Person(username="x", role="unit_clerk", unit="C", subtree=True), TREE.subtree, whole=len(TREE))
    assert actor.units == frozenset(TREE.by_code)
    assert actor.scope == Scope(city=True, sensitive=True, reporter="x")


def test_actor_of_a_district_desk_then_it_sees_the_city_and_is_reached_for_its_district_too() -> None:
    duty = actor_of(Person(username="duty", role="dispatcher", area_codes=("520102",)), lambda unit: frozenset(), whole=3)
    assert duty.scope.city and actor_addresses(duty) == ["p:duty", "dispatcher:*", "dispatcher:520102"]


def test_actor_for_a_program_then_its_source_is_its_system_and_a_persons_is_empty() -> None:
    program = actor_of(Person(username="cam", role="device", source="cameras"), TREE.subtree, whole=len(TREE))
    assert (program.kind, program.source) == ("device", "cameras")
    person = actor_of(Person(username="w", role="grid_worker", source="cameras"), TREE.subtree, whole=len(TREE))
    assert (person.kind, person.source) == ("person", "")


PEOPLE = (
    Person(username="day", role="grid_worker", area_codes=(GRID,)),
    Person(username="night", role="grid_worker", area_codes=(GRID,)),
    Person(username="town", role="grid_worker", area_codes=("520103001",)),
    Person(username="other", role="grid_worker", area_codes=("520102",)),
    Person(username="desk", role="dispatcher"),
)


def test_on_duty_when_asked_then_the_nearest_area_comes_first_and_substitutes_stand_behind() -> None:
    duties = (
        Duty(username="day", area_codes=(GRID,), hours="08:00-20:00", substitute="town"),
        Duty(username="night", area_codes=(GRID,), hours="20:00-08:00"),
    )
    snapshot = directory(people=PEOPLE, duties=duties)
    assert snapshot.on_duty("grid_worker", place(), NOON) == ("day", "town")
    assert snapshot.on_duty("grid_worker", place(), NIGHT) == ("night", "town")
    assert snapshot.on_duty("dispatcher", place(), NIGHT) == ("desk",)


def test_watch_when_asked_then_on_duty_comes_before_who_stands_in_and_that_before_supervisors() -> None:
    people = (
        Person(username="day", role="dispatcher", area_codes=("520103",)),
        Person(username="next", role="dispatcher", area_codes=("520102",)),
        Person(username="chief", role="supervisor", area_codes=("520103",)),
        Person(username="wide", role="dispatcher"),
    )
    day = Duty(username="day", area_codes=("520103",), hours="08:00-20:00", substitute="next")
    off = Duty(username="chief", area_codes=("520103",), hours="09:00-17:00")
    snapshot = directory(people=people, duties=(day, off))
    assert snapshot.watch(("520103",), NOON) == ("day", "chief")
    assert snapshot.watch(("520103",), NIGHT) == ("next",)
    unaided = directory(people=people, duties=(Duty(username="day", hours="08:00-20:00"), off))
    assert unaided.watch(("520103",), NIGHT) == ("chief",)
    assert snapshot.watch(("520102",), NIGHT) == ("next",) and snapshot.watch(("520181",), NIGHT) == ()
    assert snapshot.watch(("520100", ""), NIGHT) == ("wide",)


@pytest.mark.parametrize(
    ("hour", "day", "expected"),
    [(22, 20, True), (2, 21, True), (2, 20, False), (22, 21, False), (6, 21, False)],
)
def test_duty_when_it_crosses_midnight_then_it_belongs_to_the_day_it_began(hour: int, day: int, expected: bool) -> None:
    duty = Duty(username="x", weekdays=(5,), hours="21:00-06:00", first_day=date(2026, 11, 20), last_day=date(2026, 11, 20))
    assert duty.holds(datetime(2026, 11, day, hour, tzinfo=UTC)) is expected
