"""What a dry run says of boundaries: every code of finding, with its figure and its place; nothing about what is good."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from bench.made_city import make_city
from grid.areas import Area
from grid.boundaries import Boundary, Finding
from grid.coordinates import from_wgs84
from grid.inspection import CODES, Effect, inspect
from tests.grid.factories import areas_of, small_city

METRE = 1 / 99_604  # of longitude at 26.6°
COMMUNITY = "520102001001"
WHOLE = shapely.box(106.60, 26.60, 106.62, 26.61)
LEFT, RIGHT = shapely.box(106.60, 26.60, 106.61, 26.61), shapely.box(106.61, 26.60, 106.62, 26.61)


def area(code: str, level: str, parent: str | None, shape: Any = WHOLE, **more: Any) -> Area:
    return Area(code=code, name=f"名{code}", level=level, parent=parent, wkb=shapely.to_wkb(shape), **more)


PRESENT = [
    area("520100", "city", None),
    area("520102", "district", "520100"),
    area("520102001", "township", "520102"),
    area(COMMUNITY, "community", "520102001"),
    area(f"{COMMUNITY}001", "grid", COMMUNITY, LEFT, kind="duty"),
    area(f"{COMMUNITY}002", "grid", COMMUNITY, RIGHT, kind="duty"),
]


def grid(number: int, shape: Any, **changes: Any) -> Boundary:
    """A grid of the community, numbered by its place in the file."""
    wkb = shapely.to_wkb(shape) if shape is not None else b""
    plain = Boundary(
        number=number, code=f"{COMMUNITY}{number:03}", name=f"名{COMMUNITY}{number:03}", level="grid", kind="duty",
        parent=COMMUNITY, wkb=wkb,
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


def findings(*boundaries: Boundary, **options: Any) -> list[Finding]:
    return inspect(boundaries, PRESENT, **options).findings


def only(found: list[Finding], code: str) -> Finding:
    """The one finding of this code."""
    (one,) = [finding for finding in found if finding.code == code]
    return one


def as_boundaries(areas: list[Area]) -> list[Boundary]:
    return [
        Boundary(
            number=number, code=one.code, name=one.name, level=one.level, kind=one.kind, parent=one.parent, wkb=one.wkb
        )
        for number, one in enumerate(areas, start=1)
    ]  # fmt: skip


def as_in(one: Boundary, crs: str) -> Boundary:
    """The boundary with the coordinates that it has in another system."""
    moved = shapely.transform(shapely.from_wkb(one.wkb), lambda at: np.column_stack(from_wgs84(at[:, 0], at[:, 1], crs)))
    return msgspec.structs.replace(one, wkb=shapely.to_wkb(moved))


def test_inspect_when_the_file_is_what_is_there_then_nothing_is_found() -> None:
    seen = inspect([grid(1, LEFT), grid(2, RIGHT)], PRESENT)
    assert (seen.findings, seen.errors, seen.counts, seen.effect) == ([], 0, {}, Effect(same=2))


def test_inspect_when_a_whole_city_comes_to_an_empty_territory_then_nothing_is_found() -> None:
    areas = areas_of(small_city())
    seen = inspect(as_boundaries(areas), [])
    assert (seen.findings, seen.effect) == ([], Effect(new=len(areas)))


def test_inspect_when_a_shape_crosses_itself_then_invalid_with_reason_place_and_whether_it_can_be_mended() -> None:
    bow = shapely.Polygon([(106.60, 26.60), (106.62, 26.61), (106.62, 26.60), (106.60, 26.61)])
    found = only(findings(grid(1, bow), keeps_others=True), "invalid")
    assert (found.severity, found.feature, found.reason) == ("error", 1, "Self-intersection")
    assert found.at == (106.61, 26.605)
    assert found.figures["mends"] == 1.0
    assert found.figures["area_m2"] == pytest.approx(2_208_000 / 2, rel=0.01)


def test_inspect_when_a_shape_is_flat_then_invalid_and_cannot_be_mended() -> None:
    flat = shapely.Polygon([(106.60, 26.60), (106.61, 26.60), (106.62, 26.60), (106.60, 26.60)])
    assert only(findings(grid(1, flat)), "invalid").figures == {"mends": 0.0}


@pytest.mark.parametrize("shape", [shapely.Point(106.6, 26.6), shapely.LineString([(106.6, 26.6), (106.61, 26.6)])])
def test_inspect_when_it_is_no_polygon_then_invalid_by_its_kind(shape: Any) -> None:
    assert only(findings(grid(1, shape)), "invalid").reason == f"is a {shape.geom_type}"


@pytest.mark.parametrize("wkb", [b"", shapely.to_wkb(shapely.Polygon())])
def test_inspect_when_there_is_no_shape_then_empty(wkb: bytes) -> None:
    assert only(findings(grid(1, None, wkb=wkb)), "empty").feature == 1


def test_inspect_when_outside_of_china_then_outside_box_and_says_when_latitude_stands_first() -> None:
    swapped = shapely.transform(LEFT, lambda at: at[:, ::-1])
    found = findings(grid(1, swapped), grid(2, shapely.box(560_000, 2_900_000, 560_100, 2_900_100)))
    assert [(one.feature, one.reason) for one in found if one.code == "outside_box"] == [(1, "swapped"), (2, "")]


def test_inspect_when_the_territory_lies_abroad_then_neither_the_box_nor_the_numbering_holds() -> None:
    there = shapely.box(-74.0, 40.7, -73.99, 40.71)
    abroad = [area("NYC", "city", None, there), area("1", "district", "NYC", there)]
    one = Boundary(number=1, code="101", name="CB 1", level="grid", parent="1", wkb=shapely.to_wkb(there))
    assert inspect([one], abroad).findings == []


def test_inspect_when_a_grid_reaches_out_then_error_with_metres_square_metres_and_the_farthest_corner() -> None:
    out = shapely.box(106.61, 26.60, 106.62 + 5 * METRE, 26.61)
    found = only(findings(grid(1, LEFT), grid(2, out)), "outside_parent")
    assert (found.severity, found.feature, found.other) == ("error", 2, COMMUNITY)
    assert found.figures["distance_m"] == pytest.approx(5.0, abs=0.05)
    assert found.figures["area_m2"] == pytest.approx(3.0 * 1_108, rel=0.02)  # beyond the two metres that are allowed
    assert found.at is not None
    assert found.at[0] == pytest.approx(106.62 + 5 * METRE, abs=1e-6)


def test_inspect_when_a_grid_reaches_out_less_than_two_metres_then_nothing() -> None:
    assert findings(grid(1, LEFT), grid(2, shapely.box(106.61, 26.60, 106.62 + 1.9 * METRE, 26.61))) == []


def test_inspect_when_a_community_reaches_out_of_its_township_then_warning() -> None:
    wide = shapely.box(106.60, 26.60, 106.62 + 50 * METRE, 26.61)
    one = grid(1, wide, code=COMMUNITY, name="社区", level="community", kind="", parent="520102001")
    found = findings(one)
    assert only(found, "outside_parent").severity == "warning"
    assert only(found, "gap").area == COMMUNITY  # its grids do not fill it any more


def test_inspect_when_siblings_overlap_then_error_with_whom_how_much_and_where() -> None:
    found = only(findings(grid(1, LEFT), grid(2, shapely.box(106.61 - METRE, 26.60, 106.62, 26.61))), "overlap")
    assert (found.severity, found.feature, found.other) == ("error", 2, f"{COMMUNITY}001")
    assert found.figures["area_m2"] == pytest.approx(1_108, rel=0.01)
    assert found.at is not None
    assert shapely.intersects_xy(LEFT, *found.at)


def test_inspect_when_siblings_overlap_by_less_than_a_square_metre_then_nothing() -> None:
    assert findings(grid(1, LEFT), grid(2, shapely.box(106.61 - 0.0008 * METRE, 26.60, 106.62, 26.61))) == []


def test_inspect_when_others_are_kept_then_overlap_with_what_is_there_is_the_files_fault() -> None:
    lone = grid(7, shapely.box(106.609, 26.60, 106.611, 26.61))
    found = findings(lone, keeps_others=True)
    assert [(one.code, one.feature, one.area, one.other) for one in found] == [
        ("overlap", 7, lone.code, f"{COMMUNITY}001"),
        ("overlap", 7, lone.code, f"{COMMUNITY}002"),
    ]


def test_inspect_when_others_are_replaced_then_says_who_is_left_out_and_which_gap_stays() -> None:
    seen = inspect([grid(1, LEFT)], PRESENT)
    assert [(one.code, one.severity, one.area) for one in seen.findings] == [
        ("gap", "warning", COMMUNITY),
        ("left_out", "warning", f"{COMMUNITY}002"),
    ]
    gap = only(seen.findings, "gap")
    assert gap.figures["area_m2"] == pytest.approx(1_104_000, rel=0.01)
    assert gap.at is not None
    assert shapely.intersects_xy(RIGHT, *gap.at)
    assert seen.effect == Effect(same=1, left_out=1)


def test_inspect_when_a_parent_has_two_gaps_then_each_with_its_place_and_both_in_the_total() -> None:
    middle = shapely.box(106.605, 26.60, 106.61, 26.61)
    gaps = [one for one in findings(grid(1, middle)) if one.code == "gap"]
    assert [one.figures["gaps"] for one in gaps] == [2.0, 2.0]
    assert gaps[0].figures["area_m2"] + gaps[1].figures["area_m2"] == pytest.approx(gaps[0].figures["total_m2"], abs=0.02)
    assert gaps[0].at != gaps[1].at


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"code": "52010200100100"}, "digits"),
        ({"code": f"{COMMUNITY}00A"}, "digits"),
        ({"code": "５２０１０２００１００１００１"}, "digits"),
        ({"code": "520103001001001"}, "parent"),
        ({"code": f"{COMMUNITY}000"}, "sequence"),
        ({"code": f"{COMMUNITY}009"}, "void"),
    ],
)
def test_inspect_when_a_code_is_wrong_then_says_in_what(changes: dict[str, Any], reason: str) -> None:
    found = only(findings(grid(1, LEFT, **changes), void={f"{COMMUNITY}009"}, keeps_others=True), "wrong_code")
    assert (found.feature, found.field, found.reason) == (1, "code", reason)


def test_inspect_when_code_or_shape_stand_twice_then_duplicate_with_the_earlier_feature() -> None:
    turned = shapely.Polygon(shapely.get_coordinates(RIGHT)[::-1])
    again, same = grid(3, RIGHT, code=f"{COMMUNITY}001"), grid(4, turned)
    found = [one for one in findings(grid(1, LEFT), grid(2, RIGHT), again, same) if one.code == "duplicate"]
    assert [(one.feature, one.reason, one.figures["feature"]) for one in found] == [
        (3, "code", 1.0),
        (3, "geometry", 2.0),
        (4, "geometry", 2.0),
    ]


def test_inspect_when_the_parent_is_unknown_or_too_narrow_then_says_so() -> None:
    lost = grid(3, LEFT, parent="520102001009", code="520102001009003")
    below = grid(4, LEFT, parent=f"{COMMUNITY}001")
    found = findings(lost, below, keeps_others=True)
    assert only(found, "unknown_parent").other == "520102001009"
    assert only(found, "wrong_parent").reason == "grid"


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"level": "block"}, "level"), ({"kind": "own"}, "kind"), ({"name": ""}, "name"), ({"code": ""}, "code")],
)
def test_inspect_when_a_property_is_wrong_then_names_it(changes: dict[str, Any], field: str) -> None:
    found = only(findings(grid(1, LEFT, **changes), keeps_others=True), "wrong_property")
    assert (found.severity, found.feature, found.field) == ("error", 1, field)


def test_inspect_when_a_second_city_comes_then_error() -> None:
    other = grid(1, WHOLE, code="520200", level="city", kind="", parent=None)
    assert only(findings(other, keeps_others=True), "city").figures == {"cities": 2.0}


def test_inspect_when_unit_grids_lie_over_duty_grids_then_each_kind_is_a_layer_of_its_own() -> None:
    units = [grid(3, LEFT, kind="unit"), grid(4, shapely.box(106.602, 26.602, 106.604, 26.604), kind="special")]
    shapes = [one for one in findings(grid(1, LEFT), grid(2, RIGHT), *units) if one.code != "duplicate"]
    assert shapes == []


@pytest.mark.parametrize("truly", ["GCJ-02", "BD-09"])
def test_inspect_when_the_file_is_in_another_system_then_suspected_with_the_fit_of_each(truly: str) -> None:
    there = areas_of(small_city())
    moved = [as_in(one, truly) for one in as_boundaries(there) if one.level == "district"]
    found = inspect(moved, there, crs="WGS-84").findings[0]
    assert (found.code, found.other, found.reason) == ("suspect_crs", truly, "WGS-84")
    assert found.figures[truly] > 0.999 > found.figures["WGS-84"]


def test_inspect_when_new_codes_fill_their_parents_then_the_system_is_judged_by_the_parents() -> None:
    there = [one for one in areas_of(small_city()) if one.level != "grid"]
    moved = [as_in(one, "GCJ-02") for one in as_boundaries(areas_of(small_city())) if one.level == "grid"]
    assert inspect(moved, there, crs="WGS-84").findings[0].code == "suspect_crs"
    assert "suspect_crs" not in inspect(as_boundaries(areas_of(small_city())), there, crs="WGS-84").counts


def test_inspect_when_errors_and_warnings_then_what_concerns_all_first_then_errors_in_the_order_of_the_file() -> None:
    found = findings(grid(1, shapely.box(106.60, 26.60, 106.605, 26.61)), grid(2, LEFT, parent="5"), grid(3, LEFT, name=""))
    ranks = [(one.severity, one.feature or 0) for one in found]
    assert ranks == sorted(ranks)
    assert {one.code for one in found} <= set(CODES)


@given(
    st.lists(
        st.builds(
            lambda number, west, south, wide, high, code: grid(
                number, shapely.box(west, south, west + wide, south + high), code=code
            ),
            st.integers(1, 9),
            st.floats(106.595, 106.62),
            st.floats(26.595, 26.61),
            st.floats(-0.01, 0.01),
            st.floats(-0.01, 0.01),
            st.sampled_from(["", COMMUNITY, *(f"{COMMUNITY}{one:03}" for one in range(4))]),
        ),
        max_size=6,
    ),
    st.booleans(),
)
def test_inspect_when_anything_comes_then_only_known_codes_and_overlaps_as_the_plain_rule_says(
    boundaries: list[Boundary], keeps_others: bool
) -> None:
    found = inspect(boundaries, PRESENT, keeps_others=keeps_others).findings
    assert {one.code for one in found} <= set(CODES)
    first = {one.code: one for one in reversed(boundaries) if one.code and one.code != COMMUNITY}
    shapes = {code: shapely.from_wkb(one.wkb) for code, one in first.items()}
    if keeps_others:
        shapes = {one.code: shapely.from_wkb(one.wkb) for one in PRESENT[4:]} | shapes
    valid = {code: shape for code, shape in shapes.items() if shape.is_valid and not shape.is_empty}
    sharing = {frozenset((one.area, one.other)) for one in found if one.code == "overlap"}
    for code, shape in valid.items():
        for other, another in valid.items():
            square = shape.intersection(another).area * 99_604 * 110_797
            if code < other and (square > 1.1 or square < 0.9) and (code in first or other in first):
                assert (frozenset((code, other)) in sharing) == (square > 1.1)


def test_inspect_when_more_is_wrong_than_is_kept_then_all_of_it_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grid.inspection.MOST_FINDINGS", 3)
    seen = inspect([grid(number, None) for number in range(1, 8)], PRESENT, keeps_others=True)
    assert (len(seen.findings), seen.counts, seen.errors, seen.warnings) == (3, {"empty": 7}, 7, 0)


def test_inspect_when_fifteen_thousand_grids_then_seconds() -> None:
    city = make_city(districts=10, townships=10, communities=10, grids=15)
    areas = areas_of(city)
    begin = time.process_time()
    seen = inspect(as_boundaries(areas), areas)
    assert time.process_time() - begin < 30
    assert seen.findings == []
