"""Deliveries in the database: one document for each notice, recipient and channel, by an id that follows from the three.

`state` is waiting, failed (and waiting for its next try), sent, or dead (given up, or never to be sent). `next_at` says when
a delivery is due; it is there as long as there is something to do. Whoever sends it claims it first, by the database's clock:
`claimed_until` and `next_at` go as far ahead as sending can last, so that what a killed process held is due again by itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from storage.client import Database
from storage.errors import Conflict, NotFound
from storage.indexes import Index

__all__ = ["DELIVERIES", "INDEXES", "KEPT_DAYS", "Delivery", "DeliveryStore", "State", "delivery_id"]

DELIVERIES = "deliveries"
KEPT_DAYS = 90
CLAIM_SECONDS = 14  # longer than sending can last (`deliveries.SEND_SECONDS`), short for whoever waits when a sender dies
OPEN = ("waiting", "failed")
State = Literal["waiting", "failed", "sent", "dead"]

INDEXES: dict[str, list[Index]] = {
    DELIVERIES: [
        Index([("channel", 1), ("next_at", 1)], partial={"next_at": {"$type": "date"}}, serves="what is due in a channel"),
        Index([("state", 1), ("created_at", -1), ("_id", -1)], serves="GET /deliveries by state"),
        Index([("channel", 1), ("at", 1)], serves="sending a receiver again what it missed"),
        Index([("created_at", 1)], expire_after_seconds=KEPT_DAYS * 86_400, serves="their removal"),
    ]
}


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery as it is stored. `keys` are the addresses of its notice; `recipient` is a user name or a configured name.

    `quiet`: it waits for working hours. Nothing of it is personal: where it goes is read when it is sent.
    """

    id: str
    notice: str
    kind: str
    keys: tuple[str, ...]
    at: datetime
    case: str
    case_no: str
    urgency: str
    recipient: str
    channel: str
    created_at: datetime
    state: State = "waiting"
    attempts: int = 0
    quiet: bool = False
    next_at: datetime | None = None
    claimed_until: datetime | None = None
    sent_at: datetime | None = None
    error: str = ""
    provider_id: str = ""


def delivery_id(notice: str, recipient: str, channel: str) -> str:
    """Return the id of the delivery of a notice to somebody by a channel: always the same.

    >>> delivery_id("n1", "clerk", "email") == delivery_id("n1", "clerk", "email") != delivery_id("n1", "clerk", "sms")
    True
    """
    digest = hashlib.blake2b("\0".join((notice, recipient, channel)).encode(), digest_size=16, person=b"heyun-delivery")
    return "d" + digest.hexdigest()


class DeliveryStore:
    """The collection `deliveries`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def now(self) -> datetime:
        """Return the time by the database's clock."""
        return await self._database.server_time()

    async def add(self, deliveries: Sequence[Delivery]) -> int:
        """Add those that are not there yet; returns how many were not."""
        there = await self._database.insert_many(DELIVERIES, [_document(delivery) for delivery in deliveries])
        return len(deliveries) - len(there)

    async def due(self, channel: str, now: datetime, limit: int) -> list[str]:
        """Return the ids of what is due in a channel, longest due first."""
        filter = {"channel": channel, "next_at": {"$lte": now, "$type": "date"}}
        found = await self._database.find(DELIVERIES, filter, projection={"_id": 1}, sort=[("next_at", 1)], limit=limit)
        return [document["_id"] for document in found]

    async def claim(self, id: str) -> Delivery | None:
        """Take a delivery that is due, so that nobody else sends it meanwhile; None when somebody else was faster."""
        is_due: Any = {"$lte": ["$next_at", "$$NOW"]}
        until = {"$add": ["$$NOW", CLAIM_SECONDS * 1000]}
        change = {"attempts": {"$add": ["$attempts", 1]}, "claimed_until": until, "next_at": until}
        filter = {"_id": id, "state": {"$in": OPEN}, "$expr": is_due}
        found = await self._database.find_one_and_update(DELIVERIES, filter, [{"$set": change}])
        return None if found is None else _delivery(found)

    async def sent(self, delivery: Delivery, provider_id: str) -> None:
        """It is sent. That is true even if our claim has run out."""
        change: list[dict[str, Any]] = [
            {"$set": {"state": "sent", "sent_at": "$$NOW", "provider_id": {"$literal": provider_id[:200]}, "error": ""}},
            {"$unset": ["next_at", "claimed_until"]},
        ]
        await self._database.update_one(DELIVERIES, {"_id": delivery.id}, change)

    async def failed(self, delivery: Delivery, reason: str, next_at: datetime) -> None:
        """It is tried again at this time, unless somebody else has it by now."""
        change = {"$set": {"state": "failed", "error": reason, "next_at": next_at}, "$unset": {"claimed_until": 1}}
        await self._database.update_one(DELIVERIES, _ours(delivery), change)

    async def buried(self, delivery: Delivery, reason: str) -> None:
        """It is given up, unless somebody else has it by now."""
        change = {"$set": {"state": "dead", "error": reason}, "$unset": {"next_at": 1, "claimed_until": 1}}
        await self._database.update_one(DELIVERIES, _ours(delivery), change)

    async def find(self, id: str) -> Delivery | None:
        """Return a delivery, or None."""
        found = await self._database.find_one(DELIVERIES, {"_id": id})
        return None if found is None else _delivery(found)

    async def newest(self, state: State, *, limit: int, after: str | None = None) -> list[Delivery]:
        """Return deliveries of a state, newest first; `after` is the last one of the page before. Raises `NotFound` for it."""
        filter: dict[str, Any] = {"state": state}
        if after is not None:
            last = await self.find(after)
            if last is None:
                raise NotFound("delivery")
            at = last.created_at
            filter |= {"created_at": {"$lte": at}, "$or": [{"created_at": {"$lt": at}}, {"_id": {"$lt": after}}]}
        found = await self._database.find(DELIVERIES, filter, sort=[("created_at", -1), ("_id", -1)], limit=limit)
        return [_delivery(document) for document in found]

    async def again(self, id: str) -> Delivery:
        """Have it sent once more under its id, at once and with all its attempts. Raises `NotFound`; `Conflict` while it is being
        sent."""
        changed = await self._database.find_one_and_update(DELIVERIES, {"_id": id, **_idle()}, [_AGAIN])
        if changed is not None:
            return _delivery(changed)
        if await self.find(id) is None:
            raise NotFound("delivery")
        raise Conflict("it is being sent", code="delivery_claimed")

    async def replay(self, channel: str, event: str) -> int:
        """Have everything sent once more to a receiver that is not older than this event; returns how many. Raises `NotFound`
        for an event that was never for it."""
        first = await self._database.find_one(DELIVERIES, {"_id": delivery_id(event, channel.partition(":")[2], channel)})
        if first is None:
            raise NotFound("event")
        filter = {"channel": channel, "at": {"$gte": first["at"]}, **_idle()}
        return await self._database.update_many(DELIVERIES, filter, [_AGAIN])


_AGAIN = {"$set": {"state": "waiting", "attempts": 0, "next_at": "$$NOW", "quiet": False, "error": ""}}


def _idle() -> dict[str, Any]:
    """Nobody has it in hand now: no claim, or one that has run out."""
    return {"$expr": {"$lte": [{"$ifNull": ["$claimed_until", "$$NOW"]}, "$$NOW"]}}


def _ours(delivery: Delivery) -> dict[str, Any]:
    """The claim is still the one that we have taken."""
    return {"_id": delivery.id, "claimed_until": delivery.claimed_until}


def _document(delivery: Delivery) -> dict[str, Any]:
    document = msgspec.to_builtins(delivery, builtin_types=(datetime,))
    document["_id"] = document.pop("id")
    return {name: value for name, value in document.items() if value is not None}


def _delivery(document: dict[str, Any]) -> Delivery:
    return msgspec.convert({"id": document["_id"], **document}, Delivery, builtin_types=(datetime,))
