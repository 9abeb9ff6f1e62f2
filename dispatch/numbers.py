"""Numbers of cases, `GY20261121-000123`: each process takes blocks from a counter and hands them out without asking again.

Gaps are allowed (a process that ends loses the rest of its block); a number is never given twice.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from storage.client import Database

__all__ = ["COUNTERS", "CaseNumbers"]

COUNTERS = "counters"
BLOCK = 200
AHEAD = 100  # so many left: the next block is fetched in the background

log = logging.getLogger(__name__)


class Day(NamedTuple):
    """A day of the city as numbers name it, with the instants at which it begins and ends (half-open)."""

    name: str
    begin: datetime
    end: datetime


def day_of(at: datetime, zone: ZoneInfo) -> Day:
    """Return the local day of an instant.

    >>> day_of(datetime(2026, 11, 21, 16, 0, tzinfo=UTC), ZoneInfo("Asia/Shanghai")).name
    '20261122'
    """
    date = at.astimezone(zone).date()
    begin, end = (datetime.combine(date + timedelta(days=days), time.min, zone).astimezone(UTC) for days in (0, 1))
    return Day(f"{date:%Y%m%d}", begin, end)


class CaseNumbers:
    """Hands out numbers for one city; the day is the city's own."""

    def __init__(self, database: Database, prefix: str, timezone: str) -> None:
        self._database = database
        self._prefix = prefix
        self._zone = ZoneInfo(timezone)
        self._day = ""
        self._today = Day("", datetime.max.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
        self._next, self._end = 0, 0
        self._returned: list[str] = []
        self._ahead: asyncio.Task[int] | None = None
        self._lock = asyncio.Lock()

    async def take(self, at: datetime) -> str:
        """Return a number for a case reported at `at`."""
        if not self._today.begin <= at < self._today.end:
            self._today = day_of(at, self._zone)
        day = self._today.name
        if self._returned and (number := self._returned.pop()).startswith(f"{self._prefix}{day}-"):
            return number
        while day != self._day or self._next >= self._end:
            await self._refill(day)
        serial, self._next = self._next, self._next + 1
        if self._ahead is None and self._end - self._next <= AHEAD:
            self._ahead = asyncio.create_task(self._reserve(day))
        return f"{self._prefix}{day}-{serial:06d}"

    def give_back(self, number: str) -> None:
        """Take back a number that no case has got, for the next one of its day."""
        self._returned.append(number)

    async def _refill(self, day: str) -> None:
        async with self._lock:
            while day != self._day or self._next >= self._end:
                ahead, self._ahead = self._ahead, None
                if ahead is not None and day == self._day:
                    first = await ahead
                else:
                    first = await self._reserve(day)
                self._day, self._next, self._end = day, first, first + BLOCK

    async def _reserve(self, day: str) -> int:
        """Reserve a block; returns its first number (from 1)."""
        found = await self._database.find_one_and_update(
            COUNTERS, {"_id": f"case_no:{day}"}, {"$inc": {"taken": BLOCK}}, upsert=True
        )
        assert found is not None  # noqa: S101  # an upsert always returns the document
        return int(found["taken"]) - BLOCK + 1
