"""From the outbox of cases to the inboxes: notices are moved in groups, each lands exactly once, no rev is touched.

A notice's `_id` in `notices` is its id in the outbox: moving it twice finds it there. Only what is there is taken out of the
outbox. After a write the relay of this process is nudged; a periodic sweep under a lease picks up what a killed process left.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from typing import Any

import msgspec

from dispatch.actors import Actor
from dispatch.notices import actor_addresses
from dispatch.store import CASES
from storage.client import Database
from storage.errors import HeyunError, NotFound
from storage.indexes import Index

__all__ = ["INDEXES", "NOTICES", "NoticeView", "Relay"]

NOTICES = "notices"
INDEXES = {NOTICES: [Index([("keys", 1), ("at", 1), ("_id", 1)], serves="the inbox of a person")]}
GROUP = 500
PAUSE_SECONDS = 0.2  # notices of one burst travel together

log = logging.getLogger(__name__)


class NoticeView(msgspec.Struct, kw_only=True):
    """A notice as its reader sees it; `kind` is the action that brought it forth."""

    id: str
    kind: str
    case: str
    case_no: str
    line: str
    urgency: str
    at: str
    read: bool


class Relay:
    """Moves notices; one per process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._task: asyncio.Task[None] | None = None
        self._again = False
        self._closing = False

    def nudge(self) -> None:
        """Say that something lies in an outbox. Costs nothing when a round is under way."""
        self._again = True
        if not self._closing and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._rounds())

    async def _rounds(self) -> None:
        while self._again and not self._closing:
            self._again = False
            await asyncio.sleep(PAUSE_SECONDS)
            try:
                await self.sweep()
            except HeyunError as error:
                log.warning("the relay of notices stops until the next nudge or sweep: %s", error.code)
                return
            except Exception:
                log.exception("the relay of notices stops until the next nudge or sweep")
                return

    async def close(self) -> None:
        """Finish the group under way; what is left in outboxes waits for the sweep of another process or the next start."""
        self._closing = True
        if self._task is not None and not self._task.done():
            await self._task

    async def sweep(self) -> int:
        """Move what lies in outboxes now; returns how many notices were moved. What is born meanwhile has its own nudge."""
        moved, full = 0, True
        while full and not self._closing:
            count, full = await self._move_group()
            moved += count
        return moved

    async def _move_group(self) -> tuple[int, bool]:
        """Move the notices of one group of cases; returns how many, and whether there may be more cases."""
        projection = {"outbox": 1, "case_no": 1, "live.line": 1, "live.urgency": 1}
        cases = await self._database.find(CASES, {"outbox.id": {"$gt": ""}}, projection=projection, limit=GROUP)
        notices = [_notice(case, item) for case in cases for item in case["outbox"]]
        if not notices:
            return 0, False
        await self._database.insert_many(NOTICES, notices)
        ids = [notice["_id"] for notice in notices]
        await self._database.update_many(
            CASES, {"_id": {"$in": [case["_id"] for case in cases]}}, {"$pull": {"outbox": {"id": {"$in": ids}}}}
        )
        return len(notices), len(cases) == GROUP

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


def _notice(case: dict[str, Any], item: dict[str, Any]) -> dict[str, Any]:
    return {
        "_id": item["id"], "kind": item["kind"], "keys": item["keys"], "at": item["at"], "by": item["by"],
        "case": case["_id"], "case_no": case["case_no"], "line": case["live"]["line"], "urgency": case["live"]["urgency"],
        "read_by": [],
    }  # fmt: skip


def _view(item: dict[str, Any], actor: Actor) -> NoticeView:
    return NoticeView(
        id=item["_id"], kind=item["kind"], case=item["case"], case_no=item["case_no"], line=item["line"],
        urgency=item["urgency"], at=item["at"].isoformat(timespec="milliseconds")[:-6] + "Z", read=actor.id in item["read_by"],
    )  # fmt: skip
