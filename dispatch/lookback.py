"""What a case has to do with earlier ones, looked up when the desk opens it: never while a report is taken in.

A repeated call (重复来电): the same reporter has the same matter open already; the earlier case is urged rather than a second one
worked on. A recurrence (反弹): the same trouble at the same place within 30 days after it was closed (domain.md §2.7).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from math import cos, radians
from typing import Any

from dispatch.actors import Actor
from dispatch.agreements import DEGREE_M, metres_between
from dispatch.board import Board
from dispatch.keys import sees
from dispatch.situation import Case
from dispatch.store import CaseStore

__all__ = ["find_recurrence", "mark_repeats", "wants_lookback"]

RECURS_WITHIN = timedelta(days=30)  # after a closure
LONGEST_OPEN = timedelta(days=120)  # from report to closure: bounds the walk through the closed cases of a grid

_STATES = frozenset({"reported", "verifying", "filed", "dispatched"})
_ROLES = frozenset({"operator", "dispatcher", "supervisor"})


def wants_lookback(case: Case, actor: Actor) -> bool:
    """Tell whether this actor is about to decide what becomes of a new case."""
    return actor.role in _ROLES and case["live"]["state"] in _STATES


async def mark_repeats(store: CaseStore, board: Board, case: Case) -> list[dict[str, Any]]:
    """Return the possible duplicates of a case, each told apart by `same_reporter`: an open case of the same reporter."""
    phone = (case.get("caller") or {}).get("phone_index")
    calls = await store.find_same_caller([item["id"] for item in case["duplicates"]], phone) if phone else set()
    account = case["live"]["reporter"] if case["reporter"]["role"] == "citizen" else None
    found = []
    for item in case["duplicates"]:
        known = board.get(item["id"])
        same = known is not None and (item["id"] in calls or (account is not None and known.reporter == account))
        found.append({**item, "same_reporter": same})
    return found


async def find_recurrence(store: CaseStore, case: Case, actor: Actor, radius: int) -> dict[str, Any] | None:
    """Return the case of the same category that was closed last within `radius` metres, in the 30 days before this report, in
    the same grid; None where there is none that the actor may see."""
    live = case["live"]
    if live["lon"] is None or live["category"] is None or not live["areas"]:
        return None
    earlier = await store.find_closed_near(live, _box(live, radius), RECURS_WITHIN, LONGEST_OPEN)
    near = [one for one in earlier if sees(actor.scope, one["live"]) and _metres(live, one["live"]) <= radius]
    if not near:
        return None
    last = max(near, key=lambda one: one["closed_at"])
    return {"id": last["_id"], "case_no": last["case_no"], "closed_at": last["closed_at"]}


def _box(live: Mapping[str, Any], radius: int) -> dict[str, Any]:
    high, wide = radius / DEGREE_M, radius / (DEGREE_M * cos(radians(live["lat"])))
    return {
        "live.lon": {"$gte": live["lon"] - wide, "$lte": live["lon"] + wide},
        "live.lat": {"$gte": live["lat"] - high, "$lte": live["lat"] + high},
    }


def _metres(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    return metres_between(one["lon"], one["lat"], other["lon"], other["lat"])
