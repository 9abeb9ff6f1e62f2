"""Management areas: which holds a point or an area, and when that is doubtful; grids of other kinds than the duty grids."""

from __future__ import annotations

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from dispatch.model import AreaRef
from grid.areas import Zone
from grid.boundaries import Boundary
from grid.metric import metres_per_degree
from grid.territory import TerritorySnapshot, build
from grid.tree_checks import parent_findings
from tests.grid.squares import COMMUNITY, GRIDS, SIDE, SOUTH, WEST, areas, box, part

FIRST, SECOND, *_ = GRIDS
PARK = AreaRef("GX", "高新区", "management", "High-tech Zone")
OUTLINE = box(0.5, 0.25, 2.5, 0.75)  # across the first three grids


def zone(shape: shapely.Polygon, code: str = "GX") -> Zone:
    return Zone(code=code, name="高新区", name_en="High-tech Zone", kind="management", owner="gx", wkb=shapely.to_wkb(shape))


def snapshot(*zones: Zone) -> TerritorySnapshot:
    return build(areas(), zones=zones or (zone(OUTLINE),), version="1")


def at(x: float, y: float) -> tuple[float, float]:
    """A point, in sides of a grid from the south-west corner."""
    return WEST + x * SIDE, SOUTH + y * SIDE


def test_locate_when_in_a_management_area_then_the_place_carries_it_and_the_path_stays() -> None:
    inside = snapshot().locate(*at(0.7, 0.5), "WGS-84")
    assert (inside.management, inside.doubt) == (PARK, ())
    assert [area.code for area in inside.area_path][-1] == FIRST
    assert inside.area_codes == ("520100", "520102", "GX", "520102001", COMMUNITY, FIRST)
    assert snapshot().locate(*at(0.2, 0.5), "WGS-84").management is None


def test_locate_when_near_its_border_then_doubtful_by_metres_or_accuracy() -> None:
    metre = 1 / metres_per_degree(SOUTH)[0]
    lon, lat = at(0.5, 0.5)
    near = snapshot().locate(lon + 14 * metre, lat, "WGS-84")
    assert (near.management, near.boundary_doubt, near.doubt) == (PARK, True, ("management:14:GX",))
    outside = snapshot().locate(lon - 14 * metre, lat, "WGS-84")
    assert (outside.management, outside.doubt) == (None, ("management:14:GX",))
    assert snapshot().locate(lon - 60 * metre, lat, "WGS-84").doubt == ()
    assert "management:60:GX" in snapshot().locate(lon - 60 * metre, lat, "WGS-84", accuracy_m=80).doubt


def test_locate_when_two_hold_the_point_then_the_smaller_code() -> None:
    both = snapshot(zone(OUTLINE, "B"), zone(OUTLINE, "A"))
    assert both.locate(*at(0.7, 0.5), "WGS-84").management.code == "A"


def test_locate_area_when_wholly_inside_then_carried_and_when_cut_then_doubtful() -> None:
    found = snapshot(zone(box(-0.5, -0.5, 1.5, 1.5)))
    assert found.locate_area(FIRST).management == PARK
    assert found.locate_area(FIRST).doubt == (f"area_only:{FIRST}",)
    assert found.locate_area(SECOND).management is None
    assert found.locate_area(SECOND).doubt == (f"area_only:{SECOND}", "management::GX")
    assert found.locate_area(GRIDS[2]).doubt == (f"area_only:{GRIDS[2]}",)


@given(st.floats(0.01, 2.99), st.floats(0.01, 1.99), st.sampled_from([None, 5.0, 30.0, 200.0]))
def test_locate_when_anywhere_then_as_the_polygon_says(x: float, y: float, accuracy: float | None) -> None:
    lon, lat = (round(part, 7) for part in at(x, y))
    place = snapshot().locate(lon, lat, "WGS-84", accuracy_m=accuracy)
    point = shapely.Point(lon, lat)
    assert (place.management is not None) == OUTLINE.intersects(point)
    east, north = metres_per_degree(lat)
    flat = shapely.transform(OUTLINE.boundary, lambda at: (at - [lon, lat]) * [east, north])
    metres = flat.distance(shapely.Point(0, 0))
    reach = max(20.0, accuracy or 0.0)
    if abs(metres - reach) > 0.01:
        assert any(one.startswith("management:") for one in place.doubt) == (metres < reach)


def test_locate_when_unit_and_other_grids_lie_over_the_duty_grids_then_the_duty_grid() -> None:
    more = [
        part(f"{FIRST}-01", box(0, 0, 0.5, 0.5), parent=FIRST, kind=""),
        part("U1", box(0, 0, 0.5, 1), parent=FIRST, kind="unit"),
        part("000000000000000", box(0, 0, 2, 1), kind="manage"),
        part("000000000000001", box(0, 0, 2, 2), kind="eval"),
        part("U2", box(0, 0, 1, 1), kind="unit"),
    ]
    found = build(areas(*more), version="1")
    assert [area.code for area in found.locate(*at(0.25, 0.25), "WGS-84").area_path][-2:] == [COMMUNITY, FIRST]
    assert [area.code for area in found.path(f"{FIRST}-01")][-2:] == [FIRST, f"{FIRST}-01"]
    assert [area.code for area in found.locate_area(f"{FIRST}-01").area_path][-1] == FIRST


def test_locate_when_a_community_has_unit_grids_alone_then_those() -> None:
    units = [part(area.code, shapely.from_wkb(area.wkb), kind="unit") if area.level == "grid" else area for area in areas()]
    assert build(units, version="1").locate(*at(0.25, 0.25), "WGS-84").area_path[-1].code == FIRST


@pytest.mark.parametrize(
    ("code", "kind", "wrong"), [(f"{FIRST}-01", "", False), ("U1", "unit", False), (f"{FIRST}-1", "", True), ("X", "duty", True)]
)
def test_tree_when_a_grid_lies_below_a_grid_then_only_unit_and_micro_grids(code: str, kind: str, wrong: bool) -> None:
    below = Boundary(number=1, code=code, level="grid", kind=kind, parent=FIRST)
    assert bool(list(parent_findings([below], {FIRST: "grid", code: "grid"}))) == wrong
