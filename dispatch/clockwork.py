"""The clocks on a case: which run, which light the case shows, when it changes next. Pure, on stored clocks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

__all__ = ["LIGHT_RANK", "changes_until", "light_at", "running", "stop", "summary"]

LIGHT_RANK = {"green": 0, "yellow": 1, "red": 2, "deep_red": 3}
_ENDS_AT = {"green": "yellow_at", "yellow": "due_at", "red": "deep_red_at"}  # by light: the mark at which it ends

Clock = dict[str, Any]


def running(clocks: list[Clock], kind: str | None = None) -> list[Clock]:
    """Return the clocks that still run, of one kind when named."""
    found = [clock for clock in clocks if clock["done_at"] is None]
    return found if kind is None else [clock for clock in found if clock["kind"] == kind]


def stop(clocks: list[Clock], now: datetime, *kinds: str) -> None:
    """Stop the running clocks of these kinds (none named: all) and freeze their light; one that was to begin later took none."""
    for clock in clocks:
        if clock["done_at"] is None and (not kinds or clock["kind"] in kinds):
            clock["started_at"] = min(clock["started_at"], now)
            clock["done_at"] = now
            clock["light"] = light_at(clock, now)


def light_at(clock: Clock, now: datetime) -> str:
    """Return the light of a clock at an instant; at a threshold the new light holds."""
    if now < clock["yellow_at"]:
        return "green"
    if now < clock["due_at"]:
        return "yellow"
    return "red" if now < clock["deep_red_at"] else "deep_red"


def changes_until(clocks: list[Clock], now: datetime) -> list[tuple[datetime, int, str]]:
    """Return the changes of light that running clocks have passed and do not show yet: when, which clock, which light."""
    found = []
    for index, clock in enumerate(clocks):
        if clock["done_at"] is None:
            shown = LIGHT_RANK[clock["light"]]
            marks = (("yellow", clock["yellow_at"]), ("red", clock["due_at"]), ("deep_red", clock["deep_red_at"]))
            found += [(at, index, light) for light, at in marks if at <= now and LIGHT_RANK[light] > shown]
    return sorted(found)


def summary(clocks: list[Clock]) -> tuple[str, datetime | None, datetime | None]:
    """Return the light of the case, its due time and when its light must be looked at next.

    The worst running clock gives the light; the case clock (running or stopped) gives the due time. Before there is one, and
    while it is paused, the earliest running clock does.
    """
    case_clock: Clock | None = None
    light, due, changes = "", None, []
    for clock in clocks:
        if clock["kind"] == "case":
            case_clock = clock
        if clock["done_at"] is None:
            shown = clock["light"]
            if not light or LIGHT_RANK[shown] > LIGHT_RANK[light]:
                light = shown
            if due is None or clock["due_at"] < due:
                due = clock["due_at"]
            if shown in _ENDS_AT:
                changes.append(clock[_ENDS_AT[shown]])
    following = min(changes, default=None)
    if case_clock is not None and (due is None or case_clock.get("paused_at") is None):
        return light or case_clock["light"], case_clock["due_at"], following
    return light or "green", due or (clocks[-1]["due_at"] if clocks else None), following
