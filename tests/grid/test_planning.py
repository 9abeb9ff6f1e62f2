"""Orders on the territory: what they would do, which codes they give, what is refused and what is found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from grid.border_checks import check
from grid.boundaries import Finding
from grid.land import Land, SequenceFull, next_codes
from grid.metric import square_metres
from grid.orders import Create, Feature, Import, Merge, MoveBorder, Order, Part, Rename, Split, Void
from grid.planning import Plan, plan
from storage.errors import Invalid
from tests.grid.squares import CITY, COMMUNITY, GRIDS, box, geojson, grid_code, land, part, squares

FIRST, SECOND, THIRD, FOURTH, FIFTH, SIXTH = GRIDS


def line(*points: tuple[float, float]) -> dict[str, Any]:
    """A line over the community, in sides of a grid."""
    return geojson(shapely.LineString([(106.60 + x * 0.01, 26.60 + y * 0.01) for x, y in points]))


def found_in(order: Order, ground: Land | None = None) -> tuple[Plan, list[Finding]]:
    ground = ground or land()
    made = plan(order, ground)
    return made, check(made, ground)


def refusal(order: Order, ground: Land | None = None) -> tuple[str, str]:
    with pytest.raises(Invalid) as caught:
        plan(order, ground or land())
    (error,) = caught.value.errors
    return error.field, error.code


def codes(findings: Sequence[Finding]) -> list[tuple[str, str, str]]:
    return [(finding.code, finding.area, finding.other) for finding in findings]


def test_split_when_cut_by_a_line_then_parts_get_the_next_codes_from_west_to_east() -> None:
    made, findings = found_in(Split(code=FIRST, crs="WGS-84", line=line((0.4, -1), (0.4, 2))))
    assert findings == []
    assert list(made.now) == [grid_code(7), grid_code(8)]
    assert made.gone == {FIRST: (grid_code(7), grid_code(8))}
    assert made.drawn[grid_code(7)].equals(box(0, 0, 0.4, 1))
    assert {area.parent for area in made.now.values()} == {COMMUNITY}
    assert [area.name for area in made.now.values()] == [f"名{FIRST}-1", f"名{FIRST}-2"]
    west, _ = made.now.values()
    assert shapely.from_wkb(west.wkb).contains(shapely.Point(west.label))


def test_split_when_parts_are_drawn_then_given_codes_and_names_hold() -> None:
    parts = [
        Part(geometry=geojson(box(0, 0, 1, 0.5)), name="南段"),
        Part(geometry=geojson(box(0, 0.5, 1, 1)), code=grid_code(20), name="北段"),
    ]
    made, findings = found_in(Split(code=FIRST, crs="WGS-84", parts=parts))
    assert findings == []
    assert {code: area.name for code, area in made.now.items()} == {grid_code(7): "南段", grid_code(20): "北段"}


def test_split_when_parts_leave_ground_then_said_with_its_figure() -> None:
    parts = [Part(geometry=geojson(box(0, 0, 1, 0.5))), Part(geometry=geojson(box(0, 0.6, 1, 1)))]
    _, findings = found_in(Split(code=FIRST, crs="WGS-84", parts=parts))
    assert codes(findings) == [("parts_differ", FIRST, ""), ("gap", COMMUNITY, "")]
    lost = float(square_metres(box(0, 0.5, 1, 0.6)))
    assert findings[0].figures["area_m2"] == pytest.approx(lost, rel=1e-3)
    assert box(0, 0.5, 1, 0.6).contains(shapely.Point(findings[0].at))


def test_split_when_parts_overlap_each_other_and_a_neighbour_then_each_is_said() -> None:
    parts = [Part(geometry=geojson(box(0, 0, 1, 0.6))), Part(geometry=geojson(box(0, 0.5, 1.1, 1)))]
    _, findings = found_in(Split(code=FIRST, crs="WGS-84", parts=parts))
    assert codes(findings) == [
        ("overlap", grid_code(7), grid_code(8)),
        ("overlap", grid_code(8), SECOND),
        ("parts_differ", FIRST, ""),
    ]


def test_split_when_it_has_grids_below_then_each_goes_to_the_part_that_holds_it() -> None:
    micro = part(f"{FIRST}-01", box(0, 0, 0.2, 0.2), parent=FIRST, kind="")
    crossing = part(f"{FIRST}-02", box(0.3, 0, 0.6, 0.2), parent=FIRST, kind="")
    made, findings = found_in(Split(code=FIRST, crs="WGS-84", line=line((0.4, -1), (0.4, 2))), land(micro, crossing))
    assert (made.now[micro.code].parent, made.now[crossing.code].parent) == (grid_code(7), grid_code(8))
    assert codes(findings) == [("outside_parent", crossing.code, grid_code(8))]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (Split(code=FIRST, crs="WGS-84", line=line((5, 5), (6, 6))), ("order.line", "too_few")),
        (Split(code=FIRST, crs="WGS-84"), ("order.line", "contradiction")),
        (Split(code=FIRST, crs="WGS-84", line=line((0.4, -1), (0.4, 2)), parts=[Part()]), ("order.parts", "number")),
        (Split(code=FIRST, crs="WGS-84", line=geojson(box(0, 0, 1, 1))), ("order.line", "geometry")),
        (
            Split(code=FIRST, crs="WGS-84", line=line((0.4, -1), (0.4, 2)), parts=[Part(), Part(code=SECOND)]),
            ("order.parts[1].code", "code_used"),
        ),
        (Split(code="520102001001999", crs="WGS-84", line=line((0, 0), (1, 1))), ("order.code", "unknown_area")),
        (Split(code=CITY, crs="WGS-84", line=line((0.4, -1), (0.4, 3))), ("order.code", "city")),
        (Merge(codes=[FIRST, FIRST]), ("order.codes", "too_few")),
        (Merge(codes=[FIRST, COMMUNITY]), ("order.codes", "not_siblings")),
        (Merge(codes=[FIRST, SECOND], into=THIRD), ("order.into", "choice")),
        (MoveBorder(giver=FIRST, taker=SECOND, ground=geojson(box(0, 0, 1, 1)), crs="WGS-84"), ("order.ground", "all")),
        (MoveBorder(giver=FIRST, taker=SECOND, ground=geojson(box(2, 0, 3, 1)), crs="WGS-84"), ("order.ground", "outside")),
        (MoveBorder(giver=FIRST, taker=FIRST, ground=geojson(box(0, 0, 1, 1)), crs="WGS-84"), ("order.taker", "not_siblings")),
        (Rename(code=FIRST, name=f"名{FIRST}"), ("order.name", "same")),
        (Void(code=COMMUNITY), ("order.code", "has_children")),
        (
            Create(parent=COMMUNITY, level="township", name="x", geometry=geojson(box(0, 0, 1, 1)), crs="WGS-84", code="9"),
            ("order.level", "not_allowed"),
        ),
        (
            Create(parent=CITY, level="district", name="x", geometry=geojson(box(0, 0, 1, 1)), crs="WGS-84"),
            ("order.code", "required"),
        ),
        (Create(parent=COMMUNITY, name="x", geometry={"type": "Point", "coordinates": [106, 26]}, crs="WGS-84"),
         ("order.geometry", "geometry")),
        (Create(parent=COMMUNITY, name="x", geometry={"coordinates": 7}, crs="WGS-84"), ("order.geometry", "geometry")),
    ],
)  # fmt: skip
def test_order_when_it_means_nothing_then_refused_by_field(order: Order, expected: tuple[str, str]) -> None:
    assert refusal(order) == expected


def test_merge_when_adjacent_then_one_survives_and_takes_the_ground() -> None:
    made, findings = found_in(Merge(codes=[FIRST, SECOND], into=SECOND))
    assert findings == []
    assert made.gone == {FIRST: (SECOND,)}
    assert made.drawn[SECOND].equals(box(0, 0, 2, 1))
    assert made.now[SECOND].name == f"名{SECOND}"


def test_merge_when_none_survives_then_a_new_code() -> None:
    made, findings = found_in(Merge(codes=[FIRST, FOURTH, FIFTH], name="合并网格"))
    assert findings == []
    assert made.gone == {code: (grid_code(7),) for code in (FIRST, FOURTH, FIFTH)}
    assert made.now[grid_code(7)].name == "合并网格"


@pytest.mark.parametrize(("apart", "other"), [(THIRD, FIRST), (FIFTH, FIRST)])
def test_merge_when_not_adjacent_then_said(apart: str, other: str) -> None:
    _, findings = found_in(Merge(codes=[other, apart], into=other))
    assert ("not_adjacent", apart, "") in codes(findings)


def test_move_border_when_neighbours_then_their_union_stays() -> None:
    made, findings = found_in(MoveBorder(giver=FIRST, taker=SECOND, ground=geojson(box(0.5, -1, 9, 9)), crs="WGS-84"))
    assert findings == []
    assert made.gone == {}
    assert made.drawn[FIRST].equals(box(0, 0, 0.5, 1))
    assert made.drawn[SECOND].equals(box(0.5, 0, 2, 1))


def test_move_border_when_the_ground_lies_away_from_the_taker_then_not_adjacent() -> None:
    _, findings = found_in(MoveBorder(giver=FIRST, taker=SECOND, ground=geojson(box(0, 0, 0.5, 1)), crs="WGS-84"))
    assert codes(findings) == [("not_adjacent", FIRST, "")]


def test_move_border_when_the_file_is_gcj02_then_moved_to_wgs84() -> None:
    far = MoveBorder(giver=FIRST, taker=SECOND, ground=geojson(box(0.5, -1, 3, 3)), crs="GCJ-02")
    made, _ = found_in(far)
    shift = made.drawn[FIRST].bounds[2] - box(0.5, 0, 1, 1).bounds[0]
    assert -0.005 < shift < -0.002  # about 350 m at Guiyang


def test_create_when_it_overlaps_then_an_error_and_when_it_fills_a_gap_then_none() -> None:
    over = Create(parent=COMMUNITY, name="新网格", geometry=geojson(box(0.5, 0.5, 1, 1)), crs="WGS-84")
    _, findings = found_in(over)
    assert codes(findings) == [("overlap", grid_code(7), FIRST)]
    hole = Land([area for area in land().areas.values() if area.code != SIXTH], used=[SIXTH])
    filling = Create(parent=COMMUNITY, name="新网格", geometry=geojson(box(2, 1, 3, 2)), crs="WGS-84")
    made, findings = found_in(filling, hole)
    assert (list(made.now), findings) == ([grid_code(7)], [])


def test_create_when_special_then_it_may_lie_over_the_duty_grids() -> None:
    market = Create(
        parent=COMMUNITY, name="市场", geometry=geojson(box(0.5, 0.5, 1.2, 1)), crs="WGS-84", area_kind="special"
    )  # fmt: skip
    assert found_in(market)[1] == []


def test_create_when_below_a_grid_then_a_micro_grid_by_its_code() -> None:
    made, findings = found_in(
        Create(parent=FIRST, name="十联户", geometry=geojson(box(0, 0, 0.1, 0.1)), crs="WGS-84", area_kind="")
    )
    assert (list(made.now), findings) == ([f"{FIRST}-01"], [])


def test_create_when_it_reaches_out_of_its_parent_then_said_how_far() -> None:
    _, findings = found_in(
        Create(parent=COMMUNITY, name="x", geometry=geojson(box(3, 0, 3.1, 1)), crs="WGS-84", code="520102001001900")
    )
    assert codes(findings) == [("outside_parent", "520102001001900", COMMUNITY)]
    assert findings[0].figures["distance_m"] == pytest.approx(99.6, abs=1)


def test_void_when_nobody_takes_its_ground_then_a_gap_is_a_warning() -> None:
    made, findings = found_in(Void(code=FIRST))
    assert made.gone == {FIRST: ()}
    assert [(finding.code, finding.severity, finding.area) for finding in findings] == [("gap", "warning", COMMUNITY)]


def test_rename_when_another_name_then_the_border_stays() -> None:
    made, findings = found_in(Rename(code=FIRST, name="中华路网格"))
    assert findings == [] and made.drawn == {} and made.gone == {}
    assert made.now[FIRST].name == "中华路网格"
    assert made.now[FIRST].wkb == land().areas[FIRST].wkb


def test_import_when_a_level_is_replaced_then_changed_new_and_void_with_heirs() -> None:
    features = [
        Feature(geometry=geojson(box(0, 0, 1, 2)), code=FIRST, name=f"名{FIRST}"),
        Feature(geometry=geojson(box(1, 0, 2, 2)), code=grid_code(9), name="九号"),
        Feature(geometry=geojson(box(2, 0, 3, 1)), code=THIRD, name=f"名{THIRD}"),
        Feature(geometry=geojson(box(2, 1, 3, 2)), code=SIXTH, name=f"名{SIXTH}"),
    ]
    made, findings = found_in(Import(parent=COMMUNITY, crs="WGS-84", features=features))
    assert findings == []
    assert list(made.now) == [FIRST, grid_code(9)]
    assert made.gone == {SECOND: (grid_code(9),), FOURTH: (FIRST,), FIFTH: (grid_code(9),)}


def test_import_when_it_is_what_is_there_then_refused() -> None:
    features = [Feature(geometry=geojson(shape), code=code, name=f"名{code}") for code, shape in squares().items()]
    assert refusal(Import(parent=COMMUNITY, crs="WGS-84", features=features)) == ("order.features", "same")


def test_next_codes_when_all_numbers_were_given_then_the_sequence_is_full() -> None:
    full = land(used=[grid_code(number) for number in range(1, 999)])
    assert next_codes(full, COMMUNITY, "grid", 1) == [grid_code(999)]
    with pytest.raises(SequenceFull) as caught:
        next_codes(full, COMMUNITY, "grid", 2)
    assert caught.value.data == {"parent": COMMUNITY, "free": 1, "needed": 2}


def test_check_when_something_was_wrong_before_then_it_does_not_stop_a_change_beside_it() -> None:
    sloppy = [
        msgspec.structs.replace(area, wkb=shapely.to_wkb(box(1.9, 0, 3, 0.9))) if area.code == THIRD else area
        for area in land().areas.values()
    ]
    _, findings = found_in(Split(code=SECOND, crs="WGS-84", line=line((1.5, -1), (1.5, 2))), Land(sloppy, version=1))
    assert findings == []


@given(st.lists(st.tuples(st.floats(0.05, 0.95), st.floats(0.05, 0.95)), min_size=1, max_size=4), st.booleans())
def test_split_when_cut_by_any_line_then_the_parts_are_the_whole_again(points: list[tuple[float, float]], upright: bool) -> None:
    ends = ((points[0][0], -0.5), (points[-1][0], 1.5)) if upright else ((-0.5, points[0][1]), (1.5, points[-1][1]))
    order = Split(code=FIRST, crs="WGS-84", line=line(ends[0], *points, ends[1]))
    made, findings = found_in(order)
    whole = squares()[FIRST]
    assert [finding for finding in findings if finding.severity == "error"] == []
    assert len(made.now) >= 2
    assert sum(map(square_metres, made.drawn.values())) == pytest.approx(square_metres(whole), rel=1e-9)
    assert set(made.gone[FIRST]) == set(made.now)
    back = plan(Merge(codes=list(made.now)), Land([*(area for code, area in land().areas.items() if code != FIRST),
                                                   *made.now.values()], used=[FIRST]))  # fmt: skip
    (merged,) = back.drawn.values()
    assert square_metres(shapely.symmetric_difference(merged, whole)) < 0.01
