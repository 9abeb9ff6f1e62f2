"""How far points lie from areas, in metres on the ground: 0 inside and on the border.

>>> import shapely
>>> square = shapely.box(106.60, 26.60, 106.61, 26.61)
>>> [round(float(metres)) for metres in metres_outside([square], [106.605, 106.611, 106.61], [26.605, 26.605, 26.61])]
[0, 100, 0]
"""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot
from typing import Any

import numpy as np
import shapely

from grid.metric import metres_per_degree

__all__ = ["apart", "metres_outside"]


def metres_outside(geometries: Sequence[Any], lons: Sequence[float], lats: Sequence[float]) -> Any:
    """Return how far each point (WGS-84) lies outside the nearest of the geometries. Exact enough within a few kilometres; for
    points farther away it still says that they are far."""
    lon, lat = np.asarray(lons, dtype=float), np.asarray(lats, dtype=float)
    best = np.full(len(lon), np.inf)
    for geometry in geometries:
        centre = shapely.centroid(geometry)
        east, north = metres_per_degree(centre.y)
        origin, scale = np.array([centre.x, centre.y]), np.array([east, north])
        plane = shapely.transform(geometry, lambda at, origin=origin, scale=scale: (at - origin) * scale)
        points = shapely.points((lon - origin[0]) * east, (lat - origin[1]) * north)
        best = np.minimum(best, shapely.distance(plane, points))
    return best


def apart(lon: float, lat: float, other_lon: float, other_lat: float) -> float:
    """Return how far two points lie apart.

    >>> round(apart(106.605, 26.62, 106.606, 26.62))
    100
    """
    east, north = metres_per_degree((lat + other_lat) / 2)
    return hypot((lon - other_lon) * east, (lat - other_lat) * north)
