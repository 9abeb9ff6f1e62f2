"""Everything of a territory that takes long, made as flat tables. Pure; seconds for a city of 15,000 grids."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
import numpy as np

from grid.area_table import AreaTable, ground_of
from grid.areas import Area, Asset, Zone
from grid.index_building import IndexTables, build_tables
from grid.shapes import Shapes

__all__ = ["Made", "Outline", "Parts", "make"]


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What a territory is made of. It answers from `switch_at` on (None: at once). `heirs` came after areas that are void."""

    areas: Sequence[Area]
    zones: Sequence[Zone] = ()
    assets: Sequence[Asset] = ()
    version: str = ""
    switch_at: datetime | None = None
    heirs: dict[str, list[str]] = {}


class Outline(msgspec.Struct, frozen=True, kw_only=True):
    """The areas as columns and the few things beside them; `specials` are the special grids among the areas."""

    table: AreaTable
    specials: list[Area]
    zones: list[Zone]
    assets: list[Asset]
    version: str
    switch_at: datetime | None
    heirs: dict[str, list[str]]


class Made(NamedTuple):
    """What `grid.territory.assemble` needs; `shape_starts` and `shapes` are the polygons (see `grid.area_table.Ground`)."""

    outline: Outline
    points: IndexTables
    shape_starts: bytes
    shapes: bytes

    def polygons(self) -> Shapes:
        """Return the polygons of all areas, in the order of their codes."""
        edges = np.frombuffer(self.shape_starts, np.int64)
        return Shapes(edges[:-1], edges[1:], self.shapes)


def make(parts: Parts) -> Made:
    """Return the territory of these parts as tables."""
    table, starts, shapes, polygons = ground_of(parts.areas)
    grids = polygons[np.frombuffer(table.layers["grid"], np.int32)]
    points = build_tables(grids, np.frombuffer(table.community_of, np.int32).astype(np.int64))
    outline = Outline(
        table=table,
        specials=[area for area in parts.areas if area.is_special and area.wkb],
        zones=list(parts.zones),
        assets=list(parts.assets),
        version=parts.version,
        switch_at=parts.switch_at,
        heirs=parts.heirs,
    )
    return Made(outline, points, starts, shapes)
