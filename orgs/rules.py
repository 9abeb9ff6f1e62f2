"""Responsibility rules (权责清单): what a rule is, and the index that finds those that hold for a place, category and time.

Precedence (domain §5.3, ADR 15): special polygon > grid > community > township > management area > district > city; then
小类 > 大类 > any; then a rule for these hours > one without hours; then the higher priority; then the newer. What is equal in all
of it is a tie.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from math import inf
from sys import intern

import msgspec

from dispatch.model import LEVELS, Place
from dispatch.succession import UNCHANGED, Succession
from orgs.hours import is_open, parse

__all__ = ["ANY", "CATEGORY_WORDS", "ZONE", "Hit", "Rule", "RuleIndex", "Steps", "steps_of"]

ANY = "*"
STEPS = ("city", "district", "management", *LEVELS[2:])  # widest first; a management area stands in its district's stead
ZONE = len(STEPS)  # rank of a special polygon; of the others the place in STEPS, the city's is 0
_RANKS = {level: rank for rank, level in enumerate(STEPS)}
MANAGEMENT = _RANKS["management"]
CATEGORY_WORDS = ("任意类别", "大类", "小类")  # by category rank

Step = tuple[str, str, int]  # area code, name, rank
Steps = tuple[Step, ...]
WHOLE_CITY: Step = ("", "全市", 0)


class Rule(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One rule (a row of `rules.csv`).

    `category` is a 小类 of four digits, a 大类 of two, or `*`. `area` empty means the whole city; `zone` is a special polygon,
    and then `area` only narrows it. `lead` and `assists` are unit codes or `type@level`. It holds while
    `since <= at < until` (seconds since 1970) and within `hours` (local time, half-open). `origin` is `editor` for a rule that
    was made here, empty for one of the city's own table.
    """

    id: str
    category: str
    lead: str
    area: str = ""
    zone: str = ""
    hours: str = ""
    assists: tuple[str, ...] = ()
    priority: int = 0
    basis: str = ""
    since: float = -inf
    until: float = inf
    origin: str = ""

    @property
    def precedence(self) -> tuple[bool, int, float]:
        """What decides between rules of one area and one category rank; more is stronger."""
        return self.hours != "", self.priority, self.since


class Hit(msgspec.Struct, frozen=True, gc=False):
    """A rule that holds, the step of the path where it matched, and how well its category fits (2 小类, 1 大类, 0 any)."""

    rule: Rule
    step: Step
    category_rank: int

    @property
    def order(self) -> tuple[int, int, bool, int, float]:
        """The precedence of the rule here; more is stronger, equal is a tie."""
        return self.step[2], self.category_rank, *self.rule.precedence


@lru_cache(maxsize=32_768)
def _step(code: str, name: str, level: str) -> Step:
    """One and the same for all paths on which the area lies."""
    return code, name, _RANKS.get(level, 0)


def steps_of(place: Place) -> Steps:
    """Return the areas of a place as (code, name, rank), strongest first: special polygon, grid, …, management area, district,
    city."""
    steps = [_step(area.code, area.name, area.level) for area in reversed(place.area_path)]
    if (management := place.management) is not None:
        narrower = sum(rank > MANAGEMENT for _, _, rank in steps)
        steps.insert(narrower, _step(management.code, management.name, "management"))
    if place.special is not None:
        steps.insert(0, (place.special.code, place.special.name, ZONE))
    return tuple(steps)


_Slot = Rule | tuple[Rule, ...]  # most slots hold one rule: no tuple around it


class RuleIndex:
    """All rules by (category, area); a look-up is a handful of dictionary reads. Immutable once built.

    A rule for an area that is void holds for the areas that came after it, too; it stays there for cases that were placed before.
    """

    def __init__(self, rules: Iterable[Rule], parents: Mapping[str, str] | None = None, after: Succession = UNCHANGED) -> None:
        """`parents` (area → area above) lets `may_be_finer` tell where a rule for a smaller area might win."""
        self._slots: dict[str, dict[str, _Slot]] = {}
        self._zones: dict[str, dict[str, _Slot]] = {}
        self._inner: dict[str, set[str]] | None = None
        self._count = 0
        self._inherited: list[Rule] = []
        for rule in rules:
            self._add(rule)
            self._count += 1
            if rule.area in after:
                self._inherited += [msgspec.structs.replace(rule, area=heir) for heir in after.heirs(rule.area)]
        for rule in self._inherited:
            self._add(rule)
        _sort_slots(self._slots)
        if parents is not None:
            self._inner = self._inner_of(parents)

    def on_ground(self, parents: Mapping[str, str]) -> RuleIndex:
        """Return the same rules over another tree of areas."""
        other = copy.copy(self)
        other._inner = self._inner_of(parents)
        return other

    def _inner_of(self, parents: Mapping[str, str]) -> dict[str, set[str]]:
        return {key: _inner_areas(slots, parents) for key, slots in self._slots.items()}

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Rule]:
        """Give the rules as they are written, in no order."""
        derived = set(map(id, self._inherited))
        return (rule for rule in self.as_they_hold() if id(rule) not in derived)

    def as_they_hold(self) -> Iterator[Rule]:
        """Give the rules, one that an area has inherited for this area once more, in no order."""
        slots = chain.from_iterable(by_area.values() for table in (self._slots, self._zones) for by_area in table.values())
        return chain.from_iterable(map(_rules, slots))

    def find(self, steps: Steps, category: str, major: str, at: float, minute: int) -> Iterator[Hit]:
        """Give the rules that hold at `at` (seconds since 1970), strongest first, as far as the caller reads.

        `minute` is the minute of the city's local day.
        """
        tables = [(rank, slots) for key, rank in ((category, 2), (major, 1), (ANY, 0)) if key and (slots := self._slots.get(key))]
        if self._zones and steps and steps[0][2] == ZONE:
            yield from self._in_zone(steps, ((category, 2), (major, 1), (ANY, 0)), at, minute)
            steps = steps[1:]
        for step in steps or (WHOLE_CITY,):
            for rank, slots in tables:
                slot = slots.get(step[0])
                if step[2] == 0 and step[0] and "" in slots:
                    slot = _merged(slot, slots[""])
                if slot is not None:
                    for rule in _rules(slot):
                        if rule.since <= at < rule.until and _in_hours(rule, minute):
                            yield Hit(rule, step, rank)

    def may_be_finer(self, area: str, category: str, major: str) -> bool:
        """Tell whether some rule for the category may lie strictly inside `area`, so that the exact point could matter.

        True also where the tree of areas is not known or a rule is for a special polygon.
        """
        keys = [key for key in (category, major, ANY) if key]
        if self._inner is None:
            return any(key in self._slots or key in self._zones for key in keys)
        return any(key in self._zones or area in self._inner.get(key, ()) for key in keys)

    def _in_zone(self, steps: Steps, keys: Sequence[tuple[str, int]], at: float, minute: int) -> Iterator[Hit]:
        """Rules for the special polygon itself and rules whose area is the special grid are of one rank."""
        zone, codes = steps[0], {step[0] for step in steps}
        for key, rank in keys:
            found = [
                rule
                for table in (self._zones, self._slots)
                if (slot := table.get(key, {}).get(zone[0])) is not None
                for rule in _rules(slot)
                if not rule.zone or not rule.area or rule.area in codes
            ]
            found.sort(key=_strongest_first)
            yield from (Hit(rule, zone, rank) for rule in found if rule.since <= at < rule.until and _in_hours(rule, minute))

    def _add(self, rule: Rule) -> None:
        table, area = (self._zones, rule.zone) if rule.zone else (self._slots, rule.area)
        slots = table.setdefault(intern(rule.category or ANY), {})
        present = slots.get(area)
        slots[intern(area)] = rule if present is None else (*_rules(present), rule)


def _inner_areas(areas: Iterable[str], parents: Mapping[str, str]) -> set[str]:
    """Return every area that has one of `areas` strictly below it."""
    inner: set[str] = set()
    for area in areas:
        above = parents.get(area, "")
        while above and above not in inner:
            inner.add(above)
            above = parents.get(above, "")
    return inner


def _rules(slot: _Slot) -> tuple[Rule, ...]:
    return slot if isinstance(slot, tuple) else (slot,)


def _merged(slot: _Slot | None, whole_city: _Slot) -> _Slot:
    """Rules for the city's area and rules without area are of one rank."""
    return whole_city if slot is None else tuple(sorted((*_rules(slot), *_rules(whole_city)), key=_strongest_first))


def _in_hours(rule: Rule, minute: int) -> bool:
    return not rule.hours or is_open(parse(rule.hours), minute)


def _strongest_first(rule: Rule) -> tuple[bool, int, float, str]:
    timed, priority, since = rule.precedence
    return not timed, -priority, -since, rule.id


def _sort_slots(table: dict[str, dict[str, _Slot]]) -> None:
    for slots in table.values():
        for area, slot in slots.items():
            if isinstance(slot, tuple):
                slots[area] = tuple(sorted(slot, key=_strongest_first))
