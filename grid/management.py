"""Management areas (管理区): development zones that cut across districts, run by a unit of their own (domain.md §5.1).

They are zones beside the tree: statistics stay with the district, responsibility goes to who manages the area. A point in two of
them belongs to the smaller code; one near a border is as doubtful as near the border of another community.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely

from dispatch.model import AreaRef
from grid.areas import Zone
from grid.buckets import Buckets
from grid.index_building import DOUBT_METRES
from grid.metric import metres_per_degree

__all__ = ["LEVEL", "ManagementIndex"]

LEVEL = "management"
_SQUARE = 0.01
_MOST_METRES = 500.0  # an accuracy worse than this says nothing about any border


class ManagementIndex:
    """The management areas of a city, by place. Immutable."""

    __slots__ = ("_borders", "_buckets", "_of_areas", "_polygons", "_refs")

    def __init__(self, zones: Sequence[Zone]) -> None:
        found = sorted((zone for zone in zones if zone.kind == LEVEL and zone.wkb), key=lambda zone: zone.code)
        self._refs = [AreaRef(zone.code, zone.name, LEVEL, zone.name_en) for zone in found]
        self._polygons = shapely.from_wkb([zone.wkb for zone in found])
        self._borders = shapely.boundary(self._polygons)
        shapely.prepare(self._polygons)
        near = _MOST_METRES / 80_000  # a degree is longer than that, except far in the north
        bounds = (shapely.box(*polygon.bounds).buffer(near, join_style="mitre").bounds for polygon in self._polygons)
        self._buckets = Buckets(_SQUARE, enumerate(bounds))
        self._of_areas: dict[str, tuple[AreaRef | None, tuple[str, ...]]] = {}

    def __len__(self) -> int:
        return len(self._refs)

    @property
    def codes(self) -> frozenset[str]:
        """The codes of all of them."""
        return frozenset(ref.code for ref in self._refs)

    def at(self, lon: float, lat: float, accuracy_m: float | None = None) -> tuple[AreaRef | None, tuple[str, ...]]:
        """Return the area that holds a point, and a doubt (`management:14:CODE`) for each whose border is nearer than 20 m or the
        accuracy, whichever is larger."""
        numbers = self._buckets.at(lon, lat)
        if not numbers:
            return None, ()
        held: AreaRef | None = None
        reach, doubt = min(max(DOUBT_METRES, accuracy_m or 0.0), _MOST_METRES), []
        for number in numbers:
            if held is None and shapely.intersects_xy(self._polygons[number], lon, lat):
                held = self._refs[number]
            if (metres := self._metres(number, lon, lat, reach)) <= reach:
                doubt.append(f"management:{metres:.0f}:{self._refs[number].code}")
        return held, tuple(doubt)

    def of_area(self, code: str, shape: Any) -> tuple[AreaRef | None, tuple[str, ...]]:
        """Return the area that holds all of another area, and a doubt for each that holds only a part of it. `shape` is the other
        area's (None: not known); remembered by `code`."""
        if code not in self._of_areas:
            self._of_areas[code] = self._holding(shape)
        return self._of_areas[code]

    def _holding(self, shape: Any) -> tuple[AreaRef | None, tuple[str, ...]]:
        if shape is None:
            return None, tuple(f"management::{ref.code}" for ref in self._refs)
        for polygon, ref in zip(self._polygons, self._refs, strict=True):
            if shapely.covers(polygon, shape):
                return ref, ()
        parts = zip(self._polygons, self._refs, strict=True)
        return None, tuple(f"management::{ref.code}" for polygon, ref in parts if _share_ground(polygon, shape))

    def _metres(self, number: int, lon: float, lat: float, reach: float) -> float:
        scale = np.array(metres_per_degree(lat))
        west, south = lon - reach / scale[0], lat - reach / scale[1]
        east, north = lon + reach / scale[0], lat + reach / scale[1]
        near = shapely.clip_by_rect(self._borders[number], west, south, east, north)
        if near.is_empty:
            return float("inf")
        flat = shapely.transform(near, lambda at: (at - np.array([lon, lat])) * scale)
        return float(shapely.distance(flat, _HERE))


_HERE = shapely.Point(0.0, 0.0)


def _share_ground(polygon: Any, shape: Any) -> bool:
    return bool(shapely.intersects(polygon, shape) and not shapely.touches(polygon, shape))
