"""The polygons of one level of the territory: for map tiles, for points that lie in no grid, for the nearest grid."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from math import hypot
from typing import Any

import numpy as np
import shapely

from grid.areas import Area, Feature
from grid.metric import metres_per_degree

__all__ = ["Layer"]

Box = tuple[float, float, float, float]


class Layer:
    """Areas with their shapely geometries (WGS-84 degrees), by code. Immutable."""

    __slots__ = ("_tree", "areas", "geometries")

    def __init__(self, areas: Sequence[Area], geometries: Sequence[Any]) -> None:
        """`geometries[i]` belongs to `areas[i]`; both in the order of codes. The areas need their `wkb` no longer."""
        self.areas = areas
        self.geometries = geometries
        self._tree = shapely.STRtree(geometries)

    def features(self, bbox: Box | None = None) -> list[Feature]:
        """Return the areas whose bounds meet the box (west, south, east, north), or all, by code."""
        if bbox is None:
            return [self._feature(number) for number in range(len(self.areas))]
        return [self._feature(number) for number in sorted(self._tree.query(shapely.box(*bbox)).tolist())]

    def label(self, code: str) -> tuple[float, float] | None:
        """Return the point inside the area where a map's text stands (lon, lat), or None for a code that is not here."""
        number = self._number(code)
        return None if number is None else self._feature(number).label

    def geometry(self, code: str) -> Any:
        """Return the geometry of an area (WGS-84 degrees), or None for a code that is not here."""
        number = self._number(code)
        return None if number is None else self.geometries[number]

    def _number(self, code: str) -> int | None:
        number = bisect_left(self.areas, code, key=lambda area: area.code)
        return None if number == len(self.areas) or self.areas[number].code != code else number

    def radius(self, code: str) -> float | None:
        """Return how far from its middle the area reaches, in whole metres, or None for a code that is not here."""
        number = bisect_left(self.areas, code, key=lambda area: area.code)
        if number == len(self.areas) or self.areas[number].code != code:
            return None
        west, south, east, north = self.geometries[number].bounds
        lon_metres, lat_metres = metres_per_degree((south + north) / 2)
        return float(round(hypot((east - west) * lon_metres, (north - south) * lat_metres) / 2))

    def _feature(self, number: int) -> Feature:
        area = self.areas[number]
        geometry = self.geometries[number]
        if area.label is None:
            inside = shapely.point_on_surface(geometry)
            label = (inside.x, inside.y)
        else:
            label = area.label
        return Feature(area.code, area.name, area.name_en, area.level, area.kind, geometry, label)

    def holding(self, lon: float, lat: float) -> int:
        """Return the position of the area that holds the point (on a border the smallest code), or -1."""
        found = self._tree.query(shapely.Point(lon, lat), predicate="intersects")
        return int(found.min()) if len(found) else -1

    def nearest(self, lon: float, lat: float, most_metres: float) -> tuple[int, float]:
        """Return the position of the nearest area and its distance in metres, or (-1, inf) when none is in reach."""
        lon_metres, lat_metres = metres_per_degree(lat)
        reach = shapely.box(
            lon - most_metres / lon_metres,
            lat - most_metres / lat_metres,
            lon + most_metres / lon_metres,
            lat + most_metres / lat_metres,
        )
        best = (float("inf"), -1)
        for number in self._tree.query(reach).tolist():
            clipped = shapely.intersection(self.geometries[number], reach)
            scaled = shapely.transform(clipped, lambda at: (at - np.array([lon, lat])) * np.array([lon_metres, lat_metres]))
            best = min(best, (float(shapely.distance(scaled, _ORIGIN)), number)) if not scaled.is_empty else best
        return (best[1], best[0]) if best[0] <= most_metres else (-1, float("inf"))


_ORIGIN = shapely.Point(0.0, 0.0)
