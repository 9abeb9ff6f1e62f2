"""Drawing with areas: cut one, join several, see whether two touch. Pure; shapes are in WGS-84 degrees, figures in metres."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import shapely

from grid.metric import Plane

__all__ = ["TOUCH_METRES", "cut", "joined", "place_in", "unreached"]

TOUCH_METRES = 1.0  # neighbours share at least so long a border
_NEAR_METRES = 0.25  # two borders drawn apart by less than this are one


def place_in(shape: Any) -> tuple[float, float]:
    """Return a point inside a shape, lon and lat, where a map should look."""
    inside = shapely.point_on_surface(shape)
    return round(float(inside.x), 7), round(float(inside.y), 7)


def cut(shape: Any, line: Any) -> list[Any]:
    """Return the parts into which the line cuts the shape, from west to east; one part when it does not cut it.

    >>> [part.bounds for part in cut(shapely.box(0, 0, 2, 1), shapely.LineString([(1, -1), (1, 2)]))]
    [(0.0, 0.0, 1.0, 1.0), (1.0, 0.0, 2.0, 1.0)]
    """
    lines = shapely.union_all([shapely.boundary(shape), line])
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(lines)))
    inside = shapely.contains(shape, shapely.point_on_surface(faces))
    middles = shapely.get_coordinates(shapely.centroid(faces[inside]))
    order = np.lexsort((middles[:, 1], middles[:, 0]))
    return list(faces[inside][order])


def joined(shapes: Sequence[Any]) -> Any:
    """Return the shapes as one; a shared border is gone."""
    return shapely.union_all(list(shapes))


def unreached(shapes: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the codes that no way over shared borders (of a metre or more) leads to from the first; none when all hang together.

    >>> unreached({"a": shapely.box(0, 0, 1, 1), "b": shapely.box(1, 0, 2, 1), "c": shapely.box(3, 0, 4, 1)})
    ('c',)
    """
    plane = Plane.around(list(shapes.values()))
    flat = {code: plane.flat(shape) for code, shape in shapes.items()}
    codes = list(flat)
    reached, waiting = {codes[0]}, [codes[0]]
    while waiting:
        code = waiting.pop()
        for other in codes:
            if other not in reached and _touch(flat[code], flat[other]):
                reached.add(other)
                waiting.append(other)
    return tuple(code for code in codes if code not in reached)


def _touch(one: Any, other: Any) -> bool:
    shared = shapely.intersection(shapely.boundary(one), shapely.buffer(other, _NEAR_METRES))
    return float(shapely.length(shared)) >= TOUCH_METRES
