"""Point → polygon agrees with brute force everywhere, above all on vertices and edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from bench.made_city import make_city
from grid.index import PointIndex, build_tables
from grid.metric import metres_per_degree
from grid.shapes import Shapes
from tests.grid.factories import small_city, square


def index_of(polygons: list[Any], communities: list[int] | None = None) -> PointIndex:
    array = np.array(polygons, dtype=object)
    return PointIndex(build_tables(array, np.array(communities or range(len(polygons)), dtype=np.int64)), Shapes.of(polygons))


def brute_force(polygons: Any, points: np.ndarray) -> np.ndarray:
    """The smallest polygon that intersects each point, or -1."""
    none = len(polygons)
    answer = np.full(len(points), none)
    point, polygon = shapely.STRtree(polygons).query(shapely.points(points), predicate="intersects")
    np.minimum.at(answer, point, polygon)
    return np.where(answer == none, -1, answer)


def points_of_interest(polygons: Any, rng: np.random.Generator, count: int) -> np.ndarray:
    """Points anywhere, on vertices, on edges as well as floats allow, and beside all of these by the last few bits."""
    west, south, east, north = shapely.total_bounds(polygons)
    anywhere = np.column_stack([rng.uniform(west - 0.001, east + 0.001, count), rng.uniform(south - 0.001, north + 0.001, count)])
    rings = shapely.get_coordinates(polygons)
    vertices = rings[rng.integers(0, len(rings), count)]
    start = rng.integers(0, len(rings) - 1, count)
    share = rng.uniform(0, 1, (count, 1))
    edges = rings[start] + share * (rings[start + 1] - rings[start])
    beside = np.nextafter(vertices, vertices + rng.choice([-1.0, 1.0], vertices.shape))
    crossed = np.column_stack([vertices[:, 0] + rng.normal(0, 1e-4, count), vertices[:, 1]])  # at a vertex's latitude
    return np.vstack([anywhere, vertices, edges, beside, crossed, edges.round(7)])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_find_when_any_point_then_as_brute_force(seed: int) -> None:
    city = make_city(districts=2, townships=2, communities=3, grids=9, width_km=20.0, seed=seed)
    points = points_of_interest(city.grids, np.random.default_rng(seed), 1500)
    index = index_of(city.grids.tolist())
    found = [index.find(lon, lat) for lon, lat in points.tolist()]
    assert np.array_equal(found, brute_force(city.grids, points))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_find_many_when_any_points_then_as_one_by_one(seed: int) -> None:
    city = make_city(districts=2, townships=2, communities=3, grids=9, width_km=20.0, seed=seed)
    points = points_of_interest(city.grids, np.random.default_rng(seed), 1500)
    points = np.vstack([points, [[float("nan"), 26.6], [106.6, float("inf")], [-180.0, -90.0]]])
    index = index_of(city.grids.tolist())
    found = index.find_many(points[:, 0], points[:, 1])
    assert found.tolist() == [index.find(lon, lat) for lon, lat in points.tolist()]
    assert np.array_equal(found[:-3], brute_force(city.grids, points[:-3]))


@given(
    lon=st.floats(min_value=106.50, max_value=106.76, allow_nan=False),
    lat=st.floats(min_value=26.52, max_value=26.78, allow_nan=False),
)
def test_find_when_random_then_as_brute_force(lon: float, lat: float) -> None:
    grids = small_city().grids
    assert SMALL.find(lon, lat) == brute_force(grids, np.array([[lon, lat]]))[0]


SMALL = index_of(small_city().grids.tolist())


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(1, 4)), min_size=1, max_size=8), st.data())
def test_find_when_polygons_overlap_and_share_edges_then_smallest_wins(squares: list[tuple[int, int, int]], data: Any) -> None:
    polygons = np.array([square(106.0 + x * 0.01, 26.0 + y * 0.01, side * 0.01) for x, y, side in squares])
    index = index_of(polygons.tolist())
    lon = 106.0 + data.draw(st.integers(0, 22)) * 0.005
    lat = 26.0 + data.draw(st.integers(0, 22)) * 0.005
    assert index.find(lon, lat) == brute_force(polygons, np.array([[lon, lat]]))[0]


def test_find_when_polygon_has_holes_parts_and_many_vertices_then_as_brute_force() -> None:
    centre = shapely.Point(106.6, 26.6)
    ring = shapely.difference(centre.buffer(0.02, quad_segs=200), centre.buffer(0.01, quad_segs=200))
    apart = shapely.union_all([square(106.7, 26.6), square(106.72, 26.6)])
    polygons = np.array([ring, apart, centre.buffer(0.01, quad_segs=200)])
    points = points_of_interest(polygons, np.random.default_rng(4), 800)
    index = index_of(polygons.tolist())
    assert [index.find(lon, lat) for lon, lat in points.tolist()] == brute_force(polygons, points).tolist()


@pytest.mark.parametrize("point", [(float("nan"), 26.6), (106.6, float("inf")), (-73.9, 40.7), (180.0, 90.0), (-180.0, -90.0)])
def test_find_when_far_away_or_no_number_then_nothing(point: tuple[float, float]) -> None:
    assert SMALL.find(*point) == -1


def test_find_when_there_are_no_polygons_then_nothing() -> None:
    assert index_of([]).find(106.6, 26.6) == -1


def border_by_force(grids: Any, communities: np.ndarray, own: int, lon: float, lat: float) -> tuple[float, int]:
    lon_metres, lat_metres = metres_per_degree(lat)
    flat = shapely.transform(grids, lambda at: (at - [lon, lat]) * [lon_metres, lat_metres])
    distances = np.where(communities == own, np.inf, shapely.distance(flat, shapely.Point(0, 0)))
    nearest = distances.min()
    return float(nearest), int(communities[distances == nearest].min())


@pytest.mark.parametrize("metres", [20.0, 80.0, 400.0])
def test_nearest_border_when_in_reach_then_distance_and_community_as_brute_force(metres: float) -> None:
    city = small_city()
    communities = np.arange(len(city.grids)) // 6
    index = index_of(city.grids.tolist(), communities.tolist())
    rng = np.random.default_rng(11)
    edges = shapely.get_coordinates(shapely.segmentize(city.grids, 0.002))
    points = edges[rng.integers(0, len(edges), 150)] + rng.normal(0, metres / 150_000, (150, 2))
    checked = 0
    for lon, lat in points.tolist():
        leaf = index.leaf(lon, lat)
        grid = leaf if leaf < len(city.grids) else index.find_in(leaf, lon, lat)
        if grid < 0:
            continue
        own = int(communities[grid])
        got = index.nearest_border(leaf, own, lon, lat) if metres == 20.0 else index.nearest_border_within(metres, own, lon, lat)
        want = border_by_force(city.grids, communities, own, lon, lat)
        if want[0] <= metres:
            assert got == (pytest.approx(want[0], abs=1e-3), want[1])
            checked += 1
        else:
            assert got[0] > metres
    assert checked > 30
