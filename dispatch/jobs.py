"""The periodic jobs of the core, declared and started in one place.

Every process runs them; where the work is for all, a lease on the database's clock lets one of them work. Correctness rests on
each item's conditional update, never on the lease: two sweeps at once do nothing twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from dispatch.outside.service import Outside
from dispatch.service import CaseService
from storage.client import Database
from storage.errors import HeyunError
from storage.lease import Lease

__all__ = ["LIGHT_SECONDS", "RELAY_SECONDS", "Jobs"]

LIGHT_SECONDS = 30
RELAY_SECONDS = 5
OUTSIDE_SECONDS = 5
LEASED = ("lights", "relay", "outside", "deliveries")

log = logging.getLogger(__name__)


class Jobs:
    """The jobs of one process; `holder` names it in leases."""

    def __init__(self, database: Database, cases: CaseService, outside: Outside | None = None, *, holder: str) -> None:
        self._cases = cases
        self._outside = outside
        self._scheduler = AsyncIOScheduler(timezone="UTC", job_defaults={"coalesce": True})
        self._leases = {name: Lease(database, name, holder, ttl_seconds=90) for name in LEASED}
        self._running: dict[str, asyncio.Task[int]] = {}
        self._every(LIGHT_SECONDS, "lights", cases.sweep)
        self._every(RELAY_SECONDS, "relay", cases.relay.sweep)
        self._every(RELAY_SECONDS, "own notices", cases.relay.tend)
        if outside is not None and outside.is_on:
            self._every(OUTSIDE_SECONDS, "outside", outside.spread)
            self._every(OUTSIDE_SECONDS, "deliveries", outside.sweep)

    def _every(self, seconds: int, name: str, work: Callable[[], Awaitable[int]]) -> None:
        """The scheduler only ticks: it cancels what it runs when it is shut down, and calls a long round a missed one."""

        async def tick() -> None:
            last = self._running.get(name)
            if last is None or last.done():
                self._running[name] = asyncio.get_running_loop().create_task(self.run(name, work))

        self._scheduler.add_job(tick, "interval", seconds=seconds, id=name, misfire_grace_time=None)

    async def run(self, name: str, work: Callable[[], Awaitable[int]]) -> int:
        """Do a piece of work, one that has a lease only if that is ours; returns how many items it changed. Failures are
        logged, never raised."""
        lease = self._leases.get(name)
        try:
            if lease is not None and not await lease.acquire():
                return 0
            return await work()
        except HeyunError as error:
            log.warning("job %s did nothing this time: %s", name, error.code)
        except Exception:
            log.exception("job %s failed", name)
        return 0

    def start(self) -> None:
        """Start the clockwork; needs a running loop."""
        self._scheduler.start()

    def scheduled(self) -> list[Callable[[], Awaitable[None]]]:
        """Return what the clockwork calls at each tick."""
        return [job.func for job in self._scheduler.get_jobs()]

    async def stop(self) -> None:
        """Stop the clockwork, let each job finish the group that it is at, give the leases up."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        if self._outside is not None:
            self._outside.stop()
        await self._cases.close()
        await asyncio.gather(*self._running.values())
        await asyncio.gather(*(self._release(lease) for lease in self._leases.values() if lease.is_held))

    async def _release(self, lease: Lease) -> None:
        try:
            await lease.release()
        except HeyunError as error:
            log.warning("a lease ends by itself, the database does not answer: %s", error.code)
