"""Areas and the plane, against PROJ's geodesics."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from grid.metric import Plane, square_metres

GEOD = Geod(ellps="WGS84")


@given(st.floats(73, 135), st.floats(3, 53), st.floats(0.0005, 0.1), st.floats(0.0005, 0.1))
def test_square_metres_when_up_to_ten_kilometres_then_geodesic_area_to_a_millionth(
    lon: float, lat: float, wide: float, high: float
) -> None:
    shape = shapely.box(lon, lat, lon + wide, lat + high)
    true = abs(GEOD.geometry_area_perimeter(shape)[0])
    assert float(square_metres(shape)) == pytest.approx(true, rel=1e-6)


def test_square_metres_when_hole_or_nothing_then_taken_off_or_zero() -> None:
    outer, inner = shapely.box(106.0, 26.0, 106.02, 26.02), shapely.box(106.005, 26.005, 106.01, 26.01)
    areas = square_metres(np.array([outer, inner, outer.difference(inner), None, shapely.Point(106, 26)]))
    assert areas[2] == pytest.approx(areas[0] - areas[1])
    assert areas[3:].tolist() == [0.0, 0.0]


@given(st.floats(73, 135), st.floats(3, 53))
def test_plane_when_within_a_kilometre_then_lengths_are_geodesic_and_the_way_back_is_exact(lon: float, lat: float) -> None:
    line = shapely.LineString([(lon - 0.004, lat - 0.004), (lon + 0.004, lat + 0.004)])
    plane = Plane.around(np.array([line]))
    assert plane.flat(line).length == pytest.approx(GEOD.geometry_length(line), rel=1e-4)
    assert shapely.equals_exact(plane.round(plane.flat(line)), line, 1e-12)
