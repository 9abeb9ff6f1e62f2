"""The territory of a running service: the `Locator` that the other packages are given, renewed whole when the data change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from dispatch.model import AreaRef, AssetRef, Campaign, Place
from grid import store
from grid.areas import Feature, NameHit
from grid.build_process import make_apart, names_apart
from grid.change_store import LEAD
from grid.gazetteer_index import GazetteerIndex
from grid.layers import Box
from grid.territory import TerritorySnapshot, assemble
from storage.client import Database
from storage.feed import GAP, Change

__all__ = ["Territory"]

log = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # seconds between attempts


def _now() -> datetime:
    return datetime.now(UTC)


async def _until(at: datetime | None, now: datetime) -> None:
    """Wait for a moment, but never longer than a change is written before it holds."""
    if at is not None:
        await asyncio.sleep(min(max(0.0, (at - now).total_seconds()), LEAD.total_seconds()))


class _Feed(Protocol):
    def subscribe(self, collection: str, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call back for every change of the collection; returns how to stop it."""


class _Loaded(NamedTuple):
    """A snapshot, the version of its names, and from when on it answers. What changes meanwhile has a later version."""

    snapshot: TerritorySnapshot
    names_version: str
    switch_at: datetime | None


async def _load(database: Database) -> _Loaded:
    """Return the territory as it is or is about to be.

    The heavy work is done by two other processes, the rest in steps of milliseconds.
    """
    version = await store.load_names_version(database)
    made, names = await asyncio.gather(make_apart(database), names_apart(database))
    await asyncio.sleep(0)
    steps = assemble(made, GazetteerIndex(names))
    while True:
        try:
            next(steps)
        except StopIteration as done:
            snapshot: TerritorySnapshot = done.value
            return _Loaded(snapshot, version, made.outline.switch_at)
        await asyncio.sleep(0)


Beside = Callable[[datetime], AbstractAsyncContextManager[Callable[[], None]]]


@asynccontextmanager
async def _nothing(at: datetime) -> AsyncIterator[Callable[[], None]]:
    yield lambda: None


class Territory:
    """Implements `dispatch.ports.Locator` by the present snapshot. Answers are synchronous and take microseconds.

    `await Territory.load(database)`; `follow(feed)` renews it whenever an import or a change of borders changes the territory in
    any process. A change that says from when on it holds (`switch_at`) is prepared before, and taken up by all at that moment.
    """

    def __init__(
        self, database: Database, snapshot: TerritorySnapshot, names_version: str = "", clock: Callable[[], datetime] = _now
    ) -> None:
        self._database = database
        self._clock = clock
        self.snapshot = snapshot
        self._names_version = names_version
        self._renewing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._beside: Beside = _nothing

    @classmethod
    async def load(cls, database: Database, *, clock: Callable[[], datetime] = _now) -> Territory:
        """Read the territory and build its snapshot. An empty database gives an empty territory: every point is out of area."""
        loaded = await _load(database)
        await _until(loaded.switch_at, clock())
        return cls(database, loaded.snapshot, loaded.names_version, clock)

    def renew_with(self, beside: Beside) -> None:
        """Bring something else into use together with every new snapshot: `async with beside(at) as swap`."""
        self._beside = beside

    async def reload(self) -> bool:
        """Build the snapshot of the data as they are now and swap it in when it is time; False when it was up to date."""
        async with self._renewing:
            if str(await store.load_version(self._database)) != self.snapshot.version:
                await self._reload_all()
                return True
            return await self._reload_names()

    async def _reload_all(self) -> None:
        loaded = await _load(self._database)
        now = self._clock()
        async with self._beside(max(loaded.switch_at or now, now)) as swap:
            await _until(loaded.switch_at, self._clock())
            self.snapshot, self._names_version = loaded.snapshot, loaded.names_version
            swap()
        log.info("territory version %s", self.snapshot.version)

    async def _reload_names(self) -> bool:
        """Only the gazetteer has changed: everything else of the snapshot stays."""
        version = await store.load_names_version(self._database)
        if version == self._names_version:
            return False
        names = GazetteerIndex(await names_apart(self._database))
        self.snapshot, self._names_version = self.snapshot.with_names(names), version
        log.info("gazetteer version %s", version)
        return True

    def follow(self, feed: _Feed) -> Callable[[], None]:
        """Renew whenever the feed says that the territory has changed (the feed must watch `versions`); returns how to stop."""
        return feed.subscribe(store.VERSIONS, self._on_change)

    def _on_change(self, change: Change) -> None:
        if change.key in (store.TERRITORY, store.NAMES) or change.operation == GAP:
            task = asyncio.get_running_loop().create_task(self._renew())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _renew(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                await self.reload()
            except Exception:  # the outermost loop of a background job: the old snapshot goes on answering
                log.exception("the territory could not be renewed; version %s stays", self.snapshot.version)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                return

    async def close(self) -> None:
        """Stop renewing."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def version(self) -> str:
        """The version of the snapshot that answers now."""
        return self.snapshot.version

    def locate(
        self,
        lon: float,
        lat: float,
        crs: str,
        *,
        accuracy_m: float | None = None,
        source: str = "gps",
        address: str | None = None,
    ) -> Place:
        """Return where a point is. Raises `OutOfArea` outside the city, `UnknownCrs` for a name not listed."""
        return self.snapshot.locate(lon, lat, crs, accuracy_m=accuracy_m, source=source, address=address)

    def find_grids(self, lons: Sequence[float], lats: Sequence[float], crs: str) -> list[str | None]:
        """Return for many points the code of the grid that holds each, or None where none does. Raises `UnknownCrs`."""
        return self.snapshot.find_grids(lons, lats, crs)

    def locate_area(self, code: str, *, address: str | None = None) -> Place:
        """Return the place of an area alone, with `area_only` doubt. Raises `UnknownArea`."""
        return self.snapshot.locate_area(code, address=address)

    def locate_address(self, address: str) -> Place | None:
        """Return the place that an address names, with `address_only` doubt; None for nothing sure."""
        return self.snapshot.locate_address(address)

    def area(self, code: str) -> AreaRef | None:
        """Return the area with this code, or None."""
        return self.snapshot.area(code)

    def children(self, code: str) -> tuple[AreaRef, ...]:
        """Return the areas directly below, by code."""
        return self.snapshot.children(code)

    def roots(self) -> tuple[AreaRef, ...]:
        """Return the areas that have none above: the city."""
        return self.snapshot.roots()

    def path(self, code: str) -> tuple[AreaRef, ...]:
        """Return the areas from the city down to `code`; empty for an unknown code."""
        return self.snapshot.path(code)

    def metres_outside(self, codes: Sequence[str], lons: Sequence[float], lats: Sequence[float]) -> list[float]:
        """Return how far outside all of these areas each WGS-84 point lies, in metres."""
        return self.snapshot.metres_outside(codes, lons, lats)

    def is_within(self, code: str, ancestor: str) -> bool:
        """Tell whether the area `code` is `ancestor` or lies below it."""
        return self.snapshot.is_within(code, ancestor)

    def forerunners(self, code: str) -> tuple[str, ...]:
        """Return the void areas whose ground `code` has, or shares; mostly none."""
        return self.snapshot.forerunners(code)

    def campaigns_at(self, lon: float, lat: float) -> tuple[Campaign, ...]:
        """Return the campaign zones that hold a WGS-84 point, whatever their time; mostly none."""
        return self.snapshot.campaigns_at(lon, lat)

    def assets_near(self, lon: float, lat: float, category: str | None = None) -> tuple[AssetRef, ...]:
        """Return the assets (of one category) within reach of a WGS-84 point, nearest first."""
        return self.snapshot.assets_near(lon, lat, category)

    def search_names(self, text: str, limit: int = 20) -> list[NameHit]:
        """Return places that the text may mean: what it names as an address first, then names that hold it."""
        return self.snapshot.search_names(text, limit)

    def features(self, level: str, bbox: Box | None = None) -> list[Feature]:
        """Return the areas of a level that meet the box (west, south, east, north; WGS-84), for the map."""
        return self.snapshot.features(level, bbox)

    def bounds(self) -> Box:
        """Return west, south, east, north of the whole territory in degrees."""
        return self.snapshot.bounds()
