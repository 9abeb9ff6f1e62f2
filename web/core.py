"""The core of a running process: the city, its rules, the one writer of cases, and how they follow what other processes change.

Catalogue, signals, calendar and city are loaded anew and swapped whole when their version changes; whoever is deciding at
that moment goes on with what it read.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from dispatch import city as cities
from dispatch import snapshots
from dispatch.calendar import WorkCalendar
from dispatch.categories import Catalogue
from dispatch.city import City
from dispatch.duplicates import RecentCases
from dispatch.joint import JointTemplates
from dispatch.learning import versions
from dispatch.ports import Directory
from dispatch.relay import Announce
from dispatch.rules import Rules
from dispatch.service import CaseService, utc_now
from dispatch.signals import Signals
from dispatch.store import CASES
from grid.service import Territory
from storage.client import Database
from storage.errors import HeyunError
from storage.feed import GAP, Change, Feed
from storage.fields import FieldCipher

__all__ = ["Core", "NoCity"]

log = logging.getLogger("heyun.core")
WATCHED = frozenset({"catalogue", "calendar", snapshots.JOINT_TEMPLATES, versions.KIND})
PRUNE_SECONDS = 600.0
OPEN = {"keys": {"$in": ["a:*", "s:*"]}, "live.open": True}


class NoCity(HeyunError):
    """The database holds no city yet; raised at the start of a process."""

    code = "no_city"


class Core:
    """City, rules and cases of this process. Made by `load`."""

    def __init__(
        self, database: Database, city: City, rules: Rules, recent: RecentCases, cipher: FieldCipher,
        announce: Announce | None, clock: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self.city = city
        self.rules = rules
        self.recent = recent
        self.cases = CaseService(database, rules, cipher, recent, root_area=city.code, announce=announce, clock=clock)
        self._database = database
        self._tasks: set[asyncio.Task[None]] = set()
        self._pruning: asyncio.TimerHandle | None = None

    @classmethod
    async def load(
        cls,
        database: Database,
        territory: Territory,
        directory: Directory,
        catalogue: Catalogue,
        city: City,
        cipher: FieldCipher,
        *,
        announce: Announce | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> Core:
        """Read what the rules need. `city` and `catalogue` are loaded before, since the directory needs them too."""
        params = city.params
        rules = Rules(
            locator=territory,
            directory=directory,
            catalogue=catalogue,
            calendar=await snapshots.load_calendar(database, city),
            limits=params.limits,
            signals=await snapshots.load_signals(database, params),
            lights=params.lights,
            bounds=params.bounds,
            sampling=params.sampling,
            case_prefix=city.case_prefix,
            timezone=city.timezone,
            confident=params.dispatch.propose_confidence,
            joint_templates=await snapshots.load_joint_templates(database),
            learned=await versions.load_active(database),
        )
        return cls(database, city, rules, _recent(city, catalogue), cipher, announce, clock)

    @property
    def catalogue(self) -> Catalogue:
        """The categories as they are now."""
        catalogue: Catalogue = self.rules.catalogue  # type: ignore[assignment]
        return catalogue

    @property
    def signals(self) -> Signals:
        """The keywords and words of danger as they are now."""
        signals: Signals = self.rules.signals  # type: ignore[assignment]
        return signals

    @property
    def joint_templates(self) -> JointTemplates:
        """The templates of 一件事 as they are now."""
        return self.rules.joint_templates

    @property
    def calendar(self) -> WorkCalendar:
        """The working calendar as it is now."""
        return self.rules.calendar

    def follow(self, feed: Feed) -> None:
        """Follow cases and versions from now on."""
        feed.subscribe("cases", self._on_case)
        feed.subscribe("versions", self._on_version)
        self._prune()

    def close(self) -> None:
        """End the work in the background."""
        if self._pruning is not None:
            self._pruning.cancel()
        for task in self._tasks:
            task.cancel()

    def _prune(self) -> None:
        self.recent.prune(utc_now())
        self._pruning = asyncio.get_running_loop().call_later(PRUNE_SECONDS, self._prune)

    async def load_open(self) -> int:
        """Take all open cases into memory, for the map, the counts and the search of duplicates; returns how many."""
        begun, seen = utc_now(), set[str]()
        async for case in self._database.iterate(CASES, OPEN, projection={"live": 1, "case_no": 1}):
            self.cases.follow(case["_id"], case["live"], case["case_no"])
            seen.add(case["_id"])
        self.cases.forget_others(seen, begun)
        return len(seen)

    def _on_case(self, change: Change) -> None:
        if change.operation == GAP:
            self._start(self.load_open(), "open cases")
        elif change.document is not None and "live" in change.document:
            self.cases.follow(change.key, change.document["live"], change.document["case_no"])

    def _on_version(self, change: Change) -> None:
        if change.operation == GAP or change.key in WATCHED:
            self._start(self.reload(), "rules")

    def _start(self, work: Any, name: str) -> None:
        task = asyncio.get_running_loop().create_task(_logged(work, name))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def reload(self) -> None:
        """Load city, catalogue, signals, calendar and templates, then swap them in together."""
        city = await cities.load(self._database)
        if city is None:
            return
        params = city.params
        catalogue = await snapshots.load_catalogue(self._database)
        signals = await snapshots.load_signals(self._database, params)
        calendar = await snapshots.load_calendar(self._database, city)
        templates = await snapshots.load_joint_templates(self._database)
        rules = self.rules
        learned = await versions.load_active(self._database, rules.learned)
        self.city, rules.catalogue, rules.signals, rules.calendar = city, catalogue, signals, calendar
        rules.limits, rules.lights, rules.bounds = params.limits, params.lights, params.bounds
        rules.sampling = params.sampling
        rules.confident, rules.joint_templates, rules.learned = params.dispatch.propose_confidence, templates, learned
        log.info("catalogue version %s", catalogue.version)


def _recent(city: City, catalogue: Catalogue) -> RecentCases:
    duplicates = city.params.duplicates
    return RecentCases(
        duplicates.radius_by_category,
        radius_m=duplicates.radius_m,
        days=duplicates.days,
        similarity=duplicates.similarity,
        majors=catalogue.majors_by_category,
    )


async def _logged(work: Any, name: str) -> None:
    try:
        await work
    except Exception:  # the outermost loop of a background job: what was known before goes on answering
        log.exception("%s could not be read again", name)
