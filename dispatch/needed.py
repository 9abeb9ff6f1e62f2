"""Open needs in the database, and how busy an organization is: what a list of needs and a claim ask it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dispatch.situation import Case
from dispatch.store import CASES
from dispatch.wanted import BUSY
from storage.client import Database

__all__ = ["INDEX", "BusyWith", "OpenNeeds", "busy_filter", "wanted_filter"]

INDEX = [("wanted.keys", 1), ("wanted.until", 1), ("_id", 1)]
_PARTS = {"needs": 1, "tasks": 1, "place": 1, "live.urgency": 1, "live.sensitive": 1, "category.code": 1}  # not who reported what


def wanted_filter(keys: Sequence[str], now: datetime) -> dict[str, Any]:
    """Return the filter of the cases that hold an open need under one of these keys (`wanted.wanted_keys`)."""
    return {"wanted.keys": {"$in": list(keys)}, "wanted.until": {"$gt": now}}


def busy_filter(organization: str) -> dict[str, Any]:
    """Return the filter of the open cases with which an organization is busy."""
    busy = {"$elemMatch": {"organization.code": organization, "state": {"$in": list(BUSY)}}}
    return {"keys": f"o:{organization}", "live.open": True, "tasks": busy}


class OpenNeeds:
    """Reads cases by what they ask of organizations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, keys: Sequence[str], now: datetime, limit: int) -> list[Case]:
        """Return the cases that hold an open need under one of these keys, first to end first: of each case only its needs, who
        takes part, where it is and how urgent."""
        order = [("wanted.until", 1), ("_id", 1)]
        filter = wanted_filter(keys, now)
        return await self._database.find(CASES, filter, projection=_PARTS, sort=order, limit=limit, hint=INDEX)


class BusyWith:
    """Counts what organizations have in hand."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self, organization: str) -> int:
        """Return with how many open cases an organization is busy."""
        return await self._database.count(CASES, busy_filter(organization))

    async def cases(self, organization: str) -> set[str]:
        """Return the open cases with which an organization is busy."""
        return {case["_id"] for case in await self._database.find(CASES, busy_filter(organization), projection={"_id": 1})}
