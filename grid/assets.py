"""Which components and linear objects are near a point, whose they are, and how far (部件先属主).

An asset is near when it is no farther than its own reach (`buffer_m`, 30 m where the pack says nothing). Points and lines
are measured to their line, polygons count as 0 m inside.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import ceil
from typing import Any

import shapely

from dispatch.model import AssetRef
from grid.areas import Asset
from grid.buckets import Buckets
from grid.metric import metres_per_degree, segment_distance

__all__ = ["AssetIndex"]

_SQUARE = 0.002  # degrees, about 200 m
_PIECE = 0.004  # longer segments are cut, so that their bounds stay small


class AssetIndex:
    """The assets of a city by place. Immutable; answers in about a microsecond where nothing is near."""

    __slots__ = ("_assets", "_buckets", "_kinds", "_owner_of", "_polygons", "_segments")

    def __init__(self, assets: Sequence[Asset]) -> None:
        self._assets = [(asset.code, asset.category, asset.owner, asset.buffer_m) for asset in assets]
        self._segments = array("d")
        self._owner_of = array("i")
        self._kinds: list[str] = []
        self._polygons: dict[int, Any] = {}
        self._buckets = Buckets(_SQUARE, self._take(assets))

    def __len__(self) -> int:
        return len(self._assets)

    def near(self, lon: float, lat: float, category: str | None = None) -> tuple[AssetRef, ...]:
        """Return the assets (of one category) that reach the WGS-84 point, nearest first, then by code."""
        numbers = self._buckets.at(lon, lat)
        if not numbers:
            return ()
        best = self._distances(numbers, lon, lat)
        found = []
        for number, metres in best.items():
            code, of, owner, reach = self._assets[number]
            if metres <= reach and (category is None or of == category):
                found.append((metres, code, AssetRef(code, of, owner, round(metres), self._kinds[number])))
        return tuple(ref for _, _, ref in sorted(found, key=lambda item: item[:2]))

    def _distances(self, numbers: tuple[int, ...], lon: float, lat: float) -> dict[int, float]:
        """The least distance in metres of each asset whose segments or polygon are in the square."""
        lon_metres, lat_metres = metres_per_degree(lat)
        best: dict[int, float] = {}
        for number in numbers:
            if number < 0:
                polygon = ~number
                if shapely.intersects_xy(self._polygons[polygon], lon, lat):
                    best[polygon] = 0.0
                continue
            ax, ay, bx, by = self._segments[4 * number : 4 * number + 4]
            metres = segment_distance(
                (ax - lon) * lon_metres, (ay - lat) * lat_metres, (bx - lon) * lon_metres, (by - lat) * lat_metres
            )
            asset = self._owner_of[number]
            if metres < best.get(asset, float("inf")):
                best[asset] = metres
        return best

    def _take(self, assets: Sequence[Asset]) -> Iterator[tuple[int, tuple[float, float, float, float]]]:
        """Store the segments and give the bounds of each piece, enlarged by the asset's reach."""
        for asset, record in enumerate(assets):
            geometry = shapely.from_wkb(record.wkb)
            self._kinds.append(("point", "line", "area")[int(shapely.get_dimensions(geometry))])
            if self._kinds[-1] == "area":
                shapely.prepare(geometry)
                self._polygons[asset] = geometry
                yield ~asset, geometry.bounds
            for ax, ay, bx, by in _pieces(geometry):
                self._segments.extend((ax, ay, bx, by))
                self._owner_of.append(asset)
                lon_metres, lat_metres = metres_per_degree(ay)
                dx, dy = 1.01 * record.buffer_m / lon_metres, 1.01 * record.buffer_m / lat_metres
                yield len(self._owner_of) - 1, (min(ax, bx) - dx, min(ay, by) - dy, max(ax, bx) + dx, max(ay, by) + dy)


def _pieces(geometry: Any) -> Iterator[tuple[float, float, float, float]]:
    """The segments of all parts, long ones cut; a point is a segment of no length."""
    for part in shapely.get_parts([geometry]).tolist():
        if shapely.get_dimensions(part) == 0:
            yield part.x, part.y, part.x, part.y
            continue
        lines = shapely.get_rings(part).tolist() if shapely.get_dimensions(part) == 2 else [part]
        for line in lines:
            points = shapely.get_coordinates(line).tolist()
            for (ax, ay), (bx, by) in pairwise(points):
                yield from _cut(ax, ay, bx, by)


def _cut(ax: float, ay: float, bx: float, by: float) -> Iterator[tuple[float, float, float, float]]:
    count = max(1, ceil(max(abs(bx - ax), abs(by - ay)) / _PIECE))
    x, y = ax, ay
    for step in range(1, count + 1):
        next_x, next_y = (bx, by) if step == count else (ax + (bx - ax) * step / count, ay + (by - ay) * step / count)
        yield x, y, next_x, next_y
        x, y = next_x, next_y
