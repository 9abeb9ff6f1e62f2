"""The value types of the territory: areas, zones, assets, gazetteer entries. Geometries are WKB in WGS-84 degrees, lon first.

WKB keeps the coordinates to the last bit and is read a thousand times faster than nested lists.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from dispatch.model import AreaRef

__all__ = [
    "AREA_LEVELS", "ENTRY_KINDS", "GRID_KINDS", "KINDS", "ZONE_KINDS", "Area", "Asset", "Entry", "Feature", "NameHit",
    "Part", "Zone", "is_below_grid", "layer_of",
]  # fmt: skip

GRID_KINDS = ("unit", "duty", "manage", "eval", "special", "extension")
ZONE_KINDS = ("special", "campaign", "management")
ENTRY_KINDS = ("road", "door", "estate", "building", "landmark")
AREA_LEVELS = ("city", "district", "township", "community")  # whose names are looked for in an address
KINDS = (*ENTRY_KINDS, *AREA_LEVELS)


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
        return layer_of(self.level, self.kind)


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
    """A place name of the gazetteer with its position (WGS-84) or at least its area.

    `kind` is one of `ENTRY_KINDS`; of any other word the kind is taken from how the name ends. A `door` is called by road and
    number (金阳南路8号). `line` is the course of a road (lon, lat), `synthetic` marks what was invented.
    """

    name: str
    aliases: tuple[str, ...] = ()
    kind: str = ""
    lon: float | None = None
    lat: float | None = None
    area_code: str | None = None
    line: tuple[tuple[float, float], ...] = ()
    synthetic: bool = False


class Part(msgspec.Struct, frozen=True):
    """A stretch of an address and what it was taken for.

    `kind` is one of `KINDS`, or `number`, `relation`, `crossing`, `unknown`; `name` what it is called in full; `how` it was
    recognised: `exact`, `sound`, `similar`, or empty for what is no name.
    """

    text: str
    kind: str
    name: str = ""
    how: str = ""


class NameHit(msgspec.Struct, frozen=True):
    """A place that a text may mean: its name, the areas around it, and a point (WGS-84) where one is known.

    `look` (lon, lat) is where a map should look for an area; it stands for no position. `confidence` (0…1) is the chance that
    the place that is meant lies within 300 m of the point (without one: in the area); `radius_m` is how far from the point (of an
    area: from its middle) it may lie. `doubt` says in codes what lowers the confidence, `source` who knows the place
    (`gazetteer`, or an outside geocoder).
    """

    name: str
    area_path: tuple[AreaRef, ...]
    lon: float | None = None
    lat: float | None = None
    look: tuple[float, float] | None = None
    kind: str = ""
    confidence: float = 0.0
    radius_m: float | None = None
    parts: tuple[Part, ...] = ()
    doubt: tuple[str, ...] = ()
    source: str = "gazetteer"


class Feature(msgspec.Struct, frozen=True, gc=False):
    """An area for the map: its shapely geometry in WGS-84 degrees and where its label stands."""

    code: str
    name: str
    name_en: str
    level: str
    kind: str
    geometry: object
    label: tuple[float, float]


def layer_of(level: str, kind: str) -> str:
    """Return the layer of an area of this level and kind (`Area.layer`); a grid whose kind nobody has said is a duty grid.

    >>> layer_of("grid", ""), layer_of("grid", "special"), layer_of("community", "村")
    ('duty', 'special', 'community')
    """
    return (kind or "duty") if level == "grid" else level


def is_below_grid(code: str, kind: str, parent: str) -> bool:
    """Tell whether an area may lie below the grid `parent`: a unit grid, or a micro-grid by its code (parent, `-`, two digits).

    >>> is_below_grid("520102001001001-07", "", "520102001001001"), is_below_grid("520102001001002", "", "520102001001001")
    (True, False)
    """
    tail = code.removeprefix(parent)
    return kind == "unit" or (len(tail) == 3 and tail[0] == "-" and tail[1:].isdecimal())
