"""The territory of a running service: the `Locator` that the other packages are given, renewed whole when the data change.

Corrections of the gazetteer are no reason for that: they are laid beside its tables at once, also while those are built.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from dispatch.model import AreaRef, AssetRef, Campaign, Place
from grid import store
from grid.areas import Feature, NameHit
from grid.build_process import make_apart
from grid.change_store import LEAD
from grid.current_names import CurrentNames
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
    """A snapshot, its names, and from when on it answers. What changes meanwhile has a later version."""

    snapshot: TerritorySnapshot
    names: CurrentNames
    switch_at: datetime | None


async def _load(database: Database) -> _Loaded:
    """Return the territory as it is or is about to be.

    The heavy work is done by two other processes, the rest in steps of milliseconds.
    """
    made, names = await asyncio.gather(make_apart(database), CurrentNames.read(database))
    await asyncio.sleep(0)
    steps = assemble(made, names.known)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            snapshot: TerritorySnapshot = done.value
            return _Loaded(snapshot, names, made.outline.switch_at)
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
        self, database: Database, snapshot: TerritorySnapshot, names: CurrentNames, clock: Callable[[], datetime] = _now
    ) -> None:
        self._database = database
        self._clock = clock
        self.snapshot = snapshot
        self._names = names
        self._renewing, self._correcting = asyncio.Lock(), asyncio.Lock()
        self._is_behind = False  # corrections were told that nobody has begun to read
        self._tasks: set[asyncio.Task[None]] = set()
        self._beside: Beside = _nothing

    @classmethod
    async def load(cls, database: Database, *, clock: Callable[[], datetime] = _now) -> Territory:
        """Read the territory and build its snapshot. An empty database gives an empty territory: every point is out of area."""
        loaded = await _load(database)
        await _until(loaded.switch_at, clock())
        return cls(database, loaded.snapshot, loaded.names, clock)

    def renew_with(self, beside: Beside) -> None:
        """Bring something else into use together with every new snapshot: `async with beside(at) as swap`."""
        self._beside = beside

    async def reload(self) -> bool:
        """Build the snapshot of the data as they are now and swap it in when it is time; False when it was up to date."""
        async with self._renewing:
            if str(await store.load_version(self._database)) != self.snapshot.version:
                await self._reload_all()
                await self._correct()
                return True
            is_newer = await self._correct()
            while self._names.is_long:
                await self._reload_names()
            return is_newer

    async def _reload_all(self) -> None:
        loaded = await _load(self._database)
        now = self._clock()
        async with self._beside(max(loaded.switch_at or now, now)) as swap:
            await _until(loaded.switch_at, self._clock())
            self._take(loaded.snapshot, loaded.names.after(self._names))
            swap()
        log.info("territory version %s", self.snapshot.version)

    def _take(self, snapshot: TerritorySnapshot, names: CurrentNames) -> None:
        self.snapshot, self._names = snapshot.with_names(names.known), names

    async def _reload_names(self) -> None:
        """Much was corrected: the tables of the gazetteer are built anew, everything else of the snapshot stays."""
        names = await CurrentNames.read(self._database)
        async with self._correcting:
            self._take(self.snapshot, await names.corrected(self._database) or names)
        log.info("gazetteer built anew with correction %d", self._names.built)

    async def _correct(self) -> bool:
        """Lay beside the names what was corrected since; False when nothing was."""
        async with self._correcting:
            self._is_behind = False
            while True:
                former = self._names
                names = await former.corrected(self._database)
                if names is None:
                    return False
                if former is self._names:  # else another territory came into use meanwhile, with names of its own
                    self._take(self.snapshot, names)
                    return True

    def follow(self, feed: _Feed) -> Callable[[], None]:
        """Renew whenever the feed says that the territory has changed (the feed must watch `versions`); returns how to stop."""
        return feed.subscribe(store.VERSIONS, self._on_change)

    def _on_change(self, change: Change) -> None:
        if change.key == store.TERRITORY or change.operation == GAP:
            self._begin(self.reload)
        elif change.key == store.NAMES and not self._is_behind:
            self._is_behind = True
            self._begin(self._catch_up)

    async def _catch_up(self) -> None:
        await self._correct()
        if self._names.is_long and not self._renewing.locked():
            self._begin(self.reload)

    def _begin(self, work: Callable[[], Awaitable[object]]) -> None:
        task = asyncio.get_running_loop().create_task(self._renew(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _renew(self, work: Callable[[], Awaitable[object]]) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                await work()
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
