"""Components and linear objects near a point (部件先属主): as far as they reach, round at the ends of lines."""

from __future__ import annotations

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.affinity import affine_transform

from grid.areas import Asset
from grid.assets import AssetIndex
from grid.metric import metres_per_degree

LON, LAT = 106.63, 26.65
METRE_E, METRE_N = (1 / one for one in metres_per_degree(LAT))
ROAD = ((0, 0), (400, 0), (400, 300), (900, 300))


def asset(code: str, geometry: shapely.Geometry, owner: str = "U1", buffer_m: float = 30.0, category: str = "0201") -> Asset:
    """An asset whose shape is given in metres east and north of the middle."""
    placed = affine_transform(geometry, [METRE_E, 0, 0, METRE_N, LON, LAT])
    return Asset(code=code, category=category, owner=owner, buffer_m=buffer_m, wkb=shapely.to_wkb(placed))


def near(index: AssetIndex, east: float, north: float) -> list[tuple[str, str, int]]:
    found = index.near(LON + east * METRE_E, LAT + north * METRE_N)
    return [(one.code, one.owner, one.distance_m) for one in found]


@pytest.mark.parametrize(
    ("east", "north", "metres"),
    [
        (200, 79, 79), (200, 81, None), (200, -79, 79),  # beside
        (-79, 0, 79), (-81, 0, None), (-56, 56, 79), (-58, 58, None),  # round behind the first end
        (979, 300, 79), (981, 300, None), (956, 356, 79), (958, 358, None),  # and behind the last
        (456, -56, 79), (458, -58, None),  # round outside a bend
        (330, 70, 70), (650, 221, 79), (650, 219, None),
    ],
)  # fmt: skip
def test_line_when_a_point_is_within_its_buffer_reaches_it_round_at_ends_and_bends(
    east: float, north: float, metres: int | None
) -> None:
    index = AssetIndex([asset("R1", shapely.LineString(ROAD), "road", 80.0)])
    assert near(index, east, north) == ([] if metres is None else [("R1", "road", metres)])


def test_line_when_it_is_long_is_as_near_along_its_whole_length() -> None:
    index = AssetIndex([asset("R2", shapely.LineString([(0, 0), (20_000, 0)]), "road", 50.0)])
    for east in range(0, 20_001, 137):
        assert near(index, east, 49) == [("R2", "road", 49)] and near(index, east, 51) == []


def test_owners_when_several_reach_a_point_come_nearest_first_then_by_code() -> None:
    index = AssetIndex([
        asset("B", shapely.Point(10, 0), "power"), asset("A", shapely.Point(-10, 0), "water"),
        asset("L", shapely.LineString([(-500, 4), (500, 4)]), "road", 100.0), asset("F", shapely.Point(31, 0), "far"),
        asset("M", shapely.box(-50, -50, 50, 50), "market", 5.0),
    ])  # fmt: skip
    assert near(index, 0, 0) == [("M", "market", 0), ("L", "road", 4), ("A", "water", 10), ("B", "power", 10)]


def test_category_when_asked_for_leaves_other_things_out() -> None:
    index = AssetIndex([asset("A", shapely.Point(1, 0)), asset("B", shapely.Point(2, 0), category="0202")])
    assert [one.code for one in index.near(LON, LAT, "0202")] == ["B"]


SHAPES = st.one_of(
    st.tuples(st.integers(-300, 300), st.integers(-300, 300)).map(shapely.Point),
    st.lists(st.tuples(st.integers(-900, 900), st.integers(-900, 900)), min_size=2, max_size=5, unique=True).map(
        shapely.LineString
    ),
    st.tuples(st.integers(-300, 0), st.integers(-300, 0), st.integers(1, 300), st.integers(1, 300)).map(
        lambda b: shapely.box(*b)
    ),
)


@given(st.lists(st.tuples(SHAPES, st.integers(1, 200)), max_size=6), st.integers(-400, 400), st.integers(-400, 400))
def test_assets_when_found_are_those_that_the_distance_says(
    shapes: list[tuple[shapely.Geometry, int]], east: int, north: int
) -> None:
    """The oracle: shapely's distance on the plane; within half a metre of its reach either answer will do."""
    index = AssetIndex([asset(str(number), shape, buffer_m=reach) for number, (shape, reach) in enumerate(shapes)])
    found = {code: metres for code, _, metres in near(index, east, north)}
    for number, (shape, reach) in enumerate(shapes):
        metres = shape.distance(shapely.Point(east, north))
        if abs(metres - reach) > 0.5:
            assert (str(number) in found) is (metres < reach)
        if str(number) in found:
            assert abs(found[str(number)] - metres) <= 1.0
    assert list(found.values()) == sorted(found.values()), "nearest first"
