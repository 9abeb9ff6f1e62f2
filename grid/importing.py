"""Reads the territory of a city pack and writes it to the database.

areas.geojson[.gz] (required), zones.geojson, assets.geojson, gazetteer.csv, in any of the known coordinate systems (property or
column `crs`, WGS-84 where a feature has none). Everything wrong is said with file, feature or row number (from 1), property and
what is allowed; the rules of the tree and of nesting are those of `grid.inspection`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import shapely
from msgspec import Meta

from dispatch.model import CRS_NAMES, LEVELS
from dispatch.pack_taking import Rows, TableOutcome, Taking
from dispatch.packs import PackReport, rows
from grid import store
from grid.areas import GRID_KINDS, ZONE_KINDS, Area, Asset, Entry, Zone
from grid.boundaries import Boundary
from grid.campaigns import check_campaign
from grid.checking import check_areas
from grid.coordinates import to_wgs84
from grid.entries import INDEXES, checked, save_pack
from grid.entry_rows import EntryRow
from grid.geojson import Read, features_of
from storage.client import Database
from storage.indexes import ensure

__all__ = ["TerritoryPack", "read", "write"]

AREA_FILES = ("areas.geojson.gz", "areas.geojson")
AREAS = "areas.geojson"  # by what name the import tells of them
_POLYGONS = ("Polygon", "MultiPolygon")
_LINES_TOO = (*_POLYGONS, "Point", "MultiPoint", "LineString", "MultiLineString")

Code = Annotated[str, Meta(pattern=r"^[0-9A-Za-z][0-9A-Za-z._-]{0,39}$")]
Name = Annotated[str, Meta(min_length=1, max_length=120)]


class _AreaProperties(msgspec.Struct):
    code: Code
    name: Name
    level: str
    parent: Code | None = None
    kind: str | None = ""
    name_en: str | None = ""
    crs: str | None = "WGS-84"
    synthetic: bool | None = False


class _ZoneProperties(msgspec.Struct):
    code: Code
    name: Name
    kind: str = "special"
    name_en: str | None = ""
    owner: str | None = ""
    limit: str | None = ""
    categories: tuple[str, ...] | None = ()
    valid_from: str | None = ""
    valid_to: str | None = ""
    crs: str | None = "WGS-84"


class _AssetProperties(msgspec.Struct):
    code: Code
    category: Annotated[str, Meta(min_length=1, max_length=40)]
    owner: Annotated[str, Meta(min_length=1, max_length=80)]
    name: str | None = ""
    buffer_m: Annotated[float, Meta(gt=0, le=2000)] | None = 30.0
    crs: str | None = "WGS-84"


class TerritoryPack(msgspec.Struct, frozen=True):
    """The territory of a pack, read and checked, geometries in WGS-84."""

    areas: list[Area] = []
    zones: list[Zone] = []
    assets: list[Asset] = []
    gazetteer: list[Entry] = []

    @property
    def codes(self) -> frozenset[str]:
        """The codes of all areas."""
        return frozenset(area.code for area in self.areas)

    @property
    def zone_codes(self) -> frozenset[str]:
        """The codes of all zones and special grids for which a rule may be made as its `zone`."""
        specials = (area.code for area in self.areas if area.is_special)
        return frozenset((*(zone.code for zone in self.zones if zone.kind != "management"), *specials))

    @property
    def management(self) -> dict[str, str]:
        """The management areas: code → the unit that manages it."""
        return {zone.code: zone.owner for zone in self.zones if zone.kind == "management"}


def read(folder: Path, report: PackReport, *, categories: Collection[str] | None = None) -> TerritoryPack:
    """Return the territory of the pack in `folder`; what is wrong goes into `report` (then the result is not to be written).

    `categories` are the codes that campaign zones may name; None: they are not looked at.
    """
    name = next((name for name in AREA_FILES if (folder / name).is_file()), AREA_FILES[1])
    areas = _read_areas(folder, name, report)
    codes = {area.code for area in areas}
    return TerritoryPack(
        areas=areas,
        zones=_read_zones(folder, report, categories),
        assets=_read_assets(folder, report),
        gazetteer=_read_gazetteer(folder, report, codes),
    )


async def write(database: Database, pack: TerritoryPack, taking: Taking | None = None) -> TableOutcome:
    """Make the database hold this territory and tell every process; what people have made stays as ADR 21 says. `taking` says how
    (else all is written) and what came of it; returns what came of the areas."""
    taking = taking or Taking(database, await database.server_time())
    if taking.dry_run:
        await save_pack(pack.gazetteer, taking)
        return await _take_areas(database, pack.areas, taking)
    await ensure(database, {**store.INDEXES, **INDEXES})
    outcome = await _take_areas(database, pack.areas, taking)
    await store.save_rest(database, pack.zones, pack.assets)
    await save_pack(pack.gazetteer, taking)
    await store.mark_changed(database, taking.at)
    return outcome


async def _take_areas(database: Database, areas: Sequence[Area], taking: Taking) -> TableOutcome:
    """All or none, for borders must fit: while the pack says what it said at the last import, what people made of it stays; when
    it says something else, or is to win, the areas are as it says. Raises `CodeVoid`."""
    digests = {area.code: store.digest_of(area) for area in areas}
    word = {code: digest.encode() for code, digest in digests.items()}
    present = await store.load_digests(database)
    outcome = _difference(word, present)
    if outcome.same < len(present.keys() | word.keys()):
        if not taking.takes(AREAS) and await taking.last(AREAS) == word:
            outcome = TableOutcome(same=outcome.same, kept=outcome.new + outcome.changed + outcome.ended)
        elif taking.dry_run:
            await store.check_void(database, areas)
        else:
            await store.save_areas(database, areas, taking.at, await store.load_version(database) + 1, digests)
    await taking.put_down(AREAS, outcome, word)
    return outcome


def _difference(word: Rows, present: Mapping[str, str | None]) -> TableOutcome:
    same = sum(present.get(code) == digest.decode() for code, digest in word.items())
    new, ended = len(word.keys() - present.keys()), len(present.keys() - word.keys())
    return TableOutcome(new=new, changed=len(word) - new - same, ended=ended, same=same)


def _read_areas(folder: Path, name: str, report: PackReport) -> list[Area]:
    found = features_of(folder, name, _AreaProperties, _POLYGONS, report, required=True, may_be_empty=True)
    _one_of(found, "level", LEVELS, name, report)
    _one_of(found, "kind", (*GRID_KINDS, ""), name, report, only=lambda properties: properties.level == "grid")
    geometries = _in_wgs84(found, name, report)
    check_areas([_boundary(item.number, item.properties) for item in found], geometries, name, report)
    if not report.ok:
        return [_area(item.properties, b"", None) for item in found]
    labels = shapely.get_coordinates(shapely.point_on_surface(geometries), return_index=True)
    label_of = {int(index): (round(float(x), 7), round(float(y), 7)) for (x, y), index in zip(*labels, strict=True)}
    wkb = shapely.to_wkb(geometries)
    return [_area(item.properties, wkb[number] or b"", label_of.get(number)) for number, item in enumerate(found)]


def _boundary(number: int, properties: _AreaProperties) -> Boundary:
    return Boundary(
        number=number, code=properties.code, name=properties.name, level=properties.level, kind=properties.kind or "",
        parent=properties.parent,
    )  # fmt: skip


def _area(properties: _AreaProperties, wkb: bytes, label: tuple[float, float] | None) -> Area:
    return Area(
        code=properties.code, name=properties.name, level=properties.level, parent=properties.parent,
        kind=properties.kind or "", name_en=properties.name_en or "", synthetic=bool(properties.synthetic), wkb=wkb, label=label,
    )  # fmt: skip


def _read_zones(folder: Path, report: PackReport, categories: Collection[str] | None) -> list[Zone]:
    name = "zones.geojson"
    found = features_of(folder, name, _ZoneProperties, _POLYGONS, report)
    _one_of(found, "kind", ZONE_KINDS, name, report)
    wkb = shapely.to_wkb(_in_wgs84(found, name, report))
    zones = [
        Zone(
            code=of.code, name=of.name, kind=of.kind, name_en=of.name_en or "", owner=of.owner or "", limit=of.limit or "",
            categories=of.categories or (), valid_from=of.valid_from or "", valid_to=of.valid_to or "", wkb=shape,
        )
        for (_, of, _), shape in zip(found, wkb, strict=True)
    ]  # fmt: skip
    for (number, _, _), zone in zip(found, zones, strict=True):
        check_campaign(zone, name, number, categories, report)
    return zones


def _read_assets(folder: Path, report: PackReport) -> list[Asset]:
    name = "assets.geojson"
    found = features_of(folder, name, _AssetProperties, _LINES_TOO, report)
    wkb = shapely.to_wkb(_in_wgs84(found, name, report))
    return [
        Asset(
            code=of.code, name=of.name or "", category=of.category, owner=of.owner, buffer_m=of.buffer_m or 30.0, wkb=shape
        )
        for (_, of, _), shape in zip(found, wkb, strict=True)
    ]  # fmt: skip


def _one_of(
    found: Sequence[Read[Any]], field: str, allowed: Sequence[str], name: str, report: PackReport, *, only: Any = None
) -> None:
    for number, properties, _ in found:
        value = getattr(properties, field) or ""
        if value not in allowed and (only is None or only(properties)):
            words = ", ".join(word for word in allowed if word)
            report.error(name, number, field, f"is `{value}`; allowed: {words}", code="not_allowed")


def _in_wgs84(found: Sequence[Read[Any]], name: str, report: PackReport) -> Any:
    """The geometries in WGS-84, as an array; each coordinate system converted at once."""
    geometries = np.empty(len(found), dtype=object)
    geometries[:] = [item.geometry for item in found]
    _one_of(found, "crs", (*CRS_NAMES, ""), name, report)
    names = np.array([item.properties.crs or "WGS-84" for item in found])
    for crs in ("GCJ-02", "BD-09"):
        of = names == crs
        if of.any():
            geometries[of] = shapely.transform(
                geometries[of], lambda at, crs=crs: np.column_stack(to_wgs84(at[:, 0], at[:, 1], crs))
            )
    return geometries


def _read_gazetteer(folder: Path, report: PackReport, codes: set[str]) -> list[Entry]:
    name = "gazetteer.csv"
    return [
        entry
        for row in rows(folder, name, EntryRow, report)
        if (entry := checked(row, report, codes.__contains__)) is not None
    ]  # fmt: skip
