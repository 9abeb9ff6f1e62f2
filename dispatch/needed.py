"""Open needs in the database, and how busy an organization is: what a list of needs and a claim ask it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dispatch.situation import Case
from dispatch.store import CASES
from dispatch.wanted import BUSY
from storage.client import Database

__all__ = ["INDEX", "BusyWith", "OpenNeeds", "wanted_filter"]

INDEX = [("wanted.keys", 1), ("wanted.until", 1), ("_id", 1)]
_PARTS = {"needs": 1, "tasks": 1, "place": 1, "live.urgency": 1, "live.sensitive": 1, "category.code": 1}  # not who reported what


def wanted_filter(keys: Sequence[str], now: datetime) -> dict[str, Any]:
    """Return the filter of the cases that hold an open need under one of these keys (`wanted.wanted_keys`)."""
    return {"wanted.keys": {"$in": list(keys)}, "wanted.until": {"$gt": now}}


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

    async def count(self, organization: str | None, fields: Mapping[str, Any]) -> int:
        """Return with how many open cases an organization is busy: the one that is named in `fields`, else this one."""
        named = fields.get("organization")
        code = named if isinstance(named, str) else organization
        busy = {"$elemMatch": {"organization.code": code, "state": {"$in": list(BUSY)}}}
        return await self._database.count(CASES, {"keys": f"o:{code}", "live.open": True, "tasks": busy})
