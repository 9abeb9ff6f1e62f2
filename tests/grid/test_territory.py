"""Where a point, an area or an address is, with every doubt."""

from __future__ import annotations

from itertools import pairwise

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from dispatch.errors import OutOfArea, UnknownArea, UnknownCrs
from dispatch.model import LEVELS
from dispatch.ports import Locator
from grid.areas import Area, Asset, Entry, Zone
from grid.coordinates import from_wgs84
from grid.territory import build
from tests.grid.factories import areas_of, small_city, small_territory, square

# Two communities side by side (border at 106.02), each of two grids one above the other; 30 m free between south and north.
NORTH_GAP = 0.01 + 30 / 110_800


def area(code: str, level: str, parent: str | None, shape, kind: str = "") -> Area:
    return Area(
        code=code, name=f"area {code}", level=level, parent=parent, kind=kind, wkb=shapely.to_wkb(shape) if shape else b""
    )


def row_city():
    west, east = shapely.box(106.0, 26.0, 106.02, 26.1), shapely.box(106.02, 26.0, 106.04, 26.1)
    return [
        area("1", "city", None, shapely.box(106.0, 26.0, 106.04, 26.2)),
        area("11", "district", "1", shapely.box(106.0, 26.0, 106.04, 26.1)),
        area("111", "township", "11", shapely.box(106.0, 26.0, 106.04, 26.1)),
        area("111a", "community", "111", west),
        area("111b", "community", "111", east),
        area("g1", "grid", "111a", shapely.box(106.0, 26.0, 106.02, 26.01), "duty"),
        area("g2", "grid", "111a", shapely.box(106.0, 26.0 + NORTH_GAP, 106.02, 26.05), "duty"),
        area("g3", "grid", "111b", shapely.box(106.02, 26.0, 106.04, 26.01), "duty"),
        area("g4", "grid", "111b", shapely.box(106.02, 26.0 + NORTH_GAP, 106.04, 26.05), "duty"),
    ]


ROW = build(row_city(), version="3")


def is_locator(snapshot: Locator) -> Locator:
    return snapshot


def test_snapshot_when_typed_then_is_a_locator() -> None:
    assert is_locator(ROW).version == "3"


def test_locate_when_well_inside_then_whole_path_and_no_doubt() -> None:
    place = ROW.locate(106.01, 26.005, "WGS-84", accuracy_m=8, source="map_pick", address="某路1号")
    assert [item.code for item in place.area_path] == ["1", "11", "111", "111a", "g1"]
    assert [item.level for item in place.area_path] == list(LEVELS)
    assert (place.boundary_doubt, place.doubt, place.version) == (False, (), "3")
    assert (place.source, place.address, place.accuracy_m, place.raw_crs) == ("map_pick", "某路1号", 8, "WGS-84")
    assert place.point == place.raw


def test_locate_when_on_the_shared_border_then_smaller_code_with_doubt() -> None:
    place = ROW.locate(106.02, 26.005, "WGS-84")
    assert place.area_codes[-1] == "g1"
    assert place.doubt == ("boundary:0:111b",)


@pytest.mark.parametrize(
    ("metres", "accuracy", "doubt"), [(19.0, None, True), (21.0, None, False), (21.0, 25.0, True), (19.0, 5.0, True)]
)
def test_locate_when_near_another_community_then_doubt_within_20_m_or_the_accuracy(metres, accuracy, doubt) -> None:
    place = ROW.locate(106.02 - metres / 100_113, 26.005, "WGS-84", accuracy_m=accuracy)
    assert place.boundary_doubt is doubt
    assert place.doubt == ((f"boundary:{metres:.0f}:111b",) if doubt else ())


def test_locate_when_near_a_grid_of_the_same_community_then_no_doubt() -> None:
    city = [item for item in row_city() if item.code != "g2"]
    city.append(area("g2", "grid", "111a", shapely.box(106.0, 26.01, 106.02, 26.05), "duty"))
    place = build(city).locate(106.005, 26.01, "WGS-84")
    assert (place.area_codes[-1], place.doubt) == ("g1", ())


def test_locate_when_accuracy_says_nothing_then_accuracy_doubt() -> None:
    assert ROW.locate(106.01, 26.005, "WGS-84", accuracy_m=1200).doubt == ("accuracy:1200",)


def test_locate_when_in_a_narrow_gap_then_nearest_grid_with_gap_doubt() -> None:
    place = ROW.locate(106.01, 26.01 + 10 / 110_800, "WGS-84")
    assert (place.area_codes[-1], place.doubt, place.boundary_doubt) == ("g1", ("gap:10",), True)


def test_locate_when_far_from_any_grid_then_narrowest_wider_area() -> None:
    place = ROW.locate(106.01, 26.06, "WGS-84")
    assert (place.area_codes, place.doubt) == (("1", "11", "111", "111a"), ("gap:>50",))
    assert ROW.locate(106.01, 26.15, "WGS-84").area_codes == ("1",)


@pytest.mark.parametrize("point", [(107.0, 26.0), (-73.9, 40.7), (float("nan"), 26.0), (float("inf"), 26.0)])
def test_locate_when_outside_the_city_then_out_of_area(point: tuple[float, float]) -> None:
    with pytest.raises(OutOfArea):
        ROW.locate(*point, "WGS-84")


def test_locate_when_crs_unknown_then_refused() -> None:
    with pytest.raises(UnknownCrs):
        ROW.locate(106.01, 26.005, "EPSG:4326")


@pytest.mark.parametrize("crs", ["GCJ-02", "BD-09"])
def test_locate_when_shifted_coordinates_then_same_place_and_raw_kept(crs: str) -> None:
    raw = from_wgs84(106.01, 26.005, crs)
    place = ROW.locate(*raw, crs)
    assert place.area_codes[-1] == "g1"
    assert (place.point.lon, place.point.lat) == pytest.approx((106.01, 26.005), abs=1e-6)
    assert ((place.raw.lon, place.raw.lat), place.raw_crs) == (raw, crs)


def test_locate_when_in_a_special_grid_then_named_beside_the_path() -> None:
    market = Zone(code="Z2", name="农贸市场", wkb=shapely.to_wkb(square(106.005, 26.004, 0.002)))
    campaign = Zone(code="Z1", name="防汛", kind="campaign", wkb=shapely.to_wkb(square(106.0, 26.0, 0.02)))
    campus = area("g0", "grid", "111a", square(106.012, 26.004, 0.002), "special")
    snapshot = build([*row_city(), campus], [campaign, market])
    place = snapshot.locate(106.006, 26.005, "WGS-84")
    assert (place.special.code, place.special.level, place.area_path[-1].code) == ("Z2", "special", "g1")
    assert place.area_codes[-1] == "Z2"
    assert snapshot.locate(106.013, 26.005, "WGS-84").special.code == "g0"
    assert snapshot.locate(106.001, 26.001, "WGS-84").special is None


def test_locate_when_assets_are_near_then_place_carries_them_nearest_first() -> None:
    cover = Asset(code="A2", category="0201", owner="water", wkb=shapely.to_wkb(shapely.Point(106.01, 26.005)))
    river = Asset(
        code="A1",
        category="0901",
        owner="river",
        buffer_m=100,
        wkb=shapely.to_wkb(shapely.LineString([(106.0, 26.0045), (106.04, 26.0045)])),
    )
    snapshot = build(row_city(), assets=[river, cover])
    place = snapshot.locate(106.01, 26.0051, "WGS-84")
    assert [(asset.code, asset.owner, asset.distance_m, asset.kind) for asset in place.assets] == [
        ("A2", "water", 11, "point"),
        ("A1", "river", 66, "line"),
    ]
    assert [asset.code for asset in snapshot.assets_near(106.01, 26.0051, "0901")] == ["A1"]


def test_locate_when_grids_hang_on_the_city_then_each_is_a_community_of_its_own() -> None:
    city = [
        area("NYC", "city", None, shapely.box(-74.0, 40.6, -73.9, 40.7)),
        area("101", "grid", "NYC", shapely.box(-74.0, 40.6, -73.95, 40.7), "duty"),
        area("102", "grid", "NYC", shapely.box(-73.95, 40.6, -73.9, 40.7), "duty"),
    ]
    place = build(city).locate(-73.95001, 40.65, "WGS-84")
    assert place.area_codes == ("NYC", "101")
    assert place.doubt == ("boundary:1:102",)


def test_locate_area_when_known_then_path_without_point() -> None:
    place = ROW.locate_area("111b", address="路边")
    assert place.area_codes == ("1", "11", "111", "111b")
    assert (place.point, place.boundary_doubt, place.doubt, place.address) == (None, True, ("area_only:111b",), "路边")


def test_locate_area_when_unknown_then_error() -> None:
    with pytest.raises(UnknownArea):
        ROW.locate_area("999")


def test_locate_address_when_gazetteer_knows_the_point_then_located_with_doubt() -> None:
    snapshot = build(row_city(), gazetteer=[Entry(name="喷水池", aliases=("大十字",), lon=106.01, lat=26.005)])
    place = snapshot.locate_address("大十字路口东北角")
    assert place.area_codes[-1] == "g1"
    assert (place.source, place.doubt) == ("address", ("address_only:喷水池",))
    assert snapshot.locate_address("不知道的地方") is None


def test_tree_when_asked_then_parents_and_children() -> None:
    assert [item.code for item in ROW.children("111")] == ["111a", "111b"]
    assert ROW.is_within("g1", "11")
    assert not ROW.is_within("g1", "111b")
    assert ROW.area("g1").level == "grid"
    assert ROW.area("nothing") is None
    assert [item.code for item in ROW.roots()] == ["1"]


def test_features_when_box_given_then_areas_that_meet_it() -> None:
    assert [item.code for item in ROW.features("grid", (106.0, 26.0, 106.01, 26.005))] == ["g1"]
    assert [item.code for item in ROW.features("community")] == ["111a", "111b"]
    found = ROW.features("grid")[0]
    assert shapely.contains_xy(found.geometry, *found.label)
    assert ROW.bounds() == (106.0, 26.0, 106.04, 26.2)


def test_build_when_nothing_is_there_then_every_point_is_out_of_area() -> None:
    snapshot = build([])
    with pytest.raises(OutOfArea):
        snapshot.locate(106.0, 26.0, "WGS-84")
    assert snapshot.bounds() == (0.0, 0.0, 0.0, 0.0)


@given(lon=st.floats(min_value=106.55, max_value=106.71), lat=st.floats(min_value=26.57, max_value=26.73))
def test_locate_when_anywhere_then_path_follows_parents_and_holds_the_point(lon: float, lat: float) -> None:
    try:
        place = small_territory().locate(lon, lat, "WGS-84")
    except OutOfArea:
        assert not CITY.intersects(shapely.Point(lon, lat))
        return
    codes = place.area_codes
    assert all(PARENTS[below] == above for above, below in pairwise(codes))
    assert place.boundary_doubt == bool(place.doubt)
    if not any(doubt.startswith("gap") for doubt in place.doubt):
        assert SHAPES[codes[-1]].intersects(shapely.Point(lon, lat))


SHAPES = {item.code: item.geometry for item in small_city().areas}
PARENTS = {item.code: item.parent for item in small_city().areas}
CITY = SHAPES["520000"]


def test_areas_of_when_made_then_the_factory_nests() -> None:
    assert len(areas_of(small_city())) == 1 + 2 + 4 + 8 + 48
    assert shapely.coverage_is_valid(small_city().grids)
