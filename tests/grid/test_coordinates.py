"""The four coordinate systems, to the published vectors and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.errors import UnknownCrs
from dispatch.model import CRS_NAMES
from grid.coordinates import from_wgs84, to_wgs84

VECTORS = (
    ((106.630000, 26.647000), (106.6335684, 26.6433304), (106.6401323, 26.6490888)),
    ((106.622600, 26.602000), (106.6261526, 26.5983255), (106.6327124, 26.6040181)),
    ((116.404000, 39.915000), (116.4102445, 39.9164043), (116.4166272, 39.9226996)),
)
LONGITUDES = st.floats(min_value=72.1, max_value=137.7)
LATITUDES = st.floats(min_value=0.9, max_value=55.7)


@pytest.mark.parametrize(("wgs", "gcj", "bd"), VECTORS)
def test_from_wgs84_when_published_vector_then_equal_to_seven_decimals(wgs, gcj, bd) -> None:
    assert tuple(round(value, 7) for value in from_wgs84(*wgs, "GCJ-02")) == gcj
    assert tuple(round(value, 7) for value in from_wgs84(*wgs, "BD-09")) == bd


@pytest.mark.parametrize(("wgs", "gcj", "bd"), VECTORS)
def test_to_wgs84_when_published_vector_then_back_within_a_centimetre(wgs, gcj, bd) -> None:
    assert to_wgs84(*gcj, "GCJ-02") == pytest.approx(wgs, abs=1e-7)
    assert to_wgs84(*bd, "BD-09") == pytest.approx(wgs, abs=1e-7)


@given(lon=LONGITUDES, lat=LATITUDES, crs=st.sampled_from(CRS_NAMES))
def test_round_trip_when_in_china_then_within_a_millionth_of_a_degree(lon: float, lat: float, crs: str) -> None:
    back = to_wgs84(*from_wgs84(lon, lat, crs), crs)
    assert abs(back[0] - lon) < 1e-6
    assert abs(back[1] - lat) < 1e-6


@given(lon=st.floats(min_value=-180, max_value=71.9), lat=st.floats(min_value=-90, max_value=90), crs=st.sampled_from(CRS_NAMES))
def test_conversion_when_outside_china_then_nothing_moves(lon: float, lat: float, crs: str) -> None:
    assert from_wgs84(lon, lat, crs) == (lon, lat)
    assert to_wgs84(lon, lat, crs) == (lon, lat)


@pytest.mark.parametrize("crs", CRS_NAMES)
def test_conversion_when_arrays_then_as_single_points(crs: str) -> None:
    lon, lat = np.array([106.63, 116.404, -73.98]), np.array([26.647, 39.915, 40.75])
    there = from_wgs84(lon, lat, crs)
    single = [from_wgs84(float(x), float(y), crs) for x, y in zip(lon, lat, strict=True)]
    assert np.allclose(np.column_stack(there), single, rtol=0, atol=1e-12)
    back = to_wgs84(*there, crs)
    assert np.allclose(back[0], lon, rtol=0, atol=1e-8)
    assert np.allclose(back[1], lat, rtol=0, atol=1e-8)


def test_cgcs2000_when_converted_then_equals_wgs84() -> None:
    assert to_wgs84(106.63, 26.647, "CGCS2000") == (106.63, 26.647)


@pytest.mark.parametrize("crs", ["", "wgs84", "EPSG:4326", "GCJ02"])
def test_conversion_when_name_unknown_then_error_names_the_known_ones(crs: str) -> None:
    with pytest.raises(UnknownCrs) as caught:
        to_wgs84(106.63, 26.647, crs)
    assert caught.value.data["crs"] == crs
    assert caught.value.data["allowed"] == list(CRS_NAMES)
