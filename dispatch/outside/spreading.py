"""From the inboxes to deliveries: every notice that was put there is looked at, and becomes a delivery for each who asked for it.

What was put into the inboxes is read from `tellings`, a few documents a second however many notices there are. The mark in the
database says until when all was read; it stays behind the present by as long as a write can be under way, and what is read
twice makes nothing twice. After a pause longer than tellings are kept, the notices are read from their cases.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from dispatch.outside.planning import Plan
from dispatch.outside.recipients import Recipients
from dispatch.outside.store import DeliveryStore
from dispatch.relay import SLOWEST_WRITE, TELLINGS, told_since
from storage.client import Database

__all__ = ["MARKS", "Spreading"]

MARKS = "outside_marks"
_MARK = "tellings"
KEPT = timedelta(minutes=50)  # tellings are removed after an hour
OLDEST = timedelta(days=1)  # what was told before is old news to whoever is told now

Notice = dict[str, Any]


class Spreading:
    """Makes deliveries. `plan` gives what planning knows at this time."""

    def __init__(
        self,
        database: Database,
        store: DeliveryStore,
        recipients: Recipients,
        plan: Callable[[datetime], Awaitable[Plan]],
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._store = store
        self._recipients = recipients
        self._plan = plan
        self._clock = clock
        self._seen: dict[str, datetime] = {}

    async def spread(self) -> int:
        """Look at what was told since the mark; returns how many deliveries were made. The first time, only what comes from
        now on."""
        now = self._clock()
        since = await self._mark(now)
        if since is None:
            return 0
        made, plan = 0, None
        async for notices in self._told(since, now):
            plan = plan or await self._plan(now)  # read once, and only when there is news
            made += await self._make(notices, plan)
        await self._move_mark(now)
        return made

    async def _mark(self, now: datetime) -> datetime | None:
        found = await self._database.find_one(MARKS, {"_id": _MARK})
        if found is None:
            await self._database.insert_one(MARKS, {"_id": _MARK, "since": now})
            return None
        since: datetime = found["since"]
        return since

    async def _move_mark(self, now: datetime) -> None:
        since = now - SLOWEST_WRITE
        await self._database.update_one(MARKS, {"_id": _MARK}, {"$max": {"since": since}})
        self._seen = {id: at for id, at in self._seen.items() if at >= since}

    async def _told(self, since: datetime, now: datetime) -> AsyncIterator[Sequence[Notice]]:
        if since < now - KEPT:
            async for notices in told_since(self._database, max(since, now - OLDEST)):
                yield notices
            since = now - KEPT
        listed = await self._database.find(TELLINGS, {"at": {"$gte": since}}, projection={"at": 1}, sort=[("at", 1)])
        for telling in listed:
            if telling["_id"] not in self._seen:
                whole = await self._database.find_one(TELLINGS, {"_id": telling["_id"]})
                if whole is not None:
                    yield [*whole["items"], *whole.get("again", ())]
                self._seen[telling["_id"]] = telling["at"]

    async def _make(self, notices: Sequence[Notice], plan: Plan) -> int:
        made = []
        for notice in notices:
            made += plan.deliveries(notice, await self._recipients.behind(notice["keys"]))
        return await self._store.add(made)
