"""Cases of the past as those need them who try out other rules on them: where, what, when, and who handled it in the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from dispatch.actors import SYSTEM, Scope
from dispatch.model import Place
from dispatch.ports import Locator
from dispatch.rules import placed
from dispatch.situation import Case, lead_of
from dispatch.store import CASES, NOT_DONE, CaseQuery, cursor_of, list_filter, visible_to
from storage.client import Database

__all__ = ["PastCase", "PastLine", "count_cases", "handled_by", "recent", "visible_lines"]

PAGE = 200  # cases that are read together
MOST_COUNTED = 200_000
_ORDER = "live.reported_at"
_PARTS = {"case_no": 1, "live": 1, "place": 1, "category": 1, "lead": 1, "outcome": 1}


class PastCase(msgspec.Struct, frozen=True, kw_only=True):
    """A case as rules are asked about it. `handled_by` is the unit whose handling was accepted, None where nobody's was."""

    id: str
    place: Place
    category: str | None
    reported_at: datetime
    handled_by: str | None


class PastLine(msgspec.Struct, frozen=True, kw_only=True):
    """A case as it is listed."""

    id: str
    case_no: str
    line: str
    state: str
    category: str | None
    reported_at: datetime


async def recent(database: Database, locator: Locator, limit: int) -> AsyncIterator[list[PastCase]]:
    """Give the newest cases of the whole city, at most `limit`, page by page; who may see them is not asked here."""
    cursor, left = None, limit
    while left > 0:
        listing = list_filter(CaseQuery(sort="reported_at", limit=min(PAGE, left), cursor=cursor), SYSTEM)
        found = await database.find(
            CASES, listing.filter, projection=_PARTS, sort=listing.sort, limit=listing.limit, hint=listing.index
        )
        yield [_past(case, locator) for case in found]
        left -= len(found)
        if len(found) < listing.limit:
            return
        cursor = cursor_of(found[-1], _ORDER)


async def visible_lines(database: Database, scope: Scope, ids: Sequence[str]) -> dict[str, PastLine]:
    """Return those of these cases that a scope may see, by id."""
    filter = {"_id": {"$in": list(ids)}, **visible_to(scope)}
    found = await database.find(CASES, filter, projection={"case_no": 1, "live": 1}, hint=[("_id", 1)]) if ids else []
    return {case["_id"]: _line(case) for case in found}


async def count_cases(database: Database, since: datetime, areas: Sequence[str]) -> dict[tuple[str, str], int]:
    """Return how many cases were reported since then, by (category, one of these areas), of the newest 200,000 of the city; a
    case without a category counts for the category ``""``."""
    whole = {"keys": {"$in": ["a:*", "s:*"]}, "live.open": {"$in": [False, True]}, _ORDER: {"$gte": since}}
    wanted = list(areas)
    pipeline: list[dict[str, Any]] = [
        {"$match": whole},
        {"$limit": MOST_COUNTED},
        {
            "$project": {
                "category": {"$ifNull": ["$live.category", ""]},
                "area": {"$setIntersection": ["$live.areas", wanted]},
            }
        },
        {"$unwind": "$area"},
        {"$group": {"_id": {"category": "$category", "area": "$area"}, "cases": {"$sum": 1}}},
    ]
    index = {"keys": 1, "live.open": 1, _ORDER: 1, "_id": 1}
    found = await database.aggregate(CASES, pipeline, hint=index)
    return {(one["_id"]["category"], one["_id"]["area"]): one["cases"] for one in found}


def handled_by(case: Case) -> str | None:
    """Return the unit whose handling of a case was accepted: it is closed, and not as a duplicate, refused or given away."""
    is_done = case["live"]["state"] in ("closed", "archived") and case["outcome"] not in NOT_DONE
    return lead_of(case) if is_done else None


def _past(case: Case, locator: Locator) -> PastCase:
    return PastCase(
        id=case["_id"], place=placed(case, locator), category=case["category"]["code"] if case["category"] else None,
        reported_at=case["live"]["reported_at"], handled_by=handled_by(case),
    )  # fmt: skip


def _line(case: Case) -> PastLine:
    live = case["live"]
    return PastLine(
        id=case["_id"], case_no=case["case_no"], line=live["line"], state=live["state"], category=live["category"],
        reported_at=live["reported_at"],
    )  # fmt: skip
