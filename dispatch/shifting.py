"""What moves the due time of a stored clock: a pause, an extension, a new limit. Pure; the rules of the city do the counting.

A paused clock is stopped (`done_at`) and says so: `paused_at`, and `left_seconds`, the counted time that it had left. When it
goes on it is the same clock, due later; `paused_seconds` is all counted time that it stood still, `extensions` what was granted.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil
from typing import Any

from dispatch.clocks import Limit, counted, due_after_pause, due_at, extended, remaining, thresholds
from dispatch.clockwork import LIGHT_RANK, light_at
from dispatch.rules import Rules

__all__ = ["case_clock", "extend", "extension_until", "go_on", "is_paused", "later", "move_to", "pause", "recount"]

Clock = dict[str, Any]

LEAST_SHARE_LEFT = 0.20  # domain.md T25: of a short limit so much is left when an extension is asked for


def case_clock(clocks: list[Clock]) -> Clock | None:
    """Return the citizen's clock as it counts now (running, stopped or paused), None before the first dispatch."""
    return next((clock for clock in reversed(clocks) if clock["kind"] == "case"), None)


def is_paused(clock: Clock) -> bool:
    """Tell whether the clock stands still and will go on."""
    return clock.get("paused_at") is not None


def pause(clock: Clock, now: datetime, rules: Rules) -> None:
    """Stop a running clock and keep what it has left, in counted time; negative when it is late."""
    left = remaining(now, clock["due_at"], Limit.parse(clock["limit"]), rules.calendar)
    clock["light"] = light_at(clock, now)
    clock["done_at"] = clock["paused_at"] = now
    clock["left_seconds"] = ceil(left.total_seconds())


def go_on(clock: Clock, now: datetime, rules: Rules) -> timedelta:
    """Give a paused clock back what it had left (domain.md §3.3 rule 5: 1 wd or 4 wh at least); never due earlier than before.

    Returns the counted time that it stood still.
    """
    limit = Limit.parse(clock["limit"])
    left = timedelta(seconds=clock.pop("left_seconds"))
    stood = counted(clock.pop("paused_at"), now, limit, rules.calendar)
    clock["paused_seconds"] = clock.get("paused_seconds", 0) + int(stood.total_seconds())
    clock["done_at"] = None
    move_to(clock, max(clock["due_at"], due_after_pause(now, left, limit, rules.calendar)), now, rules)
    return stood


def extend(clock: Clock, extension: Limit, now: datetime, rules: Rules) -> None:
    """Move the due time of a clock by an extension, counted from the old due time (domain.md §3.3 rule 7)."""
    clock["extensions"] = [*clock.get("extensions", ()), str(extension)]
    move_to(clock, extended(clock["due_at"], extension, rules.calendar), now, rules)


def recount(clock: Clock, limit: Limit, now: datetime, rules: Rules) -> None:
    """Put a clock under another limit from its own start; pauses and extensions that it had hold on."""
    clock["limit"] = str(limit)
    due = later(due_at(clock["started_at"], limit, rules.calendar), _stood(clock), limit, rules)
    for cell in clock.get("extensions", ()):
        due = extended(due, Limit.parse(cell), rules.calendar)
    move_to(clock, due, now, rules)


def move_to(clock: Clock, due: datetime, now: datetime, rules: Rules) -> None:
    """Put the due time and the marks of the lights anew. The light may get better by it; a worse one is left to the sweep, which
    writes it down."""
    limit, start = Limit.parse(clock["limit"]), clock["started_at"]
    lights = thresholds(start, due, limit, rules.calendar, total=_whole(clock, due, rules), rules=rules.lights)
    clock.update(due_at=due, yellow_at=min(lights.yellow_at, due), deep_red_at=lights.deep_red_at)
    clock["light"] = min(clock["light"], light_at(clock, now), key=LIGHT_RANK.__getitem__)


def extension_until(clock: Clock, rules: Rules) -> datetime:
    """Return the last instant at which an extension may be asked for (domain.md T25).

    One day before the due time (the end of the working day before it for working limits); for limits shorter than those that
    have a yellow day of their own (3 wd), when a fifth of the counted time is left.
    """
    limit, due = Limit.parse(clock["limit"]), clock["due_at"]
    if limit.nominal_minutes < Limit(rules.lights.day_before_from_wd, "wd").nominal_minutes:
        return later(due, -LEAST_SHARE_LEFT * _whole(clock, due, rules), limit, rules)
    return rules.calendar.end_of_workday_before(due) if limit.is_working else due - timedelta(days=1)


def _whole(clock: Clock, due: datetime, rules: Rules) -> timedelta:
    """The counted time of the clock from start to due, pauses left out."""
    return counted(clock["started_at"], due, Limit.parse(clock["limit"]), rules.calendar) - _stood(clock)


def _stood(clock: Clock) -> timedelta:
    return timedelta(seconds=clock.get("paused_seconds", 0))


def later(at: datetime, amount: timedelta, limit: Limit, rules: Rules) -> datetime:
    """Return the instant so much counted time after `at` (before it, when negative), counted as the limit counts."""
    return rules.calendar.add_worked(at, amount) if limit.is_working and amount else at + amount
