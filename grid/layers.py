"""The polygons of one level of the territory: for map tiles, for points that lie in no grid, for the nearest grid."""

from __future__ import annotations

from bisect import bisect_left
from math import hypot
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from grid.area_table import AreaTable
from grid.areas import Feature
from grid.metric import metres_per_degree
from grid.shapes import Shapes

__all__ = ["Box", "Layer"]

Box = tuple[float, float, float, float]


class Layer:
    """The areas of a level that have a polygon, by code. What is drawn is decoded then; nothing that it answers ever changes."""

    __slots__ = ("_bounds", "_codes", "_level", "_names", "_positions", "_table", "shapes")

    def __init__(self, table: AreaTable, shapes: Shapes, level: str) -> None:
        self._table = table
        self._codes, self._names = table.all_codes(), table.all_names()
        self._level = level
        self._positions = np.frombuffer(table.layers[level], dtype=np.int32)
        self.shapes = shapes.chosen(self._positions)
        self._bounds: NDArray[np.float64] = np.frombuffer(table.bounds, dtype=np.float64).reshape(-1, 4)[self._positions]

    def __len__(self) -> int:
        return len(self._positions)

    def position(self, number: int) -> int:
        """Return the place of an area of this layer in the order of all codes."""
        return int(self._positions[number])

    def code(self, number: int) -> str:
        """Return the code of an area of this layer."""
        return self._codes[self.position(number)]

    def bounds(self) -> Box | None:
        """Return west, south, east, north of all of them; None where there is none."""
        if not len(self._bounds):
            return None
        (west, south), (east, north) = self._bounds[:, :2].min(axis=0).tolist(), self._bounds[:, 2:].max(axis=0).tolist()
        return west, south, east, north

    def features(self, bbox: Box | None = None) -> list[Feature]:
        """Return the areas whose bounds meet the box (west, south, east, north), or all, by code."""
        found = range(len(self)) if bbox is None else self._meeting(bbox)
        return [self._feature(number) for number in found]

    def label(self, code: str) -> tuple[float, float] | None:
        """Return the point inside the area where a map's text stands (lon, lat), or None for a code that is not here."""
        number = self._number(code)
        return None if number is None else self._label(self.position(number))

    def geometry(self, code: str) -> Any:
        """Return the geometry of an area (WGS-84 degrees), or None for a code that is not here."""
        number = self._number(code)
        return None if number is None else self.shapes[number]

    def radius(self, code: str) -> float | None:
        """Return how far from its middle the area reaches, in whole metres, or None for a code that is not here."""
        number = self._number(code)
        if number is None:
            return None
        west, south, east, north = self._bounds[number].tolist()
        lon_metres, lat_metres = metres_per_degree((south + north) / 2)
        return float(round(hypot((east - west) * lon_metres, (north - south) * lat_metres) / 2))

    def holding(self, lon: float, lat: float) -> int:
        """Return the number of the area that holds the point (on a border the smallest code), or -1."""
        for number in self._meeting((lon, lat, lon, lat)):
            if shapely.intersects_xy(self.shapes[number], lon, lat):
                return number
        return -1

    def nearest(self, lon: float, lat: float, most_metres: float) -> tuple[int, float]:
        """Return the number of the nearest area and its distance in metres, or (-1, inf) when none is in reach."""
        lon_metres, lat_metres = metres_per_degree(lat)
        box = (
            lon - most_metres / lon_metres,
            lat - most_metres / lat_metres,
            lon + most_metres / lon_metres,
            lat + most_metres / lat_metres,
        )
        reach, best = shapely.box(*box), (float("inf"), -1)
        for number in self._meeting(box):
            clipped = shapely.intersection(self.shapes[number], reach)
            scaled = shapely.transform(clipped, lambda at: (at - np.array([lon, lat])) * np.array([lon_metres, lat_metres]))
            best = min(best, (float(shapely.distance(scaled, _ORIGIN)), number)) if not scaled.is_empty else best
        return (best[1], best[0]) if best[0] <= most_metres else (-1, float("inf"))

    def _number(self, code: str) -> int | None:
        number = bisect_left(self._positions, code, key=self._codes.__getitem__)
        return number if number < len(self) and self.code(number) == code else None

    def _meeting(self, box: Box) -> list[int]:
        """Those whose bounds meet the box, by code."""
        west, south, east, north = box
        bounds = self._bounds
        meets = (bounds[:, 0] <= east) & (bounds[:, 2] >= west) & (bounds[:, 1] <= north) & (bounds[:, 3] >= south)
        return [int(number) for number in np.flatnonzero(meets)]

    def _label(self, position: int) -> tuple[float, float]:
        lon, lat = np.frombuffer(self._table.labels, np.float64, 2, offset=16 * position).tolist()
        return lon, lat

    def _feature(self, number: int) -> Feature:
        position, table = self.position(number), self._table
        return Feature(
            self._codes[position],
            self._names[position],
            table.names_en.get(position, ""),
            self._level,
            table.kinds[table.kind_of[position]],
            self.shapes[number],
            self._label(position),
        )


_ORIGIN = shapely.Point(0.0, 0.0)
