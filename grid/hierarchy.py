"""The tree of areas by code: parents, children, paths. Codes say nothing about the tree (a pack may number as it likes)."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence

from dispatch.model import LEVELS, AreaRef
from grid.area_table import AreaTable, ground_of
from grid.areas import Area

__all__ = ["AreaTree"]

_DEEPEST = 8  # of a path; a circle of parents ends here


class AreaTree:
    """All areas as `AreaRef`, with their parents. What was asked for is made once. Nothing that it answers ever changes.

    >>> tree = AreaTree.of([Area(code="1", name="City", level="city"), Area(code="7", name="G", level="grid", parent="1")])
    >>> [area.code for area in tree.path("7")], tree.is_within("7", "1"), tree.is_within("1", "7")
    (['1', '7'], True, False)
    """

    __slots__ = ("_children", "_codes", "_names", "_parents", "_paths", "_refs", "_starts", "_table")

    def __init__(self, table: AreaTable) -> None:
        self._table = table
        self._codes, self._names = table.all_codes(), table.all_names()
        self._parents = array("i", table.parent_of)
        self._starts, self._children = array("i", table.child_starts), array("i", table.children)
        self._refs: list[AreaRef | None] = [None] * len(self._codes)
        self._paths: list[tuple[AreaRef, ...] | None] = [None] * len(self._codes)

    @classmethod
    def of(cls, areas: Sequence[Area]) -> AreaTree:
        """Return the tree of these areas."""
        return cls(ground_of(areas).table)

    def __len__(self) -> int:
        return len(self._refs)

    def position(self, code: str) -> int:
        """Return the place of the area in the order of codes, or -1."""
        codes = self._codes
        found = bisect_left(codes, code)
        return found if found < len(codes) and codes[found] == code else -1

    def ref(self, position: int) -> AreaRef:
        """Return the area at this place; every time the same object."""
        known = self._refs[position]
        if known is None:
            table = self._table
            level = LEVELS[table.level_of[position]]
            known = AreaRef(self._codes[position], self._names[position], level, table.names_en.get(position, ""))
            self._refs[position] = known
        return known

    def path_at(self, position: int) -> tuple[AreaRef, ...]:
        """Return the areas from the city down to that at this place; every time the same tuple."""
        known = self._paths[position]
        if known is None:
            known = tuple([self.ref(step) for step in reversed(self._lineage(position))])
            self._paths[position] = known
        return known

    def get(self, code: str) -> AreaRef | None:
        """Return the area with this code, or None."""
        position = self.position(code)
        return self.ref(position) if position >= 0 else None

    def parent(self, code: str) -> str | None:
        """Return the code of the area above, or None for the city (and for a code that is not known)."""
        position = self.position(code)
        above = self._parents[position] if position >= 0 else -1
        return self._codes[above] if above >= 0 else None

    def children(self, code: str) -> tuple[AreaRef, ...]:
        """Return the areas directly below, by code."""
        position = self.position(code)
        if position < 0:
            return ()
        return tuple([self.ref(child) for child in self._children[self._starts[position] : self._starts[position + 1]]])

    def roots(self) -> tuple[AreaRef, ...]:
        """Return the areas without a parent: the city."""
        first = self._starts[0] if self._starts else 0  # those whose parent is -1 lie before all others
        return tuple([self.ref(position) for position in self._children[:first]])

    def lineage(self, code: str) -> list[str]:
        """Return the code and those above it, narrowest first."""
        position = self.position(code)
        return [self._codes[step] for step in self._lineage(position)] if position >= 0 else [code]

    def path(self, code: str) -> tuple[AreaRef, ...]:
        """Return the areas from the city down to `code`; empty for an unknown code."""
        position = self.position(code)
        return self.path_at(position) if position >= 0 else ()

    def above(self, code: str, level: str) -> str | None:
        """Return the code of the area of `level` at or above `code`, or None."""
        return next((area.code for area in self.path(code) if area.level == level), None)

    def is_within(self, code: str, ancestor: str) -> bool:
        """Tell whether `code` is `ancestor` or lies below it."""
        return code == ancestor or ancestor in self.lineage(code)

    def _lineage(self, position: int) -> list[int]:
        found = [position]
        while (above := self._parents[found[-1]]) >= 0 and len(found) < _DEEPEST:
            found.append(above)
        return found
