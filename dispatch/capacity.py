"""Room: how many cases an organization takes at once, kept exactly by any number of processes (ADR 19).

What an organization is busy with stands in its cases and nowhere else. Whoever is about to claim first says so in a small
document of the organization (`claiming`), and counts then: what it is busy with, and the cases of those who had said so before.
So of any two the later one knows of the earlier one, and nobody is above. What was said is taken back when the case is written
or is not; of a process that died it runs out by the database's clock, and the write of a process that was held up so long is
refused by the same clock (`until`).

async with room.held("ORG-1", case_id) as hold:
    ...  # count with hold.load, write the case before hold.until
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import msgspec

from dispatch.needed import BusyWith
from dispatch.situation import Situation
from storage.client import Database
from storage.errors import Invalid, StorageUnavailable

__all__ = ["CLAIMING", "PAUSES", "Hold", "OthersFirst", "Room", "check_room", "claimant_of"]

log = logging.getLogger(__name__)

CLAIMING = "claiming"
LEASE = timedelta(seconds=6)
SPARE = timedelta(seconds=2)  # by so much the clocks of two servers of the database may differ
PAUSES = tuple(min(0.01 * 2**turn, 0.5) for turn in range(20))  # seconds; together longer than a lease


class OthersFirst(StorageUnavailable):
    """Whether there is room is known when those who came before have claimed or not; raised by `check_room`, for another try."""


class Hold(msgspec.Struct, frozen=True):
    """Room that is held for one claim: so many cases the organization is busy with (`load`), so many more are being claimed by
    who came before (`ahead`). The case must be written before `until` by the database's clock."""

    organization: str
    token: str
    load: int
    ahead: int
    until: datetime


class Room:
    """The room of all organizations."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._busy = BusyWith(database)

    @asynccontextmanager
    async def held(self, organization: str, case: str) -> AsyncIterator[Hold]:
        """Hold room while the case is claimed. What ends without an answer of the database is left to run out: it may be written
        yet."""
        token = secrets.token_hex(8)
        waiting = await self._say(organization, case, token)
        busy = await self._busy.cases(organization)
        ahead = {one["case"] for one in waiting[:-1]} - busy - {case}
        try:
            yield Hold(organization, token, len(busy), len(ahead), waiting[-1]["until"] - SPARE)
        except (Invalid, OthersFirst):
            await self._take_back(organization, token)
            raise
        await self._take_back(organization, token)

    async def _say(self, organization: str, case: str, token: str) -> list[dict[str, Any]]:
        """Say that a claim begins, forget what has run out, and return who is claiming in the order of their coming: the last one
        is this."""
        now = "$$NOW"
        others = {"$filter": {"input": {"$ifNull": ["$waiting", []]}, "cond": {"$gt": ["$$this.until", now]}}}
        until = {"$add": [now, LEASE // timedelta(milliseconds=1)]}
        mine = {"token": {"$literal": token}, "case": {"$literal": case}, "until": until}
        change = [{"$set": {"waiting": {"$concatArrays": [others, [mine]]}}}]
        found = await self._database.find_one_and_update(CLAIMING, {"_id": organization}, change, upsert=True)
        if found is None:
            raise StorageUnavailable("what an organization claims was not written")
        waiting: list[dict[str, Any]] = found["waiting"]
        return waiting

    async def _take_back(self, organization: str, token: str) -> None:
        """Once the case is written this changes nothing any more, so a database that is away then fails nobody."""
        try:
            await self._database.update_one(CLAIMING, {"_id": organization}, {"$pull": {"waiting": {"token": token}}})
        except StorageUnavailable:
            log.warning("a claim of %s is left to run out: the database is away", organization)


def claimant_of(at: Situation, fields: Mapping[str, Any]) -> str:
    """Return which organization claims: who was invited, who is named, else the actor's own."""
    if at.item is not None and "organization" in at.item:
        return str(at.item["organization"]["code"])
    named = fields.get("organization")
    return str(named if isinstance(named, str) else at.actor.organization)


def check_room(at: Situation, hold: Hold) -> None:
    """Raise `OthersFirst` when there is room only if somebody who came before does not take it."""
    reach = at.rules.directory.reach(hold.organization, at.now)
    if reach is not None and hold.load + hold.ahead >= reach.capacity:
        raise OthersFirst("others claim for the same organization; try again")
