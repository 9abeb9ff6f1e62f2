"""How areas must lie in their parent (domain §5.2), as one rule for city packs and for files that are brought later.

A child lies inside its parent (up to 2 m), siblings do not overlap (more than 1 m²), and they leave no gap (more than 1 m²; a
lookup there takes the nearest grid). Lengths are measured in a plane around the family, areas on the ellipsoid.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from grid.metric import Plane, square_metres

__all__ = ["GAP_SQUARE_METRES", "OUTSIDE_METRES", "OVERLAP_SQUARE_METRES", "Flaw", "flaws_of"]

OUTSIDE_METRES = 2.0
OVERLAP_SQUARE_METRES = 1.0
GAP_SQUARE_METRES = 1.0
_MOST_GAPS = 20  # of one parent, the largest; all are in the total


class Flaw(NamedTuple):
    """What is wrong in a family: `overlap` of two children, a child `outside_parent`, or a `gap` in the parent.

    `child` and `other` are positions among the children, -1 for the parent. `at` is lon, lat.
    """

    code: str
    child: int
    other: int
    figures: dict[str, float]
    at: tuple[float, float]


def flaws_of(outline: Any, children: NDArray[Any], *, seek_gaps: bool = True) -> Iterator[Flaw]:
    """Yield what is wrong with the children of one parent: overlaps, then what reaches out, then gaps.

    All are valid polygons in WGS-84 degrees; `outline` is the parent's, None when it has none (then only overlaps are sought).

    >>> halves = np.array([shapely.box(106.0, 26.0, 106.01, 26.01), shapely.box(106.01, 26.0, 106.02, 26.01)])
    >>> list(flaws_of(shapely.box(106.0, 26.0, 106.02, 26.01), halves))
    []
    >>> [(flaw.code, flaw.at) for flaw in flaws_of(shapely.box(106.0, 26.0, 106.02, 26.01), halves[:1])]
    [('gap', (106.015, 26.005))]
    """
    family = _Family(outline, children)
    yield from family.overlaps()
    if outline is not None:
        yield from family.outside()
        if seek_gaps:
            yield from family.gaps()


class _Family:
    """A parent and its children, in metres around them."""

    def __init__(self, outline: Any, children: NDArray[Any]) -> None:
        self.plane = Plane.around(children)
        self.shapes = np.empty(len(children), dtype=object)
        self.shapes[:] = self.plane.flat(children)
        self.outline = None if outline is None else self.plane.flat(outline)
        self.clean = bool(shapely.coverage_is_valid(self.shapes))

    def overlaps(self) -> Iterator[Flaw]:
        """Yield each pair of siblings that share ground."""
        if self.clean:
            return
        one, other = shapely.STRtree(self.shapes).query(self.shapes, predicate="intersects")
        one, other = one[one < other], other[one < other]
        shared = shapely.intersection(self.shapes[one], self.shapes[other])
        areas = square_metres(self.plane.round(shared))
        for number in np.flatnonzero(areas > OVERLAP_SQUARE_METRES):
            figures = {"area_m2": _rounded(areas[number])}
            yield Flaw("overlap", int(other[number]), int(one[number]), figures, self._place(shared[number]))

    def outside(self) -> Iterator[Flaw]:
        """Yield each child that reaches farther beyond the parent than is allowed."""
        shapely.prepare(self.outline)
        outside = np.flatnonzero(~shapely.covers(self.outline, self.shapes))
        if not len(outside):
            return
        beyond = shapely.difference(self.shapes[outside], shapely.buffer(self.outline, OUTSIDE_METRES))
        areas = square_metres(self.plane.round(beyond))
        for number, piece, area in zip(outside.tolist(), beyond, areas, strict=True):
            if area > 0:
                corners = shapely.points(shapely.get_coordinates(piece))
                far = shapely.distance(corners, self.outline)
                figures = {"area_m2": _rounded(area), "distance_m": _rounded(far.max())}
                yield Flaw("outside_parent", number, -1, figures, self._place(corners[far.argmax()]))

    def gaps(self) -> Iterator[Flaw]:
        """Yield the pieces of the parent that no child holds, the largest first."""
        covered = shapely.coverage_union_all(self.shapes) if self.clean else shapely.union_all(self.shapes)
        pieces = shapely.get_parts(shapely.difference(self.outline, covered))
        areas = square_metres(self.plane.round(pieces))
        total = float(areas.sum())
        if total <= GAP_SQUARE_METRES:
            return
        large = [number for number in np.argsort(-areas).tolist() if areas[number] > GAP_SQUARE_METRES] or [int(areas.argmax())]
        for number in large[:_MOST_GAPS]:
            figures = {"area_m2": _rounded(areas[number]), "total_m2": _rounded(total), "gaps": float(len(large))}
            yield Flaw("gap", -1, -1, figures, self._place(pieces[number]))

    def _place(self, piece: Any) -> tuple[float, float]:
        point = self.plane.round(shapely.point_on_surface(piece))
        return round(float(point.x), 7), round(float(point.y), 7)


def _rounded(figure: Any) -> float:
    return round(float(figure), 2)
