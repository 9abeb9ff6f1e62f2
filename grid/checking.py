"""The rules that the areas of a city must keep (domain §5.2): one tree, and polygons that nest.

A child lies inside its parent (up to 2 m), siblings do not overlap (more than 1 m²), and they leave no gap (more than 1 m², a
warning: a lookup then takes the nearest grid). What the wide levels do wrong against their parents is a warning, because real
outlines of districts are often drawn more coarsely than what lies in them; grids and their communities must be exact.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from dispatch.model import LEVELS
from dispatch.packs import PackReport
from grid.metric import metres_per_degree

__all__ = ["check_areas"]

OUTSIDE_METRES = 2.0
OVERLAP_SQUARE_METRES = 1.0
GAP_SQUARE_METRES = 1.0

Node = tuple[int, str, str, str | None]  # feature number, code, level, parent


def check_areas(
    nodes: Sequence[Node], geometries: NDArray[Any], special: NDArray[np.bool_], file: str, report: PackReport
) -> None:
    """Put everything that breaks a rule into `report`. `geometries` are WGS-84 or None; `special` grids may lie anywhere."""
    before = report.total_errors
    _check_tree(nodes, file, report)
    missing = sum(geometry is None for geometry in geometries)
    if missing:
        report.warn(file, None, "geometry", f"{missing} areas have none: a point is never found in them", code="no_geometry")
    if report.total_errors > before or missing == len(nodes):
        return
    flat = _in_metres(geometries)
    position = {code: number for number, (_, code, _, _) in enumerate(nodes)}
    families: defaultdict[int, list[int]] = defaultdict(list)
    for number, (_, _, _, above) in enumerate(nodes):
        if above is not None and flat[number] is not None and not special[number]:
            families[position[above]].append(number)
    for parent, children in families.items():
        _Family(nodes, flat, parent, children, file, report).check()


def _check_tree(nodes: Sequence[Node], file: str, report: PackReport) -> None:
    level_of = {code: level for _, code, level, _ in nodes}
    cities = [number for number, _, level, _ in nodes if level == "city"]
    if len(cities) != 1:
        report.error(
            file, cities[1] if cities else None, "level", f"{len(cities)} areas are a city; allowed: exactly 1", code="city"
        )
    for number, _, level, parent in nodes:
        if level not in LEVELS or (level == "city" and parent is None):
            continue
        above = level_of.get(parent or "")
        if above is None:
            report.error(file, number, "parent", f"no area has the code `{parent or ''}`", code="unknown_area")
        elif above not in LEVELS or LEVELS.index(above) >= LEVELS.index(level):
            wider = ", ".join(LEVELS[: LEVELS.index(level)]) or "none"
            report.error(file, number, "parent", f"`{parent}` is a {above}; allowed: {wider}", code="not_allowed")


def _in_metres(geometries: NDArray[Any]) -> NDArray[Any]:
    west, south, east, north = shapely.total_bounds(geometries)
    scale = np.array(metres_per_degree((south + north) / 2))
    origin = np.array([(west + east) / 2, (south + north) / 2])
    flat = np.empty(len(geometries), dtype=object)
    flat[:] = shapely.transform(geometries, lambda at: (at - origin) * scale)
    return flat


class _Family:
    """A parent and its children, in metres."""

    def __init__(
        self, nodes: Sequence[Node], flat: NDArray[Any], parent: int, children: list[int], file: str, report: PackReport
    ) -> None:
        self.nodes = nodes
        self.parent = parent
        self.outline = flat[parent]
        self.children = children
        self.shapes = flat[children]
        self.file = file
        self.report = report
        self.clean = bool(shapely.coverage_is_valid(self.shapes))

    def check(self) -> None:
        """Check nesting, overlaps and gaps."""
        if not self.clean:
            for one, other, area in self._overlaps():
                code = self.nodes[self.children[one]][1]
                self._say(
                    self.children[other],
                    f"overlaps `{code}` by {area:.1f} m²; allowed: {OVERLAP_SQUARE_METRES:.0f} m²",
                    "overlap",
                )
        if self.outline is not None:
            self._check_inside()
            self._check_gap()

    def _overlaps(self) -> Iterator[tuple[int, int, float]]:
        one, other = shapely.STRtree(self.shapes).query(self.shapes, predicate="intersects")
        pairs = one < other
        one, other = one[pairs], other[pairs]
        areas = shapely.area(shapely.intersection(self.shapes[one], self.shapes[other]))
        for number in np.flatnonzero(areas > OVERLAP_SQUARE_METRES):
            yield int(one[number]), int(other[number]), float(areas[number])

    def _check_inside(self) -> None:
        shapely.prepare(self.outline)
        outside = np.flatnonzero(~shapely.covers(self.outline, self.shapes))
        if not len(outside):
            return
        beyond = shapely.difference(self.shapes[outside], shapely.buffer(self.outline, OUTSIDE_METRES))
        areas = shapely.area(beyond)
        for number, piece, area in zip(outside, beyond, areas, strict=True):
            if area > 0:
                far = float(shapely.distance(shapely.points(shapely.get_coordinates(piece)), self.outline).max())
                parent = self.nodes[self.parent][1]
                words = f"reaches {far:.0f} m ({area:.0f} m²) beyond its parent `{parent}`; allowed: {OUTSIDE_METRES:.0f} m"
                self._say(self.children[int(number)], words, "outside_parent")

    def _check_gap(self) -> None:
        covered = shapely.coverage_union_all(self.shapes) if self.clean else shapely.union_all(self.shapes)
        gap = float(shapely.area(shapely.difference(self.outline, covered)))
        if gap > GAP_SQUARE_METRES:
            number, code, _, _ = self.nodes[self.parent]
            words = f"the areas in `{code}` leave {gap:.1f} m² of it free; allowed: {GAP_SQUARE_METRES:.0f} m²"
            self.report.warn(self.file, number, "geometry", words, code="gap")

    def _say(self, child: int, words: str, code: str) -> None:
        number, _, level, _ = self.nodes[child]
        if level == "grid" or code == "overlap":
            self.report.error(self.file, number, "geometry", words, code=code)
        else:
            self.report.warn(self.file, number, "geometry", words, code=code)
