"""Locking a user name after failed sign-ins: counted alike for names that exist and names that do not, in all processes."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from orgs.store import FAILURES
from storage.client import Database

__all__ = ["Locks"]


class Locks:
    """`failures` failed sign-ins lock a name for `lock`; a name is kept only as its hash and forgotten after that time."""

    def __init__(self, database: Database, *, failures: int, lock: timedelta) -> None:
        self._database = database
        self._failures = failures
        self._lock = lock

    async def is_locked(self, username: str, now: datetime) -> bool:
        """Tell whether the name is locked now."""
        document = await self._database.find_one(FAILURES, {"_id": _key(username)})
        return document is not None and document.get("locked_until", now) > now

    async def add(self, username: str, now: datetime) -> None:
        """Count one failure; the last one that is allowed locks the name."""
        key = _key(username)
        expires_at = now + self._lock
        update = {"$inc": {"failures": 1}, "$set": {"expires_at": expires_at}}
        document = await self._database.find_one_and_update(FAILURES, {"_id": key}, update, upsert=True)
        if document is not None and document["failures"] >= self._failures:
            lock = {"failures": 0, "locked_until": expires_at}
            await self._database.update_one(FAILURES, {"_id": key}, {"$set": lock})

    async def clear(self, username: str) -> None:
        """Forget the failures of a name."""
        await self._database.delete_many(FAILURES, {"_id": _key(username)})


def _key(username: str) -> str:
    return hashlib.sha256(username.encode()).hexdigest()
