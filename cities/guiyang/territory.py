"""The territory of the demo city: real districts and names, invented lines below them.

Each level is cut into Voronoi cells around evenly spread seeds and clipped to its parent. Rounding to six decimals would then
open gaps where a child's corner lies inside a parent's edge, so all lines are noded together on the rounded lattice, the
faces between them are given to their grids, and every parent is the union of its children: the result is a valid coverage
on every level, before and after a round trip through the file.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np
import shapely
from shapely.geometry import MultiPoint, shape
from shapely.geometry.base import BaseGeometry

from cities.guiyang.randomness import numbers

__all__ = ["CITY", "DISTRICTS", "GRIDS", "Area", "Place", "build_areas", "read_places"]

CITY = "520100"
GRIDS = 15_000
LATTICE = 1e-6  # degrees: six decimals, about 0.1 m

# code → English name, kind, and the point around which the district is densest (its old centre; lon, lat in WGS-84).
DISTRICTS: dict[str, tuple[str, str, float, float]] = {
    "520102": ("Nanming District", "区", 106.714, 26.570),
    "520103": ("Yunyan District", "区", 106.713, 26.595),
    "520111": ("Huaxi District", "区", 106.670, 26.420),
    "520112": ("Wudang District", "区", 106.752, 26.640),
    "520113": ("Baiyun District", "区", 106.640, 26.680),
    "520115": ("Guanshanhu District", "区", 106.622, 26.610),
    "520121": ("Kaiyang County", "县", 106.965, 27.058),
    "520122": ("Xifeng County", "县", 106.740, 27.091),
    "520123": ("Xiuwen County", "县", 106.592, 26.839),
    "520181": ("Qingzhen City", "县级市", 106.471, 26.556),
}
URBAN = frozenset({"520102", "520103", "520111", "520112", "520113", "520115"})


class Place(msgspec.Struct, frozen=True):
    """One named division below the district (a township or a community) with its statistics code."""

    code: str
    name: str
    parent: str
    kind: str


class Area(msgspec.Struct, frozen=True):
    """One node of the territory with its polygon (WGS-84)."""

    code: str
    name: str
    level: str
    kind: str
    parent: str
    geometry: BaseGeometry
    synthetic: bool = True
    name_en: str = ""


def read_places(path: Path) -> tuple[list[Place], list[Place]]:
    """Return the townships and the communities of `names.csv` in the order of their codes."""
    townships: dict[str, Place] = {}
    communities: list[Place] = []
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            town = row["street_code"]
            townships.setdefault(town, Place(town, row["street_name"], row["district_code"], _township_kind(row["street_name"])))
            code = row["community_code"]
            communities.append(Place(code, row["community_name"], town, "村" if int(code[-3:]) >= 200 else "社区"))
    return sorted(townships.values(), key=_code), sorted(communities, key=_code)


def build_areas(folder: Path, seed: int, step: Callable[[str], None], grids: int = GRIDS) -> list[Area]:
    """Return every area of the city, widest level first, by code inside a level; so many of them are grids.

    `folder` holds the two source files.
    """
    districts = _read_districts(folder / "districts.geojson")
    townships, communities = read_places(folder / "names.csv")
    cells: dict[str, BaseGeometry] = {code: polygon for code, (_, polygon) in districts.items()}
    step("townships")
    _divide_all(cells, townships, seed)
    step("communities")
    _divide_all(cells, communities, seed)
    step("grids")
    places = _grid_places(communities, townships, seed, grids)
    _divide_all(cells, places, seed)
    step("coverage")
    outlines = [polygon for _, polygon in districts.values()]
    covered = _coverage([grid.code for grid in places], [cells[grid.code] for grid in places], outlines)
    return _assemble(districts, townships, communities, places, covered)


def _code(place: Place) -> str:
    return place.code


def _township_kind(name: str) -> str:
    return next((kind for kind in ("街道", "镇", "乡") if name.endswith(kind)), "社区")


def _read_districts(path: Path) -> dict[str, tuple[str, BaseGeometry]]:
    features = json.loads(path.read_text(encoding="utf-8"))["features"]
    found = {feature["properties"]["adcode"]: feature for feature in features}
    return {code: (found[code]["properties"]["name"], shape(found[code]["geometry"])) for code in sorted(found)}


def _divide_all(cells: dict[str, BaseGeometry], children: Sequence[Place], seed: int) -> None:
    """Add a cell for each child, cut out of its parent's cell."""
    families: dict[str, list[Place]] = {}
    for child in children:
        families.setdefault(child.parent, []).append(child)
    for parent, family in families.items():
        for child, cell in zip(family, _divide(cells[parent], parent, len(family), seed), strict=True):
            cells[child.code] = cell


def _divide(parent: BaseGeometry, code: str, count: int, seed: int) -> list[BaseGeometry]:
    """Cut `parent` into `count` cells, those nearest to the old centre of the district first: streets come before villages."""
    if count == 1:
        return [parent]
    centre = np.array(DISTRICTS[code[:6]][2:])
    seeds = _seeds(parent, centre, count, numbers(seed, f"seeds:{code}"), pull=len(code) == 6)
    seeds = seeds[np.argsort(((seeds - centre) ** 2).sum(axis=1), kind="stable")]
    diagram = shapely.voronoi_polygons(MultiPoint(seeds), extend_to=parent, ordered=True)
    return list(shapely.intersection(np.array(diagram.geoms), parent))


def _seeds(parent: BaseGeometry, centre: np.ndarray, count: int, chance: np.random.Generator, *, pull: bool) -> np.ndarray:
    """Return `count` evenly spread points inside `parent` (Lloyd's method on sampled points; `pull` makes the centre denser)."""
    wanted = max(40 * count, 200)
    sample = _sample(parent, wanted * (12 if pull else 1), chance)
    if pull:
        distance = np.sqrt(((sample - centre) ** 2).sum(axis=1))
        weight = np.exp(-distance / 0.04) + 0.02
        sample = sample[chance.choice(len(sample), size=wanted, replace=False, p=weight / weight.sum())]
    seeds = sample[chance.permutation(len(sample))[:count]]
    east, north = sample[:, 0], sample[:, 1]
    for _ in range(6):
        nearest = ((east[:, None] - seeds[:, 0]) ** 2 + (north[:, None] - seeds[:, 1]) ** 2).argmin(axis=1)
        sizes = np.maximum(np.bincount(nearest, minlength=count), 1)
        moved = [np.bincount(nearest, weights=axis, minlength=count) / sizes for axis in (east, north)]
        seeds = np.where(moved[1][:, None] > 0, np.stack(moved, axis=1), seeds)
    return seeds


def _sample(parent: BaseGeometry, count: int, chance: np.random.Generator) -> np.ndarray:
    west, south, east, north = parent.bounds
    shapely.prepare(parent)
    found: list[np.ndarray] = []
    while sum(map(len, found)) < count:
        points = np.column_stack([chance.uniform(west, east, 2 * count), chance.uniform(south, north, 2 * count)])
        found.append(points[shapely.contains_xy(parent, points)])
    return np.concatenate(found)[:count]


def _grid_places(communities: Sequence[Place], townships: Sequence[Place], seed: int, grids: int) -> list[Place]:
    """Share the grids among the communities: towns have more than villages, as the real 观山湖 has 1,442 for 138."""
    kinds = {township.code: township.kind for township in townships}
    chance = numbers(seed, "grid-counts")
    shares = np.array([_grid_share(place, kinds[place.parent]) for place in communities])
    shares *= chance.uniform(0.8, 1.25, len(communities))
    exact = shares / shares.sum() * grids
    counts = np.floor(exact).astype(int)
    for index in np.argsort(counts - exact, kind="stable")[: grids - int(counts.sum())]:
        counts[index] += 1
    return [
        Place(f"{place.code}{number:03d}", f"{place.name}第{number}网格", place.code, "duty")
        for place, count in zip(communities, counts, strict=True)
        for number in range(1, count + 1)
    ]


def _grid_share(place: Place, township_kind: str) -> float:
    urban = 1.25 if place.code[:6] in URBAN else 0.9
    return urban * (1.0 if place.kind == "社区" else 0.75) * (1.1 if township_kind == "街道" else 1.0)


def _coverage(codes: Sequence[str], cells: Sequence[BaseGeometry], outlines: Sequence[BaseGeometry]) -> dict[str, BaseGeometry]:
    """Return the cells again as a coverage on the lattice: no gaps, no overlaps, every corner shared."""
    lines = shapely.boundary(np.array([*outlines, *cells]))
    noded = shapely.union_all(lines, grid_size=LATTICE)
    faces = np.array(shapely.polygonize([noded]).geoms)
    points = shapely.point_on_surface(faces)
    tree = shapely.STRtree(cells)
    face_of, cell_of = tree.query(points, predicate="within")
    owner = np.full(len(faces), -1)
    owner[face_of[::-1]] = cell_of[::-1]
    missing = np.flatnonzero(owner < 0)
    if len(missing):
        owner[missing] = tree.nearest(points[missing])
    parts: dict[str, list[BaseGeometry]] = {}
    for face, index in zip(faces, owner, strict=True):
        parts.setdefault(codes[index], []).append(face)
    return {code: _union(parts[code]) for code in codes}


def _union(parts: Sequence[BaseGeometry]) -> BaseGeometry:
    return parts[0] if len(parts) == 1 else shapely.coverage_union_all(list(parts))


def _assemble(
    districts: dict[str, tuple[str, BaseGeometry]],
    townships: Sequence[Place],
    communities: Sequence[Place],
    grids: Sequence[Place],
    polygons: dict[str, BaseGeometry],
) -> list[Area]:
    shapes = dict(polygons)
    for level in (grids, communities, townships):
        families: dict[str, list[BaseGeometry]] = {}
        for place in level:
            families.setdefault(place.parent, []).append(shapes[place.code])
        shapes |= {parent: _union(family) for parent, family in families.items()}
    whole = _union([shapes[code] for code in districts])
    areas = [Area(CITY, "贵阳市", "city", "市", "", whole, synthetic=False, name_en="Guiyang")]
    for code, (name, _) in districts.items():
        areas.append(Area(code, name, "district", DISTRICTS[code][1], CITY, shapes[code], False, DISTRICTS[code][0]))
    for level_name, places in (("township", townships), ("community", communities), ("grid", grids)):
        areas += [Area(place.code, place.name, level_name, place.kind, place.parent, shapes[place.code]) for place in places]
    return areas
