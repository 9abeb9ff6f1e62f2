"""The polygons of areas, kept as WKB and decoded when somebody asks for them: most are never looked at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

__all__ = ["Shapes"]

Int64s = NDArray[np.int64]

_LARGE = 64  # vertices from which a prepared polygon is worth its memory


class Shapes:
    """Geometries (WGS-84 degrees) by position. What was decoded is kept."""

    __slots__ = ("_ends", "_known", "_starts", "_wkb")

    def __init__(self, starts: Int64s, ends: Int64s, wkb: bytes) -> None:
        """The geometry at position i is `wkb[starts[i]:ends[i]]`."""
        self._starts, self._ends = starts, ends
        self._wkb = wkb
        self._known: list[Any] = [None] * len(starts)

    @classmethod
    def of(cls, geometries: Iterable[Any]) -> Shapes:
        """Return these shapely geometries.

        >>> Shapes.of([shapely.box(0, 0, 1, 1), shapely.box(1, 0, 3, 1)])[1].area
        2.0
        """
        parts = [shapely.to_wkb(one) for one in geometries]
        edges = np.cumsum([0, *map(len, parts)], dtype=np.int64)
        return cls(edges[:-1], edges[1:], b"".join(parts))

    def chosen(self, positions: NDArray[np.int32]) -> Shapes:
        """Return those at these positions, in this order."""
        return Shapes(self._starts[positions], self._ends[positions], self._wkb)

    def __len__(self) -> int:
        return len(self._known)

    def __getitem__(self, position: int) -> Any:
        """Return a geometry; large ones are prepared."""
        found = self._known[position]
        if found is None:
            found = shapely.from_wkb(self._wkb[self._starts[position] : self._ends[position]])
            if shapely.get_num_coordinates(found) > _LARGE:
                shapely.prepare(found)
            self._known[position] = found
        return found

    def take(self, positions: NDArray[np.integer[Any]]) -> NDArray[Any]:
        """Return the geometries at these positions, as an array of objects."""
        wanted, back = np.unique(positions, return_inverse=True)
        found = np.empty(len(wanted), dtype=object)
        found[:] = [self[position] for position in wanted.tolist()]
        return found[back]
