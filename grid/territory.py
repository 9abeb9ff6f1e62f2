"""The territory of a city as an immutable snapshot in memory: where a point, an area code or an address is.

Making it takes seconds (`grid.making`, and `grid.gazetteer_building` for the names). A service has that done by processes of
their own (`grid.build_process`) and puts the tables together by `assemble`, whose steps are small enough to take turns with other
work on an event loop; `build` does both at once. Objects are made of the tables when somebody asks for them, and kept.
"""

from __future__ import annotations

import copy
from array import array
from collections.abc import Generator, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import shapely

from dispatch.errors import OutOfArea, UnknownArea
from dispatch.model import LEVELS, AreaRef, AssetRef, Campaign, Place, Point
from dispatch.succession import Succession
from grid.areas import Area, Asset, Entry, Feature, NameHit, Zone
from grid.assets import AssetIndex
from grid.buckets import Buckets
from grid.campaigns import CampaignIndex
from grid.coordinates import to_wgs84
from grid.gazetteer import Gazetteer
from grid.gazetteer_building import build_tables as build_names
from grid.gazetteer_building import entries_of_areas
from grid.gazetteer_corrected import NameIndex
from grid.gazetteer_index import GazetteerIndex
from grid.geocoders import OutsidePlace
from grid.hierarchy import AreaTree
from grid.index import PointIndex
from grid.index_building import DOUBT_METRES
from grid.layers import Box, Layer
from grid.making import Made, Outline, Parts, make
from grid.management import ManagementIndex
from grid.name_search import NameSearch
from grid.names import AreaNames
from grid.nearness import metres_outside

__all__ = ["TerritorySnapshot", "assemble", "build"]

GAP_METRES = 50.0  # a point in a gap belongs to the nearest grid up to here
COARSE_METRES = 500.0  # an accuracy worse than this says nothing about the grid
_ZONE_SQUARE = 0.005


class TerritorySnapshot:
    """Implements `dispatch.ports.Locator` over data that never change; any number of callers may share it."""

    def __init__(self, pieces: _Pieces) -> None:
        """Use `assemble` or `build`."""
        outline, self._layers, self._tree = pieces.outline, pieces.layers, pieces.tree
        self.version = outline.version
        self._index = pieces.points
        self._grids = pieces.layers["grid"]
        self._size = len(self._grids)
        self._paths: list[tuple[AreaRef, ...] | None] = [None] * self._size
        self._community_codes, self._community_of = outline.table.communities, array("i", outline.table.community_of)
        self._specials = pieces.specials
        self._after = Succession(outline.heirs)
        self._management = pieces.management if len(pieces.management) else None  # most cities ask nothing of it
        self._campaigns = pieces.campaigns
        self._assets = pieces.assets
        self._search = NameSearch(pieces.gazetteer, AreaNames(outline.table), pieces.tree, pieces.layers, self.area_at)

    def with_names(self, names: NameIndex) -> TerritorySnapshot:
        """Return this territory with other names in its gazetteer."""
        other = copy.copy(self)
        other._search = self._search.with_names(names)
        return other

    @property
    def gazetteer(self) -> Gazetteer:
        """Finds places by address."""
        return self._search.gazetteer

    def locate(
        self,
        lon: float,
        lat: float,
        crs: str,
        *,
        accuracy_m: float | None = None,
        source: str = "gps",
        address: str | None = None,
    ) -> Place:
        """Return where a point is: area path, special grid, assets near, and every doubt with its figure.

        Raises `OutOfArea` outside the city, `UnknownCrs`. `accuracy_m` is the radius that the sender is sure of.
        """
        x, y = to_wgs84(lon, lat, crs)
        if x is not lon:
            x, y = round(x, 7), round(y, 7)
        index = self._index
        leaf = index.leaf(x, y)
        grid = leaf if leaf < self._size else index.find_in(leaf, x, y)
        if grid >= 0:
            path = self._paths[grid] or self._path(grid)
            sure = leaf < self._size and (accuracy_m is None or accuracy_m <= DOUBT_METRES)
            doubt = () if sure else self._border_doubt(leaf, grid, x, y, accuracy_m)
        else:
            path, doubt = self._beside(x, y)
        management: AreaRef | None = None
        if self._management is not None:
            management, borders = self._management.at(x, y, accuracy_m)
            doubt = doubt + borders
        return Place(
            point=Point(x, y),
            raw=Point(lon, lat),
            raw_crs=crs,
            accuracy_m=accuracy_m,
            source=source,
            address=address,
            area_path=path,
            special=self._specials.at(x, y),
            management=management,
            boundary_doubt=bool(doubt),
            doubt=doubt,
            assets=self._assets.near(x, y),
            version=self.version,
        )

    def campaigns_at(self, lon: float, lat: float) -> tuple[Campaign, ...]:
        """Return the campaign zones that hold a WGS-84 point, whatever their time; mostly none."""
        return self._campaigns.at(lon, lat)

    @property
    def management_codes(self) -> frozenset[str]:
        """The codes of all management areas, in which units may work and for which rules may hold."""
        return self._management.codes if self._management is not None else frozenset()

    @property
    def special_codes(self) -> frozenset[str]:
        """The codes of all special polygons, for which rules of their own may hold."""
        return self._specials.codes

    def find_grid(self, lon: float, lat: float) -> str | None:
        """Return the code of the grid that holds a WGS-84 point (on a shared border the smallest), or None."""
        grid = self._index.find(lon, lat)
        return self._grids.code(grid) if grid >= 0 else None

    def find_grids(self, lons: Sequence[float], lats: Sequence[float], crs: str) -> list[str | None]:
        """Return the code of the grid that holds each of many points, or None; no special grids. Raises `UnknownCrs`."""
        x, y = to_wgs84(np.asarray(lons, dtype=float), np.asarray(lats, dtype=float), crs)
        code = self._grids.code
        return [code(grid) if grid >= 0 else None for grid in self._index.find_many(x, y).tolist()]

    def locate_area(self, code: str, *, address: str | None = None) -> Place:
        """Return the place of an area alone, with `area_only` doubt. Raises `UnknownArea`."""
        path = self._tree.path(code)
        if not path:
            raise UnknownArea(f"no area has the code {code!r}", area_code=code)
        return self._without_point(_down_to_grid(path), f"area_only:{code}", "area", address)

    def locate_address(self, address: str) -> Place | None:
        """Return the place that an address names: a point from the gazetteer, else the narrowest area; None for nothing sure.

        The place always carries `address_only` doubt.
        """
        found = self.gazetteer.find(address)
        if found is None:
            return None
        if found.lon is not None and found.lat is not None:
            place = self.locate(found.lon, found.lat, "WGS-84", source="address", address=address)
            return msgspec.structs.replace(place, boundary_doubt=True, doubt=(*place.doubt, f"address_only:{found.name}"))
        path = self._tree.path(found.area) if found.area else ()
        return self._without_point(path, f"address_only:{found.area}", "address", address) if path else None

    def _without_point(self, path: tuple[AreaRef, ...], doubt: str, source: str, address: str | None) -> Place:
        management, more = None, tuple[str, ...]()
        if self._management is not None:
            narrowest = path[-1]
            management, more = self._management.of_area(narrowest.code, self._layers[narrowest.level].geometry(narrowest.code))
        return Place(
            area_path=path, management=management, source=source, address=address, boundary_doubt=True, doubt=(doubt, *more),
            version=self.version,
        )  # fmt: skip

    def area(self, code: str) -> AreaRef | None:
        """Return the area with this code, or None."""
        return self._tree.get(code)

    def children(self, code: str) -> tuple[AreaRef, ...]:
        """Return the areas directly below, by code."""
        return self._tree.children(code)

    def roots(self) -> tuple[AreaRef, ...]:
        """Return the areas that have none above: the city."""
        return self._tree.roots()

    def path(self, code: str) -> tuple[AreaRef, ...]:
        """Return the areas from the city down to `code`; empty for an unknown code."""
        return self._tree.path(code)

    def forerunners(self, code: str) -> tuple[str, ...]:
        """Return the void areas whose ground `code` has, or shares; mostly none."""
        return self._after.forerunners(code)

    def metres_outside(self, codes: Sequence[str], lons: Sequence[float], lats: Sequence[float]) -> list[float]:
        """Return how far outside all of these areas each WGS-84 point lies: 0 inside and on the border, infinite where no area
        has a polygon."""
        found = [layer.geometry(code) for code in codes for layer in self._layers.values()]
        far = metres_outside([geometry for geometry in found if geometry is not None], lons, lats)
        return [float(metres) for metres in far]

    def is_within(self, code: str, ancestor: str) -> bool:
        """Tell whether the area `code` is `ancestor` or lies below it."""
        return self._tree.is_within(code, ancestor)

    def assets_near(self, lon: float, lat: float, category: str | None = None) -> tuple[AssetRef, ...]:
        """Return the assets (of one category) within reach of a WGS-84 point, nearest first."""
        return self._assets.near(lon, lat, category)

    def search_names(self, text: str, limit: int = 20) -> list[NameHit]:
        """Return places that the text may mean: what it names as an address first, best first, then areas and entries whose name
        holds it or is spelled so."""
        return self._search.search(text, limit)

    def outside_hit(self, place: OutsidePlace) -> NameHit:
        """Return what an outside geocoder says with the areas around it."""
        return self._search.outside(place)

    def area_at(self, lon: float, lat: float) -> str | None:
        """Return the code of the narrowest area that holds a WGS-84 point, or None outside all of them."""
        grid = self._index.find(lon, lat)
        return self._grids.code(grid) if grid >= 0 else self._holder(lon, lat)

    def features(self, level: str, bbox: Box | None = None) -> list[Feature]:
        """Return the areas of a level (`dispatch.model.LEVELS`) that meet the box (west, south, east, north) for the map."""
        return self._layers[level].features(bbox)

    def bounds(self) -> Box:
        """Return west, south, east, north of the whole territory (zeros when it has no polygons)."""
        found = [box for level in LEVELS if (box := self._layers[level].bounds()) is not None]
        if not found:
            return 0.0, 0.0, 0.0, 0.0
        west, south, east, north = zip(*found, strict=True)
        return min(west), min(south), max(east), max(north)

    def _border_doubt(self, leaf: int, grid: int, x: float, y: float, accuracy_m: float | None) -> tuple[str, ...]:
        """Say how near another community is when it is nearer than 20 m or the accuracy."""
        community = self._community_of[grid]
        if accuracy_m is None or accuracy_m <= DOUBT_METRES:
            metres, other = self._index.nearest_border(leaf, community, x, y)
            return (f"boundary:{metres:.0f}:{self._community_codes[other]}",) if metres <= DOUBT_METRES else ()
        if accuracy_m > COARSE_METRES:
            return (f"accuracy:{accuracy_m:.0f}",)
        metres, other = self._index.nearest_border_within(accuracy_m, community, x, y)
        return (f"boundary:{metres:.0f}:{self._community_codes[other]}",) if metres <= accuracy_m else ()

    def _beside(self, x: float, y: float) -> tuple[tuple[AreaRef, ...], tuple[str, ...]]:
        """A point in no grid: the nearest one up to 50 m, else the narrowest wider area. Raises `OutOfArea`.

        That also takes in a point up to 50 m outside the city: no positioning is better than that along a border.
        """
        grid, metres = self._grids.nearest(x, y, GAP_METRES)
        holder = self._holder(x, y)
        if grid >= 0:
            return self._path(grid), (f"gap:{metres:.0f}",)
        if holder is None:
            raise OutOfArea("the point lies outside the city", lon=x, lat=y)
        return self._tree.path(holder), (f"gap:>{GAP_METRES:.0f}",)

    def _path(self, grid: int) -> tuple[AreaRef, ...]:
        """The path of a grid; made when it is asked for first."""
        path = self._paths[grid]
        if path is None:
            path = self._paths[grid] = self._tree.path_at(self._grids.position(grid))
        return path

    def _holder(self, x: float, y: float) -> str | None:
        for level in reversed(LEVELS[:-1]):
            layer = self._layers[level]
            found = layer.holding(x, y)
            if found >= 0:
                return layer.code(found)
        return None


class _Specials:
    """The special grids: few polygons over the duty grids."""

    __slots__ = ("_buckets", "_polygons", "_refs")

    def __init__(self, outline: Outline) -> None:
        of_zones = (zone for zone in outline.zones if zone.kind == "special" and zone.wkb)
        found: list[Area | Zone] = sorted([*outline.specials, *of_zones], key=lambda item: item.code)
        self._refs = [AreaRef(item.code, item.name, "special", item.name_en) for item in found]
        self._polygons = shapely.from_wkb([item.wkb for item in found])
        shapely.prepare(self._polygons)
        self._buckets = Buckets(_ZONE_SQUARE, ((number, polygon.bounds) for number, polygon in enumerate(self._polygons)))

    @property
    def codes(self) -> frozenset[str]:
        """The codes of all of them."""
        return frozenset(ref.code for ref in self._refs)

    def at(self, lon: float, lat: float) -> AreaRef | None:
        """Return the special grid that holds the point (of several the smallest code), or None."""
        for number in self._buckets.at(lon, lat):
            if shapely.intersects_xy(self._polygons[number], lon, lat):
                return self._refs[number]
        return None


class _Pieces(NamedTuple):
    """What `assemble` has made."""

    outline: Outline
    tree: AreaTree
    layers: dict[str, Layer]
    points: PointIndex
    specials: _Specials
    management: ManagementIndex
    campaigns: CampaignIndex
    assets: AssetIndex
    gazetteer: NameIndex


def assemble(made: Made, gazetteer: NameIndex) -> Generator[None, None, TerritorySnapshot]:
    """Put a snapshot together in steps of milliseconds; the last one returns it."""
    outline, polygons = made.outline, made.polygons()
    tree = AreaTree(outline.table)
    yield
    layers = {level: Layer(outline.table, polygons, level) for level in LEVELS}
    yield
    index = PointIndex(made.points, layers["grid"].shapes)
    yield
    specials, campaigns, assets = _Specials(outline), CampaignIndex(outline.zones), AssetIndex(outline.assets)
    management = ManagementIndex(outline.zones)
    return TerritorySnapshot(_Pieces(outline, tree, layers, index, specials, management, campaigns, assets, gazetteer))


def _down_to_grid(path: tuple[AreaRef, ...]) -> tuple[AreaRef, ...]:
    """A place ends with the duty grid; a unit grid or a micro-grid below it is no step of its own."""
    grids = sum(area.level == "grid" for area in path)
    return path[: len(path) - grids + 1] if grids > 1 else path


def build(
    areas: Sequence[Area],
    zones: Sequence[Zone] = (),
    assets: Sequence[Asset] = (),
    gazetteer: Sequence[Entry] = (),
    *,
    version: str = "",
) -> TerritorySnapshot:
    """Return the snapshot of these areas at once (blocks for as long as it takes; see the module)."""
    made = make(Parts(areas=areas, zones=zones, assets=assets, version=version))
    steps = assemble(made, GazetteerIndex(build_names([*entries_of_areas(areas), *gazetteer])))
    while True:
        try:
            next(steps)
        except StopIteration as done:
            snapshot: TerritorySnapshot = done.value
            return snapshot
