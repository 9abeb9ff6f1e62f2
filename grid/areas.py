"""The value types of the territory: areas, zones, assets, gazetteer entries. Geometries are WKB in WGS-84 degrees, lon first.

WKB keeps the coordinates to the last bit and is read a thousand times faster than nested lists.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from dispatch.model import AreaRef

__all__ = ["GRID_KINDS", "ZONE_KINDS", "Area", "Asset", "Entry", "Feature", "NameHit", "Zone", "is_below_grid"]

GRID_KINDS = ("unit", "duty", "manage", "eval", "special", "extension")
ZONE_KINDS = ("special", "campaign", "management")


class Area(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One node of the territory: city, district, township, community or grid (`dispatch.model.LEVELS`).

    `parent` is the code of the node above, None only for the city. `wkb` is empty for an area that is known by code and name
    only. `label` is a point inside, for a map's text. `version` is the territory version that brought the area as it is.
    """

    code: str
    name: str
    level: str
    parent: str | None = None
    kind: str = ""
    name_en: str = ""
    synthetic: bool = False
    wkb: bytes = b""
    label: tuple[float, float] | None = None
    version: int = 0
    valid_from: datetime | None = None

    @property
    def is_special(self) -> bool:
        """A grid run by its owner (专属网格: market, campus…): it lies over the duty grids and wins over them."""
        return self.level == "grid" and self.kind == "special"

    @property
    def layer(self) -> str:
        """Areas of one parent and one layer lie side by side; a layer may lie over another (domain §5.1).

        The duty grids are a layer, and so are the unit grids and each kind that lies over them.
        """
        return (self.kind or "duty") if self.level == "grid" else self.level


class Zone(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A polygon beside the tree of areas: a special grid (`special`) or a campaign zone (`campaign`).

    A campaign may set a `limit` for some `categories` (none: all) from `valid_from` to `valid_to` (days like 2026-11-21).
    """

    code: str
    name: str
    kind: str = "special"
    name_en: str = ""
    owner: str = ""
    limit: str = ""
    categories: tuple[str, ...] = ()
    valid_from: str = ""
    valid_to: str = ""
    wkb: bytes = b""


class Asset(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A component (部件) or a linear object with its owner (unit code) and category; `buffer_m` is how far it reaches."""

    code: str
    name: str = ""
    category: str = ""
    owner: str = ""
    buffer_m: float = 30.0
    wkb: bytes = b""


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A place name of the gazetteer with its position (WGS-84) or at least its area."""

    name: str
    aliases: tuple[str, ...] = ()
    kind: str = ""
    lon: float | None = None
    lat: float | None = None
    area_code: str | None = None


class NameHit(msgspec.Struct, frozen=True):
    """A place that a text may mean: its name, the areas around it, and a point (WGS-84) where one is known.

    `look` (lon, lat) is where a map should look for an area; it stands for no position.
    """

    name: str
    area_path: tuple[AreaRef, ...]
    lon: float | None = None
    lat: float | None = None
    look: tuple[float, float] | None = None


class Feature(msgspec.Struct, frozen=True, gc=False):
    """An area for the map: its shapely geometry in WGS-84 degrees and where its label stands."""

    code: str
    name: str
    name_en: str
    level: str
    kind: str
    geometry: object
    label: tuple[float, float]


def is_below_grid(code: str, kind: str, parent: str) -> bool:
    """Tell whether an area may lie below the grid `parent`: a unit grid, or a micro-grid by its code (parent, `-`, two digits).

    >>> is_below_grid("520102001001001-07", "", "520102001001001"), is_below_grid("520102001001002", "", "520102001001001")
    (True, False)
    """
    tail = code.removeprefix(parent)
    return kind == "unit" or (len(tail) == 3 and tail[0] == "-" and tail[1:].isdecimal())
