"""The areas of a territory as columns, not as objects: they travel between processes and are loaded in milliseconds.

A city of 200,000 grids would be some millions of objects, which take seconds to make and stop the event loop when they are let
go. What somebody asks for is made then (`grid.hierarchy`, `grid.layers`, `grid.shapes`) and kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray

from dispatch.model import LEVELS
from grid.areas import Area
from grid.texts import Texts

__all__ = ["AreaTable", "Ground", "ground_of"]

_KINDS = ("duty", "unit", "manage", "eval", "extension")  # a city may know its grids by another name than duty grids
_RANK = {kind: rank for rank, kind in enumerate(_KINDS)}
_LEVEL = {level: number for number, level in enumerate(LEVELS)}
_DEEPEST = 8  # of a path; a circle of parents ends here

Int32s = NDArray[np.int32]
Uint8s = NDArray[np.uint8]


class AreaTable(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """All areas in the order of their codes; position i of every column belongs to area i. Numbers are little-endian bytes.

    `codes` and `names` are texts in one (`grid.texts`). `level_of` (uint8) counts in `dispatch.model.LEVELS`, `kind_of` (uint8)
    in `kinds`; `parent_of` (int32) is -1 where there is none; below i are `children[child_starts[i]:child_starts[i + 1]]`
    (int32). `layers` are the positions (int32) of the areas of each level that points are looked up in. `bounds` (float64:
    west, south, east, north) and `labels` (float64: lon, lat of a point inside) are NaN for an area without a polygon.
    `community_of` (int32) says for each position of the layer of the grids which of `communities` it belongs to; a grid that
    belongs to none counts as one of its own. `typed` holds all names, lower case, a line for each area, wide ones first: line k
    begins at `typed_starts[k]` and is of area `typed_order[k]` (int32).
    """

    codes: str
    code_starts: bytes
    names: str
    name_starts: bytes
    names_en: dict[int, str]
    kinds: list[str]
    level_of: bytes
    kind_of: bytes
    parent_of: bytes
    child_starts: bytes
    children: bytes
    layers: dict[str, bytes]
    bounds: bytes
    labels: bytes
    communities: list[str]
    community_of: bytes
    typed: str
    typed_starts: bytes
    typed_order: bytes

    def all_codes(self) -> Texts:
        """Return the code of each area."""
        return Texts(self.codes, self.code_starts)

    def all_names(self) -> Texts:
        """Return the name of each area."""
        return Texts(self.names, self.name_starts)


class Ground(NamedTuple):
    """The areas as columns, and their polygons: WKB one after the other, that of area i from `shape_starts[i]` (int64) on; and
    decoded (None where there is none)."""

    table: AreaTable
    shape_starts: bytes
    shapes: bytes
    polygons: NDArray[Any]


def ground_of(areas: Sequence[Area]) -> Ground:
    """Return the areas as columns. Of two areas with one code the last counts."""
    ordered = sorted({area.code: area for area in areas}.values(), key=lambda area: area.code)
    number = {area.code: position for position, area in enumerate(ordered)}
    parents = np.array([number.get(area.parent or "", -1) for area in ordered], dtype=np.int32)
    kinds = sorted({area.kind for area in ordered})
    by_parent = np.argsort(parents, kind="stable").astype(np.int32)
    starts = np.searchsorted(parents[by_parent], np.arange(len(ordered) + 1))
    level_of = np.array([_LEVEL[area.level] for area in ordered], dtype=np.uint8)
    layers = _layers(ordered, level_of, parents)
    communities, community_of = np.unique(_communities(level_of, parents, layers["grid"]), return_inverse=True)
    polygons = np.asarray(shapely.from_wkb([area.wkb or None for area in ordered]), dtype=object)
    bounds, labels = shapely.bounds(polygons), _labels(ordered, polygons)
    typed, typed_starts, typed_order = _typed(ordered, level_of)
    codes, code_starts = Texts.joined(area.code for area in ordered)
    names, name_starts = Texts.joined(area.name for area in ordered)
    table = AreaTable(
        codes=codes,
        code_starts=code_starts,
        names=names,
        name_starts=name_starts,
        names_en={position: area.name_en for position, area in enumerate(ordered) if area.name_en},
        kinds=kinds,
        level_of=level_of.tobytes(),
        kind_of=bytes(kinds.index(area.kind) for area in ordered),
        parent_of=parents.tobytes(),
        child_starts=starts.astype(np.int32).tobytes(),
        children=by_parent.tobytes(),
        layers={level: positions.tobytes() for level, positions in layers.items()},
        bounds=bounds.tobytes(),
        labels=labels.tobytes(),
        communities=[ordered[position].code for position in communities.tolist()],
        community_of=community_of.astype(np.int32).tobytes(),
        typed=typed,
        typed_starts=typed_starts.tobytes(),
        typed_order=typed_order.tobytes(),
    )
    lengths = np.array([0, *(len(area.wkb) for area in ordered)], dtype=np.int64)
    return Ground(table, np.cumsum(lengths).tobytes(), b"".join(area.wkb for area in ordered), polygons)


def _layers(areas: Sequence[Area], level_of: Uint8s, parents: Int32s) -> dict[str, Int32s]:
    """The areas of each level in which a point is looked up."""
    drawn = np.array([bool(area.wkb) for area in areas], dtype=bool)
    layers = {level: np.flatnonzero(drawn & (level_of == number)).astype(np.int32) for level, number in _LEVEL.items()}
    return layers | {"grid": _looked_up(areas, layers["grid"], parents)}


def _looked_up(areas: Sequence[Area], grids: Int32s, parents: Int32s) -> Int32s:
    """Of the grids of each parent those of one kind, the first of `_KINDS` that it has: mostly duty grids. Special grids never:
    they lie over the others. Nor what lies below a grid (unit grids, micro-grids) (domain §5.1)."""
    rank = np.array([_RANK.get(areas[position].layer, len(_KINDS)) for position in grids.tolist()], dtype=np.int64)
    above = parents[grids]
    first = np.full(len(areas) + 1, len(_KINDS))  # of each parent; the last is for those that have none
    np.minimum.at(first, above, rank)
    is_grid = np.zeros(len(areas) + 1, dtype=bool)
    is_grid[grids] = True
    chosen: Int32s = grids[(rank < len(_KINDS)) & (rank == first[above]) & ~is_grid[above]]
    return chosen


def _communities(level_of: Uint8s, parents: Int32s, grids: Int32s) -> Int32s:
    """The position of the community above each of the grids; of one that belongs to none, its own."""
    is_community = level_of == _LEVEL["community"]
    step = grids
    for _ in range(_DEEPEST):
        above = parents[step]
        step = np.where(is_community[step] | (above < 0), step, above)
    return np.where(is_community[step], step, grids)


def _typed(areas: Sequence[Area], level_of: Uint8s) -> tuple[str, Int32s, Int32s]:
    order = np.argsort(level_of, kind="stable").astype(np.int32)
    named = (areas[position] for position in order.tolist())
    lines = [f"{area.name} {area.name_en}".replace("\n", " ").casefold() + "\n" for area in named]
    starts = np.cumsum([0, *map(len, lines)], dtype=np.int32)[:-1]
    return "".join(lines), starts, order


def _labels(areas: Sequence[Area], polygons: NDArray[Any]) -> NDArray[np.float64]:
    """A point inside each; that which the area brings along is kept."""
    points = shapely.point_on_surface(polygons)
    placed = np.column_stack([shapely.get_x(points), shapely.get_y(points)])
    for position, area in enumerate(areas):
        if area.label is not None:
            placed[position] = area.label
    return placed
