"""How many open cases lie in some areas, and which: for whoever changes the areas and may not see the cases themselves."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from dispatch.store import CASES
from storage.client import Database

__all__ = ["OpenCase", "open_cases_in"]


class OpenCase(msgspec.Struct, frozen=True):
    """An open case by number, with the codes of its path."""

    id: str
    case_no: str
    areas: tuple[str, ...]


async def open_cases_in(database: Database, codes: Collection[str], *, most: int) -> tuple[int, list[OpenCase]]:
    """Return how many open cases lie in any of the areas, and the `most` that are due first. Their path is the one that they were
    placed with."""
    filter: dict[str, Any] = {
        "keys": {"$in": [letter + code for code in sorted(codes) for letter in ("a:", "s:")]}, "live.open": True,
    }  # fmt: skip
    shown = {"case_no": 1, "live.areas": 1}
    found = await database.find(CASES, filter, projection=shown, sort=[("live.due_at", 1), ("_id", 1)], limit=most)
    count = await database.count(CASES, filter) if len(found) == most else len(found)
    return count, [OpenCase(case["_id"], case["case_no"], tuple(case["live"]["areas"])) for case in found]
