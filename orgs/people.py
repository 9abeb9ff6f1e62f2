"""People: who they are in the city's service, and the `Actor` that their role, areas, units and organization make of them.

Access is role × areas × units × sensitivity (domain §2.2, §7.2), default-deny: a role that is not listed sees only what it
reported itself.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from dispatch.actors import ROLES, Actor, Scope, agency_unit
from dispatch.fields import AGENCIES

__all__ = ["ANY_ORGANIZATION", "PARTNER_AGENCIES", "PERSON_ROLES", "PROGRAM_ROLES", "Person", "actor_of", "scope_of"]

ANY_ORGANIZATION = "*"
PROGRAM_ROLES = ("robot", "device", "partner", "link")
PARTNER_AGENCIES = tuple(agency for agency in AGENCIES if agency != "other_place")  # no one program answers for all other places
PERSON_ROLES = tuple(role for role in ROLES if role not in (*PROGRAM_ROLES, "system"))
CITY_ROLES = frozenset({"operator", "dispatcher", "supervisor", "leader", "assessor", "discipline"})
SENSITIVE_ROLES = frozenset({"operator", "dispatcher", "supervisor"})  # whose work a sensitive case needs (docs/adr/0009)
AREA_ROLES = frozenset({"grid_worker", "grid_lead"})
DUTY_ROLES = frozenset({"dispatcher", "supervisor"})  # see the whole city, and are called first for what lies in their areas
UNIT_ROLES = frozenset({"unit_clerk", "unit_leader"})
BLIND_ROLES = frozenset({"sys_admin", "sec_admin", "audit_admin", "knowledge_editor"})

Subtree = Callable[[str], frozenset[str]]


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """One person (a row of `people.csv`) or one program. `subtree`: may act for all units below their own.

    `source` names a program's system; it enters derived ids and never comes from a request. `agency` is what a partner answers
    for (110, gas …): it sees and answers the cases that this agency was given.
    """

    username: str
    name: str = ""
    role: str = ""
    unit: str = ""
    area_codes: tuple[str, ...] = ()
    organization: str = ""
    subtree: bool = False
    source: str = ""
    agency: str = ""


def actor_of(
    person: Person, subtree: Subtree, *, whole: int, session: str | None = None, own: Subtree = lambda code: frozenset({code})
) -> Actor:
    """Return the actor that the person is. `subtree` gives the units below a unit, `own` a unit with those whose successor it is,
    `whole` how many units the city has."""
    units = _units_of(person, subtree, own)
    seen = frozenset(person.area_codes) if person.role in AREA_ROLES else frozenset()
    return Actor(
        id=person.username,
        kind=person.role if person.role in PROGRAM_ROLES else "person",
        role=person.role,
        name=person.name or person.username,
        unit=person.unit or None,
        units=units,
        areas=frozenset(person.area_codes) if person.role in DUTY_ROLES else seen,
        organization=person.organization or None,
        source=person.source if person.role in PROGRAM_ROLES else "",
        scope=scope_of(person, units, seen, whole=whole),
        session=session,
    )


def scope_of(person: Person, units: frozenset[str], areas: frozenset[str], *, whole: int) -> Scope:
    """Return what the person may see. One whose units are the city's whole tree sees the whole city."""
    if person.role in BLIND_ROLES:
        return Scope()
    all_units = person.role in UNIT_ROLES and 0 < whole <= len(units)
    organizations = person.organization if person.role == "org_coordinator" else ""
    return Scope(
        city=person.role in CITY_ROLES or all_units,
        areas=areas,
        units=frozenset() if all_units else units,
        organizations=frozenset({organizations}) if organizations else frozenset(),
        reporter=person.username,
        sensitive=person.role in SENSITIVE_ROLES or all_units,
    )


def _units_of(person: Person, subtree: Subtree, own: Subtree) -> frozenset[str]:
    if person.role == "partner" and person.agency:
        return frozenset({agency_unit(person.agency)})
    if person.role not in UNIT_ROLES or not person.unit:
        return frozenset()
    return subtree(person.unit) if person.subtree else own(person.unit) | {person.unit}
