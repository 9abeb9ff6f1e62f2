"""Is the file really in the coordinate system that it is said to be in? (domain §5.4: a wrong system moves a point several grids
away without any visible error.)

The features are read in each of the systems in turn and compared with what is there: the shapes of the same codes, else the
outlines of the parents with what lies in them. The measure is intersection over union. Where another system fits clearly better
the file is suspected. Shapes that only look alike (drawn anew, or coarser) lower the fit in every system by about the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from grid.areas import Area
from grid.boundaries import Boundary, Finding
from grid.coordinates import from_wgs84, to_wgs84
from grid.metric import Plane

__all__ = ["fit", "suspicion"]

SYSTEMS = ("WGS-84", "GCJ-02", "BD-09")
# How much smaller the misfit (1 − IoU) must be. Real layers: `tests/grid/test_recorded_truth.py`.
_CLEARLY = 0.75
_LEAST_GAIN = 0.001  # of IoU; below this it is the noise of drawing
_MOST_PAIRS = 400  # of shapes that are compared; taken evenly over the file
_Pair = tuple[list[int], Any]  # positions of features, and the present shape that they together should fill


def suspicion(boundaries: Sequence[Boundary], shapes: NDArray[Any], present: Mapping[str, Area], crs: str) -> Iterator[Finding]:
    """Yield one finding when another system than `crs` fits clearly better; `figures` hold the fit of each system.

    `shapes` are the features in WGS-84, as converted from `crs`.
    """
    fits = fit(boundaries, shapes, present, crs)
    if not fits:
        return
    said = "WGS-84" if crs == "CGCS2000" else crs
    best = max(fits, key=lambda system: fits[system])
    if best != said and 1 - fits[best] <= _CLEARLY * (1 - fits[said]) and fits[best] - fits[said] >= _LEAST_GAIN:
        figures = {system: round(value, 4) for system, value in fits.items()}
        yield Finding(code="suspect_crs", severity="warning", other=best, reason=crs, figures=figures, field="crs")


def fit(boundaries: Sequence[Boundary], shapes: NDArray[Any], present: Mapping[str, Area], crs: str) -> dict[str, float]:
    """Return how well the features fit what is there when read in each system (0–1); empty when nothing can be compared."""
    pairs = _same_codes(boundaries, shapes, present) or _parents(boundaries, shapes, present)
    if not pairs:
        return {}
    kept = pairs[:: len(pairs) // _MOST_PAIRS + 1]
    positions = sorted({position for of, _ in kept for position in of})
    raw = shapely.transform(shapes[positions], lambda at: np.column_stack(from_wgs84(at[:, 0], at[:, 1], crs)))
    at_place = {position: place for place, position in enumerate(positions)}
    groups = [[at_place[position] for position in of] for of, _ in kept]
    targets = np.array([target for _, target in kept], dtype=object)
    return {system: _overlap_share(_read_as(raw, system), groups, targets) for system in SYSTEMS}


def _same_codes(boundaries: Sequence[Boundary], shapes: NDArray[Any], present: Mapping[str, Area]) -> list[_Pair]:
    found: list[_Pair] = []
    for position, one in enumerate(boundaries):
        area = present.get(one.code)
        if area is not None and area.wkb and shapes[position] is not None and area.level == one.level:
            found.append(([position], shapely.from_wkb(area.wkb)))
    return found


def _parents(boundaries: Sequence[Boundary], shapes: NDArray[Any], present: Mapping[str, Area]) -> list[_Pair]:
    families: defaultdict[str, list[int]] = defaultdict(list)
    for position, one in enumerate(boundaries):
        parent = present.get(one.parent or "")
        if shapes[position] is not None and parent is not None and parent.wkb:
            families[parent.code].append(position)
    return [(of, shapely.from_wkb(present[code].wkb)) for code, of in families.items()]


def _read_as(raw: NDArray[Any], system: str) -> NDArray[Any]:
    moved = shapely.transform(raw, lambda at: np.column_stack(to_wgs84(at[:, 0], at[:, 1], system)))
    return np.asarray(shapely.make_valid(moved))  # a hair's breadth may close when it is moved


def _overlap_share(shapes: NDArray[Any], groups: Sequence[Sequence[int]], targets: NDArray[Any]) -> float:
    """Intersection over union, both added up over all pairs, so that a tiny area counts as little as it is."""
    plane = Plane.around(targets)
    here = np.array([plane.flat(_together(shapes[list(group)])) for group in groups], dtype=object)
    there = np.array([plane.flat(target) for target in targets], dtype=object)
    shared = shapely.area(shapely.intersection(here, there)).sum()
    return float(shared / (shapely.area(here).sum() + shapely.area(there).sum() - shared))


def _together(shapes: NDArray[Any]) -> Any:
    return shapes[0] if len(shapes) == 1 else shapely.union_all(shapes)
