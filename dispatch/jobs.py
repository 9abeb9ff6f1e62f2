"""The periodic jobs of the core, declared and started in one place.

Every process ticks; the work that is for all is done by the one that holds the lease, on the database's clock. Each process asks
for the lease every few seconds, so that another one works soon after the holder was killed, and does at once what was due then.
Correctness rests on each item's conditional update, never on the lease: two sweeps at once do nothing twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from dispatch.outside.service import Outside
from dispatch.service import CaseService
from storage.client import Database
from storage.errors import HeyunError
from storage.lease import Lease

__all__ = ["LEASE", "LEASE_SECONDS", "LIGHT_SECONDS", "RELAY_SECONDS", "RENEW_SECONDS", "Jobs", "Work"]

LIGHT_SECONDS = 30
RELAY_SECONDS = 5
OUTSIDE_SECONDS = 5
RECOMPUTING_SECONDS = 5
DIGEST_SECONDS = 60
LEASE = "jobs"
LEASE_SECONDS = 9.0  # with the time until the next one asks, a killed holder's work moves within 12 s
RENEW_SECONDS = 3

log = logging.getLogger(__name__)


Work = Callable[[], Awaitable[int]]


class Jobs:
    """The jobs of one process; `holder` names it in the lease."""

    def __init__(
        self, database: Database, cases: CaseService, outside: Outside | None = None, *, holder: str,
        doors: Sequence[tuple[int, str, Work]] = (),
    ) -> None:  # fmt: skip
        """`doors` is the work of the doors that is for all: every how many seconds, its name, what to call."""
        self._cases = cases
        self._outside = outside
        self._scheduler = AsyncIOScheduler(timezone="UTC", job_defaults={"coalesce": True})
        self._lease = Lease(database, LEASE, holder, ttl_seconds=LEASE_SECONDS)
        self._leased: dict[str, Work] = {}
        self._running: dict[str, asyncio.Task[int]] = {}
        self._stopping = False
        self._every(RENEW_SECONDS, "lease", self._renew)
        self._every(RELAY_SECONDS, "own notices", cases.relay.tend)
        self._every(LIGHT_SECONDS, "lights", cases.sweep, leased=True)
        self._every(RELAY_SECONDS, "relay", cases.relay.sweep, leased=True)
        self._every(RECOMPUTING_SECONDS, "recomputing", cases.recomputing.run, leased=True)
        self._every(DIGEST_SECONDS, "digests", cases.digests.run, leased=True)
        for seconds, name, work in doors:
            self._every(seconds, name, work, leased=True)
        if outside is not None and outside.is_on:
            self._every(OUTSIDE_SECONDS, "outside", outside.spread, leased=True)
            self._every(OUTSIDE_SECONDS, "deliveries", outside.sweep, leased=True)

    def _every(self, seconds: int, name: str, work: Work, *, leased: bool = False) -> None:
        """The scheduler only ticks: it cancels what it runs when it is shut down, and calls a long round a missed one."""
        if leased:
            self._leased[name] = work

        async def tick() -> None:
            self._begin(name, work)

        self._scheduler.add_job(tick, "interval", seconds=seconds, id=name, misfire_grace_time=None)

    def _begin(self, name: str, work: Work) -> None:
        last = self._running.get(name)
        if not self._stopping and (last is None or last.done()):
            self._running[name] = asyncio.get_running_loop().create_task(self.run(name, work))

    async def run(self, name: str, work: Work) -> int:
        """Do a piece of work, one that is for all only if the lease is ours; returns how many items it changed. Failures are
        logged, never raised."""
        try:
            if name in self._leased and not self._lease.is_held:
                return 0
            return await work()
        except HeyunError as error:
            log.warning("job %s did nothing this time: %s", name, error.code)
        except Exception:
            log.exception("job %s failed", name)
        return 0

    async def hold(self) -> bool:
        """Take the lease, or hold it longer; tell whether it has just become ours. Raises `StorageUnavailable`."""
        was_held = self._lease.is_held
        return await self._lease.acquire() and not was_held

    async def _renew(self) -> int:
        """Whoever has just got the lease begins at once with all the work that is for all."""
        if not await self.hold():
            return 0
        log.info("this process does the work that is for all")
        for name, work in self._leased.items():
            self._begin(name, work)
        return 1

    def start(self) -> None:
        """Start the clockwork; needs a running loop."""
        self._begin("lease", self._renew)
        self._scheduler.start()

    def scheduled(self) -> list[Callable[[], Awaitable[None]]]:
        """Return what the clockwork calls at each tick."""
        return [job.func for job in self._scheduler.get_jobs()]

    async def stop(self) -> None:
        """Stop the clockwork, let each job finish the group that it is at, give the lease up."""
        self._stopping = True
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        if self._outside is not None:
            self._outside.stop()
        await self._cases.close()
        await asyncio.gather(*self._running.values())
        if self._lease.is_held:
            await self._release()

    async def _release(self) -> None:
        try:
            await self._lease.release()
        except HeyunError as error:
            log.warning("the lease ends by itself, the database does not answer: %s", error.code)
