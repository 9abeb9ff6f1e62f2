"""Corrections by hand are seen in every process at once, in their order, whatever is being built meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dispatch.actors import Actor
from dispatch.packs import PackReport
from grid import current_names, store
from grid.areas import Entry
from grid.current_names import CurrentNames
from grid.entries import Entries, corrections
from grid.entry_rows import EntryRow
from grid.importing import TerritoryPack, read, write
from grid.service import Territory
from storage.client import Database
from storage.feed import Feed
from tests.grid.factories import small_city, write_pack

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
ADMIN = Actor(id="zhang", role="sys_admin")


@pytest.fixture
async def pack(tmp_path: Path, database: Database) -> TerritoryPack:
    """The small city with one place name, written."""
    write_pack(tmp_path, small_city())
    found = read(tmp_path, PackReport())
    found.gazetteer.append(Entry(name="喷水池", area_code=found.areas[0].code))
    await write(database, found)
    return found


@pytest.fixture
def kept(database: Database, pack: TerritoryPack) -> Entries:
    return Entries(database, pack.codes.__contains__)


async def put(kept: Entries, pack: TerritoryPack, id: str, name: str) -> None:
    await kept.put(ADMIN, id, EntryRow(name=name, kind="landmark", area_code=pack.areas[0].code), NOW)


def names_in(territory: Territory, text: str) -> list[str]:
    return sorted(hit.name for hit in territory.search_names(text) if hit.kind == "landmark")


@asynccontextmanager
async def following(database: Database, *territories: Territory) -> AsyncIterator[Feed]:
    feed = Feed(database, {store.VERSIONS: ("version",)})
    await feed.start()
    stops = [territory.follow(feed) for territory in territories]
    try:
        yield feed
    finally:
        for stop in stops:
            stop()
        await asyncio.gather(*(territory.close() for territory in territories))
        await feed.stop()


async def until(feed: Feed, is_so: Callable[[], bool], *territories: Territory) -> None:
    """Wait for what the feed brings about."""
    async with asyncio.timeout(30):
        while not is_so():
            await asyncio.gather(*(task for territory in territories for task in territory._tasks))
            await asyncio.sleep(0)


async def test_follow_when_put_and_removed_then_every_process_answers_and_nothing_is_built(
    database: Database, kept: Entries, pack: TerritoryPack
) -> None:
    here, there = await Territory.load(database), await Territory.load(database)
    bases = [territory._names.base for territory in (here, there)]
    async with following(database, here, there) as feed:
        await put(kept, pack, "e-1", "听涛阁")
        await until(feed, lambda: all(names_in(one, "听涛阁") == ["听涛阁"] for one in (here, there)), here, there)
        await put(kept, pack, "e-1", "望江楼")
        await kept.remove(ADMIN, "never-there", NOW)
        await until(feed, lambda: all(names_in(one, "望江楼") == ["望江楼"] for one in (here, there)), here, there)
        assert names_in(here, "听涛阁") == names_in(there, "听涛阁") == []
        await kept.remove(ADMIN, "e-1", NOW)
        await until(feed, lambda: not names_in(here, "望江楼") and not names_in(there, "望江楼"), here, there)
    assert [territory._names.base for territory in (here, there)] == bases


async def test_load_when_corrected_while_tables_are_built_then_nothing_is_lost(
    database: Database, kept: Entries, pack: TerritoryPack
) -> None:
    loading = asyncio.create_task(Territory.load(database))
    written = 0
    while not loading.done():
        await put(kept, pack, "moving", f"听涛阁{written}号店")
        await put(kept, pack, f"one-{written % 7}", f"望江楼{written}号店")
        written += 1
    territory = await loading
    await territory.reload()
    assert written > 7 and names_in(territory, "听涛阁") == [f"听涛阁{written - 1}号店"]
    last = {number % 7: f"望江楼{number}号店" for number in range(written)}
    assert names_in(territory, "望江楼") == sorted(last.values())


async def test_reload_when_much_lies_beside_then_built_anew_and_answers_the_same(
    database: Database, kept: Entries, pack: TerritoryPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(current_names, "MOST_BESIDE", 3)
    territory = await Territory.load(database)
    former = territory._names.base
    async with following(database, territory) as feed:
        for number in range(5):
            await put(kept, pack, f"e-{number}", f"听涛阁{number}号店")
        await until(feed, lambda: territory._names.base is not former, territory)
    assert len(territory._names.corrections) <= 3
    assert names_in(territory, "听涛阁") == [f"听涛阁{number}号店" for number in range(5)]


async def test_reload_when_the_territory_changes_then_corrections_read_meanwhile_stay(
    database: Database, kept: Entries, pack: TerritoryPack
) -> None:
    territory = await Territory.load(database)
    fresh = await CurrentNames.read(database)
    await put(kept, pack, "e-1", "听涛阁")
    await territory.reload()
    assert fresh.version < territory._names.version and not fresh.known.whole("听涛阁")
    taken = fresh.after(territory._names)
    assert taken.base is fresh.base and len(taken.known.whole("听涛阁")) == 1
    assert await taken.corrected(database) is None
    await write(database, pack)
    assert await territory.reload() is True
    assert names_in(territory, "听涛阁") == ["听涛阁"]
    assert len(territory._names.corrections) == 0, "the new tables hold it"


async def test_corrections_when_many_write_at_once_then_each_has_a_number_of_its_own(
    database: Database, kept: Entries, pack: TerritoryPack
) -> None:
    await asyncio.gather(*(put(kept, pack, f"e-{number}", f"听涛阁{number}号店") for number in range(8)))
    found = await corrections(database, 0)
    assert sorted(one.version for one in found) == list(range(1, 9)) and await store.load_names_version(database) == 8
    assert [one.version for one in await corrections(database, 6)] == [7, 8]
    await kept.remove(ADMIN, "e-3", NOW)
    (last,) = await corrections(database, 8)
    assert (last.id, last.version, last.entry) == ("e-3", 9, None)
