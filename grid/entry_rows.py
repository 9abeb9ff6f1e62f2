"""A row of the gazetteer, in a pack, a table that is sent or a request: what may stand in it, and the entry it makes. Pure.

Coordinates come in any of the known systems (`crs`) and are kept in WGS-84.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import blake2b
from math import isfinite
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from dispatch.model import CRS_NAMES
from grid.address import door_of, normalise
from grid.areas import Entry
from grid.coordinates import to_wgs84

__all__ = ["EntryRow", "Wrong", "entry_id", "entry_of", "wrong_in"]

MOST_POINTS = 500

Name = Annotated[str, Meta(min_length=1, max_length=120)]
Lon = Annotated[float, Meta(ge=-180, le=180)]
Lat = Annotated[float, Meta(ge=-90, le=90)]


class EntryRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row: columns name, aliases, kind, lon, lat, crs, area_code, line, synthetic. All but the name may be empty; a place
    without a point needs the code of its area. `line` is the course of a road as points `lon lat`."""

    name: Name
    aliases: Annotated[tuple[Name, ...], Meta(max_length=50)] = ()
    kind: Annotated[str, Meta(max_length=40)] = ""
    lon: Lon | None = None
    lat: Lat | None = None
    crs: str | None = None
    area_code: Annotated[str, Meta(max_length=64)] | None = None
    line: tuple[str, ...] = ()
    synthetic: bool = False


class Wrong(NamedTuple):
    """Something in a row that cannot be taken: the column, a code, and what is allowed."""

    column: str
    code: str
    message: str


def wrong_in(row: EntryRow, knows_area: Callable[[str], bool]) -> Iterator[Wrong]:
    """Give everything that is wrong in a row whose cells are of the right form."""
    placed = row.lon is not None or bool(row.line)
    if (row.lon is None) != (row.lat is None):
        yield Wrong("lat" if row.lat is None else "lon", "invalid", "lon and lat stand together or not at all")
    if placed and row.crs not in CRS_NAMES:
        yield Wrong("crs", "not_allowed", f"is `{row.crs or ''}`; allowed: {', '.join(CRS_NAMES)}")
    if not placed and not row.area_code:
        yield Wrong("area_code", "missing", "a place without lon and lat needs the code of its area")
    if row.area_code and not knows_area(row.area_code):
        yield Wrong("area_code", "unknown_area", f"no area has the code `{row.area_code}`")
    if row.kind == "door" and door_of(normalise(row.name)) is None:
        yield Wrong("name", "not_allowed", f"is `{row.name}`; a door is called by road and number, like 金阳南路8号")
    yield from _wrong_in_line(row.line)


def _wrong_in_line(line: tuple[str, ...]) -> Iterator[Wrong]:
    if len(line) == 1 or len(line) > MOST_POINTS:
        yield Wrong("line", "length", f"has {len(line)} points; allowed: 2 to {MOST_POINTS}")
    for cell in line:
        if _point(cell) is None:
            yield Wrong("line", "invalid", f"is `{cell}`; allowed: points like 106.63 26.64, with ; between them")
            return


def _point(cell: str) -> tuple[float, float] | None:
    try:
        lon, lat = map(float, cell.split())
    except ValueError:
        return None
    return (lon, lat) if isfinite(lon) and isfinite(lat) and abs(lon) <= 180 and abs(lat) <= 90 else None


def entry_of(row: EntryRow) -> Entry:
    """Return the entry of a row in which nothing is wrong. A line without a point of its own lies at its middle point.

    >>> entry_of(EntryRow(name="金阳南路", crs="WGS-84", line=("106.6 26.6", "106.61 26.6", "106.62 26.6"))).lon
    106.61
    """
    crs = row.crs or "WGS-84"
    line = tuple(_rounded(*to_wgs84(*point, crs)) for cell in row.line if (point := _point(cell)) is not None)
    lon, lat = row.lon, row.lat
    if lon is not None and lat is not None:
        lon, lat = _rounded(*to_wgs84(lon, lat, crs))
    elif line:
        lon, lat = line[len(line) // 2]
    return Entry(
        name=row.name, aliases=row.aliases, kind=row.kind, lon=lon, lat=lat, area_code=row.area_code or None, line=line,
        synthetic=row.synthetic,
    )  # fmt: skip


def _rounded(lon: float, lat: float) -> tuple[float, float]:
    return round(float(lon), 7), round(float(lat), 7)


def entry_id(entry: Entry, ordinal: int = 0) -> str:
    """Return the id of an entry that was given none: from name, kind and area, so that the same row is the same entry wherever
    it stands. `ordinal` counts those that share all three.

    >>> len({entry_id(Entry(name="友谊路", kind=kind), number) for kind in ("road", "landmark") for number in (0, 1)})
    4
    """
    said = "\n".join((entry.name, entry.kind, entry.area_code or "", str(ordinal)))
    return blake2b(said.encode(), digest_size=9).hexdigest()
