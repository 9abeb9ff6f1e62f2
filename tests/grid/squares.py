"""A community of six square grids in two rows, for tests of changes: by hand one sees where everything lies.

Grid 001 to 003 lie side by side from west to east, 004 to 006 north of them; each side is 0.01 degrees, about a kilometre.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import shapely

from grid.areas import Area
from grid.land import Land

__all__ = ["CITY", "COMMUNITY", "GRIDS", "NOON", "areas", "box", "geojson", "grid_code", "land", "part", "squares"]

NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
CITY, DISTRICT, TOWNSHIP, COMMUNITY = "520100", "520102", "520102001", "520102001001"
WEST, SOUTH, SIDE = 106.60, 26.60, 0.01


def grid_code(number: int) -> str:
    """The code of a grid of the community."""
    return f"{COMMUNITY}{number:03}"


GRIDS = tuple(grid_code(number) for number in range(1, 7))


def box(west: float, south: float, east: float, north: float) -> Any:
    """A rectangle, in sides of a grid from the south-west corner of the community."""
    return shapely.box(WEST + west * SIDE, SOUTH + south * SIDE, WEST + east * SIDE, SOUTH + north * SIDE)


def geojson(shape: Any) -> dict[str, Any]:
    """The GeoJSON of a shape."""
    decoded: dict[str, Any] = msgspec.json.decode(shapely.to_geojson(shape))
    return decoded


def squares() -> dict[str, Any]:
    """The shapes of the six grids by code."""
    return {grid_code(row * 3 + column + 1): box(column, row, column + 1, row + 1) for row in (0, 1) for column in (0, 1, 2)}


def areas(*more: Area) -> list[Area]:
    """All areas, from the city down, each as wide as the community; then `more`."""
    above = zip((CITY, DISTRICT, TOWNSHIP, COMMUNITY), ("city", "district", "township", "community"), strict=True)
    found, parent, whole = [], None, shapely.to_wkb(box(0, 0, 3, 2))
    for code, level in above:
        found.append(Area(code=code, name=f"名{code}", level=level, parent=parent, wkb=whole, version=1, valid_from=NOON))
        parent = code
    for code, shape in squares().items():
        found.append(part(code, shape))
    return [*found, *more]


def part(code: str, shape: Any, *, parent: str = COMMUNITY, kind: str = "duty", name: str = "") -> Area:
    """A grid."""
    return Area(
        code=code, name=name or f"名{code}", level="grid", parent=parent, kind=kind, wkb=shapely.to_wkb(shape), version=1,
        valid_from=NOON,
    )  # fmt: skip


def land(*more: Area, used: Sequence[str] = ()) -> Land:
    """The community as an order is planned on it."""
    return Land(areas(*more), used, version=1)
