"""What a unit is responsible for by the rules, and who of its people is on duty. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec

from orgs.directory import DirectorySnapshot
from orgs.people import Person
from orgs.rules import Rule
from orgs.units import Unit, split_post

__all__ = ["Responsibility", "on_duty_of", "responsibility"]


class Responsibility(msgspec.Struct, frozen=True, kw_only=True):
    """The rules by which a unit leads or assists, with their categories and areas, each in order."""

    leads: list[Rule]
    assists: list[Rule]
    categories: list[str]
    areas: list[str]


def responsibility(snapshot: DirectorySnapshot, unit: Unit, at: datetime) -> Responsibility:
    """Return what a unit is responsible for at an instant: by its code, by its post where it works, and in the stead of units
    that are gone."""
    seconds, own = at.timestamp(), snapshot.units.standing_for(unit.code) | {unit.code}
    leads, assists = list[Rule](), list[Rule]()
    for rule in snapshot.rules:
        if rule.since <= seconds < rule.until:
            if _means(snapshot, rule.lead, rule, unit, own):
                leads.append(rule)
            elif any(_means(snapshot, name, rule, unit, own) for name in rule.assists):
                assists.append(rule)
    for found in (leads, assists):
        found.sort(key=lambda rule: rule.id)
    areas = {rule.zone or rule.area for rule in leads} - {""} or set(unit.area_codes if leads else ())
    return Responsibility(leads=leads, assists=assists, categories=sorted({rule.category for rule in leads}), areas=sorted(areas))


def on_duty_of(snapshot: DirectorySnapshot, unit: Unit, at: datetime) -> Iterator[Person]:
    """Give the people of a unit who are on duty in its areas, by name."""
    people = sorted((one for one in snapshot.people.values() if one.unit == unit.code), key=lambda one: (one.name, one.username))
    on_duty: dict[str, set[str]] = {}
    for person in people:
        if person.role not in on_duty:
            ways = (_path(snapshot, area) for area in unit.area_codes or ("",))
            on_duty[person.role] = {name for way in ways for name in snapshot.roster.on_duty(person.role, way, at)}
        if person.username in on_duty[person.role]:
            yield person


def _means(snapshot: DirectorySnapshot, name: str, rule: Rule, unit: Unit, own: frozenset[str]) -> bool:
    if name in own:
        return True
    if split_post(name) != (unit.type, unit.level):
        return False
    way = _path(snapshot, rule.area)
    return not way or any(area in way or rule.area in _path(snapshot, area) for area in unit.area_codes)


def _path(snapshot: DirectorySnapshot, area: str) -> tuple[str, ...]:
    """The codes from the widest area down to this one."""
    found: list[str] = []
    while area and area not in found:
        found.append(area)
        area = snapshot.parents.get(area, "")
    return tuple(reversed(found))
