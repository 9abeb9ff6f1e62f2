"""The gazetteer as it is kept: corrected by hand, taken over from packs and tables, never losing what a person has put."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dispatch.actors import Actor
from dispatch.pack_taking import Taking
from dispatch.packs import PackInvalid
from grid.areas import Entry
from grid.entries import CHANGES, INDEXES, Entries, entries, save_pack
from grid.entry_rows import EntryRow, entry_id, wrong_in
from grid.store import GAZETTEER, load_names_version
from storage.client import Database
from storage.errors import Invalid, NotFound, StaleRev
from storage.indexes import ensure

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
ADMIN = Actor(id="zhang", role="sys_admin")
POOL = EntryRow(name="喷水池", aliases=("大十字",), lon=106.71, lat=26.58, crs="WGS-84")
PACK = [
    Entry(name="喷水池", lon=106.7, lat=26.5),
    Entry(name="人民路", kind="road", area_code="1"),
    Entry(name="人民路", kind="road", area_code="1"),
]


@pytest.fixture
async def kept(database: Database) -> Entries:
    await ensure(database, INDEXES)
    return Entries(database, {"1", "2"}.__contains__)


async def names_of(database: Database) -> list[str]:
    return sorted([entry.name async for _, entry in entries(database)])


async def test_put_when_new_then_kept_written_down_and_announced(kept: Entries, database: Database) -> None:
    before = await load_names_version(database)
    made = await kept.put(ADMIN, "e-1", POOL, NOW, rev=0)
    assert (made.rev, made.origin, made.entry.lon, made.entry.aliases) == (1, "office", 106.71, ("大十字",))
    assert await kept.get("e-1") == made
    assert await load_names_version(database) != before
    (change,) = await database.find(CHANGES, {"of": "e-1"})
    assert (change["by"], change["role"], change["at"], change["before"]) == ("zhang", "sys_admin", NOW, None)
    assert change["after"]["name"] == "喷水池"
    again = await kept.put(ADMIN, "e-1", POOL, NOW)
    assert again == made and len(await database.find(CHANGES, {})) == 1, "what changes nothing is not written down"


async def test_put_when_somebody_was_faster_then_stale(kept: Entries) -> None:
    await kept.put(ADMIN, "e-1", POOL, NOW)
    with pytest.raises(StaleRev):
        await kept.put(ADMIN, "e-1", EntryRow(name="另一个", area_code="1"), NOW, rev=0)


@pytest.mark.parametrize(
    ("row", "columns"),
    [
        (EntryRow(name="甲地", lon=106.0, crs="WGS-84"), ["lat"]),
        (EntryRow(name="甲地", lat=26.0, area_code="1"), ["lon"]),
        (EntryRow(name="甲地", lon=106.0, lat=26.0), ["crs"]),
        (EntryRow(name="甲地", lon=106.0, lat=26.0, crs="mars"), ["crs"]),
        (EntryRow(name="甲地"), ["area_code"]),
        (EntryRow(name="甲地", area_code="9"), ["area_code"]),
        (EntryRow(name="八号", kind="door", area_code="1"), ["name"]),
        (EntryRow(name="甲路", crs="WGS-84", line=("106 26",)), ["line"]),
        (EntryRow(name="甲路", crs="WGS-84", line=("106 26", "106,26")), ["line"]),
        (EntryRow(name="甲路", crs="WGS-84", line=("106 26", "nan 26")), ["line"]),
        (EntryRow(name="甲路", line=("106 26", "106.1 26")), ["crs"]),
        (EntryRow(name="甲路8号", kind="door", lon=106.0, lat=26.0, crs="GCJ-02"), []),
    ],
)
async def test_wrong_in_when_row_then_every_column_that_cannot_be_taken(kept: Entries, row: EntryRow, columns: list[str]) -> None:
    assert [wrong.column for wrong in wrong_in(row, {"1"}.__contains__)] == columns
    if columns:
        with pytest.raises(Invalid) as refused:
            await kept.put(ADMIN, "e-1", row, NOW)
        assert [error.field for error in refused.value.errors] == columns
        with pytest.raises(NotFound):
            await kept.get("e-1")


async def test_save_pack_when_imported_again_then_what_the_office_did_stays(kept: Entries, database: Database) -> None:
    await save_pack(PACK, Taking(database, NOW))
    assert await names_of(database) == ["人民路", "人民路", "喷水池"]
    corrected, gone = entry_id(PACK[0]), entry_id(PACK[1])
    await kept.put(ADMIN, corrected, POOL, NOW)
    await kept.remove(ADMIN, gone, NOW)
    await kept.put(ADMIN, "e-2", EntryRow(name="新地标", area_code="2"), NOW)
    await save_pack([*PACK[:2], Entry(name="另一条路", area_code="1")], again := Taking(database, NOW))
    assert await names_of(database) == ["另一条路", "喷水池", "新地标"]
    assert (await kept.get(corrected)).entry.lon == 106.71
    told = again.outcomes["gazetteer.csv"]
    assert (told.new, told.kept, told.ended, told.conflicts) == (1, 2, 1, 0)


async def test_save_pack_when_the_pack_changed_what_was_removed_then_told_and_taken_only_when_asked(
    kept: Entries, database: Database
) -> None:
    await save_pack(PACK[:1], Taking(database, NOW))
    pool = entry_id(PACK[0])
    await kept.remove(ADMIN, pool, NOW)
    moved = [Entry(name="喷水池", lon=106.9, lat=26.5)]
    await save_pack(moved, first := Taking(database, NOW))
    assert await names_of(database) == [] and first.outcomes["gazetteer.csv"].conflicts == 1
    await save_pack(moved, Taking(database, NOW, take_pack=["gazetteer"]))
    back = await kept.get(pool)
    assert (back.entry, back.rev, back.origin) == (moved[0], 3, "pack")


async def test_save_pack_when_the_database_is_of_before_then_replaced(kept: Entries, database: Database) -> None:
    await database.insert_one(GAZETTEER, {"_id": "00000001", "name": "旧名", "aliases": [], "kind": "", "area_code": "1"})
    assert await names_of(database) == ["旧名"]
    await save_pack(PACK[:1], Taking(database, NOW))
    assert await names_of(database) == ["喷水池"]


async def test_remove_when_not_there_or_gone_already_then_nothing_more_is_written_down(kept: Entries, database: Database) -> None:
    await kept.remove(ADMIN, "never", NOW)
    await kept.put(ADMIN, "e-1", POOL, NOW)
    await kept.remove(ADMIN, "e-1", NOW)
    await kept.remove(ADMIN, "e-1", NOW)
    assert len(await database.find(CHANGES, {})) == 2
    with pytest.raises(NotFound):
        await kept.get("e-1")


async def test_take_over_when_dry_then_counts_and_errors_and_nothing_written(kept: Entries, database: Database) -> None:
    table = "name,kind,lon,lat,crs,area_code\n喷水池,,106.71,26.58,WGS-84,\n甲地,,,,,9\n乙路,road,,,,1\n"
    seen = await kept.take_over(ADMIN, table, NOW, dry_run=True)
    assert (seen.new, seen.changed, seen.same) == (2, 0, 0)
    assert [(error.row, error.field, error.code) for error in seen.errors] == [(3, "area_code", "unknown_area")]
    with pytest.raises(PackInvalid):
        await kept.take_over(ADMIN, table, NOW, dry_run=False)
    assert await names_of(database) == []


async def test_take_over_when_sent_twice_then_the_same_entries_once(kept: Entries, database: Database) -> None:
    table = "id,name,aliases,area_code\n,人民路,甲;乙,1\n,人民路,,1\nown,友谊路,,2\n"
    first = await kept.take_over(ADMIN, table, NOW, dry_run=False)
    again = await kept.take_over(ADMIN, table, NOW, dry_run=False)
    assert (first.new, again.new, again.same) == (3, 0, 3)
    changed = await kept.take_over(ADMIN, "id,name,area_code\nown,友谊大道,2\n", NOW, dry_run=False)
    assert (changed.new, changed.changed) == (0, 1)
    assert await names_of(database) == ["人民路", "人民路", "友谊大道"]
    twice = await kept.take_over(ADMIN, "id,name,area_code\na,甲地,1\na,乙地,1\n", NOW, dry_run=True)
    assert [(error.row, error.field, error.code) for error in twice.errors] == [(3, "id", "twice")]


async def test_rows_when_paged_then_by_name_without_what_is_removed(kept: Entries) -> None:
    for number in range(5):
        await kept.put(ADMIN, f"e-{number}", EntryRow(name="人民路" if number < 3 else "友谊路", kind="road", area_code="1"), NOW)
    await kept.remove(ADMIN, "e-1", NOW)
    first = await kept.rows(q="人民", kind=None, limit=1, after=None)
    second = await kept.rows(q="人民", kind="road", limit=5, after=(first[0].entry.name, first[0].id))
    assert [one.id for one in (*first, *second)] == ["e-0", "e-2"]
    assert [one.id for one in await kept.rows(q="", kind=None, limit=9, after=None)] == ["e-0", "e-2", "e-3", "e-4"]


async def test_lists_when_explained_then_each_walks_an_index(kept: Entries, database: Database) -> None:
    await kept.put(ADMIN, "e-1", POOL, NOW)
    name = {"name": {"$gte": "喷", "$lt": "喷\uffff"}}
    for collection, filter, sort in (
        (GAZETTEER, name, [("name", 1), ("_id", 1)]),
        (GAZETTEER, {**name, "kind": "road"}, [("name", 1), ("_id", 1)]),
        (CHANGES, {"version": {"$gt": 7}}, [("version", 1)]),
    ):
        plan = str((await database.explain(collection, filter, sort))["queryPlanner"]["winningPlan"])
        assert "IXSCAN" in plan and "COLLSCAN" not in plan and "'SORT'" not in plan, plan
