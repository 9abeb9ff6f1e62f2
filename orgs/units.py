"""Government units: what a unit is, and the tree of all units with its look-ups by type, level and area.

`type@level` names a unit by what it is and where it works: `urban@district` is the unit of type `urban` on the level
`district` that works in the district of the place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from dispatch.model import Place, UnitRef

__all__ = ["UNIT_LEVELS", "Unit", "UnitTree", "split_post"]

UNIT_LEVELS = ("city", "district", "township", "community")  # widest first
HEAD_TYPES = ("govt", "government", "town", "comm")  # who stands for the territory as a whole, where the pack names such a type


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """One unit (a row of `units.csv`). `area_codes` are the areas it works in; below them it works everywhere."""

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
    """All active units of a city; immutable once built. Unknown parents make a root, a cycle is an error of the import."""

    def __init__(self, units: Iterable[Unit]) -> None:
        self.by_code: dict[str, Unit] = {unit.code: unit for unit in units if unit.disabled_at is None}
        self._refs = {code: unit.ref for code, unit in self.by_code.items()}
        self._children: dict[str, list[str]] = {}
        for unit in self.by_code.values():
            if unit.parent in self.by_code:
                self._children.setdefault(unit.parent, []).append(unit.code)
        self._posts = self._by_post()
        self._heads = self._by_territory()

    def __len__(self) -> int:
        return len(self.by_code)

    def ref(self, code: str) -> UnitRef | None:
        """Return the active unit with this code, or None."""
        return self._refs.get(code)

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
        """Return the codes of `root` and of all units below it; empty when there is no such unit."""
        found: set[str] = set()
        waiting = [root] if root in self.by_code else []
        while waiting:
            code = waiting.pop()
            if code not in found:
                found.add(code)
                waiting.extend(self._children.get(code, ()))
        return frozenset(found)

    def children(self, code: str) -> tuple[UnitRef, ...]:
        """Return the units directly below a unit, by code."""
        return tuple(self._refs[child] for child in sorted(self._children.get(code, ())))

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

    def _by_post(self) -> dict[tuple[str, str], dict[str, tuple[UnitRef, ...]]]:
        found: dict[tuple[str, str], dict[str, tuple[UnitRef, ...]]] = {}
        for code in sorted(self.by_code):
            unit = self.by_code[code]
            areas = found.setdefault((unit.type, unit.level), {})
            for area in unit.area_codes:
                areas[area] = (*areas.get(area, ()), self._refs[code])
        return found

    def _by_territory(self) -> dict[str, dict[str, UnitRef]]:
        best: dict[str, dict[str, Unit]] = {}
        for unit in self.by_code.values():
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
