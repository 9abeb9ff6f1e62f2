"""From cases to the inboxes: each notice lands in `notices` exactly once, whoever dies; no case is written for it again.

A notice is born in the write of its case (`outbox`: the last of a case, never emptied) and put into `notices` by the process
that wrote the case, a moment later and in groups. Its `_id` there is its own id, so that doing it twice finds it done. Each
process keeps a mark in the database: whatever it wrote before this instant is in `notices`. When a process is gone (its mark
is no longer renewed) another one reads the cases told since that instant and makes up what is missing.

What was put into the inboxes is told to all processes by one document of `tellings` for a whole group (kept for an hour): the
change feed then carries a few of them a second however many notices there are.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from dispatch.actors import Actor
from dispatch.joined import told_to_each, told_to_reporter
from dispatch.notices import actor_addresses
from dispatch.store import CASES
from storage.client import Database
from storage.errors import HeyunError, NotFound
from storage.indexes import Index
from storage.shared import Shared

__all__ = [
    "INDEXES", "MARKS", "NOTICES", "SLOWEST_WRITE", "TELLINGS", "Announce", "NoticeView", "Notices", "Relay", "notices_of",
    "told_since",
]  # fmt: skip

NOTICES = "notices"
MARKS = "relays"
TELLINGS = "tellings"
INDEXES: dict[str, list[Index]] = {
    NOTICES: [Index([("keys", 1), ("at", 1), ("_id", 1)], serves="the inbox of a person")],
    MARKS: [],
    TELLINGS: [Index([("at", 1)], expire_after_seconds=3600, serves="their removal")],
}
GROUP = 500
PAUSE_SECONDS = 0.2  # notices of one burst travel together
GONE_SECONDS = 10  # a mark that is older than this, by the database's clock, is of a process that is gone
SLOWEST_WRITE = timedelta(seconds=60)  # longer than a writer's deadline: an older write is told or in doubt

log = logging.getLogger(__name__)
Notices = Sequence[Shared]
Announce = Callable[[dict[str, Any]], str]


class NoticeView(msgspec.Struct, kw_only=True):
    """A notice as its reader sees it; `kind` is the action that brought it forth.

    A `digest` belongs to no case (`case` is empty): its `line` is the unit, `counts` its cases by light.
    """

    id: str
    kind: str
    case: str
    case_no: str
    line: str
    urgency: str
    at: str
    read: bool
    counts: dict[str, int] | None = None


class Relay:
    """Puts the notices of this process into the inboxes, and those of processes that are gone."""

    def __init__(self, database: Database, clock: Callable[[], datetime], announce: Announce | None = None) -> None:
        self.process = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._database = database
        self._clock = clock
        self._announce = announce
        self._waiting: list[Shared] = []
        self._in_doubt: list[datetime] = []
        self._lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    def tell(self, notices: Notices) -> None:
        """Take over the notices (`notices_of`) of a write that is in the database. Costs nothing when a round is under way."""
        if not notices:
            return
        self._waiting.extend(notices)
        if not self._closing and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._rounds())

    def doubt(self, born: datetime) -> None:
        """A write begun at this instant was not confirmed: whether it is there is looked up when it cannot land any more."""
        self._in_doubt.append(born)

    async def _rounds(self) -> None:
        while self._waiting and not self._closing:
            await asyncio.sleep(PAUSE_SECONDS)
            try:
                await self._deliver()
            except HeyunError as error:
                log.warning("notices wait for the next round: %s", error.code)
                return
            except Exception:
                log.exception("notices wait for the next round")
                return

    async def _deliver(self) -> int:
        """Put what waits into the inboxes; what cannot be put there now goes on waiting. Returns how many were new there."""
        moved = 0
        async with self._lock:
            while group := self._waiting[:GROUP]:
                moved += await self._insert(group)
                del self._waiting[: len(group)]
        return moved

    async def _insert(self, notices: Notices) -> int:
        if not notices:
            return 0
        there = await self._database.insert_many(NOTICES, notices)
        await self._database.insert_many(TELLINGS, [self._telling(notices)])  # again where only this failed the last time
        return len(notices) - len(there)

    def _telling(self, notices: Notices) -> dict[str, Any]:
        telling: dict[str, Any] = {"_id": secrets.token_hex(12), "at": self._clock(), "items": notices}
        if self._announce is not None:
            telling["origin"] = self._announce({"items": list(notices)})
        return telling

    async def tend(self) -> int:
        """What every process does for itself every few seconds: deliver, look up what was in doubt, renew its mark."""
        if self._closing:
            return 0
        moved = await self._deliver()
        now = self._clock()
        landed = now - SLOWEST_WRITE
        if self._in_doubt and (first := min(self._in_doubt)) < landed:
            moved += await self._make_up(first)
            self._in_doubt = [born for born in self._in_doubt if born >= landed]
        await self._mark(now)
        return moved

    async def _mark(self, now: datetime) -> None:
        since = min([now - SLOWEST_WRITE, *self._in_doubt, *(notice["at"] for notice in self._waiting)])
        change = [{"$set": {"since": since, "renewed_at": "$$NOW"}}]
        await self._database.find_one_and_update(MARKS, {"_id": self.process}, change, upsert=True)

    async def sweep(self) -> int:
        """Deliver what waits here and what processes that are gone have left; returns how many notices were missing."""
        if self._closing:
            return 0
        moved = await self._deliver()
        gone = {"$expr": {"$lt": ["$renewed_at", {"$subtract": ["$$NOW", GONE_SECONDS * 1000]}]}, "_id": {"$ne": self.process}}
        for mark in await self._database.find(MARKS, gone):
            moved += await self._make_up(mark["since"], gone=True)
            await self._database.delete_one(MARKS, {"_id": mark["_id"], "renewed_at": mark["renewed_at"]})
        return moved

    async def _make_up(self, since: datetime, *, gone: bool = False) -> int:
        """Put the notices born at or after an instant into the inboxes where they are missing. Of a process that is gone, those
        that were not missing are told once more: it may have died before it told them."""
        moved = 0
        async for group in told_since(self._database, since):
            missing = await self._missing(group)
            moved += await self._insert(missing)
            if gone:
                await self._tell_again(group)
        return moved

    async def put_once(self, notices: Notices) -> int:
        """Put notices that belong to no case into the inboxes, once for each id whoever else does; returns how many are new."""
        return await self._insert(await self._missing(notices))

    async def _tell_again(self, notices: Notices) -> None:
        """The streams show inboxes and need nothing; whoever carries notices outside (`dispatch.outside`) looks at these too."""
        telling = {"_id": secrets.token_hex(12), "at": self._clock(), "items": [], "again": notices}
        await self._database.insert_one(TELLINGS, telling)

    async def _missing(self, notices: Notices) -> Notices:
        """Return those that are in no inbox yet: nearly always there are none."""
        wanted = {"_id": {"$in": [notice["_id"] for notice in notices]}}
        there = {found["_id"] for found in await self._database.find(NOTICES, wanted, projection={"_id": 1})}
        return [notice for notice in notices if notice["_id"] not in there]

    async def close(self, *, settled: bool = True) -> None:
        """Deliver what waits and take the mark away; what cannot be delivered now, or belongs to a write that is still under way
        (not `settled`), is made up by another process."""
        self._closing = True
        if self._task is not None and not self._task.done():
            await self._task
        try:
            await self._deliver()
            if settled and not self._in_doubt:
                await self._database.delete_one(MARKS, {"_id": self.process})
        except HeyunError as error:
            log.warning("notices are left to another process: %s", error.code)

    async def inbox(self, actor: Actor, *, limit: int = 50, before: datetime | None = None) -> list[NoticeView]:
        """Return the newest notices of an actor, newest first."""
        filter: dict[str, Any] = {"keys": {"$in": actor_addresses(actor)}}
        if before is not None:
            filter["at"] = {"$lt": before}
        found = await self._database.find(NOTICES, filter, sort=[("at", -1), ("_id", -1)], limit=min(max(limit, 1), 200))
        return [_view(item, actor) for item in found if item["by"] != actor.id]

    async def mark_read(self, actor: Actor, notice_id: str) -> None:
        """Mark a notice as read by this actor. Raises `NotFound` for one that is not theirs."""
        filter = {"_id": notice_id, "keys": {"$in": actor_addresses(actor)}}
        if not await self._database.update_one(NOTICES, filter, {"$addToSet": {"read_by": actor.id}}):
            raise NotFound("notice")


async def told_since(database: Database, since: datetime) -> AsyncIterator[Notices]:
    """Give the notices born at or after an instant as they stand in the inboxes, or shall; in groups, read from their cases."""
    projection = {"outbox": 1, "case_no": 1, "live": 1, "reporter": 1, "caller.phone_index": 1, "followers": 1}
    group = list[Shared]()
    async for case in database.iterate(CASES, {"told_at": {"$gte": since}}, projection=projection, batch_size=GROUP):
        group += notices_of(case, [item for item in case["outbox"] if item["at"] >= since])
        if len(group) >= GROUP:
            yield group
            group = []
    if group:
        yield group


def notices_of(case: dict[str, Any], items: Sequence[dict[str, Any]]) -> Notices:
    """Return items of the outbox of a case as they stand in the inboxes; each is written twice, there and among the tellings.

    An item that reporters hear of too stands there once for each of them, about their own case.
    """
    live = case["live"]
    found = [
        Shared(
            {
                "_id": item["id"], "kind": item["kind"], "keys": item["keys"], "at": item["at"], "by": item["by"],
                "case": case["_id"], "case_no": case["case_no"], "line": live["line"], "urgency": live["urgency"], "read_by": [],
            }
        )
        for item in items
        if item["keys"]
    ]  # fmt: skip
    heard = {item["at"]: item for item in items if "heard" in item}  # of what happened in one write only the last is news
    found += [Shared(told_to_reporter(case, item)) for item in heard.values()]
    found += [Shared(notice) for item in items if "joined" in item for notice in told_to_each(case, item)]
    return found


def _view(item: dict[str, Any], actor: Actor) -> NoticeView:
    return NoticeView(
        id=item["_id"], kind=item["kind"], case=item["case"], case_no=item["case_no"], line=item["line"],
        urgency=item["urgency"], at=item["at"].isoformat(timespec="milliseconds")[:-6] + "Z",
        read=actor.id in item["read_by"], counts=item.get("counts"),
    )  # fmt: skip
