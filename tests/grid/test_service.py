"""The territory from the database: written, read, kept when it changes, renewed in every process without a restart."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import msgspec
import pytest
import shapely

from dispatch.errors import OutOfArea
from dispatch.model import LEVELS
from dispatch.pack_taking import TableOutcome, Taking
from dispatch.packs import PackReport
from grid import store
from grid.areas import Asset, Entry, Zone
from grid.build_process import BuildFailed, make_apart
from grid.importing import TerritoryPack, read, write
from grid.service import Territory
from storage.client import Database
from storage.feed import Feed
from tests.grid.factories import small_city, small_territory, write_pack


@pytest.fixture
def pack(tmp_path: Path) -> TerritoryPack:
    """The small city as read from files, with a zone, an asset and a place name."""
    write_pack(tmp_path, small_city())
    found = read(tmp_path, PackReport())
    inside = shapely.point_on_surface(small_city().grids[0])
    return msgspec.structs.replace(
        found,
        zones=[Zone(code="Z1", name="市场", wkb=shapely.to_wkb(inside.buffer(0.0001)))],
        assets=[Asset(code="A1", category="0201", owner="water", wkb=shapely.to_wkb(inside))],
        gazetteer=[Entry(name="喷水池", aliases=("大十字",), lon=inside.x, lat=inside.y)],
    )


async def test_load_when_imported_then_answers_as_a_snapshot_built_here(database: Database, pack: TerritoryPack) -> None:
    assert await write(database, pack) == TableOutcome(new=len(pack.areas))
    territory = await Territory.load(database)
    here = small_territory()
    points = shapely.get_coordinates(shapely.point_on_surface(small_city().grids)).tolist()
    for lon, lat in points:
        there = territory.locate(lon, lat, "WGS-84")
        assert there.area_path == here.locate(lon, lat, "WGS-84").area_path
        assert there.version == "1"
    first = territory.locate(*points[0], "WGS-84")
    assert (first.special.code, first.assets[0].owner) == ("Z1", "water")
    assert territory.locate_address("大十字").area_path == first.area_path
    assert territory.search_names("喷水")[0].area_path == first.area_path


async def test_load_when_database_is_empty_then_every_point_is_out_of_area(database: Database) -> None:
    territory = await Territory.load(database)
    with pytest.raises(OutOfArea):
        territory.locate(106.63, 26.65, "WGS-84")


async def test_write_when_areas_change_or_go_then_history_keeps_them(database: Database, pack: TerritoryPack) -> None:
    await write(database, pack)
    last, first = pack.areas[-1], pack.areas[-2]
    renamed = msgspec.structs.replace(first, name="新名字")
    rest = [area for area in pack.areas if area.code not in (first.code, last.code)]
    outcome = await write(database, msgspec.structs.replace(pack, areas=[*rest, renamed]))
    assert outcome == TableOutcome(changed=1, ended=1, same=len(rest))
    history = await database.find(store.HISTORY, {}, sort=[("_id", 1)])
    assert [(old["code"], old["reason"], old["name"]) for old in history] == [
        (first.code, "changed", first.name),
        (last.code, "removed", last.name),
    ]
    assert all(old["valid_from"] <= old["valid_to"] for old in history)
    now = await database.find_one(store.AREAS, {"_id": first.code})
    assert (now["name"], now["version"]) == ("新名字", 2)
    untouched = await database.find_one(store.AREAS, {"_id": rest[0].code})
    assert untouched["version"] == 1


async def test_write_when_people_changed_areas_then_kept_until_the_pack_says_something_else(
    database: Database, pack: TerritoryPack
) -> None:
    await write(database, pack)
    first, last = pack.areas[-2], pack.areas[-1]
    rest = [area for area in pack.areas if area.code not in (first.code, last.code)]
    renamed = msgspec.structs.replace(first, name="新名字")
    await store.save_areas(database, [*rest, renamed], await database.server_time(), 2)
    await database.insert_one(store.VOID, {"_id": last.code, "heirs": [first.code]})
    kept = TableOutcome(same=len(rest), kept=2)
    looked = Taking(database, await database.server_time(), dry_run=True)
    assert await write(database, pack, looked) == kept == await write(database, pack), "a code that is void is not taken either"
    assert [found["name"] for found in await database.find(store.AREAS, {"_id": first.code})] == ["新名字"]
    told = Taking(database, await database.server_time(), take_pack=["areas"])
    with pytest.raises(store.CodeVoid):
        await write(database, pack, told)
    newer = msgspec.structs.replace(pack, areas=[*rest, msgspec.structs.replace(first, name="又一个")])
    assert await write(database, newer) == TableOutcome(changed=1, same=len(rest))
    assert await write(database, newer) == TableOutcome(same=len(newer.areas))


async def test_reload_when_nothing_changed_then_same_snapshot(database: Database, pack: TerritoryPack) -> None:
    await write(database, pack)
    territory = await Territory.load(database)
    before = territory.snapshot
    assert await territory.reload() is False
    assert territory.snapshot is before


async def test_follow_when_another_process_imports_then_swapped_without_restart(database: Database, pack: TerritoryPack) -> None:
    await write(database, pack)
    territory = await Territory.load(database)
    feed = Feed(database, {store.VERSIONS: ("version",)})
    await feed.start()
    stop = territory.follow(feed)
    told = asyncio.Event()
    feed.subscribe(store.VERSIONS, lambda change: told.set() if change.document["version"] == 2 else None)
    try:
        city = msgspec.structs.replace(pack.areas[0], name="另一个市")
        await write(database, msgspec.structs.replace(pack, areas=[city, *pack.areas[1:]]))
        async with asyncio.timeout(20):
            await told.wait()
            await asyncio.gather(*territory._tasks)
        assert territory.version == "2"
        assert territory.area(city.code).name == "另一个市"
    finally:
        stop()
        await territory.close()
        await feed.stop()


async def test_load_when_building_then_the_loop_goes_on(database: Database, pack: TerritoryPack) -> None:
    await write(database, pack)
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0)
            beats += 1

    heart = asyncio.create_task(beat())
    await Territory.load(database)
    heart.cancel()
    assert beats > 20


async def test_make_apart_when_the_process_fails_then_says_so(database: Database, pack: TerritoryPack) -> None:
    await write(database, pack)
    await database.update_one(store.AREAS, {"level": "grid"}, {"$set": {"wkb": b"no geometry"}})
    with pytest.raises(BuildFailed, match="status 1"):
        await make_apart(database)


@pytest.mark.parametrize("beats", [1, 3, 200])
async def test_make_apart_when_nobody_waits_any_more_then_its_process_ends_too(
    database: Database, pack: TerritoryPack, beats: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(database, pack)
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    making = asyncio.create_task(make_apart(database))
    for _ in range(beats):
        await asyncio.sleep(0.001)
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    gc.collect()  # a process that nobody has waited for would warn here
    assert not list(folder.iterdir())


async def test_features_when_asked_for_tiles_then_shapes_by_level(database: Database, pack: TerritoryPack) -> None:
    await write(database, pack)
    territory = await Territory.load(database)
    counts = {level: len(territory.features(level)) for level in LEVELS}
    assert counts == {"city": 1, "district": 2, "township": 4, "community": 8, "grid": 48}
    assert len(territory.features("grid", territory.bounds())) == 48
    assert territory.features("city")[0].name == territory.roots()[0].name == "示例市"
    assert [ref.code for ref in territory.children("520001")] == ["520001001", "520001002"]
    assert [ref.code for ref in territory.path("520001001")] == ["520000", "520001", "520001001"]
