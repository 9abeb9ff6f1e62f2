"""The parties of a running service: the `Directory` that the other packages are given, renewed whole when the data change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from dispatch.model import Category, Colleague, Fit, Helper, Match, Place, Reach, UnitRef
from orgs import store
from orgs.directory import DEFAULT_THRESHOLD, DirectorySnapshot, build
from orgs.ledger import load_figures, with_figures
from orgs.offers import Offer
from orgs.organizations import Organization
from orgs.people import Person
from orgs.roster import Duty, Roster
from orgs.units import Unit, UnitTree
from storage.client import Database
from storage.feed import GAP, Change

__all__ = ["Parties"]

log = logging.getLogger(__name__)

REBUILD_ON = frozenset({"directory", "catalogue"})  # rules need the categories too
START_AHEAD = timedelta(seconds=20)  # what is void so soon is void before the process that starts answers its first question
LONGEST_WAIT = 3600.0  # seconds


class _Feed(Protocol):
    def subscribe(self, collection: str, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call back for every change of the collection; returns how to stop it."""


class Parties:
    """Implements `dispatch.ports.Directory` by the present snapshot. Answers are synchronous and take microseconds.

    `await Parties.load(database, categories=…)`; `follow(feed)` renews it whenever any process changes the data. The snapshot is
    built in a thread and swapped in whole. When the territory changes, `renewed` brings both into use at one moment.
    """

    def __init__(
        self, database: Database, categories: Callable[[], Iterable[Category]], *, timezone: str, threshold: float,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:  # fmt: skip
        self._database = database
        self._clock = clock
        self._categories = categories
        self._timezone = timezone
        self._threshold = threshold
        self._clock = clock
        self._turn: asyncio.TimerHandle | None = None
        self._renewing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._queued = False
        self._listeners: list[Callable[[], None]] = []
        self._loads: Mapping[str, int] = {}
        self._asked: Mapping[str, int] = {}
        self.snapshot: DirectorySnapshot = build(units=(), timezone=timezone, threshold=threshold)

    @classmethod
    async def load(
        cls,
        database: Database,
        *,
        categories: Callable[[], Iterable[Category]],
        timezone: str = "Asia/Shanghai",
        threshold: float = DEFAULT_THRESHOLD,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> Parties:
        """Read the parties and build the snapshot. `categories` gives the present catalogue, `threshold` the least score that
        is dispatched without a person, `clock` the time at which units are there or gone. An empty database gives an empty
        directory: every match has no owner."""
        parties = cls(database, categories, timezone=timezone, threshold=threshold, clock=clock)
        await parties.reload(ahead=START_AHEAD)
        return parties

    async def reload(self, *, ahead: timedelta = timedelta()) -> None:
        """Build the snapshot of the data as they are now and swap it in; areas that are void `ahead` of now count as void."""
        await self._swap_in(self._build, self._clock() + ahead)

    async def _swap_in(self, make: Callable[[datetime], Awaitable[DirectorySnapshot]], at: datetime) -> None:
        async with self._renewing:
            self._queued = False
            self.snapshot = await make(at)
        self._tell()

    @asynccontextmanager
    async def renewed(self, at: datetime) -> AsyncIterator[Callable[[], None]]:
        """Build the snapshot that fits the areas of an instant, and give what swaps it in. Until the end nobody else swaps."""
        async with self._renewing:
            snapshot = await self._follow(at)

            def swap() -> None:
                self.snapshot = snapshot
                self._tell()

            yield swap

    def _tell(self) -> None:
        self._await_turn()
        for listener in self._listeners:
            listener()

    def on_renewed(self, listener: Callable[[], None]) -> None:
        """Have `listener` called after every swap."""
        self._listeners.append(listener)

    def follow(self, feed: _Feed) -> Callable[[], None]:
        """Renew whenever the feed says that data have changed (the feed must watch `versions`); returns how to stop."""
        return feed.subscribe(store.VERSIONS, self._on_change)

    def use_workload(self, loads: Mapping[str, int], asked: Mapping[str, int]) -> None:
        """Say where it stands how many cases each organization is busy with now (from its capacity on it is not proposed), and
        for how many it was asked of late. Both are read at every question and may go on changing."""
        self._loads, self._asked = loads, asked

    async def refresh_services(self) -> None:
        """Prepare the organizations anew with what the ledger holds and the workload as it is now, so that what has fallen counts
        too."""
        async with self._renewing:
            organizations = await self._organizations()
            snapshot, loads, asked = self.snapshot, dict(self._loads), dict(self._asked)
            self.snapshot = await asyncio.to_thread(snapshot.with_workload, organizations, loads, asked)

    @property
    def version(self) -> str:
        """The version of the snapshot that answers now."""
        return self.snapshot.version

    def follow_areas(self, codes: Iterable[str]) -> tuple[str, ...]:
        """Return the areas, and those that came after the ones that are void."""
        return self.snapshot.after.with_heirs(codes)

    @property
    def units(self) -> UnitTree:
        """The present tree of units."""
        return self.snapshot.units

    @property
    def roster(self) -> Roster:
        """The present duty rosters."""
        return self.snapshot.roster

    def match(self, place: Place, category: str | None, at: datetime) -> Match:
        """Return the explained match. Never raises for an unknown category: the answer then has `no_category` in its doubt."""
        return self.snapshot.match(place, category, at, loads=self._loads, asked=self._asked)

    def organizations(self, place: Place, category: str, at: datetime, *, limit: int = 5) -> tuple[Helper, ...]:
        """Return the organizations that can help here, best first."""
        return self.snapshot.organizations(place, category, at, limit=limit, loads=self._loads, asked=self._asked)

    def unit(self, code: str) -> UnitRef | None:
        """Return the active unit with this code, or None."""
        return self.snapshot.unit(code)

    def unit_hours(self, code: str) -> str:
        """Return the working hours of a unit in the form of `units.csv`."""
        return self.snapshot.unit_hours(code)

    def is_in_tree(self, code: str, root: str) -> bool:
        """Tell whether the unit `code` is `root` or stands below it in the tree of units."""
        return self.snapshot.is_in_tree(code, root)

    def unit_covers(self, code: str, place: Place) -> bool:
        """Tell whether the unit works in the place."""
        return self.snapshot.unit_covers(code, place)

    def territorial(self, place: Place) -> UnitRef | None:
        """Return the township-level unit in whose territory the place lies, or None."""
        return self.snapshot.territorial(place)

    def unit_named(self, name: str, place: Place) -> UnitRef | None:
        """Return the unit that a code or `type@level` names at a place, or None."""
        return self.snapshot.unit_named(name, place)

    def organization(self, code: str) -> Helper | None:
        """Return the organization with this code, or None."""
        return self.snapshot.organization(code)

    def fit(self, organization: str, place: Place, kind: str, at: datetime, *, sensitive_for: str | None) -> Fit:
        """Return how an organization fits what is asked of one kind of organizations at a place."""
        return self.snapshot.fit(organization, place, kind, at, sensitive_for=sensitive_for)

    def reach(self, organization: str, at: datetime) -> Reach | None:
        """Return what an organization can be asked for and where, or None."""
        return self.snapshot.reach(organization, at)

    def is_approved(self, code: str, category: str | None, at: datetime) -> bool:
        """Tell whether the organization may be asked for help with sensitive cases of the category at this instant."""
        return self.snapshot.is_approved(code, category, at)

    def units_below(self, code: str) -> tuple[UnitRef, ...]:
        """Return the active units directly below a unit, by code."""
        return self.snapshot.units_below(code)

    def on_duty(self, role: str, place: Place, at: datetime, *, behind: bool = True) -> tuple[str, ...]:
        """Return the usernames of the people with `role` on duty for the place, nearest area first; with those who only stand
        behind, unless told otherwise."""
        return self.snapshot.on_duty(role, place, at, behind=behind)

    def acting_for(self, username: str, at: datetime) -> str | None:
        """Return who does somebody's work at an instant, None when nobody does."""
        return self.snapshot.acting_for(username, at)

    def colleague(self, username: str) -> Colleague | None:
        """Return the person with this user name, or None."""
        return self.snapshot.colleague(username)

    def watch(self, areas: Sequence[str], at: datetime) -> tuple[str, ...]:
        """Return the usernames of those who watch over exactly these areas at this instant."""
        return self.snapshot.watch(areas, at)

    def search_units(self, text: str, *, area: str | None = None, limit: int = 20) -> tuple[Unit, ...]:
        """Return units by code or name, in one area when it is given."""
        return self.snapshot.search_units(text, area=area, limit=limit)

    def list_organizations(
        self, *, text: str = "", kind: str | None = None, areas: Sequence[str] = (), standing: str = "normal",
        free: bool = False, limit: int = 50, after: str = "",
    ) -> tuple[tuple[Organization, ...], str | None]:  # fmt: skip
        """Return a page of organizations and where the next begins; `free` keeps those with capacity left."""
        return self.snapshot.list_organizations(
            text=text, kind=kind, areas=areas, standing=standing, free=free, loads=self._loads, limit=limit, after=after
        )

    async def close(self) -> None:
        """Stop renewing."""
        if self._turn is not None:
            self._turn.cancel()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, at: datetime) -> DirectorySnapshot:
        """What holds at an instant. Where no unit has come or gone and only areas (none made void) or categories have changed,
        the parties are not read again: a hundred thousand rules that are let go would hold up the loop."""
        present, after = self.snapshot, await store.load_succession(self._database, at)
        edge = present.eras.next_edge()
        is_same = after == present.after and (edge is None or self._clock().timestamp() < edge)
        if not is_same or not present.version or await store.load_version(self._database) != present.version:
            return await self._build(at)
        parents = await store.load_area_parents(self._database)
        return await asyncio.to_thread(present.on_ground, parents, tuple(self._categories()))

    async def _build(self, at: datetime) -> DirectorySnapshot:
        version = await store.load_version(self._database)  # first: what changes meanwhile brings another renewal
        book, rules = await store.load_rules(self._database)
        parts: dict[str, Any] = {
            "book": book,
            "rules": rules,
            "units": await store.read_all(self._database, store.UNITS, Unit),
            "organizations": await self._organizations(),
            "offers": await store.read_all(self._database, store.OFFERS, Offer),
            "people": await store.read_all(self._database, store.PEOPLE, Person),
            "duties": await store.read_all(self._database, store.ROSTERS, Duty),
            "parents": await store.load_area_parents(self._database),
            "after": await store.load_succession(self._database, at),
            "categories": tuple(self._categories()),
            "loads": dict(self._loads),
            "asked": dict(self._asked),
            "now": self._clock().timestamp(),  # areas are void ahead of their time, units are not
        }
        return await asyncio.to_thread(_build_parts, parts, version, self._timezone, self._threshold)

    async def _organizations(self) -> list[Organization]:
        figures = await load_figures(self._database)
        return with_figures(await store.read_all(self._database, store.ORGANIZATIONS, Organization), figures)

    def _on_change(self, change: Change) -> None:
        if change.key in REBUILD_ON or change.operation == GAP:
            self._queue()

    def _queue(self) -> None:
        if not self._queued:
            self._queued = True  # one that waits already will see this change too
            task = asyncio.get_running_loop().create_task(self._renew())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _await_turn(self) -> None:
        """Look again when the next unit comes or goes, at the latest after an hour: the clock may be another than the loop's."""
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        edge = self.snapshot.eras.next_edge()
        if edge is not None:
            left = min(max(edge - self._clock().timestamp(), 0.0), LONGEST_WAIT)
            self._turn = asyncio.get_running_loop().call_later(left, self._on_turn, edge)

    def _on_turn(self, edge: float) -> None:
        if self._clock().timestamp() >= edge:
            self._queue()
        else:
            self._await_turn()

    async def _renew(self) -> None:
        try:
            await self._swap_in(self._follow, self._clock())
        except Exception:  # the outermost loop of a background job: the old snapshot goes on answering
            log.exception("the directory could not be renewed; version %s stays", self.snapshot.version)
        else:
            log.info("directory version %s", self.snapshot.version)


def _build_parts(parts: Mapping[str, Any], version: str, timezone: str, threshold: float) -> DirectorySnapshot:
    return build(**parts, version=version, timezone=timezone, threshold=threshold)
