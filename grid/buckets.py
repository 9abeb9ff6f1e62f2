"""A hash of small squares for what is few and scattered: special zones and assets. A miss costs one look-up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

__all__ = ["Buckets"]


class Buckets:
    """Numbers of things by the squares that their bounds touch.

    >>> buckets = Buckets(0.01, [(0, (106.0, 26.0, 106.005, 26.005)), (1, (106.004, 26.004, 106.1, 26.1))])
    >>> buckets.at(106.0045, 26.0045), buckets.at(106.05, 26.05), buckets.at(107.0, 26.0)
    ((0, 1), (1,), ())
    """

    __slots__ = ("_scale", "_squares")

    def __init__(self, side: float, bounds: Iterable[tuple[int, tuple[float, float, float, float]]]) -> None:
        """`side` of a square in degrees; `bounds` are pairs of number and (west, south, east, north)."""
        self._scale = 1.0 / side
        squares: defaultdict[int, list[int]] = defaultdict(list)
        for number, (west, south, east, north) in bounds:
            for column in range(self._unit(west), self._unit(east) + 1):
                for row in range(self._unit(south), self._unit(north) + 1):
                    squares[column << 24 | row].append(number)
        self._squares = {key: tuple(numbers) for key, numbers in squares.items()}

    def _unit(self, degrees: float) -> int:
        return int((degrees + 360.0) * self._scale)

    def at(self, lon: float, lat: float) -> tuple[int, ...]:
        """Return the numbers of the things whose bounds may hold the point (finite degrees)."""
        scale = self._scale
        return self._squares.get(int((lon + 360.0) * scale) << 24 | int((lat + 360.0) * scale), ())
