"""What organizations have in hand: the open cases on which one is asked or takes part, and how often each was asked of late.

A case's `live.orgs` names the organizations that are invited, have claimed, serve or served; so the reading keys find them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import msgspec

from dispatch.store import CASES
from storage.client import Database

__all__ = ["Engagement", "engaged_in", "is_engaged", "live_parts"]

MOST = 200


class Engagement(msgspec.Struct, frozen=True, kw_only=True):
    """An open case of an organization: its task's state (invited, claimed, serving, submitted, confirmed)."""

    case: str
    case_no: str
    state: str
    task_state: str
    reported_at: datetime


async def engaged_in(database: Database, organization: str) -> list[Engagement]:
    """Return the open cases on which the organization is asked or takes part, newest first (at most 200)."""
    wanted = {"keys": f"o:{organization}", "live.open": True}
    shown = {"case_no": 1, "live.state": 1, "live.reported_at": 1, "organizations": 1}
    sort = [("live.reported_at", -1), ("_id", -1)]
    found = await database.find(CASES, wanted, projection=shown, sort=sort, limit=MOST)
    return [_engagement(case, organization) for case in found]


async def is_engaged(database: Database, case: str, organization: str) -> bool:
    """Tell whether the organization is asked or takes part on a case."""
    wanted = {"_id": case, "live.orgs": organization}
    return await database.find_one(CASES, wanted, projection={"_id": 1}) is not None


async def live_parts(database: Database, since: datetime) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Give id and live part of every open case that names an organization, and of those that were reported since and have
    ended."""
    for wanted in ({"live.open": True}, {"live.open": False, "live.reported_at": {"$gte": since}}):
        async for case in database.iterate(CASES, {"keys": "o:*", **wanted}, projection={"live": 1}):
            yield case["_id"], case["live"]


def _engagement(case: dict[str, Any], organization: str) -> Engagement:
    states = {item["code"]: item["task_state"] for item in case["organizations"]}
    live = case["live"]
    return Engagement(
        case=case["_id"], case_no=case["case_no"], state=live["state"], task_state=states.get(organization) or "",
        reported_at=live["reported_at"],
    )  # fmt: skip
