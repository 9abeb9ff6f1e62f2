"""Where points are and what files are, against what was recorded: real layers, real requests, several coordinate systems.

The shares are those of the records, not ours to improve: what a record says differently lies near a border or is a mistake of the
record. So each is held to a share and, point by point, to GEOS on the same polygons.
"""

from __future__ import annotations

import csv
import functools
import gzip
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import shapely
from numpy.typing import NDArray

from grid.areas import Area
from grid.boundaries import Boundary
from grid.coordinates import from_wgs84, to_wgs84
from grid.files.reading import ReadOptions, read_boundaries
from grid.inspection import Inspection, inspect
from grid.metric import Plane
from grid.territory import TerritorySnapshot, build

pytestmark = pytest.mark.shared_data
BOROUGHS = {"MANHATTAN": 1, "BRONX": 2, "BROOKLYN": 3, "QUEENS": 4, "STATEN ISLAND": 5}
Row = Mapping[str, str]


@functools.cache
def boundaries(path: Path, crs: str, code: str, name: str) -> list[Boundary]:
    """The boundaries of a layer, read as an upload is."""
    return read_boundaries(path.read_bytes(), ReadOptions(crs=crs, field_map={"code": code, "name": name})).boundaries


def rows(path: Path) -> list[Row]:
    with gzip.open(path, "rt", encoding="utf-8-sig") if path.suffix == ".gz" else path.open(encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def shapes_of(layer: Sequence[Boundary]) -> NDArray[Any]:
    shapes = shapely.from_wkb(np.array([one.wkb for one in layer], dtype=object))
    return np.asarray(shapely.make_valid(shapes, method="structure", keep_collapsed=False))


def territory_of(layer: Sequence[Boundary]) -> TerritorySnapshot:
    """A territory whose grids are the areas of the layer."""
    shapes = shapes_of(layer)
    areas = [Area(code="CITY", name="city", level="city", wkb=shapely.to_wkb(shapely.union_all(shapes)))]
    for one, shape in zip(layer, shapes, strict=True):
        areas.append(Area(code=one.code, name=one.name, level="grid", kind="duty", parent="CITY", wkb=shapely.to_wkb(shape)))
    return build(areas)


def by_geos(layer: Sequence[Boundary], points: NDArray[np.float64]) -> list[str | None]:
    """The smallest code of those whose polygon holds each point (WGS-84), by brute force."""
    found: list[str | None] = [None] * len(points)
    at, holder = shapely.STRtree(shapes_of(layer)).query(shapely.points(points), predicate="intersects")
    for point, number in zip(at.tolist(), holder.tolist(), strict=True):
        found[point] = min(filter(None, (found[point], layer[number].code)))
    return found


def share_right(
    layer: Sequence[Boundary], records: Sequence[Row], truth: Callable[[Row], str | None], crs: str = "WGS-84",
    lon: str = "longitude", lat: str = "latitude",
) -> tuple[float, int]:  # fmt: skip
    """The share of the records with a position and a truth that are found where they say, and how many these are.

    Every answer is that of GEOS, too.
    """
    known = [(float(row[lon]), float(row[lat]), said) for row in records if row[lon] and (said := truth(row)) is not None]
    points = np.array([(x, y) for x, y, _ in known])
    found = territory_of(layer).find_grids(points[:, 0], points[:, 1], crs)
    assert found == by_geos(layer, np.column_stack(to_wgs84(points[:, 0], points[:, 1], crs)))
    return sum(one == said for one, (_, _, said) in zip(found, known, strict=True)) / len(known), len(known)


def community_board(row: Row) -> str | None:
    """`12 MANHATTAN` is 112; none where the record leaves the number open."""
    number, _, borough = row["community_board"].partition(" ")
    return f"{BOROUGHS[borough]}{number}" if number.isdigit() and int(number) and borough in BOROUGHS else None


def test_locate_when_elevator_requests_then_the_recorded_community_boards(shared_data: Path) -> None:
    layer = boundaries(shared_data / "nyc_polygons" / "community_districts.geojson.gz", "WGS-84", "BoroCD", "BoroCD")
    elevators = rows(shared_data / "nyc311" / "nyc311_elevator_2024.csv.gz")
    share, count = share_right(layer, elevators, community_board)
    assert (share >= 0.998, count) == (True, 15_735)
    every_kind, _ = share_right(layer, rows(shared_data / "nyc311" / "nyc311_full_columns.csv.gz"), community_board)
    assert every_kind >= 0.985


def test_locate_when_requests_name_a_precinct_or_a_council_district_then_these(shared_data: Path) -> None:
    records = rows(shared_data / "nyc311" / "nyc311_full_columns.csv.gz")
    polygons = shared_data / "nyc_polygons"
    precincts = boundaries(polygons / "police_precincts.geojson.gz", "WGS-84", "Precinct", "Precinct")
    share, count = share_right(precincts, records, lambda row: row["police_precinct"].partition("Precinct ")[2] or None)
    assert (share >= 0.985, count) == (True, 695)
    districts = boundaries(polygons / "city_council.geojson.gz", "WGS-84", "CounDist", "CounDist")
    share, _ = share_right(districts, records, lambda row: row["council_district"].partition(".")[0].lstrip("0") or None)
    assert share >= 0.995


@pytest.mark.slow
@pytest.mark.parametrize("file", ["nyc311_elevator_2024", "nyc311_full_columns", "nyc311_2026_apr_jun"])
def test_locate_when_requests_name_a_borough_then_it(shared_data: Path, file: str) -> None:
    layer = boundaries(shared_data / "nyc_polygons" / "boroughs.geojson.gz", "WGS-84", "BoroName", "BoroName")
    records = rows(shared_data / "nyc311" / f"{file}.csv.gz")
    share, count = share_right(layer, records, lambda row: row["borough"].title() if row["borough"] in BOROUGHS else None)
    assert share >= 0.995
    assert count >= 2_900


def test_locate_when_facilities_of_dongcheng_record_a_street_then_as_often_right_as_the_polygons_allow(shared_data: Path) -> None:
    layer = boundaries(shared_data / "dongcheng_beijing" / "street_boundaries.geojson.gz", "GCJ-02", "name", "name")
    facilities = rows(shared_data / "dongcheng_beijing" / "facilities.csv")
    share, count = share_right(layer, facilities, lambda row: row["street_name"] or None, "GCJ-02", "lng", "lat")
    assert (share >= 0.935, count) == (True, 634)


def test_locate_when_addresses_of_dongcheng_name_a_street_then_as_often_right_as_the_polygons_allow(shared_data: Path) -> None:
    layer = boundaries(shared_data / "dongcheng_beijing" / "street_boundaries.geojson.gz", "GCJ-02", "name", "name")
    places = rows(shared_data / "dongcheng_beijing" / "addressed_places.csv")

    def named(row: Row) -> str | None:
        found = [one.name for one in layer if one.name in row["address"]]
        return found[0] if len(found) == 1 else None

    share, count = share_right(layer, places, named, "GCJ-02", "lng", "lat")
    assert (share >= 0.94, count) == (True, 1_707)
    buildings = [row for row in places if row["group"] == "historical_building"]
    share, _ = share_right(layer, buildings, named, "GCJ-02", "lng", "lat")
    assert share >= 0.948


def guiyang(shared_data: Path, crs: str) -> list[Boundary]:
    """The detailed districts of Guiyang (GCJ-02) read as if in `crs`."""
    layer = boundaries(shared_data / "guiyang_admin" / "districts_detailed_gcj02.geojson", crs, "adcode", "name")
    return [one for one in layer if one.level == "district"]


def coarse_guiyang(shared_data: Path) -> list[Boundary]:
    """The coarse districts, CGCS2000."""
    return boundaries(shared_data / "guiyang_admin" / "districts_cgcs2000_coarse.geojson", "CGCS2000", "adcode", "name")


def as_territory(layer: Sequence[Boundary], city: str, name: str) -> list[Area]:
    whole = shapely.to_wkb(shapely.union_all(shapes_of(layer)))
    parts = [Area(code=one.code, name=one.name, level=one.level, parent=city, wkb=one.wkb) for one in layer]
    return [Area(code=city, name=name, level="city", wkb=whole), *parts]


def test_locate_when_both_layers_of_guiyang_then_they_agree_but_near_borders(shared_data: Path) -> None:
    detailed, coarse = guiyang(shared_data, "GCJ-02"), coarse_guiyang(shared_data)
    west, south, east, north = shapely.total_bounds(shapes_of(coarse))
    rng = np.random.default_rng(1)
    points = np.column_stack([rng.uniform(west, east, 200_000), rng.uniform(south, north, 200_000)])
    one, other, misplaced = (codes_at(layer, points) for layer in (detailed, coarse, guiyang(shared_data, "WGS-84")))
    assert agreement(one, other) >= 0.97
    assert agreement(one, other) - agreement(misplaced, other) >= 0.02  # what half a kilometre does
    both = (one != "") & (other != "")
    assert (one == other)[both].mean() >= 0.989
    assert metres_from_borders(coarse, points[both & (one != other)]).max() < 2_000  # as coarse as that layer is


def codes_at(layer: Sequence[Boundary], points: NDArray[np.float64]) -> NDArray[np.str_]:
    """The code at each point, empty outside."""
    return np.array([code or "" for code in territory_of(layer).find_grids(points[:, 0], points[:, 1], "WGS-84")])


def agreement(one: NDArray[np.str_], other: NDArray[np.str_]) -> float:
    """Of the points inside either, the share with the same code."""
    anywhere = (one != "") | (other != "")
    return float((one == other)[anywhere].mean())


def metres_from_borders(layer: Sequence[Boundary], points: NDArray[np.float64]) -> NDArray[np.float64]:
    shapes = shapes_of(layer)
    plane = Plane.around(shapes)
    border = shapely.union_all(shapely.boundary(plane.flat(shapes)))
    return np.asarray(shapely.distance(plane.flat(shapely.points(points)), border))


def test_coordinates_when_all_positions_of_the_data_go_there_and_back_then_the_same(shared_data: Path) -> None:
    places = rows(shared_data / "dongcheng_beijing" / "addressed_places.csv")
    points = np.array([(float(row["lng"]), float(row["lat"])) for row in places])
    points = np.vstack([points, shapely.get_coordinates(shapes_of(guiyang(shared_data, "WGS-84")))])
    for crs in ("GCJ-02", "BD-09"):
        back = np.column_stack(from_wgs84(*to_wgs84(points[:, 0], points[:, 1], crs), crs))
        assert np.abs(back - points).max() < 1e-6


@pytest.mark.parametrize(
    ("said", "suspected"), [("WGS-84", "GCJ-02"), ("CGCS2000", "GCJ-02"), ("BD-09", "GCJ-02"), ("GCJ-02", None)]
)
@pytest.mark.parametrize("codes", [None, {"520103"}])
def test_inspect_when_the_detailed_districts_come_then_their_system_is_told_by_the_coarse_ones(
    shared_data: Path, said: str, suspected: str | None, codes: set[str] | None
) -> None:
    brought = [one for one in guiyang(shared_data, said) if codes is None or one.code in codes]
    seen = inspect(brought, as_territory(coarse_guiyang(shared_data), "520100", "贵阳市"), crs=said, keeps_others=True)
    assert suspicions(seen) == ([suspected] if suspected else [])
    if suspected:
        figures = seen.findings[0].figures
        assert figures["GCJ-02"] >= 0.92 > figures["WGS-84"] or codes is None
        assert figures["GCJ-02"] > max(figures["WGS-84"], figures["BD-09"]) + 0.02


def suspicions(seen: Inspection) -> list[str]:
    return [one.other for one in seen.findings if one.code == "suspect_crs"]


def pingshan(shared_data: Path, crs: str) -> list[Boundary]:
    """The six streets of 坪山区, whose shapes come from another source than the district's, read as if in `crs`."""
    layer = boundaries(shared_data / "shenzhen_streets" / "shenzhen_streets.geojson.gz", crs, "osm_id", "name")
    names = rows(shared_data / "admin_names" / "shenzhen_pingshan_streets_communities.csv")
    code_of = {row["street_name"]: row["street_code"] for row in names}
    return [
        msgspec.structs.replace(one, code=code_of[one.name], parent="440310", level="township")
        for one in layer
        if one.name in code_of
    ]  # fmt: skip


@pytest.mark.parametrize(("said", "suspected"), [("WGS-84", ["GCJ-02"]), ("GCJ-02", [])])
def test_inspect_when_streets_of_pingshan_come_then_their_system_is_told_by_the_district(
    shared_data: Path, said: str, suspected: list[str]
) -> None:
    districts = boundaries(shared_data / "shenzhen_streets" / "shenzhen_districts.geojson.gz", "GCJ-02", "adcode", "name")
    streets = pingshan(shared_data, said)
    assert len(streets) == 6
    seen = inspect(streets, as_territory(districts, "440300", "深圳市"), crs=said)
    assert suspicions(seen) == suspected


@pytest.mark.slow
def test_inspect_when_new_york_then_the_shapes_that_are_known_to_be_damaged(shared_data: Path) -> None:
    polygons = shared_data / "nyc_polygons"
    boroughs = boundaries(polygons / "boroughs.geojson.gz", "WGS-84", "BoroName", "BoroName")
    whole = shapely.to_wkb(shapely.union_all(shapes_of(boroughs)))
    city = [Area(code="NYC", name="New York", level="city", wkb=whole)]
    for file, field, damaged in (("city_council", "CounDist", 4), ("police_precincts", "Precinct", 1)):
        layer = boundaries(polygons / f"{file}.geojson.gz", "WGS-84", field, field)
        below = [msgspec.structs.replace(one, level="district", parent="NYC") for one in layer]
        seen = inspect(below, city)
        invalid = [one for one in seen.findings if one.code == "invalid"]
        assert len(invalid) == damaged
        assert all(one.figures["mends"] and one.at is not None and one.reason for one in invalid)
        assert {"wrong_code", "outside_box", "suspect_crs"}.isdisjoint(seen.counts)
    districts = boundaries(polygons / "community_districts.geojson.gz", "WGS-84", "BoroCD", "BoroCD")
    below = [msgspec.structs.replace(one, level="district", parent="NYC") for one in districts]
    assert "invalid" not in inspect(below, city).counts
