"""Files of boundaries put in force: one change of all that they bring, wholly or not at all, withdrawn and reversed as one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from bench.boundary_files import geopackage, shapefile_parts, zipped
from dispatch.actors import Actor
from dispatch.errors import IdempotencyMismatch
from grid import change_store, store
from grid.areas import Area
from grid.borders import Borders, Change
from grid.boundaries import Boundary
from grid.change_store import BROUGHT, CHANGES, INDEXES, ChangeLarge, ChangePlanned, StaleTerritory
from grid.coordinates import from_wgs84
from grid.file_imports import BoundariesRefused, FileImports
from grid.files.geojson import read_geojson
from grid.files.reading import ReadOptions, read_boundaries
from grid.importing import TerritoryPack, write
from grid.inspecting import Inspector
from grid.inspection import judged
from grid.kept_inspections import INSPECTIONS
from grid.metric import square_metres
from grid.orders import Rename, Reverse, Split
from grid.taking import Taking
from storage.client import Database
from storage.errors import Forbidden, Invalid
from storage.indexes import ensure
from tests.grid.factories import collection
from tests.grid.squares import COMMUNITY, GRIDS, NOON, areas, box, grid_code, part, squares
from tests.grid.test_borders import Hand
from tests.grid.test_planning import line

FIRST, SECOND, THIRD, FOURTH, FIFTH, SIXTH = GRIDS
ADMIN = Actor(id="admin", role="sys_admin")
OTHER = "520102001002"
Feature = tuple[Any, dict[str, Any]]


class Office:
    """Who puts files in force, the clock moved by hand."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = Hand()
        self.borders = Borders(database, [], self.clock)
        self.imports = FileImports(Inspector(database, self.clock), self.borders)

    async def take(
        self, features: Sequence[Feature] | bytes, *, version: int = 1, key: str = "k", crs: str = "WGS-84",
        complete: bool = False, at: datetime | None = None, reason: str = "换届测绘", actor: Actor = ADMIN,
        **reading: Any,
    ) -> Change:  # fmt: skip
        """Put a file in force."""
        data = features if isinstance(features, bytes) else collection(*features).encode()
        options = ReadOptions(crs=crs, ignore_file_crs=True, **reading)
        change, _ = await self.imports.take(
            actor=actor, data=data, options=options, complete=complete, version=version, effective_at=at, reason=reason, key=key
        )
        return change

    async def codes(self) -> set[str]:
        """The grids that hold."""
        return {found["_id"] async for found in self.database.iterate(store.AREAS, {"level": "grid"})}

    async def area(self, code: str) -> dict[str, Any]:
        """One that holds."""
        found = await self.database.find_one(store.AREAS, {"_id": code})
        assert found is not None
        return found

    async def whole(self) -> dict[str, list[dict[str, Any]]]:
        """Everything that a file may touch."""
        names = (store.AREAS, store.HISTORY, store.VOID, CHANGES, BROUGHT, INSPECTIONS)
        return {name: await self.database.find(name, {}, sort=[("_id", 1)]) for name in names}


@pytest.fixture
async def office(database: Database) -> Office:
    """The community of six squares as version 1, valid from NOON."""
    await ensure(database, {**store.INDEXES, **INDEXES})
    await write(database, TerritoryPack(areas=areas()))
    await database.update_many(store.AREAS, {}, {"$set": {"valid_from": NOON}})
    return Office(database)


def feature(code: str, shape: Any, name: str = "") -> Feature:
    return shape, {"code": code, "name": name or f"名{code}"}


def moved(by: float = 0.5) -> list[Feature]:
    """The first grid is narrower, the second wider; the third as it is."""
    shapes = squares()
    return [feature(FIRST, box(0, 0, 1 - by, 1)), feature(SECOND, box(1 - by, 0, 2, 1)), feature(THIRD, shapes[THIRD])]


def two_communities() -> list[Feature]:
    """The community gives its eastern third, with new grids, to one that is new; its other grids stay."""
    return [
        feature(f"{OTHER}001", box(2, 0, 3, 1)),  # narrow levels first: the order in the file does not matter
        feature(f"{OTHER}002", box(2, 1, 3, 2)),
        *(feature(code, squares()[code]) for code in (FIRST, SECOND, FOURTH, FIFTH)),
        feature(OTHER, box(2, 0, 3, 2)),
        feature(COMMUNITY, box(0, 0, 2, 2)),
    ]


def as_file(form: str, features: list[Feature], crs: str) -> bytes:
    there = [
        (shapely.transform(shape, lambda at: np.column_stack(from_wgs84(at[:, 0], at[:, 1], crs))), properties)
        for shape, properties in features
    ]
    made = {
        "geojson": lambda: collection(*there).encode(),
        "shapefile": lambda: zipped({"wg": shapefile_parts(there)}),
        "geopackage": lambda: geopackage({"wg": there}),
    }
    return made[form]()


@pytest.mark.parametrize("form", ["geojson", "shapefile", "geopackage"])
@pytest.mark.parametrize("crs", ["WGS-84", "CGCS2000", "GCJ-02", "BD-09"])
async def test_take_when_any_format_and_system_then_its_borders_hold_to_a_centimetre(office: Office, form: str, crs: str) -> None:
    change = await office.take(as_file(form, moved(), crs), crs=crs)
    assert (change.kind, change.state, change.version, set(change.touched), change.gone) == (
        "import", "in_force", 2, {FIRST, SECOND}, []
    )  # fmt: skip
    for code, shape in ((FIRST, box(0, 0, 0.5, 1)), (SECOND, box(0.5, 0, 2, 1))):
        found = await office.area(code)
        assert shapely.hausdorff_distance(shapely.from_wkb(found["wkb"]), shape) < 1e-7
        assert (found["version"], found["valid_from"], found["change"]) == (2, office.clock.now, change.id)
    assert (await office.area(THIRD))["version"] == 1  # as it was, to a centimetre
    assert await office.codes() == set(GRIDS)  # what the file lacks stays


async def test_take_when_a_file_has_several_levels_then_one_change_and_one_version(office: Office) -> None:
    change = await office.take(two_communities(), complete=True)
    assert (change.counts.touched, change.counts.gone, change.version) == (6, 2, 2)
    assert {gone.code: gone.heirs for gone in change.gone} == {THIRD: (f"{OTHER}001",), SIXTH: (f"{OTHER}002",)}
    assert await office.codes() == {FIRST, SECOND, FOURTH, FIFTH, f"{OTHER}001", f"{OTHER}002"}
    assert (await office.area(f"{OTHER}001"))["parent"] == OTHER
    assert {(await office.area(code))["version"] for code in (COMMUNITY, OTHER, f"{OTHER}001")} == {2}
    assert (await office.area(FIRST))["version"] == 1
    assert await store.load_version(office.database) == 2
    assert await office.database.count(BROUGHT, {}) == 0


async def test_take_when_not_complete_then_what_overlaps_a_grid_that_stays_is_refused(office: Office) -> None:
    before = await office.whole()
    with pytest.raises(BoundariesRefused) as caught:
        await office.take(two_communities())
    found = {(one.code, one.area) for one in caught.value.inspection.findings if one.severity == "error"}
    assert found == {("outside_parent", THIRD), ("outside_parent", SIXTH)}  # which stay below the community that shrinks
    assert await office.whole() == before


async def test_take_when_complete_and_what_goes_has_areas_below_that_the_file_lacks_then_refused(office: Office) -> None:
    await office.take(two_communities(), complete=True)
    before = await office.whole()
    with pytest.raises(BoundariesRefused) as caught:
        await office.take([feature(COMMUNITY, box(0, 0, 3, 2))], version=2, key="k2", complete=True)
    (one,) = [one for one in caught.value.inspection.findings if one.severity == "error"]
    assert (one.code, one.area, one.other, one.figures) == ("stranded", OTHER, f"{OTHER}001", {"areas": 2.0})
    assert await office.whole() == before


async def test_take_when_an_area_goes_with_what_lies_below_it_then_each_has_heirs_of_its_kind(office: Office) -> None:
    await office.take(two_communities(), complete=True)
    east = [feature(grid_code(7), box(2, 0, 3, 1.5)), feature(grid_code(8), box(2, 1.5, 3, 2))]
    kept = [feature(code, squares()[code]) for code in (FIRST, SECOND, FOURTH, FIFTH)]
    back = [feature(COMMUNITY, box(0, 0, 3, 2)), *kept, *east]
    change = await office.take(back, version=2, key="k2", complete=True)
    assert {gone.code: gone.heirs for gone in change.gone} == {
        OTHER: (COMMUNITY,), f"{OTHER}001": (grid_code(7),), f"{OTHER}002": (grid_code(7), grid_code(8)),
    }  # fmt: skip
    assert await office.codes() == {FIRST, SECOND, FOURTH, FIFTH, grid_code(7), grid_code(8)}


async def test_take_when_reversed_then_as_before_and_void_codes_stay_void_on_all_levels(office: Office) -> None:
    await office.take(two_communities(), complete=True)
    kept = [feature(code, squares()[code]) for code in (FIRST, SECOND, FOURTH, FIFTH)]
    back = [feature(COMMUNITY, box(0, 0, 3, 2)), *kept, feature(grid_code(7), box(2, 0, 3, 2))]
    change = await office.take(back, version=2, key="k2", complete=True)
    look = await office.borders.look(Reverse(change=change.id))
    assert look.errors == [] and look.counts.touched == 5  # community, three that come back, and the grid that goes
    await office.borders.make(
        actor=ADMIN, order=Reverse(change=change.id), version=3, effective_at=None, reason="撤回", key="k3"
    )  # fmt: skip
    third = "520102001003"  # the next community: 002 is void
    assert await office.codes() == {FIRST, SECOND, FOURTH, FIFTH, f"{third}001", f"{third}002"}
    assert shapely.equals(shapely.from_wkb((await office.area(COMMUNITY))["wkb"]), box(0, 0, 2, 2))
    void = {found["_id"]: found["heirs"] for found in await office.database.find(store.VOID, {})}
    assert (void[OTHER], void[f"{OTHER}001"], void[grid_code(7)]) == ([third], [f"{third}001"], [f"{third}001", f"{third}002"])


async def test_reverse_when_an_area_came_later_below_one_that_would_go_then_refused(office: Office) -> None:
    change = await office.take(two_communities(), complete=True)
    cut = Split(code=f"{OTHER}001", crs="WGS-84", line=line((2.5, -1), (2.5, 2)))
    await office.borders.make(actor=ADMIN, order=cut, version=2, effective_at=None, reason="分", key="k2")
    with pytest.raises(Invalid) as caught:
        await office.borders.look(Reverse(change=change.id))
    assert [(error.field, error.code) for error in caught.value.errors] == [("order.change", "overtaken")]


async def test_take_when_later_then_listed_withdrawn_or_in_force_at_its_moment(office: Office) -> None:
    at = office.clock.now + timedelta(days=30)
    change = await office.take(moved(), at=at)
    assert (change.state, change.effective_at) == ("planned", at)
    with pytest.raises(ChangePlanned) as caught:
        await office.take(moved(0.2), key="k2")
    assert caught.value.data == {"change": change.id}
    assert [one.id for one in await office.borders.changes(state="planned", area=FIRST)] == [change.id]
    await office.borders.withdraw(actor=ADMIN, id=change.id, reason="另议")
    again = await office.take(moved(0.2), key="k2", at=at)
    office.clock.now = at
    assert await office.borders.put_due_in_force() == 1
    assert [(one.id, one.state) for one in await office.borders.changes()] == [(again.id, "in_force"), (change.id, "withdrawn")]
    assert shapely.equals(shapely.from_wkb((await office.area(FIRST))["wkb"]), box(0, 0, 0.8, 1))


async def test_take_when_one_of_its_areas_is_another_at_its_moment_then_failed_and_nothing_is_touched(office: Office) -> None:
    at = office.clock.now + timedelta(days=30)
    await office.take(moved(), at=at)
    await office.database.update_one(store.AREAS, {"_id": SECOND}, {"$set": {"version": 9}})
    before = {name: found for name, found in (await office.whole()).items() if name != CHANGES}
    office.clock.now = at
    assert await office.borders.put_due_in_force() == 1
    assert [one.state for one in await office.borders.changes()] == ["failed"]
    assert {name: found for name, found in (await office.whole()).items() if name != CHANGES} == before


async def test_take_when_sent_again_then_the_same_change_and_another_file_under_the_key_is_refused(office: Office) -> None:
    change = await office.take(moved())
    after = await office.whole()
    assert await office.take(moved()) == change
    for other in ({"features": moved(0.2)}, {"features": moved(), "complete": True}, {"features": moved(), "reason": "别的"}):
        with pytest.raises(IdempotencyMismatch):
            await office.take(**other)  # type: ignore[arg-type]
    assert await office.whole() == after


async def test_take_when_two_come_at_once_then_one_is_made_and_the_other_is_refused(office: Office) -> None:
    results = await asyncio.gather(
        office.take(moved(), key="a"), office.take(moved(0.2), key="b"), return_exceptions=True
    )  # fmt: skip
    assert sum(isinstance(result, Change) for result in results) == 1
    assert sum(isinstance(result, StaleTerritory | ChangePlanned) for result in results) == 1  # as far as the first has come
    assert await office.database.count(CHANGES, {}) == 1 and await office.database.count(BROUGHT, {}) == 0


@pytest.mark.parametrize("days", [-1, 400])
async def test_take_when_the_moment_is_past_or_too_far_then_refused_unread(office: Office, days: int) -> None:
    with pytest.raises(Invalid) as caught:
        await office.take(b"no file", at=office.clock.now + timedelta(days=days))
    assert [(error.field, error.code) for error in caught.value.errors] == [("effective_at", "range")]


async def test_take_when_stale_or_nothing_new_or_another_role_then_refused_and_nothing_is_left(office: Office) -> None:
    before = await office.whole()
    with pytest.raises(StaleTerritory) as stale:
        await office.take(b"no file", version=7)
    assert stale.value.data == {"version": 1}
    with pytest.raises(Invalid) as same:
        await office.take([feature(code, shape) for code, shape in squares().items()], complete=True)
    assert [(error.field, error.code) for error in same.value.errors] == [("file", "same")]
    with pytest.raises(Forbidden):
        await office.take(moved(), actor=Actor(id="x", role="dispatcher"))
    assert await office.whole() == before


async def test_take_when_of_more_areas_than_one_change_may_touch_then_refused_with_the_number(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_store, "MOST_AREAS", 1)
    before = await office.whole()
    with pytest.raises(ChangeLarge) as caught:
        await office.take(moved())
    assert caught.value.data == {"areas": 2, "limit": 1}
    assert await office.whole() == before


async def test_put_in_force_when_planned_by_an_earlier_version_then_its_areas_are_taken_from_the_change(office: Office) -> None:
    at = office.clock.now + timedelta(days=1)
    change = await office.take(moved(), at=at)
    brought = await office.database.find(BROUGHT, {})
    await office.database.update_one(
        CHANGES, {"_id": change.id}, {"$set": {"now": [one["form"] for one in brought]}, "$unset": {"counts": ""}}
    )
    await office.database.delete_many(BROUGHT, {})
    office.clock.now = at
    assert await office.borders.put_due_in_force() == 1
    assert shapely.equals(shapely.from_wkb((await office.area(FIRST))["wkb"]), box(0, 0, 0.5, 1))
    (listed,) = await office.borders.changes()
    assert (listed.state, listed.counts.touched, listed.counts.gone) == ("in_force", 2, 0)


async def test_take_when_the_city_is_in_the_file_then_its_outline_changes_and_another_city_is_refused(office: Office) -> None:
    change = await office.take([feature("520100", box(0, 0, 3, 2.5), "贵阳市")])
    assert (change.touched, (await office.area("520100"))["name"]) == (("520100",), "贵阳市")
    with pytest.raises(BoundariesRefused) as caught:
        await office.take([feature("520200", box(0, 0, 3, 2), "别的市")], version=2, key="k2", complete=True)
    assert "city" in caught.value.inspection.counts


async def test_take_when_the_file_says_less_than_is_known_then_english_name_and_word_of_the_level_stay(office: Office) -> None:
    await office.database.update_one(store.AREAS, {"_id": COMMUNITY}, {"$set": {"kind": "village", "name_en": "Community"}})
    await office.take([feature(COMMUNITY, box(0, 0, 3, 2.1))])
    found = await office.area(COMMUNITY)
    assert (found["kind"], found["name_en"]) == ("village", "Community")
    await office.take([feature(COMMUNITY, box(0, 0, 3, 2.1), "新名字")], version=2, key="k2")
    assert (await office.area(COMMUNITY))["name_en"] == ""  # of the old name


async def test_make_when_after_a_file_then_the_changes_go_on_from_its_version(office: Office) -> None:
    await office.take(moved())
    change, _ = await office.borders.make(
        actor=ADMIN, order=Rename(code=FIRST, name="别的"), version=2, effective_at=None, reason="改名", key="r"
    )
    assert change.version == 3


@pytest.mark.shared_data
@pytest.mark.parametrize("form", ["as published", "shapefile", "geopackage"])
async def test_take_when_the_detailed_districts_of_guiyang_come_over_the_coarse_ones_then_these_hold_and_reversed_those_again(
    database: Database, shared_data: Path, form: str
) -> None:
    folder, names = shared_data / "guiyang_admin", {"code": "adcode", "name": "name"}
    coarse = (folder / "districts_cgcs2000_coarse.geojson").read_bytes()
    there = read_boundaries(coarse, ReadOptions(crs="CGCS2000", field_map=names)).boundaries
    whole = shapely.to_wkb(shapely.union_all(shapely.from_wkb([one.wkb for one in there])))
    districts = [Area(code=one.code, name=one.name, level="district", parent="520100", wkb=one.wkb) for one in there]
    await write(database, TerritoryPack(areas=[Area(code="520100", name="贵阳市", level="city", wkb=whole), *districts]))
    before = {one["_id"]: one["wkb"] for one in await database.find(store.AREAS, {})}
    published = (folder / "districts_detailed_gcj02.geojson").read_bytes()
    layer = read_geojson(published)
    data = (
        published if form == "as published" else as_file(form, list(zip(layer.shapes, layer.properties, strict=True)), "WGS-84")
    )
    office = Office(database)
    change = await office.take(data, crs="GCJ-02", field_map=names)
    assert (change.state, change.counts.touched, change.counts.gone) == ("in_force", 11, 0)
    for one in read_boundaries(published, ReadOptions(crs="GCJ-02", field_map=names)).boundaries:
        now = shapely.from_wkb((await office.area(one.code))["wkb"])
        assert shapely.hausdorff_distance(now, shapely.from_wkb(one.wkb)) < 1e-9
    await office.borders.make(
        actor=ADMIN, order=Reverse(change=change.id), version=2, effective_at=None, reason="撤回", key="back"
    )  # fmt: skip
    assert {one["_id"]: one["wkb"] for one in await database.find(store.AREAS, {})} == before


@given(st.lists(st.floats(0.05, 2.95), min_size=1, max_size=5, unique_by=lambda cut: round(cut, 2)), st.booleans())
def test_plan_when_a_community_is_cut_anew_then_the_land_is_what_the_file_says_and_every_void_code_has_heirs(
    cuts: list[float], upright: bool
) -> None:
    edges = [0.0, *sorted(cuts), 3.0]
    shapes = [box(west, 0, east, 2) if upright else box(0, west / 1.5, 3, east / 1.5) for west, east in pairwise(edges)]
    boundaries = [
        Boundary(number=n, code=grid_code(n + 4), name="格", level="grid", kind="duty", parent=COMMUNITY, wkb=wkb)
        for n, wkb in enumerate(shapely.to_wkb(shapes), start=1)
    ]
    present = areas(part(f"{COMMUNITY}900", box(0.2, 0.2, 0.4, 0.4), kind="special"))
    taking = Taking(boundaries, present, keeps_others=False)
    assert judged(taking).errors == 0
    made = taking.plan()
    after = {area.code: area for area in present if area.code not in made.gone} | made.now
    below = [area for area in after.values() if area.parent == COMMUNITY and area.layer == "duty"]
    assert {area.code for area in below} == {one.code for one in boundaries} and f"{COMMUNITY}900" in after
    drawn = shapely.union_all(shapely.from_wkb([area.wkb for area in below]))
    assert square_metres(shapely.symmetric_difference(drawn, box(0, 0, 3, 2))) < 0.01
    assert all(heirs and set(heirs) <= after.keys() for heirs in made.gone.values())
    effect = taking.effect()
    assert (len(made.now), len(made.gone)) == (effect.new + effect.changed, effect.left_out)


def test_taking_when_special_grids_lie_over_the_duty_grids_then_a_complete_file_of_duty_grids_leaves_them() -> None:
    market = Area(code=f"{COMMUNITY}900", name="市场", level="grid", kind="special", parent=COMMUNITY)
    one = Boundary(
        number=1, code=FIRST, name="一", level="grid", kind="duty", parent=COMMUNITY, wkb=shapely.to_wkb(box(0, 0, 3, 2))
    )  # fmt: skip
    taking = Taking([one], areas(market), keeps_others=False)
    assert {area.code for area in taking.left_out} == set(GRIDS) - {FIRST}
