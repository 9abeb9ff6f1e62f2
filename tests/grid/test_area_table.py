"""Areas as columns answer what the areas say themselves: tree, paths, layers, communities, polygons, labels."""

from __future__ import annotations

import msgspec
import numpy as np
import shapely

from dispatch.model import LEVELS
from grid.area_table import AreaTable, ground_of
from grid.areas import Area
from grid.hierarchy import AreaTree
from grid.layers import Layer
from grid.shapes import Shapes
from tests.grid.factories import areas_of, small_city, square

AREAS = areas_of(small_city())
BY_CODE = {area.code: area for area in AREAS}


def path_of(code: str | None) -> list[str]:
    """The codes from the city down, by walking up."""
    return [] if code is None else [*path_of(BY_CODE[code].parent), code]


def layer_of(areas: list[Area], level: str) -> Layer:
    ground = ground_of(areas)
    edges = np.frombuffer(ground.shape_starts, np.int64)
    return Layer(ground.table, Shapes(edges[:-1], edges[1:], ground.shapes), level)


def test_tree_when_made_from_columns_then_parents_children_and_paths_are_those_of_the_areas() -> None:
    tree = AreaTree.of(AREAS[::-1])
    assert len(tree) == len(AREAS)
    for area in AREAS:
        ref = tree.get(area.code)
        assert ref is not None and (ref.code, ref.name, ref.level) == (area.code, area.name, area.level)
        assert tree.parent(area.code) == area.parent
        assert [one.code for one in tree.path(area.code)] == path_of(area.code) == tree.lineage(area.code)[::-1]
        assert [one.code for one in tree.children(area.code)] == sorted(a.code for a in AREAS if a.parent == area.code)
        assert all(tree.is_within(area.code, above) for above in path_of(area.code))
    assert [one.code for one in tree.roots()] == ["520000"]
    assert tree.path(AREAS[-1].code) is tree.path(AREAS[-1].code)  # who keeps answers by the path must find it again


def test_tree_when_the_code_is_unknown_then_nothing() -> None:
    tree = AreaTree.of(AREAS)
    assert (tree.get("999"), tree.parent("999"), tree.path("999"), tree.children("999")) == (None, None, (), ())
    assert tree.above("999", "city") is None and not tree.is_within("999", "520000")


def test_tree_when_parents_go_in_a_circle_then_paths_end() -> None:
    tree = AreaTree.of([Area(code="1", name="a", level="city", parent="2"), Area(code="2", name="b", level="city", parent="1")])
    assert len(tree.path("1")) == 8


def test_table_when_sent_to_another_process_then_the_same() -> None:
    table = ground_of(AREAS).table
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(table), type=AreaTable) == table


def test_communities_when_grids_have_one_above_then_that_else_their_own() -> None:
    alone = Area(code="9", name="g", level="grid", parent="520000", wkb=shapely.to_wkb(square(100, 20)))
    table = ground_of([*AREAS, alone]).table
    grids = [table.all_codes()[position] for position in np.frombuffer(table.layers["grid"], np.int32)]
    found = [table.communities[number] for number in np.frombuffer(table.community_of, np.int32)]
    assert dict(zip(grids, found, strict=True)) == {
        area.code: area.parent for area in AREAS if area.level == "grid"
    } | {"9": "9"}  # fmt: skip


def test_layer_when_drawn_then_polygons_names_and_labels_inside() -> None:
    for level in LEVELS:
        features = layer_of(AREAS, level).features()
        assert [one.code for one in features] == sorted(area.code for area in AREAS if area.level == level)
        for one in features:
            assert shapely.equals_exact(one.geometry, shapely.from_wkb(BY_CODE[one.code].wkb))
            assert shapely.intersects_xy(one.geometry, *one.label)


def test_layer_when_asked_for_a_box_then_those_whose_bounds_meet_it() -> None:
    layer, box = layer_of(AREAS, "grid"), shapely.from_wkb(BY_CODE[AREAS[-1].code].wkb).bounds
    west, south, east, north = box
    expected = [
        area.code
        for area in sorted(AREAS, key=lambda area: area.code)
        if area.level == "grid"
        and (bounds := shapely.from_wkb(area.wkb).bounds)[0] <= east
        and bounds[2] >= west
        and bounds[1] <= north
        and bounds[3] >= south
    ]
    assert [one.code for one in layer.features(box)] == expected and len(expected) < 48


def test_layer_when_special_without_polygon_or_labelled_then_left_out_or_kept() -> None:
    special = Area(code="S", name="市场", level="grid", kind="special", wkb=shapely.to_wkb(square(0, 0)))
    bare = Area(code="B", name="无界", level="grid")
    named = Area(code="L", name="标", level="grid", wkb=shapely.to_wkb(square(1, 1)), label=(1.001, 1.002))
    layer = layer_of([special, bare, named], "grid")
    assert len(layer) == 1 and layer.code(0) == "L" and layer.label("L") == (1.001, 1.002) and layer.label("S") is None
    assert layer.bounds() == (1.0, 1.0, 1.01, 1.01) and layer_of([bare], "grid").bounds() is None


def test_shapes_when_taken_many_then_each_at_its_place() -> None:
    squares = [square(number, 0) for number in range(5)]
    taken = Shapes.of(squares).take(np.array([3, 1, 3]))
    assert [shape.bounds[0] for shape in taken] == [3.0, 1.0, 3.0]


def test_layer_of_grids_when_a_parent_has_no_duty_grids_then_its_next_kind_is_looked_up() -> None:
    def grid(code: str, kind: str, parent: str) -> Area:
        return Area(code=code, name=code, level="grid", kind=kind, parent=parent, wkb=shapely.to_wkb(square(len(code), 0)))

    areas = [
        Area(code="a", name="a", level="community"), Area(code="b", name="b", level="district"),
        grid("a1", "duty", "a"), grid("a2", "manage", "a"), grid("a3", "unit", "a1"), grid("b1", "manage", "b"),
        grid("b2", "special", "b"), grid("b3", "eval", "b"),
    ]  # fmt: skip
    layer = layer_of(areas, "grid")
    assert [layer.code(number) for number in range(len(layer))] == ["a1", "b1"]
