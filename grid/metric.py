"""Metres on the ground from degrees, exact enough for distances of a few kilometres.

Around one point the earth is taken as flat; the lengths of a degree are those of the WGS-84 ellipsoid at its latitude, so a
distance of 20 m is right to a millimetre and one of 1 km to about 10 cm.
"""

from __future__ import annotations

from math import cos, hypot, radians

__all__ = ["metres_per_degree", "segment_distance"]


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
