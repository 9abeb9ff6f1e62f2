"""Roads as courses: the pieces that are one road, how far it runs, and where two of them meet. Pure, in degrees and metres."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from grid.metric import metres_per_degree

__all__ = ["Course", "Meeting", "courses_of", "meeting"]

Degrees = NDArray[np.float64]
_ONE_ROAD = 800.0  # metres between pieces of one name that are still one road
_STEP = 60.0  # metres between the points that stand for a course
_MOST_POINTS = 120
_MEET, _NEARLY_MEET = 60.0, 300.0


class Course(NamedTuple):
    """A road: points along it (rows of lon, lat, about 60 m apart) and its pieces."""

    points: Degrees
    pieces: tuple[Degrees, ...]

    def within(self, holds: Callable[[float, float], bool]) -> Course | None:
        """Return the part of the road whose points are held, or None."""
        kept = np.array([holds(lon, lat) for lon, lat in self.points.tolist()], dtype=bool)
        return Course(self.points[kept], self.pieces) if kept.any() else None

    def halfway(self) -> tuple[float, float]:
        """Return a point on the road (lon, lat)."""
        lon, lat = self.points[len(self.points) // 2].tolist()
        return lon, lat

    def some(self, count: int = 6) -> list[tuple[float, float]]:
        """Return a few points spread along the road (lon, lat)."""
        chosen = np.linspace(0, len(self.points) - 1, min(count, len(self.points))).astype(int)
        return [(lon, lat) for lon, lat in self.points[chosen].tolist()]

    def middle(self) -> tuple[float, float, float, float]:
        """Return the point of the road nearest to its middle (lon, lat), how far the road runs from there in metres (nine points
        of ten), and the share of it that lies within 300 m."""
        flat = _flat(self.points, self.points[0, 1])
        at = int(np.argmin(np.hypot(*(flat - flat.mean(axis=0)).T)))
        reach = np.hypot(*(flat - flat[at]).T)
        lon, lat = self.points[at].tolist()
        return lon, lat, float(np.quantile(reach, 0.9)), float(np.mean(reach <= 300.0))


class Meeting(NamedTuple):
    """Where two roads meet or come nearest: lon, lat and how far they stay apart in metres."""

    lon: float
    lat: float
    apart_m: float


def _flat(points: Degrees, lat: float) -> Degrees:
    return np.asarray(points * np.array(metres_per_degree(lat)))


def courses_of(pieces: Sequence[Degrees]) -> list[Course]:
    """Return the roads that these pieces of one name make: pieces less than 800 m apart belong together."""
    pieces = [piece for piece in pieces if len(piece)]
    if not pieces:
        return []
    lat = float(pieces[0][0, 1])
    shapes = [_shape(_flat(piece, lat)) for piece in pieces]
    tree = shapely.STRtree(shapes)
    left, right = tree.query(shapes, predicate="dwithin", distance=_ONE_ROAD) if len(pieces) > 1 else ([], [])
    group = list(range(len(pieces)))
    for one, other in zip(*map(list, (left, right)), strict=True):
        first, second = group[one], group[other]
        if first != second:
            low, high = min(first, second), max(first, second)
            group = [low if number == high else number for number in group]
    return [
        _course([pieces[number] for number in members], [shapes[number] for number in members], lat)
        for members in ([at for at, of in enumerate(group) if of == one] for one in sorted(set(group)))
    ]


def _shape(flat: Degrees) -> Any:
    return shapely.LineString(flat) if len(flat) > 1 else shapely.Point(flat[0])


def _course(pieces: Sequence[Degrees], shapes: Sequence[Any], lat: float) -> Course:
    points = shapely.get_coordinates(shapely.segmentize(shapes, _STEP))
    if len(points) > _MOST_POINTS:
        points = points[np.linspace(0, len(points) - 1, _MOST_POINTS).astype(int)]
    return Course(points / np.array(metres_per_degree(lat)), tuple(pieces))


def meeting(one: Course, other: Course) -> Meeting | None:
    """Return where two roads meet, or come as near as 300 m; None when they stay apart."""
    lat = float(one.points[0, 1])
    left, right = (shapely.GeometryCollection([_shape(_flat(piece, lat)) for piece in course.pieces]) for course in (one, other))
    if not shapely.dwithin(left, right, _NEARLY_MEET):
        return None
    crossing = shapely.intersection(shapely.union_all(left.geoms), shapely.union_all(right.geoms))
    joined = shapely.centroid(crossing) if not crossing.is_empty else shapely.centroid(shapely.shortest_line(left, right))
    lon, lat_ = (shapely.get_coordinates(joined)[0] / np.array(metres_per_degree(lat))).tolist()
    return Meeting(lon, lat_, float(shapely.distance(left, right)))
