"""Point → grid in microseconds, exactly as brute force would say.

A grid owns its closed polygon; a point on a border that several grids share belongs to the one with the smallest code. (So
the grid with the greater code is open along that border: of two neighbours exactly one answers for every point.)

>>> import numpy, shapely
>>> west, east = shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)
>>> index = PointIndex(build_tables(numpy.array([west, east]), numpy.array([0, 1])), Shapes.of([west, east]))
>>> index.find(0.5, 0.5), index.find(1.0, 0.5), index.find(1.0000001, 0.5), index.find(2.0, 0.5), index.find(2.1, 0.5)
(0, 0, 1, 1, -1)
"""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from grid.index_building import BITS, IndexTables, build_tables
from grid.metric import metres_per_degree, segment_distance
from grid.shapes import Shapes

__all__ = ["PointIndex", "build_tables"]

# |orientation| below this (square degrees) is too close to call in floating point: GEOS decides with exact predicates.
# It is far above the rounding error for edges up to 4° and means nanometres for those of a grid.
_TOO_CLOSE = 1e-14


class PointIndex:
    """Finds the polygon that holds a point, and how far the next community is. Immutable; positions are those of `polygons`."""

    __slots__ = (
        "_candidate_starts", "_candidates", "_columns", "_east", "_edge_lists", "_edge_starts", "_edges", "_lat_scale",
        "_lon_scale", "_north", "_polygons", "_ring_lat", "_ring_lon", "_ring_starts", "_rows", "_sides", "_size", "_south",
        "_tree", "_west",
    )  # fmt: skip

    def __init__(self, tables: IndexTables, polygons: Shapes) -> None:
        """`polygons` are those that the tables were built from, in the same order."""
        self._size = tables.size
        self._west, self._south = tables.west, tables.south
        self._lon_scale, self._lat_scale = tables.lon_scale, tables.lat_scale
        self._columns, self._rows = tables.columns, tables.rows
        self._east = tables.west + (tables.columns << BITS) / tables.lon_scale
        self._north = tables.south + (tables.rows << BITS) / tables.lat_scale
        self._tree = array("i", tables.tree)
        self._candidate_starts, self._candidates = array("i", tables.candidate_starts), array("i", tables.candidates)
        self._edge_starts, self._edge_lists = array("i", tables.edge_starts), array("i", tables.edge_lists)
        self._edges, self._sides = array("d", tables.edges), array("i", tables.sides)
        self._ring_starts = array("i", tables.ring_starts)
        self._ring_lon, self._ring_lat = array("d", tables.ring_lon), array("d", tables.ring_lat)
        self._polygons = polygons

    def find(self, lon: float, lat: float) -> int:
        """Return the position of the polygon that holds the point (on a shared border the smallest), or -1."""
        leaf = self.leaf(lon, lat)
        if leaf < self._size:
            return leaf
        return self.find_in(leaf, lon, lat)

    def leaf(self, lon: float, lat: float) -> int:
        """Return the leaf of the point: below the number of polygons it is the polygon itself, far from other communities.

        Outside the territory (and for NaN) the leaf that holds nothing.
        """
        if not (self._west <= lon < self._east and self._south <= lat < self._north):
            return self._size
        x = int((lon - self._west) * self._lon_scale)
        y = int((lat - self._south) * self._lat_scale)
        tree = self._tree
        try:
            entry = tree[(y >> BITS) * self._columns + (x >> BITS)]
        except IndexError:  # the last unit in the last place of the north-east corner
            return self._size
        shift = BITS
        while entry >= 0:
            shift -= 2
            entry = tree[entry + ((y >> shift & 3) << 2 | x >> shift & 3)]
        return ~entry

    def find_in(self, leaf: int, lon: float, lat: float) -> int:
        """Return the position of the polygon that holds the point of this mixed leaf, or -1."""
        number = leaf - self._size - 1
        if number < 0:
            return -1
        starts, candidates = self._candidate_starts, self._candidates
        for position in range(starts[number], starts[number + 1]):
            polygon = candidates[position]
            if self._covers(polygon, lon, lat):
                return polygon
        return -1

    def find_many(self, lons: NDArray[np.float64], lats: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return for arrays of points what `find` returns for each; about a microsecond a point.

        >>> import numpy, shapely
        >>> west, east = shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)
        >>> index = PointIndex(build_tables(numpy.array([west, east]), numpy.array([0, 1])), Shapes.of([west, east]))
        >>> index.find_many(numpy.array([0.5, 1.0, 1.5, 2.1]), numpy.array([0.5, 0.5, 0.5, 0.5])).tolist()
        [0, 0, 1, -1]
        """
        leaves = self._leaves(lons, lats)
        found = np.where(leaves < self._size, leaves, -1)
        mixed = np.flatnonzero(leaves > self._size)
        numbers = leaves[mixed] - self._size - 1
        starts, candidates = np.frombuffer(self._candidate_starts, np.int32), np.frombuffer(self._candidates, np.int32)
        place, ends = starts[numbers], starts[numbers + 1]
        while len(mixed := mixed[place < ends]):  # candidates lie in rising order: the first that holds the point is the smallest
            place, ends = place[place < ends], ends[place < ends]
            tried = candidates[place]
            holds = shapely.intersects_xy(self._polygons.take(tried), lons[mixed], lats[mixed])
            found[mixed[holds]] = tried[holds]
            mixed, place, ends = mixed[~holds], place[~holds] + 1, ends[~holds]
        return found

    def _leaves(self, lons: NDArray[np.float64], lats: NDArray[np.float64]) -> NDArray[np.int64]:
        """The leaves of many points, as `leaf` finds that of one."""
        inside = (self._west <= lons) & (lons < self._east) & (self._south <= lats) & (lats < self._north)
        x = np.where(inside, (lons - self._west) * self._lon_scale, 0).astype(np.int64)
        y = np.where(inside, (lats - self._south) * self._lat_scale, 0).astype(np.int64)
        inside &= (x >> BITS < self._columns) & (y >> BITS < self._rows)  # rounding in the last place of a border
        tree = np.frombuffer(self._tree, np.int32)
        entries = np.where(inside, 0, ~self._size)
        entries[inside] = tree[(y[inside] >> BITS) * self._columns + (x[inside] >> BITS)]
        shift = BITS
        while len(open_ := np.flatnonzero(entries >= 0)):
            shift -= 2
            entries[open_] = tree[entries[open_] + ((y[open_] >> shift & 3) << 2 | x[open_] >> shift & 3)]
        return ~entries

    def _covers(self, polygon: int, lon: float, lat: float) -> bool:
        """Even-odd over the ring; where a float cannot decide (on or within nanometres of the line) GEOS does."""
        starts = self._ring_starts
        begin, end = starts[polygon], starts[polygon + 1]
        lats = self._ring_lat[begin:end]
        if begin == end or lat in lats:
            return bool(shapely.intersects_xy(self._polygons[polygon], lon, lat))
        lons = self._ring_lon[begin:end]
        inside = False
        x1, y1 = lons[-1], lats[-1]
        for x2, y2 in zip(lons, lats, strict=True):
            if (y1 > lat) != (y2 > lat):
                side = (x2 - x1) * (lat - y1) - (lon - x1) * (y2 - y1)
                if -_TOO_CLOSE < side < _TOO_CLOSE:
                    return bool(shapely.intersects_xy(self._polygons[polygon], lon, lat))
                if (side > 0.0) == (y2 > y1):
                    inside = not inside
            x1, y1 = x2, y2
        return inside

    def nearest_border(self, leaf: int, community: int, lon: float, lat: float) -> tuple[float, int]:
        """Return how far (metres) the nearest other community is and which, right up to 20 m; (inf, -1) when none is near.

        Of several equally near the smallest wins.
        """
        number = leaf - self._size - 1
        if number < 0:
            return float("inf"), -1
        starts = self._edge_starts
        begin, end = starts[number], starts[number + 1]
        if begin == end:
            return float("inf"), -1
        return self._nearest(self._edge_lists[begin:end], community, lon, lat)

    def nearest_border_within(self, metres: float, community: int, lon: float, lat: float) -> tuple[float, int]:
        """Like `nearest_border`, but right up to `metres`; looks at all boxes in reach, so it costs more the farther."""
        lon_metres, lat_metres = metres_per_degree(lat)
        reach_x, reach_y = metres / lon_metres, metres / lat_metres
        edges = self._edges_in(lon - reach_x, lat - reach_y, lon + reach_x, lat + reach_y)
        return self._nearest(edges, community, lon, lat)

    def _nearest(self, numbers: Any, community: int, lon: float, lat: float) -> tuple[float, int]:
        lon_metres, lat_metres = metres_per_degree(lat)
        edges, sides = self._edges, self._sides
        best = (float("inf"), -1)
        for number in numbers:
            other = sides[2 * number]
            if other == community:
                other = sides[2 * number + 1]
                if other < 0:
                    continue
            x1, y1, x2, y2 = edges[4 * number : 4 * number + 4]
            found = segment_distance(
                (x1 - lon) * lon_metres, (y1 - lat) * lat_metres, (x2 - lon) * lon_metres, (y2 - lat) * lat_metres
            )
            if found <= best[0] and (found, other) < best:
                best = (found, other)
        return best

    def _edges_in(self, west: float, south: float, east: float, north: float) -> set[int]:
        """The border edges of all leaves that meet the box."""
        low_x, high_x = self._units(west - self._west, east - self._west, self._lon_scale, self._columns)
        low_y, high_y = self._units(south - self._south, north - self._south, self._lat_scale, self._rows)
        found: set[int] = set()
        for row in range(low_y >> BITS, (high_y >> BITS) + 1):
            for column in range(low_x >> BITS, (high_x >> BITS) + 1):
                entry = self._tree[row * self._columns + column]
                self._collect(entry, column << BITS, row << BITS, BITS, (low_x, low_y, high_x, high_y), found)
        return found

    @staticmethod
    def _units(low: float, high: float, scale: float, boxes: int) -> tuple[int, int]:
        most = (boxes << BITS) - 1
        return min(max(int(low * scale), 0), most), min(max(int(high * scale), 0), most)

    def _collect(self, entry: int, x: int, y: int, bits: int, reach: tuple[int, int, int, int], found: set[int]) -> None:
        if x > reach[2] or y > reach[3] or x + (1 << bits) <= reach[0] or y + (1 << bits) <= reach[1]:
            return
        if entry < 0:
            number = ~entry - self._size - 1
            if number >= 0:
                found.update(self._edge_lists[self._edge_starts[number] : self._edge_starts[number + 1]])
            return
        for part in range(16):
            corner_x, corner_y = x + ((part & 3) << bits - 2), y + ((part >> 2) << bits - 2)
            self._collect(self._tree[entry + part], corner_x, corner_y, bits - 2, reach, found)
