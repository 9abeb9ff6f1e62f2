"""What due times are by the calendar and the limits as they are now: of clocks that run or stand still, of what units have to do,
of what a timer keeps (`dispatch.timed`).

Pure. Everything is counted again from its own start, with all that has moved it since (`moves`, see `dispatch.shifting`). By the
calendar that it was counted by before, a due time comes out the same to the millisecond: what differs was moved by a change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from math import ceil
from typing import Any

import msgspec

from dispatch.clocks import Limit, counted, due_after_pause, due_at, extended, moved_by_return
from dispatch.rules import Rules
from dispatch.shifting import case_clock, is_paused, later, law_until
from dispatch.timed import timed_dues

__all__ = ["LEAST_LEFT", "WITH_UNIT", "MovedDue", "counted_again", "counting", "moved_dues", "task_due"]

Clock = dict[str, Any]
Move = dict[str, Any]
Instants = dict[datetime, datetime]

WITH_UNIT = frozenset({"pending", "signed", "submitted"})  # a unit has the task, or may get it back
LEAST_LEFT = Limit(4, "wh")  # that a unit has when its task comes back to it (`back_at`)
_ON_ITS_OWN = frozenset({"lead", "whistle"})  # tasks that have their whole limit, whatever the case has left


class MovedDue(msgspec.Struct, frozen=True):
    """A due time that is another one now: of a clock or a timer (its kind) or of a task (`task`, its id) of a case."""

    clock: str
    before: datetime
    due_at: datetime
    task: str | None = None


def moved_dues(case: dict[str, Any], rules: Rules) -> list[MovedDue]:
    """Return the due times of a case that differ from the calendar as it is now: of its clocks, of what units have to do, then of
    what timers keep."""
    looked_at = counting(case)
    clocks = [counted_again(clock, rules)[0] if any(clock is one for one in looked_at) else clock for clock in case["clocks"]]
    found = [
        MovedDue(clock["kind"], clock["due_at"], fresh["due_at"])
        for clock, fresh in zip(case["clocks"], clocks, strict=True)
        if fresh["due_at"] != clock["due_at"]
    ]
    tasks = [task for task in case["tasks"] if task["unit"] and task["state"] in WITH_UNIT]
    dues = ((task, task_due(task, clocks, rules)) for task in tasks)
    found += [MovedDue("task", task["due_at"], due, task["id"]) for task, due in dues if due != task["due_at"]]
    timed = timed_dues(case, rules.calendar)
    return found + [MovedDue(one.kind, one.given, one.due_at) for one in timed if one.due_at != one.given]


def counting(case: dict[str, Any]) -> list[Clock]:
    """Return the clocks of a case that run, or stand still and will go on: while it is open the citizen's too when a result is
    looked at, as the case may be sent back."""
    clocks = case["clocks"]
    newest = case_clock(clocks) if case["live"]["open"] else None
    return [clock for clock in clocks if clock["done_at"] is None or is_paused(clock) or clock is newest]


def counted_again(clock: Clock, rules: Rules) -> tuple[Clock, Instants]:
    """Return a clock as it would have been counted by the present calendar, and what each due time that it ever had is now.

    Its lights are left as they are: `dispatch.shifting.move_to` puts them.
    """
    fresh = dict(clock)
    moves: list[Move] = fresh.pop("moves", [])
    before = moves[0]["before"] if moves else clock["due_at"]
    fresh["due_at"] = _first_due(clock, rules)
    instants = {before: fresh["due_at"]}
    for move in moves:
        due = _MOVED[move["kind"]](fresh, move, instants, rules)
        instants[move["due_at"]] = due
        changed = {"before": fresh["due_at"], "due_at": due}
        if "first" in move:
            changed["first"] = instants.get(move["first"], move["first"])
        fresh["moves"] = [*fresh.get("moves", ()), move | changed]
        fresh["due_at"] = due
    _stand_still(fresh, rules)
    return fresh, instants


def _first_due(clock: Clock, rules: Rules) -> datetime:
    """Before anything moved it."""
    start, limit, calendar = clock["started_at"], Limit.parse(clock["limit"]), rules.calendar
    due = due_at(start, limit, calendar, clock.get("hours"))
    return calendar.add_worked(start, due - start) if clock.get("on_duty") else due


def _stand_still(clock: Clock, rules: Rules) -> None:
    """What it has left, and how long it stood, in the time that counts now."""
    limit, hours = Limit.parse(clock["limit"]), clock.get("hours")
    if "paused_seconds" in clock:
        stood = (counted(move["at"], move["until"], limit, rules.calendar, hours) for move in _pauses(clock))
        clock["paused_seconds"] = sum(int(one.total_seconds()) for one in stood)
    if is_paused(clock):
        clock["left_seconds"] = _left(clock, clock["paused_at"], rules)


def _pauses(clock: Clock) -> Iterator[Move]:
    return (move for move in clock.get("moves", ()) if move["kind"] == "pause")


def _left(clock: Clock, at: datetime, rules: Rules) -> int:
    left = counted(at, clock["due_at"], Limit.parse(clock["limit"]), rules.calendar, clock.get("hours"))
    return ceil(left.total_seconds())


# -- what each move comes to now; `clock` is as it was before the move


def _paused(clock: Clock, move: Move, instants: Instants, rules: Rules) -> datetime:
    """What was left was given back; under a new limit the due time was only put off (`dispatch.shifting.recount`)."""
    due: datetime = clock["due_at"]
    limit, hours = Limit.parse(clock["limit"]), clock.get("hours")
    if "left_seconds" not in move:
        return later(due, counted(move["at"], move["until"], limit, rules.calendar, hours), limit, rules, hours)
    left = timedelta(seconds=_left(clock, move["at"], rules))
    return max(due, due_after_pause(move["until"], left, limit, rules.calendar, hours))


def _extended(clock: Clock, move: Move, instants: Instants, rules: Rules) -> datetime:
    return extended(clock["due_at"], Limit.parse(move["limit"]), rules.calendar, clock.get("hours"))


def _returned(clock: Clock, move: Move, instants: Instants, rules: Rules) -> datetime:
    due: datetime = clock["due_at"]
    limit = Limit.parse(clock["limit"])
    if "lost_seconds" not in move:
        return later(due, counted(move["before"], move["due_at"], limit, rules.calendar), limit, rules)
    first: datetime = instants.get(move["first"]) or move["first"]
    lost, most = timedelta(seconds=move["lost_seconds"]), Limit.parse(rules.bounds.return_shift)
    return max(due, moved_by_return(first, lost, limit, rules.calendar, most=most))


def _capped(clock: Clock, move: Move, instants: Instants, rules: Rules) -> datetime:
    due: datetime = clock["due_at"]
    return min(due, law_until(clock, Limit.parse(move["limit"]), rules))


_MOVED: dict[str, Callable[[Clock, Move, Instants, Rules], datetime]] = {
    "pause": _paused,
    "extension": _extended,
    "return": _returned,
    "law": _capped,
}


# -- what units have to do


def task_due(task: dict[str, Any], clocks: list[Clock], rules: Rules) -> datetime:
    """Return when the unit of a task must be done: by its own limit and hours from its own start, put off by every pause of the
    case since, and beside the lead's never later than the case was due when the task was given.

    What was handed in and came back (`back_at`) has a least time from then. A lead's starts again with a case clock that began
    anew.
    """
    clock = _clock_of(task, clocks)
    limit, hours, start = Limit.parse(task["limit"]), rules.unit_hours(task["unit"]["code"]), task["dispatched_at"]
    if clock is None:
        return due_at(start, limit, rules.calendar, hours)
    if task["kind"] == "lead":
        start = max(start, clock["started_at"])
    due = _given_due(task, clock, due_at(start, limit, rules.calendar, hours))
    back_at = task.get("back_at")
    for pause in _pauses(clock):
        if pause["until"] > start:
            if back_at is not None and back_at < pause["until"]:
                due, back_at = max(due, due_at(back_at, LEAST_LEFT, rules.calendar, hours)), None
            stood = counted(pause["at"], pause["until"], limit, rules.calendar, hours)
            due = min(later(due, stood, limit, rules, hours), max(pause["due_at"], due))
    return due if back_at is None else max(due, due_at(back_at, LEAST_LEFT, rules.calendar, hours))


def _clock_of(task: dict[str, Any], clocks: list[Clock]) -> Clock | None:
    """The case clock that ran when the task was given; a lead's is always the newest. None before the first dispatch: then only
    somebody was called on site."""
    found = [clock for clock in clocks if clock["kind"] == "case"]
    earlier = [clock for clock in found if clock["started_at"] <= task["dispatched_at"]]
    wanted = found if task["kind"] == "lead" else earlier or found
    return wanted[-1] if wanted else None


def _given_due(task: dict[str, Any], clock: Clock, own: datetime) -> datetime:
    if task["kind"] in _ON_ITS_OWN:
        return own
    last = _due_when(clock, task["dispatched_at"])
    if task.get("with_case"):
        return last
    return own if last <= task["dispatched_at"] else min(own, last)


def _due_when(clock: Clock, at: datetime) -> datetime:
    """When the clock was due as was known at an instant. A pause that only began then had not moved it."""
    moves = clock.get("moves", ())
    due: datetime = moves[0]["before"] if moves else clock["due_at"]
    for move in moves:
        if move["at"] < at >= move["until"] if move["kind"] == "pause" else move["at"] <= at:
            due = move["due_at"]
    return due
