"""Keeps the workload of the organizations of a running process: read once, followed by the feed, prepared anew now and then.

An organization that leaves a case has what it had reserved of its offers given back, by whichever process hears of it first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from dispatch.engagements import is_engaged, live_parts
from orgs.ledger import Ledger
from orgs.offering import Offers
from orgs.service import Parties
from orgs.workload import RECENT, Workload
from storage.client import Database
from storage.feed import GAP, Change

__all__ = ["Tending"]

log = logging.getLogger("heyun.workload")
RENEW_SECONDS = 600.0
ABANDONED = timedelta(minutes=10)  # no claim takes so long: the process that reserved is gone


class Tending:
    """One per process. `load` and `start`, then `close`."""

    def __init__(
        self, database: Database, parties: Parties, offers: Offers, ledger: Ledger, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._offers = offers
        self._ledger = ledger
        self._parties = parties
        self._clock = clock
        self._workload = Workload()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        parties.use_workload(self._workload.loads, self._workload.asked)

    async def load(self) -> None:
        """Read the cases that name organizations, and prepare the organizations for what they have in hand."""
        found = [part async for part in live_parts(self._database, self._clock() - RECENT)]
        self._workload.load(found)
        if found:
            await self._parties.refresh_services()
        for organization, key in await self._offers.held(self._clock() - ABANDONED):
            await self.give_back(key.partition(":")[0], organization)

    async def give_back(self, case: str, organization: str) -> None:
        """Give back what an organization has reserved for a case, unless it is asked or takes part there."""
        if not await is_engaged(self._database, case, organization):
            await self._offers.give_back(organization, f"{case}:")

    def on_change(self, change: Change) -> None:
        """Take a change of `cases` from the feed; after a gap everything is read again."""
        if change.operation == GAP:
            self._begin(self.load())
            return
        if change.document is not None and change.document.get("live", {}).get("orgs"):
            self._ledger.touch(change.key)
        for organization in self._workload.on_change(change):
            self._ledger.touch(change.key)
            self._begin(self.give_back(change.key, organization))

    def start(self) -> None:
        """Prepare the organizations anew every ten minutes, as far as there is something to count."""
        self._timer = asyncio.get_running_loop().call_later(RENEW_SECONDS, self._tick)

    async def close(self) -> None:
        """End the work in the background."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _tick(self) -> None:
        self.start()
        self._workload.forget_old(self._clock())
        if self._workload.asked:
            self._begin(self._parties.refresh_services())

    def _begin(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(_logged(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _logged(work: Any) -> None:
    try:
        await work
    except Exception:  # the outermost loop of a background job: what was known before goes on answering
        log.exception("the workload of the organizations could not be read again")
