"""Changes of the territory in the database: made once, in force wholly or not at all, withdrawn, and what held when."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from dispatch.actors import Actor
from dispatch.errors import IdempotencyMismatch
from grid import store
from grid.borders import Borders, ChangeInForce, ChangeRefused, Mention, Mentions
from grid.change_store import CHANGES, INDEXES, LEAD, ChangePlanned, StaleTerritory
from grid.importing import TerritoryPack, write
from grid.orders import Create, Merge, MoveBorder, Rename, Reverse, Split, Void
from storage.client import Database
from storage.errors import Invalid, NotFound
from storage.indexes import ensure
from tests.grid.squares import COMMUNITY, GRIDS, NOON, areas, box, geojson, grid_code
from tests.grid.test_planning import line

FIRST, SECOND, THIRD, *_ = GRIDS
ADMIN = Actor(id="admin", role="sys_admin")
CUT = Split(code=FIRST, crs="WGS-84", line=line((0.4, -1), (0.4, 2)))


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = NOON + timedelta(days=1)

    def __call__(self) -> datetime:
        return self.now


class Named:
    """Rules that name areas."""

    def __init__(self, *areas: str) -> None:
        self.areas = areas

    async def __call__(self, codes: Collection[str]) -> Sequence[Mentions]:
        items = [Mention(f"R-{area}", "", area) for area in self.areas if area in codes]
        return [Mentions("rule", len(items), items)] if items else []


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
async def borders(database: Database, clock: Hand) -> Borders:
    """The community of six squares as version 1, valid from NOON."""
    await ensure(database, {**store.INDEXES, **INDEXES})
    await write(database, TerritoryPack(areas=areas()))
    await database.update_many(store.AREAS, {}, {"$set": {"valid_from": NOON}})
    return Borders(database, [Named(FIRST, THIRD)], clock)


async def make(borders: Borders, order: Any, *, version: int = 1, at: datetime | None = None, key: str = "k") -> Any:
    change, _ = await borders.make(actor=ADMIN, order=order, version=version, effective_at=at, reason="调整", key=key)
    return change


async def codes(database: Database) -> set[str]:
    return {found["_id"] async for found in database.iterate(store.AREAS, {"level": "grid"})}


async def whole(database: Database) -> dict[str, list[Any]]:
    """Everything that a change may touch."""
    names = (store.AREAS, store.HISTORY, store.VOID, CHANGES)
    return {name: await database.find(name, {}, sort=[("_id", 1)]) for name in names}


async def test_look_when_asked_then_says_what_would_be_and_writes_nothing(borders: Borders, database: Database) -> None:
    before = await whole(database)
    look = await borders.look(CUT)
    assert (look.version, look.findings) == (1, [])
    assert [form.code for form in look.now] == [grid_code(7), grid_code(8)]
    assert [(gone.code, gone.heirs) for gone in look.gone] == [(FIRST, (grid_code(7), grid_code(8)))]
    assert look.mentions == [Mentions("rule", 1, [Mention(f"R-{FIRST}", "", FIRST)])]
    assert await whole(database) == before


async def test_make_when_now_then_areas_history_void_codes_and_version(borders: Borders, database: Database, clock: Hand) -> None:
    change = await make(borders, CUT)
    assert (change.state, change.version, change.by, change.reason) == ("in_force", 2, "admin", "调整")
    assert await codes(database) == {*GRIDS[1:], grid_code(7), grid_code(8)}
    (former,) = await database.find(store.HISTORY, {"code": FIRST})
    assert (former["valid_from"], former["valid_to"], former["reason"], former["change"]) == (NOON, clock.now, "split", change.id)
    (void,) = await database.find(store.VOID, {})
    assert (void["_id"], void["heirs"]) == (FIRST, [grid_code(7), grid_code(8)])
    state = await database.find_one(store.VERSIONS, {"_id": store.TERRITORY})
    assert (state["version"], state["switch_at"]) == (2, clock.now)


async def test_make_when_the_key_comes_again_then_the_same_change_and_another_order_is_refused(
    borders: Borders, database: Database
) -> None:
    first = await make(borders, CUT)
    after = await whole(database)
    again, new = await borders.make(actor=ADMIN, order=CUT, version=1, effective_at=None, reason="调整", key="k")
    assert (again, new) == (first, False)
    with pytest.raises(IdempotencyMismatch):
        await make(borders, Rename(code=SECOND, name="别的"))
    assert await whole(database) == after


async def test_make_when_the_territory_has_changed_since_then_stale_with_the_present_version(
    borders: Borders, database: Database
) -> None:
    await make(borders, CUT)
    with pytest.raises(StaleTerritory) as caught:
        await make(borders, Rename(code=SECOND, name="别的"), key="k2")
    assert caught.value.data == {"version": 2}
    assert await database.count(CHANGES, {}) == 1


async def test_make_when_something_speaks_against_it_then_refused_and_nothing_is_left(
    borders: Borders, database: Database
) -> None:
    before = await whole(database)
    with pytest.raises(ChangeRefused) as caught:
        await make(borders, Merge(codes=[FIRST, THIRD], into=FIRST))
    assert [(error.field, error.code) for error in caught.value.errors] == [(THIRD, "not_adjacent")]
    assert await whole(database) == before


@pytest.mark.parametrize("days", [-1, 400])
async def test_make_when_the_moment_is_past_or_too_far_then_refused(borders: Borders, clock: Hand, days: int) -> None:
    with pytest.raises(Invalid) as caught:
        await make(borders, CUT, at=clock.now + timedelta(days=days))
    assert [(error.field, error.code) for error in caught.value.errors] == [("effective_at", "range")]


async def test_make_when_later_then_holds_only_from_then_on(borders: Borders, database: Database, clock: Hand) -> None:
    at = clock.now + timedelta(days=3)
    change = await make(borders, CUT, at=at)
    assert change.state == "planned"
    assert await borders.put_due_in_force() == 0
    assert await codes(database) == set(GRIDS)
    clock.now = at - LEAD
    assert await borders.put_due_in_force() == 1
    assert await borders.put_due_in_force() == 0
    (now,) = await borders.changes()
    assert (now.state, now.version, now.applied_at) == ("in_force", 2, clock.now)
    assert (await database.find_one(store.VERSIONS, {"_id": store.TERRITORY}))["switch_at"] == at
    assert [form.code for form in await borders.path_at(FIRST, at - timedelta(milliseconds=1))][-1] == FIRST
    with pytest.raises(NotFound):
        await borders.path_at(FIRST, at)
    assert [form.code for form in await borders.path_at(grid_code(7), at)][-2:] == [COMMUNITY, grid_code(7)]


async def test_put_due_in_force_when_many_processes_try_then_once(borders: Borders, database: Database, clock: Hand) -> None:
    await make(borders, CUT, at=clock.now + timedelta(minutes=5))
    clock.now += timedelta(minutes=5)
    done = await asyncio.gather(*(borders.put_due_in_force() for _ in range(6)))
    assert sum(done) == 1
    assert await store.load_version(database) == 2
    assert await database.count(store.HISTORY, {}) == 1


async def test_put_due_in_force_when_the_area_has_become_another_then_failed_and_nothing_is_touched(
    borders: Borders, database: Database, clock: Hand
) -> None:
    await make(borders, CUT, at=clock.now + timedelta(days=1))
    renamed = [msgspec.structs.replace(area, name="另一个") if area.code == FIRST else area for area in areas()]
    await write(database, TerritoryPack(areas=renamed))
    before = await codes(database)
    clock.now += timedelta(days=1)
    assert await borders.put_due_in_force() == 1
    assert [change.state for change in await borders.changes()] == ["failed"]
    assert await codes(database) == before
    assert await store.load_version(database) == 2


async def test_make_when_another_change_of_the_area_waits_then_refused_and_beside_it_not(borders: Borders, clock: Hand) -> None:
    waiting = await make(borders, CUT, at=clock.now + timedelta(days=1))
    with pytest.raises(ChangePlanned) as caught:
        await make(borders, Rename(code=FIRST, name="别的"), key="k2")
    assert caught.value.data == {"change": waiting.id}
    beside = await make(
        borders, Split(code=SECOND, crs="WGS-84", line=line((1.5, -1), (1.5, 2))), at=clock.now + timedelta(days=2), key="k3"
    )
    assert beside.gone[0].heirs == (grid_code(9), grid_code(10))  # 007 and 008 are planned


async def test_make_when_two_come_at_once_for_one_area_then_one_is_made(
    borders: Borders, database: Database, clock: Hand
) -> None:
    at = clock.now + timedelta(days=1)
    orders = [Rename(code=FIRST, name=f"名字{number}") for number in range(5)]
    results = await asyncio.gather(
        *(make(borders, order, at=at, key=f"k{number}") for number, order in enumerate(orders)), return_exceptions=True
    )
    made = [result for result in results if not isinstance(result, BaseException)]
    assert len(made) == 1
    assert all(isinstance(result, ChangePlanned) for result in results if isinstance(result, BaseException))
    assert await database.count(CHANGES, {}) == 1


async def test_withdraw_when_planned_then_it_never_holds_and_its_codes_are_free(
    borders: Borders, database: Database, clock: Hand
) -> None:
    change = await make(borders, CUT, at=clock.now + timedelta(days=1))
    withdrawn = await borders.withdraw(actor=ADMIN, id=change.id, reason="另议")
    assert (withdrawn.state, withdrawn.withdrawn_by, withdrawn.withdrawn_at) == ("withdrawn", "admin", clock.now)
    assert await borders.withdraw(actor=ADMIN, id=change.id, reason="另议") == withdrawn
    clock.now += timedelta(days=2)
    assert await borders.put_due_in_force() == 0
    assert await codes(database) == set(GRIDS)
    assert [form.code for form in (await borders.look(CUT)).now] == [grid_code(7), grid_code(8)]


async def test_withdraw_when_in_force_or_unknown_then_refused(borders: Borders) -> None:
    change = await make(borders, CUT)
    with pytest.raises(ChangeInForce):
        await borders.withdraw(actor=ADMIN, id=change.id, reason="x")
    with pytest.raises(NotFound):
        await borders.withdraw(actor=ADMIN, id="unknown", reason="x")


async def test_versions_when_an_area_was_renamed_moved_and_made_void_then_all_forms(borders: Borders, clock: Hand) -> None:
    await make(borders, Rename(code=FIRST, name="新名"), key="1")
    clock.now += timedelta(days=1)
    await make(
        borders, MoveBorder(giver=FIRST, taker=SECOND, ground=geojson(box(0.5, -1, 2, 2)), crs="WGS-84"), version=2, key="2"
    )
    clock.now += timedelta(days=1)
    await make(borders, Void(code=FIRST), version=3, key="3")
    forms = await borders.versions(FIRST)
    assert [(form.name, form.version, form.reason, form.void) for form in forms] == [
        ("新名", 3, "void", True),
        ("新名", 2, "move_border", False),
        (f"名{FIRST}", 1, "rename", False),
    ]
    for later, earlier in pairwise(forms):
        assert earlier.valid_to == later.valid_from
    assert len({form.wkb for form in forms}) == 2
    with pytest.raises(NotFound):
        await borders.versions("never")


async def test_create_when_a_code_was_void_then_never_again_neither_by_order_nor_by_pack(
    borders: Borders, database: Database
) -> None:
    await make(borders, Void(code=FIRST))
    again = Create(parent=COMMUNITY, name="x", geometry=geojson(box(0, 0, 1, 1)), crs="WGS-84", code=FIRST)
    with pytest.raises(Invalid) as caught:
        await borders.look(again)
    assert [(error.field, error.code) for error in caught.value.errors] == [("order.code", "code_used")]
    before = await whole(database)
    other = [msgspec.structs.replace(area, name="另一个") if area.code == SECOND else area for area in areas()]
    with pytest.raises(store.CodeVoid):
        await write(database, TerritoryPack(areas=other))
    assert await whole(database) == before
    await write(database, TerritoryPack(areas=areas()))
    assert FIRST not in await codes(database), "the pack that was taken over before is no new word"


@pytest.mark.parametrize(
    "order",
    [
        CUT,
        Merge(codes=[FIRST, SECOND], into=SECOND),
        Merge(codes=[FIRST, SECOND, grid_code(4)]),
        MoveBorder(giver=FIRST, taker=SECOND, ground=geojson(box(0.5, -1, 2, 2)), crs="WGS-84"),
        Rename(code=FIRST, name="新名"),
        Void(code=FIRST),
    ],
)
async def test_reverse_when_in_force_then_shapes_and_names_are_as_before_and_void_codes_stay_void(
    borders: Borders, database: Database, order: Any
) -> None:
    async def ground() -> set[tuple[str, bytes]]:
        return {(found["name"], found["wkb"]) async for found in database.iterate(store.AREAS, {"level": "grid"})}

    before, were = await ground(), await codes(database)
    change = await make(borders, order)
    assert await ground() != before
    look = await borders.look(Reverse(change=change.id))
    assert look.errors == []
    back = await make(borders, Reverse(change=change.id), version=2, key="k2")
    assert back.state == "in_force" and await ground() == before
    ended = {gone.code for gone in change.gone}
    assert await codes(database) & ended == set() and len(await codes(database)) == len(were)
    void = {found["_id"]: found["heirs"] for found in await database.find(store.VOID, {})}
    for code in ended:  # what named it leads to its own ground again, and nowhere else
        (heir,) = void[code]
        (form,) = await database.find(store.HISTORY, {"code": code})
        assert (await database.find_one(store.AREAS, {"_id": heir}))["wkb"] == form["wkb"]


async def test_reverse_when_overtaken_or_unknown_then_refused(borders: Borders, clock: Hand) -> None:
    change = await make(borders, Rename(code=FIRST, name="新名"))
    await make(borders, CUT, version=2, key="k2")
    for id, code in ((change.id, "overtaken"), ("nothing", "unknown_change")):
        with pytest.raises(Invalid) as caught:
            await borders.look(Reverse(change=id))
        assert [(error.field, error.code) for error in caught.value.errors] == [("order.change", code)]


async def test_changes_when_several_were_made_in_one_millisecond_then_pages_hold_each_once(borders: Borders) -> None:
    for number, code in enumerate(GRIDS[:5], start=1):
        await make(borders, Rename(code=code, name=f"名字{number}"), version=number, key=f"k{number}")
    everything = [change.id for change in await borders.changes()]
    seen: list[str] = []
    behind: tuple[datetime, str] | None = None
    while page := await borders.changes(limit=2, before=behind):
        seen += [change.id for change in page]
        behind = page[-1].made_at, page[-1].id
    assert len(set(everything)) == 5 and seen == everything
    of_one = await borders.changes(area=FIRST, state="in_force", before=(NOON + timedelta(days=2), "0"))
    assert [change.touched for change in of_one] == [(FIRST,)]


async def test_lists_when_explained_then_each_walks_an_index(borders: Borders, database: Database, clock: Hand) -> None:
    await make(borders, CUT)
    newest = [("made_at", -1), ("_id", -1)]
    for collection, filter, sort in (
        (CHANGES, {}, newest),
        (CHANGES, {"made_at": {"$lte": NOON}, "$or": [{"made_at": {"$lt": NOON}}, {"_id": {"$lt": "0"}}]}, newest),
        (CHANGES, {"state": "planned"}, newest),
        (CHANGES, {"touched": FIRST}, newest),
        (CHANGES, {"state": "planned", "effective_at": {"$lte": clock.now}}, [("effective_at", 1)]),
        (store.AREAS, {"parent": {"$in": [COMMUNITY]}}, None),
        (store.HISTORY, {"code": FIRST}, [("valid_to", -1)]),
        (store.HISTORY, {"change": "x"}, [("code", 1)]),
    ):
        plan = str((await database.explain(collection, filter, sort))["queryPlanner"]["winningPlan"])
        assert "IXSCAN" in plan and "COLLSCAN" not in plan and "'SORT'" not in plan, (collection, filter, plan)
