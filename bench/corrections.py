"""How soon a correction by hand is seen among half a million names, and how long the loop of a service stands still meanwhile.

A territory that follows the change feed, as a service does, while another connection puts and removes entries; then all names
are built anew. What stands still is told by a task that is due all the time: the longest time between two of its turns.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from bench.made_names import MadeNames
from dispatch.actors import Actor
from grid import store
from grid.entries import Entries
from grid.entry_rows import EntryRow
from grid.importing import TerritoryPack, write
from grid.service import Territory
from storage.client import Database
from storage.embedded import start
from storage.feed import Feed

__all__ = ["corrections"]

CORRECTIONS = 20
_PULSE_SECONDS = 0.002
_PATIENCE_SECONDS = 180.0
_WHO = Actor(id="bench", role="sys_admin")


async def corrections(names: MadeNames) -> dict[str, float]:
    """Return `correction_seen_s` (median of several, from the answer of the write on) and the worst of them, `rebuild_s`,
    `longest_pause_ms`, and `longest_work_ms`: how much of a pause is the loop's own work and no waiting for a processor."""
    async with _database() as database:
        await write(database, TerritoryPack(areas=names.areas, gazetteer=names.entries))
        territory = await Territory.load(database)
        feed = Feed(database, {store.VERSIONS: ("version",)})
        await feed.start()
        stop = territory.follow(feed)
        pulse = _Pulse()
        try:
            seen = [await _seen(database, territory, names, number) for number in range(CORRECTIONS)]
            rebuilt = await _timed(lambda: _rebuilt(database, territory))
        finally:
            longest, busiest = await pulse.stop()
            stop()
            await territory.close()
            await feed.stop()
    return {
        "correction_seen_s": round(statistics.median(seen), 3), "correction_seen_worst_s": round(max(seen), 3),
        "rebuild_s": round(rebuilt, 1), "longest_pause_ms": round(1000 * longest, 1), "longest_work_ms": round(1000 * busiest, 1),
    }  # fmt: skip


@asynccontextmanager
async def _database() -> AsyncIterator[Database]:
    """An empty database on the test server, or on a private mongod that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="heyun-bench-") as folder:
        configured = os.environ.get("HEYUN_TEST_MONGODB_URI")
        embedded = None if configured else start(Path(folder), cache_gb=1.0)
        database = await Database.connect(configured or (embedded.uri if embedded else ""), f"heyun_test_{secrets.token_hex(6)}")
        try:
            yield database
        finally:
            await database.drop_database()
            await database.close()
            if embedded:
                embedded.stop()


async def _seen(database: Database, territory: Territory, names: MadeNames, number: int) -> float:
    """In turn a new place is put, and that of the turn before is taken out again."""
    entries = Entries(database, lambda code: territory.area(code) is not None)
    name, now = f"听涛{number // 2}阁", await database.server_time()
    township = names.areas[-1].code
    if number % 2:
        await entries.remove(_WHO, f"bench-{number // 2}", now)
    else:
        await entries.put(_WHO, f"bench-{number // 2}", EntryRow(name=name, kind="landmark", area_code=township), now)
    return await _timed(lambda: _until(lambda: _is_known(territory, name) != bool(number % 2)))


def _is_known(territory: Territory, name: str) -> bool:
    return any(hit.name == name for hit in territory.search_names(name, 8))


async def _rebuilt(database: Database, territory: Territory) -> None:
    before = territory.version
    await store.mark_changed(database, await database.server_time())
    await _until(lambda: territory.version != before)


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not is_so():  # noqa: ASYNC110  # what a client sees is what counts, not an event of ours
            await asyncio.sleep(0.01)


async def _timed(work: Callable[[], Awaitable[None]]) -> float:
    begin = time.perf_counter()
    await work()
    return time.perf_counter() - begin


class _Pulse:
    """The longest time that the loop did not come round, and the most that its thread worked meanwhile."""

    def __init__(self) -> None:
        self._longest = self._busiest = 0.0
        self._task = asyncio.get_running_loop().create_task(self._beat())

    async def _beat(self) -> None:
        before, worked_before = time.perf_counter(), time.thread_time()
        while True:
            await asyncio.sleep(_PULSE_SECONDS)
            now, worked = time.perf_counter(), time.thread_time()
            self._longest = max(self._longest, now - before - _PULSE_SECONDS)
            self._busiest = max(self._busiest, worked - worked_before)
            before, worked_before = now, worked

    async def stop(self) -> tuple[float, float]:
        """End, and return both in seconds."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        return self._longest, self._busiest
