"""Finding areas of every level by a piece of their name, as one types."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from dispatch.model import LEVELS
from grid.areas import Area

__all__ = ["AreaNames"]


class AreaNames:
    """Names of all areas, wide ones first. Immutable.

    >>> names = AreaNames([Area(code="7", name="友谊第一网格", level="grid"), Area(code="1", name="友谊社区", level="community")])
    >>> names.holding("友谊"), names.holding("")
    (['1', '7'], [])
    """

    __slots__ = ("_names",)

    def __init__(self, areas: Iterable[Area]) -> None:
        ordered = sorted(areas, key=lambda area: LEVELS.index(area.level))
        self._names = [(f"{area.name} {area.name_en}".casefold(), area.code) for area in ordered]

    def holding(self, text: str, limit: int = 20) -> list[str]:
        """Return the codes of the areas whose name (or name in English) holds the text."""
        wanted = text.strip().casefold()
        return list(islice((code for name, code in self._names if wanted in name), limit)) if wanted else []
