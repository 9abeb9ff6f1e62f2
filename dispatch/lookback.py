"""What a case has to do with earlier ones, looked up when the desk opens it and when it is decided on: never while a report is
taken in.

A repeated call (重复来电): the same reporter has the same matter open already; the earlier case is urged rather than a second one
worked on. A recurrence (反弹): the same trouble at the same place within 30 days after it was closed (domain.md §2.7); it is
stored with the first of `DECIDING` that is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from math import cos, pi, radians, sin
from typing import Any

from dispatch.actors import Actor, Scope
from dispatch.agreements import DEGREE_M, metres_between
from dispatch.board import Board
from dispatch.errors import OutOfArea
from dispatch.keys import sees
from dispatch.ports import Locator
from dispatch.situation import Case
from dispatch.store import CaseStore

__all__ = ["DECIDING", "areas_within", "find_recurrence", "look_back", "mark_repeats", "wants_lookback"]

DECIDING = frozenset({"file", "dispatch", "dispatch_joint", "sign_in", "self_handle"})  # what makes a case more than a report

RECURS_WITHIN = timedelta(days=30)  # after a closure
NARROW_M = 150  # grids are wider than this
LONGEST_OPEN = timedelta(days=120)  # from report to closure: bounds the walk through the closed cases of a grid

_STATES = frozenset({"reported", "verifying", "filed", "dispatched"})
_ROLES = frozenset({"operator", "dispatcher", "supervisor"})


def wants_lookback(case: Case, actor: Actor) -> bool:
    """Tell whether this actor is about to decide what becomes of a new case."""
    return actor.role in _ROLES and case["live"]["state"] in _STATES


async def mark_repeats(store: CaseStore, board: Board, case: Case) -> list[dict[str, Any]]:
    """Return the possible duplicates of a case, each with its `state` (None: no longer open) and told apart by
    `same_reporter`: an open case of the same reporter."""
    phone = (case.get("caller") or {}).get("phone_index")
    calls = await store.find_same_caller([item["id"] for item in case["duplicates"]], phone) if phone else set()
    account = case["live"]["reporter"] if case["reporter"]["role"] == "citizen" else None
    found = []
    for item in case["duplicates"]:
        known = board.get(item["id"])
        same = known is not None and (item["id"] in calls or (account is not None and known.reporter == account))
        found.append({**item, "same_reporter": same, "state": None if known is None else known.state})
    return found


async def find_recurrence(
    store: CaseStore, locator: Locator, case: Case, radius: int, *, category: str | None = None, scope: Scope | None = None
) -> dict[str, Any] | None:
    """Return the case of the category (None: its own) that was closed last within `radius` metres, in the 30 days before this
    report, with the whole `days` between; None where there is none. With a scope, only what it may see; without, nothing
    sensitive for a case that is not."""
    live = {**case["live"], "category": category or case["live"]["category"]}
    if live["lon"] is None or live["category"] is None or not live["areas"]:
        return None
    areas = areas_within(locator, live["lon"], live["lat"], radius) | {live["areas"][-1]}
    areas |= {former for code in tuple(areas) for former in locator.forerunners(code)}  # under which earlier cases lie
    earlier = await store.find_closed_near(live, sorted(areas), _box(live, radius), RECURS_WITHIN, LONGEST_OPEN)
    shown = (one for one in earlier if _may_be_named(one["live"], live, scope))
    last = max((one for one in shown if _metres(live, one["live"]) <= radius), key=lambda one: one["closed_at"], default=None)
    if last is None:
        return None
    days = (live["reported_at"] - last["closed_at"]).days
    return {"id": last["_id"], "case_no": last["case_no"], "closed_at": last["closed_at"], "days": days}


async def look_back(
    store: CaseStore, locator: Locator, radius_of: Callable[[str], int], case: Case, fields: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return what a case is a recurrence of that is being decided on, under the category that it is going to have."""
    named = fields.get("category")
    code = named if isinstance(named, str) else case["live"]["category"]
    return None if code is None else await find_recurrence(store, locator, case, radius_of(code), category=code)


def _may_be_named(earlier: Mapping[str, Any], live: Mapping[str, Any], scope: Scope | None) -> bool:
    return sees(scope, earlier) if scope is not None else bool(live["sensitive"] or not earlier["sensitive"])


def areas_within(locator: Locator, lon: float, lat: float, radius: float) -> set[str]:
    """Return the innermost areas that lie within so many metres of a point: those of eight points on a circle around it, on two
    where it is wide. What is so small that it lies between these is missed."""
    found = set[str]()
    for part in (radius,) if radius <= NARROW_M else (radius / 2, radius):
        for turn in range(8):
            east, north = part * cos(turn * pi / 4), part * sin(turn * pi / 4)
            try:
                place = locator.locate(lon + east / (DEGREE_M * cos(radians(lat))), lat + north / DEGREE_M, "WGS-84")
            except OutOfArea:
                continue
            found.update(place.area_codes[-1:])
    return found


def _box(live: Mapping[str, Any], radius: int) -> dict[str, Any]:
    high, wide = radius / DEGREE_M, radius / (DEGREE_M * cos(radians(live["lat"])))
    return {
        "live.lon": {"$gte": live["lon"] - wide, "$lte": live["lon"] + wide},
        "live.lat": {"$gte": live["lat"] - high, "$lte": live["lat"] + high},
    }


def _metres(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    return metres_between(one["lon"], one["lat"], other["lon"], other["lat"])
