"""Builds the tables of the point index: an adaptive tree of boxes over the polygons of the grids.

The territory is cut into root boxes, each crowded box into 4 × 4 smaller ones, and so on, until a box holds the edges of at
most three polygons and few borders between communities. A box that no edge touches lies wholly in one polygon (or in none).
Small grids of a city centre get small boxes, grids of 5 km² big ones, so the tables stay small where grids differ a
thousandfold. Everything is done on arrays of edges with numpy; 20,000 grids take about a second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray

from grid.metric import metres_per_degree

__all__ = ["BITS", "DOUBT_METRES", "IndexTables", "build_tables"]

BITS = 8  # of each coordinate inside a root box: four splits into 4 × 4
DOUBT_METRES = 20.0
_MOST_POLYGONS = 3
_MOST_EDGES = 6
_MOST_BOXES = 1 << 20  # root boxes
_EDGES_PER_BOX = 4  # of root boxes: two to three for each grid, so that few have to be split where grids are alike
_AT_ONCE = 1 << 16  # edges or points that are worked on together: their arrays stay in the processor's cache
_SMALLEST_METRES = 15.0
_SMALL_RING = 64  # vertices up to which a test in Python beats one by GEOS
_SLACK = 1e-9  # degrees that boxes are enlarged by, so that rounding never puts a point into the wrong box

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class IndexTables(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The index as flat tables (little-endian bytes), ready to travel between processes.

    `tree` (int32): ≥ 0 points to 16 children; ~value is a leaf: below `size` the polygon that the box lies in wholly, `size`
    none, above that the mixed box `leaf - size - 1` with its candidates and the border edges within 20 m of it. `edges` holds
    x1, y1, x2, y2 and `sides` the communities on both sides (-1: none). Rings of simple small polygons stand in
    `ring_lon`, `ring_lat` from `ring_starts[i]` to `ring_starts[i + 1]`; an empty range means: ask GEOS.
    """

    size: int
    west: float
    south: float
    lon_scale: float
    lat_scale: float
    columns: int
    rows: int
    tree: bytes
    candidate_starts: bytes
    candidates: bytes
    edge_starts: bytes
    edge_lists: bytes
    edges: bytes
    sides: bytes
    ring_starts: bytes
    ring_lon: bytes
    ring_lat: bytes


class _Edges:
    """Segments with the least and greatest coordinates of each, and the margin around boxes within which they count."""

    def __init__(self, ends: Floats, lon_margin: float, lat_margin: float) -> None:
        self.x1, self.y1, self.x2, self.y2 = ends
        self.left, self.right = np.minimum(self.x1, self.x2) - lon_margin, np.maximum(self.x1, self.x2) + lon_margin
        self.low, self.high = np.minimum(self.y1, self.y2) - lat_margin, np.maximum(self.y1, self.y2) + lat_margin
        self.margins = (lon_margin, lat_margin)

    def touch(self, which: Ints, x: Floats, y: Floats, width: float, height: float) -> NDArray[np.bool_]:
        """Tell for pairs of edge and box (south-west corner x, y) whose bounds overlap whether the edge meets the box."""
        half_x, half_y = width / 2 + self.margins[0], height / 2 + self.margins[1]
        dx, dy = self.x2[which] - self.x1[which], self.y2[which] - self.y1[which]
        off = dx * (y + height / 2 - self.y1[which]) - dy * (x + width / 2 - self.x1[which])
        return np.asarray(np.abs(off) <= half_x * np.abs(dy) + half_y * np.abs(dx))


class _Frame:
    """The box of the whole territory and its division into root boxes and, below them, into smaller ones."""

    def __init__(self, bounds: Floats, boxes: int) -> None:
        west, south, east, north = (float(value) for value in bounds)
        self.lon_metres, self.lat_metres = metres_per_degree((south + north) / 2)
        lon_margin, lat_margin = 30.0 / self.lon_metres, 30.0 / self.lat_metres
        self.west, self.south = west - lon_margin, south - lat_margin
        self.width, self.height = east - west + 2 * lon_margin, north - south + 2 * lat_margin
        shape = (self.width * self.lon_metres) / (self.height * self.lat_metres)
        self.columns = max(1, min(1024, round((boxes * shape) ** 0.5)))
        self.rows = max(1, min(1024, round(boxes / self.columns)))
        self.box = (self.width / self.columns, self.height / self.rows)

    def size_at(self, level: int) -> tuple[float, float]:
        """Width and height in degrees of a box after `level` splits."""
        return self.box[0] / 4**level, self.box[1] / 4**level

    def is_finest(self, level: int) -> bool:
        """Tell whether boxes of this level are split no further."""
        return 2 * level >= BITS or self.size_at(level)[1] * self.lat_metres < 4 * _SMALLEST_METRES


def build_tables(polygons: NDArray[Any], communities: NDArray[np.int64]) -> IndexTables:
    """Return the index of valid (multi)polygons in WGS-84 degrees, in the order of their codes.

    `communities[i]` is a number of the community that polygon i belongs to: borders between different ones are where a lookup
    is doubtful. An empty array gives an index that finds nothing.
    """
    size = len(polygons)
    ends, owner = _edges_of(polygons)
    border, sides = _borders(ends, communities[owner])
    bounds = shapely.total_bounds(polygons) if size else np.array([0.0, 0.0, 0.001, 0.001])
    frame = _Frame(bounds, max(64, min(_MOST_BOXES, len(owner) // _EDGES_PER_BOX)))
    margins = DOUBT_METRES / frame.lon_metres, DOUBT_METRES / frame.lat_metres
    growth = _Growth(frame, _Edges(ends, _SLACK, _SLACK), owner, _Edges(border, *margins))
    tree, leaves = growth.grow()
    candidates = _candidates(polygons, leaves, size)
    _label(tree, leaves, candidates, size)
    return _pack(frame, tree, leaves, candidates, border, sides, polygons)


def _edges_of(polygons: NDArray[Any]) -> tuple[Floats, Ints]:
    """All edges of all rings as rows x1, y1, x2, y2, and the polygon of each."""
    if not len(polygons):
        return np.empty((4, 0)), np.empty(0, dtype=np.int64)
    plain = (shapely.get_num_geometries(polygons) == 1) & (shapely.get_num_interior_rings(polygons) == 0)
    plain &= shapely.get_type_id(polygons) == shapely.GeometryType.POLYGON
    others = np.flatnonzero(~plain)
    parts, part_of = shapely.get_parts(polygons[others], return_index=True)
    rings, ring_of = shapely.get_rings(parts, return_index=True)
    ends, of = _segments(polygons[plain])  # one ring each: no need to make objects of their rings
    more, ring = _segments(rings)
    return np.hstack([ends, more]), np.concatenate([np.flatnonzero(plain)[of], others[part_of[ring_of[ring]]]])


def _segments(rings: NDArray[Any]) -> tuple[Floats, Ints]:
    """The edges of geometries of one ring each, those without length left out, and the position of the ring of each."""
    points, of = shapely.get_coordinates(rings, return_index=True)
    x, y = np.ascontiguousarray(points[:, 0]), np.ascontiguousarray(points[:, 1])
    kept = (of[1:] == of[:-1]) & ((x[1:] != x[:-1]) | (y[1:] != y[:-1]))
    return np.vstack([x[:-1][kept], y[:-1][kept], x[1:][kept], y[1:][kept]]), of[:-1][kept].astype(np.int64)


def _borders(ends: Floats, community: Ints) -> tuple[Floats, Ints]:
    """The edges that do not lie between two grids of one community, each once, with the community on either side (or -1)."""
    x1, y1, x2, y2 = ends
    turned = (x1 > x2) | ((x1 == x2) & (y1 > y2))
    rows = np.where(turned, np.vstack([x2, y2, x1, y1]), ends)
    order = np.lexsort((community, rows[3], rows[2], rows[1], rows[0]))
    rows, community = rows[:, order], community[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = np.any(rows[:, 1:] != rows[:, :-1], axis=0)
    starts = np.flatnonzero(first)
    counts = np.diff(np.append(starts, len(order)))
    one, other = community[starts], community[starts + counts - 1]  # sorted: the least and the greatest
    kept = (counts == 1) | (one != other)
    sides = np.vstack([one, np.where(counts == 1, -1, other)])
    return rows[:, starts[kept]], sides[:, kept]


class _Leaves:
    """The boxes that are not split: where their entry stands in the tree, their centre, and what touches them."""

    def __init__(self) -> None:
        self._parts: list[tuple[Ints, Floats, Floats]] = []
        self._polygons: list[tuple[Ints, Ints]] = []
        self._edges: list[tuple[Ints, Ints]] = []
        self.count = 0

    def add(
        self, places: Ints, x: Floats, y: Floats, chosen: NDArray[np.bool_], near: tuple[Ints, Ints], edges: tuple[Ints, Ints]
    ) -> None:
        """Take the `chosen` boxes of a level; `near` and `edges` are pairs (box, polygon) and (box, border edge)."""
        number = np.full(len(chosen), -1, dtype=np.int64)
        number[chosen] = np.arange(self.count, self.count + int(chosen.sum()))
        self.count += int(chosen.sum())
        self._parts.append((places[chosen], x[chosen], y[chosen]))
        for target, (boxes, things) in ((self._polygons, near), (self._edges, edges)):
            kept = chosen[boxes]
            target.append((number[boxes[kept]], things[kept]))

    def places(self) -> tuple[Ints, Floats, Floats]:
        """Entry in the tree and centre of every leaf."""
        return (
            np.concatenate([part[0] for part in self._parts]),
            np.concatenate([part[1] for part in self._parts]),
            np.concatenate([part[2] for part in self._parts]),
        )

    def polygons(self) -> tuple[Ints, Ints]:
        """Pairs of leaf and polygon whose edges touch it."""
        return np.concatenate([part[0] for part in self._polygons]), np.concatenate([part[1] for part in self._polygons])

    def edges(self) -> tuple[Ints, Ints]:
        """Pairs of leaf and border edge within 20 m of it."""
        return np.concatenate([part[0] for part in self._edges]), np.concatenate([part[1] for part in self._edges])


class _Growth:
    """Splits boxes level by level."""

    def __init__(self, frame: _Frame, outlines: _Edges, owner: Ints, borders: _Edges) -> None:
        self.frame = frame
        self.outlines = outlines
        self.owner = owner
        self.borders = borders

    def grow(self) -> tuple[NDArray[np.int32], _Leaves]:
        """Return the tree (entries of leaves still 0) and its leaves."""
        frame, leaves = self.frame, _Leaves()
        columns = np.arange(frame.columns * frame.rows, dtype=np.int64)
        box_x, box_y = columns % frame.columns, columns // frame.columns
        places, used = columns, len(columns)
        blocks: list[NDArray[np.int32]] = [np.zeros(used, dtype=np.int32)]
        outlines, borders = self._root_pairs(self.outlines), self._root_pairs(self.borders)
        for level in range(BITS // 2 + 1):
            width, height = frame.size_at(level)
            x, y = frame.west + box_x * width, frame.south + box_y * height
            near = _distinct(outlines[0], self.owner[outlines[1]])
            split = self._crowded(len(places), near, borders, level)
            leaves.add(places, x + width / 2, y + height / 2, ~split, near, borders)
            chosen = np.flatnonzero(split)
            if not len(chosen):
                break
            _point(blocks, places[chosen], used + 16 * np.arange(len(chosen)))
            places = used + np.arange(16 * len(chosen), dtype=np.int64)
            used += len(places)
            blocks.append(np.zeros(len(places), dtype=np.int32))
            number = np.full(len(split), -1, dtype=np.int64)
            number[chosen] = np.arange(len(chosen))
            corner = x, y
            outlines = self._child_pairs(self.outlines, outlines, number, corner, level + 1)
            borders = self._child_pairs(self.borders, borders, number, corner, level + 1)
            part = np.tile(np.arange(16), len(chosen))
            box_x, box_y = np.repeat(box_x[chosen], 16) * 4 + part % 4, np.repeat(box_y[chosen], 16) * 4 + part // 4
        return np.concatenate(blocks), leaves

    def _crowded(self, boxes: int, near: tuple[Ints, Ints], borders: tuple[Ints, Ints], level: int) -> NDArray[np.bool_]:
        if self.frame.is_finest(level):
            return np.zeros(boxes, dtype=bool)
        polygons = np.bincount(near[0], minlength=boxes)
        edges = np.bincount(borders[0], minlength=boxes)
        return np.asarray((polygons > _MOST_POLYGONS) | (edges > _MOST_EDGES))

    def _root_pairs(self, edges: _Edges) -> tuple[Ints, Ints]:
        frame = self.frame
        width, height = frame.box

        def pairs(edge: Ints) -> tuple[Ints, Ints]:
            which, box_x, box_y = _spread(
                edge,
                _clip(np.floor((edges.left[edge] - frame.west) / width), frame.columns),
                _clip(np.floor((edges.right[edge] - frame.west) / width), frame.columns),
                _clip(np.floor((edges.low[edge] - frame.south) / height), frame.rows),
                _clip(np.floor((edges.high[edge] - frame.south) / height), frame.rows),
            )
            met = edges.touch(which, frame.west + box_x * width, frame.south + box_y * height, width, height)
            return (box_y * frame.columns + box_x)[met], which[met]

        return _in_blocks(np.arange(len(edges.x1)), pairs)

    def _child_pairs(
        self, edges: _Edges, pairs: tuple[Ints, Ints], number: Ints, corner: tuple[Floats, Floats], level: int
    ) -> tuple[Ints, Ints]:
        """Hand the pairs of the split boxes (number ≥ 0) on to those of their 16 parts that the edges meet."""
        width, height = self.frame.size_at(level)

        def parts(chosen: Ints) -> tuple[Ints, Ints]:
            box, edge = pairs[0][chosen], pairs[1][chosen]
            x, y = corner[0][box], corner[1][box]
            row, part_x, part_y = _spread(
                np.arange(len(box)),
                _clip(np.floor((edges.left[edge] - x) / width), 4),
                _clip(np.floor((edges.right[edge] - x) / width), 4),
                _clip(np.floor((edges.low[edge] - y) / height), 4),
                _clip(np.floor((edges.high[edge] - y) / height), 4),
            )
            met = edges.touch(edge[row], x[row] + part_x * width, y[row] + part_y * height, width, height)
            return (number[box[row]] * 16 + part_y * 4 + part_x)[met], edge[row][met]

        return _in_blocks(np.flatnonzero(number[pairs[0]] >= 0), parts)


def _in_blocks(items: Ints, pairs_of: Callable[[Ints], tuple[Ints, Ints]]) -> tuple[Ints, Ints]:
    """Return the pairs of all items, made for some of them at a time."""
    found = [pairs_of(items[begin : begin + _AT_ONCE]) for begin in range(0, len(items) or 1, _AT_ONCE)]
    return np.concatenate([one for one, _ in found]), np.concatenate([other for _, other in found])


def _clip(values: Floats, count: int) -> Ints:
    return np.clip(values, 0, count - 1).astype(np.int64)


def _spread(which: Ints, left: Ints, right: Ints, low: Ints, high: Ints) -> tuple[Ints, Ints, Ints]:
    """Repeat each item for every box of its range; returns item, column, row."""
    wide, tall = right - left + 1, high - low + 1
    counts = wide * tall
    item = np.repeat(np.arange(len(which)), counts)
    offset = np.arange(len(item)) - np.repeat(np.cumsum(counts) - counts, counts)
    return which[item], left[item] + offset % wide[item], low[item] + offset // wide[item]


def _distinct(boxes: Ints, polygons: Ints) -> tuple[Ints, Ints]:
    keys = np.sort((boxes << 32) | polygons)  # several times faster here than np.unique, which hashes
    keys = keys[np.append(True, keys[1:] != keys[:-1])] if len(keys) else keys
    return keys >> 32, keys & 0xFFFFFFFF


def _point(blocks: list[NDArray[np.int32]], places: Ints, targets: Ints) -> None:
    """Write where the children of split boxes begin; the boxes all stand in the last block."""
    first = sum(len(block) for block in blocks[:-1])
    blocks[-1][places - first] = targets


def _candidates(polygons: NDArray[Any], leaves: _Leaves, size: int) -> tuple[Ints, Ints]:
    """Pairs of leaf and polygon that may hold a point of it: those whose edges touch it and those that hold its centre."""
    boxes, near = leaves.polygons()
    if size:
        _, x, y = leaves.places()
        tree = shapely.STRtree(polygons)

        def holding(chosen: Ints) -> tuple[Ints, Ints]:
            leaf, polygon = tree.query(shapely.points(x[chosen], y[chosen]))
            leaf = chosen[leaf]
            holds = shapely.intersects_xy(polygons[polygon], x[leaf], y[leaf])
            return leaf[holds], polygon[holds]

        shapely.prepare(polygons)  # a coastline of thousands of vertices is asked thousands of times
        leaf, polygon = _in_blocks(np.arange(leaves.count), holding)
        shapely.destroy_prepared(polygons)
        boxes, near = np.concatenate([boxes, leaf]), np.concatenate([near, polygon])
    return _distinct(boxes, near)


def _label(tree: NDArray[np.int32], leaves: _Leaves, candidates: tuple[Ints, Ints], size: int) -> None:
    """Write the entries of all leaves into the tree; a mixed leaf gets the number of its lists."""
    places, _, _ = leaves.places()
    counts = np.bincount(candidates[0], minlength=leaves.count)
    touched = np.zeros(leaves.count, dtype=bool)
    touched[leaves.polygons()[0]] = True
    touched[leaves.edges()[0]] = True
    entry = np.full(leaves.count, size, dtype=np.int64)
    only = counts[candidates[0]] == 1
    entry[candidates[0][only]] = candidates[1][only]
    mixed = touched | (counts > 1)
    entry[mixed] = size + 1 + np.arange(int(mixed.sum()))
    tree[places] = ~entry


def _lists(pairs: tuple[Ints, Ints], mixed: Ints, count: int) -> tuple[bytes, bytes]:
    """Starts and items of the lists of the mixed leaves; `mixed` maps a leaf to its number or -1."""
    kept = mixed[pairs[0]] >= 0
    box, item = mixed[pairs[0][kept]], pairs[1][kept]
    order = np.lexsort((item, box))
    starts = np.zeros(count + 1, dtype=np.int32)
    np.cumsum(np.bincount(box, minlength=count), out=starts[1:])
    return starts.tobytes(), item[order].astype(np.int32).tobytes()


def _pack(
    frame: _Frame,
    tree: NDArray[np.int32],
    leaves: _Leaves,
    candidates: tuple[Ints, Ints],
    border: Floats,
    sides: Ints,
    polygons: NDArray[Any],
) -> IndexTables:
    size = len(polygons)
    numbers = ~tree[leaves.places()[0]].astype(np.int64) - size - 1
    mixed = np.where(numbers >= 0, numbers, -1)
    count = int(mixed.max(initial=-1)) + 1
    candidate_starts, candidate_items = _lists(candidates, mixed, count)
    edge_starts, edge_items = _lists(leaves.edges(), mixed, count)
    ring_starts, ring_lon, ring_lat = _rings(polygons)
    return IndexTables(
        size=size, west=frame.west, south=frame.south, columns=frame.columns, rows=frame.rows,
        lon_scale=(1 << BITS) / frame.box[0], lat_scale=(1 << BITS) / frame.box[1],
        tree=tree.tobytes(), candidate_starts=candidate_starts, candidates=candidate_items,
        edge_starts=edge_starts, edge_lists=edge_items,
        edges=np.ascontiguousarray(border.T).tobytes(), sides=np.ascontiguousarray(sides.T.astype(np.int32)).tobytes(),
        ring_starts=ring_starts, ring_lon=ring_lon, ring_lat=ring_lat,
    )  # fmt: skip


def _only(geometries: NDArray[Any], chosen: NDArray[np.bool_]) -> NDArray[Any]:
    kept = geometries.copy()
    kept[~chosen] = None
    return kept


def _rings(polygons: NDArray[Any]) -> tuple[bytes, bytes, bytes]:
    """Vertices of the polygons of one small ring, without the closing one."""
    starts = np.zeros(len(polygons) + 1, dtype=np.int32)
    if not len(polygons):
        return starts.tobytes(), b"", b""
    simple = shapely.get_num_geometries(polygons) == 1
    parts = _only(shapely.get_geometry(polygons, 0), simple)
    vertices = shapely.get_num_coordinates(parts)
    simple &= (shapely.get_num_interior_rings(parts) == 0) & (vertices <= _SMALL_RING + 1)
    points, of = shapely.get_coordinates(_only(parts, simple), return_index=True)
    kept = np.ones(len(of), dtype=bool)
    kept[:-1] = of[1:] == of[:-1]  # the last vertex of each ring repeats the first
    kept[-1:] = False
    points, of = points[kept], of[kept]
    np.cumsum(np.bincount(of, minlength=len(polygons)), out=starts[1:])
    return starts.tobytes(), points[:, 0].tobytes(), points[:, 1].tobytes()
