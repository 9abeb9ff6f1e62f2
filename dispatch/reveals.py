"""How often a person may look at callers' names and numbers: a sliding hour, counted in the database for all processes alike."""

from __future__ import annotations

import logging
import secrets
from datetime import datetime, timedelta
from typing import Any

from storage.client import Database
from storage.errors import TooMany
from storage.indexes import Index

__all__ = ["INDEXES", "PER_HOUR", "REVEALS", "Reveals"]

REVEALS = "reveals"
PER_HOUR = 30
WINDOW = timedelta(hours=1)
INDEXES = {REVEALS: [Index([("last_at", 1)], expire_after_seconds=7200, serves="forgetting who has not looked for hours")]}

log = logging.getLogger(__name__)


class Reveals:
    """Counts by person. Exact also when one person asks through several processes at once."""

    def __init__(self, database: Database, *, limit: int = PER_HOUR) -> None:
        self._database = database
        self._limit = limit

    async def take(self, person: str, now: datetime) -> None:
        """Count one look of a person. Raises `TooMany` with `retry_after` (whole seconds) when the hour is used up."""
        mark = secrets.token_hex(8)
        recent = {"$filter": {"input": {"$ifNull": ["$looks", []]}, "cond": {"$gt": ["$$this.at", now - WINDOW]}}}
        more = {"$concatArrays": ["$looks", [{"id": mark, "at": now}]]}
        steps: list[dict[str, Any]] = [
            {"$set": {"looks": recent, "last_at": now}},
            {"$set": {"looks": {"$cond": [{"$lt": [{"$size": "$looks"}, self._limit]}, more, "$looks"]}}},
        ]
        found = await self._database.find_one_and_update(REVEALS, {"_id": person}, steps, upsert=True)
        looks = found["looks"] if found is not None else []
        if not any(look["id"] == mark for look in looks):
            log.warning("%s has looked at callers %d times within the hour and is refused", person, len(looks))
            wait = looks[0]["at"] + WINDOW - now
            raise TooMany("too many looks at callers", retry_after=int(wait.total_seconds()) + 1)
