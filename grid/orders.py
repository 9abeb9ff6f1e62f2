"""What can be asked of the territory: create, split, merge, move a border, rename, make void, replace a level (domain §5).

An order is what somebody wants, as values; `grid.planning` says what it would do. Shapes are GeoJSON in the coordinate system
that the order names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import shapely

from grid.coordinates import to_wgs84
from storage.errors import FieldError, Invalid

__all__ = [
    "Create", "Feature", "Import", "Merge", "MoveBorder", "Order", "Part", "Rename", "Reverse", "Split", "Void", "named",
    "shape_of",
]  # fmt: skip

Code = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z][0-9A-Za-z._-]{0,39}$")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
Crs = Literal["WGS-84", "CGCS2000", "GCJ-02", "BD-09"]
Level = Literal["district", "township", "community", "grid"]
Kind = Literal["", "unit", "duty", "manage", "eval", "special", "extension"]
Geometry = dict[str, Any]

POLYGONS, LINES = ("Polygon", "MultiPolygon"), ("LineString", "MultiLineString")


class _Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """Base of all orders."""


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One part of an area that is split; without `code` it gets the next of its parent, without `name` one of the old area's."""

    geometry: Geometry | None = None
    code: Code | None = None
    name: Name | None = None


class Feature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One area of a level that is replaced."""

    geometry: Geometry
    code: Code
    name: Name
    name_en: str = ""


class Create(_Order, frozen=True, kw_only=True, tag="create"):
    """A new area below `parent`; without `code` it gets the next of its parent."""

    parent: Code
    level: Level = "grid"
    name: Name
    geometry: Geometry
    crs: Crs
    code: Code | None = None
    area_kind: Kind = "duty"
    name_en: str = ""


class Split(_Order, frozen=True, kw_only=True, tag="split"):
    """One area becomes several: cut by a `line`, the parts then in order from west to east, or as the `parts` are drawn."""

    code: Code
    crs: Crs
    line: Geometry | None = None
    parts: Annotated[list[Part], msgspec.Meta(max_length=99)] = []


class Merge(_Order, frozen=True, kw_only=True, tag="merge"):
    """Neighbours become one: under the code of one of them (`into`), else under `code`, else under the next of their parent."""

    codes: Annotated[list[Code], msgspec.Meta(min_length=2, max_length=99)]
    into: Code | None = None
    code: Code | None = None
    name: Name | None = None


class MoveBorder(_Order, frozen=True, kw_only=True, tag="move_border"):
    """The ground that `giver` has within `ground` goes to its neighbour `taker`; together they hold what they held."""

    giver: Code
    taker: Code
    ground: Geometry
    crs: Crs


class Rename(_Order, frozen=True, kw_only=True, tag="rename"):
    """Another name; the code stays."""

    code: Code
    name: Name
    name_en: str | None = None


class Void(_Order, frozen=True, kw_only=True, tag="void"):
    """The area ends, and no other takes its ground."""

    code: Code


class Import(_Order, frozen=True, kw_only=True, tag="import"):
    """These features replace the areas of `level` directly below `parent`: a code that is there gets the new shape and name."""

    parent: Code
    level: Level = "grid"
    area_kind: Kind = "duty"
    crs: Crs
    features: Annotated[list[Feature], msgspec.Meta(min_length=1, max_length=2_000)]


class Reverse(_Order, frozen=True, kw_only=True, tag="reverse"):
    """What a change in force has done is undone: shapes, names and parents are as before. A code that it made void stays void:
    its ground gets the next code of its parent, and what named the void code leads there."""

    change: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]


Order = Create | Split | Merge | MoveBorder | Rename | Void | Import | Reverse


def named(order: Order) -> tuple[tuple[str, str], ...]:
    """Return (field, code) of the areas that must be there for the order to mean anything."""
    match order:
        case Create() | Import():
            return (("parent", order.parent),)
        case Split() | Rename() | Void():
            return (("code", order.code),)
        case Merge():
            return tuple((f"codes[{number}]", code) for number, code in enumerate(order.codes))
        case MoveBorder():
            return (("giver", order.giver), ("taker", order.taker))
        case Reverse():
            return ()


def shape_of(geometry: Geometry | None, crs: str, field: str, allowed: Sequence[str] = POLYGONS) -> Any:
    """Return the shapely geometry (WGS-84 degrees) of a GeoJSON one. Raises `Invalid` with the field and what is allowed."""
    words = f"a valid {' or '.join(allowed)} in degrees"
    found = shapely.from_geojson(msgspec.json.encode(geometry), on_invalid="ignore") if geometry else None
    if found is None or found.geom_type not in allowed or found.is_empty:
        raise _wrong(field, words)
    west, south, east, north = found.bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise _wrong(field, words)
    if not found.is_valid:
        raise _wrong(field, f"{words}: {shapely.is_valid_reason(found)}")
    flat = shapely.force_2d(found)
    if crs in ("WGS-84", "CGCS2000"):
        return flat
    return shapely.transform(flat, lambda at: np.column_stack(to_wgs84(at[:, 0], at[:, 1], crs)))


def _wrong(field: str, words: str) -> Invalid:
    return Invalid(errors=[FieldError(field=f"order.{field}", code="geometry", message=words)])
