"""Finding areas of every level by a piece of their name, as one types."""

from __future__ import annotations

from array import array
from bisect import bisect_right

from grid.area_table import AreaTable

__all__ = ["AreaNames"]


class AreaNames:
    """Names of all areas, wide ones first, in one text: a search goes through 200,000 in a millisecond or two. Immutable.

    >>> from grid.area_table import ground_of
    >>> from grid.areas import Area
    >>> areas = [Area(code="7", name="友谊第一网格", level="grid"), Area(code="1", name="友谊社区", level="community")]
    >>> names = AreaNames(ground_of(areas).table)
    >>> names.holding("友谊"), names.holding("第一"), names.holding("区友"), names.holding("")
    (['1', '7'], ['7'], [], [])
    """

    __slots__ = ("_codes", "_order", "_starts", "_text")

    def __init__(self, table: AreaTable) -> None:
        self._codes = table.all_codes()
        self._text = table.typed
        self._starts, self._order = array("i", table.typed_starts), array("i", table.typed_order)

    def holding(self, text: str, limit: int = 20) -> list[str]:
        """Return the codes of the areas whose name (or name in English) holds the text."""
        wanted = text.strip().casefold()
        found: list[str] = []
        at = self._text.find(wanted) if wanted and "\n" not in wanted else -1
        while at >= 0 and len(found) < limit:
            number = bisect_right(self._starts, at) - 1
            found.append(self._codes[self._order[number]])
            if number + 1 == len(self._starts):
                break
            at = self._text.find(wanted, self._starts[number + 1])
        return found
