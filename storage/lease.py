"""Leases: one of several processes does a job at a time, by the database's clock and not ours.

A lease saves work; it is never what makes the work correct. Each item that a job touches is claimed by its own conditional
update.
"""

from __future__ import annotations

import time
from typing import Any

from storage.client import Database

__all__ = ["LEASES", "Lease"]

LEASES = "leases"


class Lease:
    """The lease `name` as seen by one `holder` (a process). It ends by itself `ttl_seconds` after the last `acquire`."""

    def __init__(self, database: Database, name: str, holder: str, *, ttl_seconds: float = 15.0) -> None:
        self._database = database
        self._name = name
        self._holder = holder
        self._ttl_seconds = ttl_seconds
        self._held_until = 0.0  # on our own monotonic clock, counted from before the question

    @property
    def is_held(self) -> bool:
        """Tell without asking the database whether the lease is still ours; False somewhat early rather than late."""
        return time.monotonic() < self._held_until

    async def acquire(self) -> bool:
        """Take the lease if nobody holds it, or hold it longer if we do; tell whether it is ours. Raises `StorageUnavailable`."""
        asked_at = time.monotonic()
        is_free: Any = {"$lte": [{"$ifNull": ["$expires_at", "$$NOW"]}, "$$NOW"]}
        is_ours: Any = {"$eq": ["$holder", {"$literal": self._holder}]}
        may = {"$or": [is_free, is_ours]}
        change = {
            "holder": {"$cond": [may, {"$literal": self._holder}, "$holder"]},
            "expires_at": {"$cond": [may, {"$add": ["$$NOW", int(self._ttl_seconds * 1000)]}, "$expires_at"]},
            "taken_at": {"$cond": [{"$and": [may, {"$not": [is_ours]}]}, "$$NOW", {"$ifNull": ["$taken_at", "$$NOW"]}]},
        }
        found = await self._database.find_one_and_update(LEASES, {"_id": self._name}, [{"$set": change}], upsert=True)
        is_mine = found is not None and found["holder"] == self._holder
        self._held_until = asked_at + self._ttl_seconds if is_mine else 0.0
        return is_mine

    async def release(self) -> None:
        """Give the lease up, if it is ours, so that the next one need not wait for its end."""
        self._held_until = 0.0
        await self._database.delete_one(LEASES, {"_id": self._name, "holder": self._holder})
