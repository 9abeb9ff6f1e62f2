"""What moves the due time of a stored clock: a pause, an extension, a new limit. Pure; the rules of the city do the counting.

A paused clock is stopped (`done_at`) and says so: `paused_at`, and `left_seconds`, the counted time that it had left. When it
goes on it is the same clock, due later; `paused_seconds` is all counted time that it stood still. `moves` are what changed its
due time, in order: `kind` (pause, extension, return, law), `at`, the due time `before` and after (`due_at`), of a pause `until`
and the `left_seconds` that were given back (none: under a new limit it only put the due time off), of an extension and of the
law's cap `limit`, of a return `lost_seconds` since the due time that was `first`. A unit's clock counts by the unit's own
`hours`, where it has any.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil
from typing import Any

from dispatch.clocks import Limit, LimitChoice, counted, due_after_pause, due_at, extended, remaining, thresholds
from dispatch.clockwork import LIGHT_RANK, light_at
from dispatch.rules import Rules

__all__ = [
    "cap", "case_clock", "extend", "extension_until", "go_on", "is_paused", "later", "law_until", "move_to", "note_move",
    "pause", "recount", "stay_stopped",
]  # fmt: skip

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
    left = remaining(now, clock["due_at"], Limit.parse(clock["limit"]), rules.calendar, clock.get("hours"))
    clock["light"] = light_at(clock, now)
    clock["done_at"] = clock["paused_at"] = now
    clock["left_seconds"] = ceil(left.total_seconds())


def stay_stopped(clock: Clock) -> None:
    """A paused clock will not go on: the case has ended. If it is opened again, that is under a clock of its own."""
    clock.pop("left_seconds", None)
    clock.pop("paused_at", None)


def go_on(clock: Clock, now: datetime, rules: Rules) -> timedelta:
    """Give a paused clock back what it had left (domain.md §3.3 rule 5: 1 wd or 4 wh at least); never due earlier than before.

    Returns the counted time that it stood still.
    """
    limit, hours, paused_at = Limit.parse(clock["limit"]), clock.get("hours"), clock.pop("paused_at")
    left = timedelta(seconds=clock.pop("left_seconds"))
    stood = counted(paused_at, now, limit, rules.calendar, hours)
    clock["paused_seconds"] = clock.get("paused_seconds", 0) + int(stood.total_seconds())
    clock["done_at"] = None
    due = max(clock["due_at"], due_after_pause(now, left, limit, rules.calendar, hours))
    note_move(clock, "pause", paused_at, due, until=now, left_seconds=int(left.total_seconds()))
    move_to(clock, due, now, rules)
    return stood


def extend(clock: Clock, extension: Limit, now: datetime, rules: Rules) -> None:
    """Move the due time of a clock by an extension, counted from the old due time (domain.md §3.3 rule 7)."""
    due = extended(clock["due_at"], extension, rules.calendar, clock.get("hours"))
    note_move(clock, "extension", now, due, limit=str(extension))
    move_to(clock, due, now, rules)


def recount(clock: Clock, choice: LimitChoice, now: datetime, rules: Rules) -> None:
    """Put a clock under another limit from its own start; pauses and extensions that it had hold on."""
    limit, hours = choice.limit, clock.get("hours")
    clock["limit"], clock["source"] = str(limit), choice.source
    clock.pop("zone", None)
    if choice.zone:
        clock["zone"] = choice.zone
    due, stood, moves = due_at(clock["started_at"], limit, rules.calendar, hours), 0, clock.pop("moves", ())
    clock["due_at"] = due
    for move in moves:
        if move["kind"] == "pause":
            pause_length = counted(move["at"], move["until"], limit, rules.calendar, hours)
            stood += int(pause_length.total_seconds())
            due = later(due, pause_length, limit, rules, hours)
            note_move(clock, "pause", move["at"], due, until=move["until"])
        elif move["kind"] == "extension":
            due = extended(due, Limit.parse(move["limit"]), rules.calendar, hours)
            note_move(clock, "extension", move["at"], due, limit=move["limit"])
        clock["due_at"] = due
    if "paused_seconds" in clock:
        clock["paused_seconds"] = stood
    move_to(clock, due, now, rules)


def law_until(clock: Clock, law: Limit, rules: Rules) -> datetime:
    """Return until when a case must be done by law, counted from the clock's own start; while it is paused it does not count."""
    due = due_at(clock["started_at"], law, rules.calendar)
    for move in clock.get("moves", ()):
        if move["kind"] == "pause":
            due = later(due, counted(move["at"], move["until"], law, rules.calendar), law, rules)
    return due


def cap(clock: Clock, law: Limit | None, now: datetime, rules: Rules) -> None:
    """Let nothing that has moved a clock take it past what the law allows."""
    if law is not None and (until := law_until(clock, law, rules)) < clock["due_at"]:
        note_move(clock, "law", now, until, limit=str(law))
        move_to(clock, until, now, rules)


def note_move(clock: Clock, kind: str, at: datetime, due: datetime, **more: Any) -> None:
    """Write down what is about to put the due time of a clock to `due`, so that it can be explained (`dispatch.spans`)."""
    clock["moves"] = [*clock.get("moves", ()), {"kind": kind, "at": at, **more, "before": clock["due_at"], "due_at": due}]


def move_to(clock: Clock, due: datetime, now: datetime, rules: Rules) -> None:
    """Put the due time and the marks of the lights anew. The light may get better by it; a worse one is left to the sweep, which
    writes it down."""
    limit, start, hours = Limit.parse(clock["limit"]), clock["started_at"], clock.get("hours")
    lights = thresholds(start, due, limit, rules.calendar, hours, total=_whole(clock, due, rules), rules=rules.lights)
    clock.update(due_at=due, yellow_at=min(lights.yellow_at, due), deep_red_at=lights.deep_red_at)
    clock["light"] = min(clock["light"], light_at(clock, now), key=LIGHT_RANK.__getitem__)


def extension_until(clock: Clock, rules: Rules) -> datetime:
    """Return the last instant at which an extension may be asked for (domain.md T25).

    One day before the due time (the end of the working day before it for working limits); for limits shorter than those that
    have a yellow day of their own (3 wd), when a fifth of the counted time is left.
    """
    limit, due = Limit.parse(clock["limit"]), clock["due_at"]
    if limit.nominal_minutes < Limit(rules.lights.day_before_from_wd, "wd").nominal_minutes:
        return later(due, -LEAST_SHARE_LEFT * _whole(clock, due, rules), limit, rules, clock.get("hours"))
    return rules.calendar.end_of_workday_before(due, clock.get("hours")) if limit.is_working else due - timedelta(days=1)


def _whole(clock: Clock, due: datetime, rules: Rules) -> timedelta:
    """The counted time of the clock from start to due, pauses left out."""
    whole = counted(clock["started_at"], due, Limit.parse(clock["limit"]), rules.calendar, clock.get("hours"))
    return whole - _stood(clock)


def _stood(clock: Clock) -> timedelta:
    return timedelta(seconds=clock.get("paused_seconds", 0))


def later(at: datetime, amount: timedelta, limit: Limit, rules: Rules, hours: str | None = None) -> datetime:
    """Return the instant so much counted time after `at` (before it, when negative), counted as the limit counts."""
    return rules.calendar.add_worked(at, amount, hours) if limit.is_working and amount else at + amount
