"""The tree of areas by code: parents, children, paths. Codes say nothing about the tree (a pack may number as it likes)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from dispatch.model import AreaRef
from grid.areas import Area

__all__ = ["AreaTree"]

_DEEPEST = 8  # of a path; a circle of parents ends here


class AreaTree:
    """All areas as `AreaRef`, with their parents. Immutable.

    >>> tree = AreaTree([Area(code="1", name="City", level="city"), Area(code="7", name="G", level="grid", parent="1")])
    >>> [area.code for area in tree.path("7")], tree.is_within("7", "1"), tree.is_within("1", "7")
    (['1', '7'], True, False)
    """

    __slots__ = ("_children", "_parents", "_refs")

    def __init__(self, areas: Iterable[Area]) -> None:
        self._refs: dict[str, AreaRef] = {}
        self._parents: dict[str, str] = {}
        children: defaultdict[str, list[str]] = defaultdict(list)
        for area in areas:
            self._refs[area.code] = AreaRef(area.code, area.name, area.level, area.name_en)
            if area.parent:
                self._parents[area.code] = area.parent
                children[area.parent].append(area.code)
        self._children = {code: tuple(sorted(codes)) for code, codes in children.items()}

    def __len__(self) -> int:
        return len(self._refs)

    def get(self, code: str) -> AreaRef | None:
        """Return the area with this code, or None."""
        return self._refs.get(code)

    def parent(self, code: str) -> str | None:
        """Return the code of the area above, or None for the city (and for a code that is not known)."""
        return self._parents.get(code)

    def children(self, code: str) -> tuple[AreaRef, ...]:
        """Return the areas directly below, by code."""
        return tuple(self._refs[child] for child in self._children.get(code, ()))

    def roots(self) -> tuple[AreaRef, ...]:
        """Return the areas without a parent: the city."""
        return tuple(ref for code, ref in self._refs.items() if code not in self._parents)

    def lineage(self, code: str) -> list[str]:
        """Return the code and those above it, narrowest first."""
        found = [code]
        while (above := self._parents.get(found[-1])) is not None and len(found) < _DEEPEST:
            found.append(above)
        return found

    def path(self, code: str) -> tuple[AreaRef, ...]:
        """Return the areas from the city down to `code`; empty for an unknown code."""
        refs = (self._refs.get(step) for step in reversed(self.lineage(code)))
        return tuple(ref for ref in refs if ref is not None)

    def above(self, code: str, level: str) -> str | None:
        """Return the code of the area of `level` at or above `code`, or None."""
        return next((step for step in self.lineage(code) if (ref := self._refs.get(step)) and ref.level == level), None)

    def is_within(self, code: str, ancestor: str) -> bool:
        """Tell whether `code` is `ancestor` or lies below it."""
        for _ in range(_DEEPEST):
            if code == ancestor:
                return True
            above = self._parents.get(code)
            if above is None:
                return False
            code = above
        return False
