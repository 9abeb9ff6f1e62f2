"""Government units: what a unit is, and the tree of all units with its look-ups by type, level and area.

`type@level` names a unit by what it is and where it works: `urban@district` is the unit of type `urban` on the level
`district` that works in the district of the place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from math import inf

import msgspec

from dispatch.model import Place, UnitRef

__all__ = ["UNIT_LEVELS", "Unit", "UnitTree", "split_post"]

UNIT_LEVELS = ("city", "district", "township", "community")  # widest first
HEAD_TYPES = ("govt", "government", "town", "comm")  # who stands for the territory as a whole, where the pack names such a type


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """One unit (a row of `units.csv`). `area_codes` are the areas it works in; below them it works everywhere.

    It is there while `since <= at < until` (seconds since 1970); from then on its `successor` answers for what was its own.
    `origin` is `editor` for a unit that was made here, empty for one of the city's own table.
    """

    code: str
    name: str
    short_name: str = ""
    aliases: tuple[str, ...] = ()
    type: str = ""
    level: str = ""
    parent: str = ""
    area_codes: tuple[str, ...] = ()
    hours: str = ""
    duty_phone: str = ""
    disabled_at: datetime | None = None
    since: float = -inf
    until: float = inf
    successor: str = ""
    origin: str = ""

    def is_there(self, at: float | None) -> bool:
        """Tell whether the unit is at work at an instant; always where no instant is named."""
        return at is None or self.since <= at < self.until

    @property
    def ref(self) -> UnitRef:
        """Code and name, as they are put down in a case."""
        return UnitRef(code=self.code, name=self.name)


def split_post(lead: str) -> tuple[str, str] | None:
    """Return (type, level) of `type@level`, or None when `lead` is the code of a unit.

    >>> split_post("urban@district")
    ('urban', 'district')
    """
    kind, at, level = lead.partition("@")
    return (kind, level) if at else None


class UnitTree:
    """The units of a city at an instant; immutable once built. Unknown parents make a root, a cycle is an error of the import.

    Those that are gone or not there yet have people and cases, so they stay in the tree; nothing new is given to them. New rules
    may name those that are there or will be (`nameable`).
    """

    def __init__(self, units: Iterable[Unit], at: float | None = None) -> None:
        """`at` in seconds since 1970; None takes all units as being there."""
        self.by_code: dict[str, Unit] = {unit.code: unit for unit in units if unit.disabled_at is None}
        self._refs = {code: unit.ref for code, unit in self.by_code.items() if unit.is_there(at)}
        self._children: dict[str, list[str]] = {}
        self._taken_over: dict[str, list[str]] = {}  # by successor
        for unit in self.by_code.values():
            if unit.parent in self.by_code:
                self._children.setdefault(unit.parent, []).append(unit.code)
            if unit.successor in self.by_code and at is not None and unit.until <= at:
                self._taken_over.setdefault(unit.successor, []).append(unit.code)
        self._standing = self._refs | self._successors()
        self.nameable = frozenset(code for code, unit in self.by_code.items() if at is None or at < unit.until)
        self._posts = self._by_post()
        self._heads = self._by_territory()

    def __len__(self) -> int:
        return len(self.by_code)

    def ref(self, code: str) -> UnitRef | None:
        """Return the active unit with this code, or None."""
        return self._refs.get(code)

    def standing(self, code: str) -> UnitRef | None:
        """Return who answers for what is the unit's own: itself, after its end its successor, None when nobody does."""
        return self._standing.get(code)

    def standing_for(self, code: str) -> frozenset[str]:
        """Return the unit and all whose successor it is, at first or second hand."""
        return self._reached(code, self._taken_over)

    def is_in_tree(self, code: str, root: str) -> bool:
        """Tell whether the unit `code` is `root` or stands below it."""
        seen = 0
        while code and seen < 32:
            if code == root:
                return True
            unit = self.by_code.get(code)
            code, seen = (unit.parent if unit else ""), seen + 1
        return False

    def subtree(self, root: str) -> frozenset[str]:
        """Return the codes of `root` and of all units below it, with those whose successors they are; empty when there is no
        such unit."""
        return self._reached(root, self._children, self._taken_over)

    def children(self, code: str) -> tuple[UnitRef, ...]:
        """Return the units directly below a unit, by code."""
        return tuple(self._refs[child] for child in sorted(self._children.get(code, ())) if child in self._refs)

    def covers(self, code: str, place: Place) -> bool:
        """Tell whether the unit works in the place: one of its areas holds the place or is on its path."""
        unit = self.by_code.get(code)
        return unit is not None and not set(unit.area_codes).isdisjoint(place.area_codes)

    def at_post(self, kind: str, level: str, codes: Sequence[str]) -> tuple[UnitRef, ...]:
        """Return the units `kind@level` that work at the narrowest of the areas `codes` (widest first) where one works.

        Several units of one type in one area come in the order of their codes.
        """
        areas = self._posts.get((kind, level))
        if areas is not None:
            for code in reversed(codes):
                if code in areas:
                    return areas[code]
        return ()

    @property
    def posts(self) -> frozenset[tuple[str, str]]:
        """Every (type, level) that some unit has."""
        return frozenset(self._posts)

    def has_post(self, kind: str, level: str) -> bool:
        """Tell whether any unit is of this type and level."""
        return (kind, level) in self._posts

    def head(self, level: str, codes: Sequence[str]) -> UnitRef | None:
        """Return the unit that stands for the territory on this level: the township office, the district government."""
        areas = self._heads.get(level, {})
        for code in reversed(codes):
            if code in areas:
                return areas[code]
        return None

    def _reached(self, root: str, *ways: Mapping[str, Sequence[str]]) -> frozenset[str]:
        found: set[str] = set()
        waiting = [root] if root in self.by_code else []
        while waiting:
            code = waiting.pop()
            if code not in found:
                found.add(code)
                for way in ways:
                    waiting.extend(way.get(code, ()))
        return frozenset(found)

    def _successors(self) -> dict[str, UnitRef]:
        """Who answers for a unit that is gone; a circle of successors answers for nobody, nor does one that is not there yet."""
        heirs = {code: heir for heir, codes in self._taken_over.items() for code in codes}
        found: dict[str, UnitRef] = {}
        for code, heir in heirs.items():
            seen = {code}
            while heir in heirs and heir not in seen:
                seen.add(heir)
                heir = heirs[heir]
            if heir in self._refs:
                found[code] = self._refs[heir]
        return found

    def _by_post(self) -> dict[tuple[str, str], dict[str, tuple[UnitRef, ...]]]:
        found: dict[tuple[str, str], dict[str, tuple[UnitRef, ...]]] = {}
        for code in sorted(self._refs):
            unit = self.by_code[code]
            areas = found.setdefault((unit.type, unit.level), {})
            for area in unit.area_codes:
                areas[area] = (*areas.get(area, ()), self._refs[code])
        return found

    def _by_territory(self) -> dict[str, dict[str, UnitRef]]:
        best: dict[str, dict[str, Unit]] = {}
        for unit in (self.by_code[code] for code in self._refs):
            areas = best.setdefault(unit.level, {})
            for area in unit.area_codes:
                if area not in areas or self._headship(unit) < self._headship(areas[area]):
                    areas[area] = unit
        return {level: {area: self._refs[unit.code] for area, unit in areas.items()} for level, areas in best.items()}

    def _headship(self, unit: Unit) -> tuple[bool, int, int, int, str]:
        """Smaller is more of a head: not under a unit of its own level, of a territorial type, with more units below it."""
        parent = self.by_code.get(unit.parent)
        rank = HEAD_TYPES.index(unit.type) if unit.type in HEAD_TYPES else len(HEAD_TYPES)
        under_equal = parent is not None and parent.level == unit.level
        return under_equal, rank, -len(self._children.get(unit.code, ())), len(unit.area_codes), unit.code


def cycles(parents: Mapping[str, str]) -> list[str]:
    """Return the codes that stand in a circle of parents, in order.

    >>> cycles({"a": "b", "b": "a", "c": "a", "d": ""})
    ['a', 'b']
    """
    found = []
    for start in sorted(parents):
        code = parents[start]
        for _ in range(len(parents)):
            if code == start or not code:
                break
            code = parents.get(code, "")
        if code == start:
            found.append(start)
    return found
