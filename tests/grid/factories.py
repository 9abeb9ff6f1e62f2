"""A small city for tests of the territory: 2 districts × 2 townships × 2 communities × 6 crooked grids, and files of packs."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import shapely

from bench.made_city import MadeCity, make_city
from grid.areas import Area
from grid.territory import TerritorySnapshot, build

__all__ = ["areas_of", "collection", "small_city", "small_territory", "square", "write_pack"]


@functools.cache
def small_city() -> MadeCity:
    """The city; always the same."""
    return make_city(districts=2, townships=2, communities=2, grids=6, width_km=12.0, seed=7)


def areas_of(city: MadeCity) -> list[Area]:
    """The areas as the database holds them."""
    return [
        Area(code=area.code, name=area.name, level=area.level, parent=area.parent, wkb=shapely.to_wkb(area.geometry))
        for area in city.areas
    ]


@functools.cache
def small_territory() -> TerritorySnapshot:
    """Its snapshot."""
    return build(areas_of(small_city()), version="7")


def square(west: float, south: float, side: float = 0.01) -> Any:
    """A square polygon by its south-west corner, in degrees."""
    return shapely.box(west, south, west + side, south + side)


def collection(*features: tuple[Any, dict[str, Any]]) -> str:
    """A GeoJSON file of pairs of geometry (or None) and properties."""
    return json.dumps(
        {
            "type": "FeatureCollection",
            "features": [
                {
                    "type": "Feature",
                    "properties": properties,
                    "geometry": json.loads(shapely.to_geojson(shape)) if shape is not None else None,
                }
                for shape, properties in features
            ],
        }
    )


def write_pack(folder: Path, city: MadeCity, crs: str = "WGS-84") -> None:
    """Write the city as areas.geojson, its coordinates said to be in `crs`."""
    features = [
        (area.geometry, {"code": area.code, "name": area.name, "level": area.level, "parent": area.parent, "crs": crs})
        for area in city.areas
    ]
    (folder / "areas.geojson").write_text(collection(*features), encoding="utf-8")
