"""Metres on the ground from degrees.

Lengths: around one point the earth is taken as flat; the lengths of a degree are those of the WGS-84 ellipsoid at its latitude,
so a distance of 20 m is right to a millimetre and one of 1 km to about 10 cm. Areas: on the ellipsoid (`square_metres`).
"""

from __future__ import annotations

from math import cos, hypot, radians
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

__all__ = ["Plane", "metres_per_degree", "segment_distance", "square_metres"]

_AXIS, _FLATTENING = 6378137.0, 1 / 298.257223563  # WGS-84; CGCS2000 differs in the ninth digit of the flattening
_SQUARE = _FLATTENING * (2.0 - _FLATTENING)
_ECCENTRICITY = _SQUARE**0.5


def metres_per_degree(lat: float) -> tuple[float, float]:
    """Return the length in metres of a degree of longitude and of a degree of latitude at `lat`.

    >>> [round(length) for length in metres_per_degree(26.6)]
    [99604, 110797]
    """
    phi = radians(lat)
    east = 111412.84 * cos(phi) - 93.5 * cos(3.0 * phi) + 0.118 * cos(5.0 * phi)
    north = 111132.92 - 559.82 * cos(2.0 * phi) + 1.175 * cos(4.0 * phi)
    return east, north


def segment_distance(ax: float, ay: float, bx: float, by: float) -> float:
    """Return the distance from the origin to the segment a–b (plane coordinates; a = b is a point).

    >>> segment_distance(-1.0, 2.0, 1.0, 2.0), segment_distance(3.0, 4.0, 3.0, 4.0)
    (2.0, 5.0)
    """
    dx, dy = bx - ax, by - ay
    square = dx * dx + dy * dy
    if square == 0.0:
        return hypot(ax, ay)
    share = -(ax * dx + ay * dy) / square
    share = 0.0 if share < 0.0 else 1.0 if share > 1.0 else share
    return hypot(ax + share * dx, ay + share * dy)


def square_metres(geometries: Any) -> Any:
    """Return the area of each geometry (WGS-84 degrees; an array or one) on the ellipsoid, in m²; 0 for None.

    Lambert's equal-area cylinder: a figure on it has exactly the area that it has on the ellipsoid. An edge counts as straight
    between its two ends on that map, which is not quite the line of constant bearing or the geodesic: for edges up to 10 km the
    difference is below a millionth of the area (`tests/grid/test_metric.py` holds it against PROJ's geodesic areas).

    >>> round(float(square_metres(shapely.box(106.0, 26.0, 107.0, 27.0))) / 1e6)
    11045
    """
    return np.nan_to_num(shapely.area(shapely.transform(geometries, _on_cylinder)))


def _on_cylinder(at: NDArray[np.float64]) -> NDArray[np.float64]:
    sine = np.sin(np.radians(at[:, 1]))
    north = sine / (1.0 - _SQUARE * sine * sine) + np.arctanh(_ECCENTRICITY * sine) / _ECCENTRICITY
    return np.column_stack([_AXIS * np.radians(at[:, 0]), _AXIS * (1.0 - _SQUARE) / 2.0 * north])


class Plane(NamedTuple):
    """A plane in metres around the middle of something. Straight stays straight, so what touches in degrees touches in it."""

    lon: float
    lat: float
    lon_metres: float
    lat_metres: float

    @classmethod
    def around(cls, geometries: Any) -> Plane:
        """Return the plane around the middle of the bounds of the geometries (WGS-84 degrees)."""
        west, south, east, north = shapely.total_bounds(geometries).tolist()
        return cls((west + east) / 2, (south + north) / 2, *metres_per_degree((south + north) / 2))

    def flat(self, geometries: Any) -> Any:
        """Return the geometries (WGS-84 degrees) in metres."""
        return shapely.transform(geometries, lambda at: (at - self[:2]) * self[2:])

    def round(self, geometries: Any) -> Any:
        """Return geometries of this plane in WGS-84 degrees."""
        return shapely.transform(geometries, lambda at: at / self[2:] + self[:2])
