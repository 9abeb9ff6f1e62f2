"""On the scene of what is urgent or dangerous: what has happened there, and which of its clocks run (domain.md §2.8, §3.2).

`scene` is a part of the case from the first arrival on: `arrivals` (`by`, `role`, `unit`, when they came), how many `reports`,
the last of them `reported_at`, and `safe_at` once the danger is removed.
"""

from __future__ import annotations

from typing import Any

from dispatch import clockwork
from dispatch.rules import is_safe
from dispatch.situation import Case
from dispatch.step import Step

__all__ = ["HURRIED", "ON_SITE", "follow_scene", "is_safe", "leave_scene", "note_on_scene", "runs_on_scene", "scene_of"]

ON_SITE = ("arrive", "first_report", "next_report", "safe")  # clocks
HURRIED = frozenset({"urgent", "emergency"})  # urgencies that have any of them
WITH_UNIT = ("dispatched", "handling")
_NOTHING: dict[str, Any] = {"arrivals": [], "reports": 0, "reported_at": None, "safe_at": None}


def scene_of(case: Case) -> dict[str, Any]:
    """Return what has happened on the scene so far."""
    return case.get("scene") or _NOTHING


def runs_on_scene(case: Case) -> tuple[str, ...]:
    """Return the clocks that what has happened leaves to run; whether there is a limit for them is for the table to say.

    >>> runs_on_scene({})
    ('safe', 'arrive', 'first_report')
    >>> runs_on_scene({"scene": {"arrivals": [{"by": "clerk"}], "reports": 1, "safe_at": None}})
    ('safe', 'next_report')
    """
    scene = scene_of(case)
    if scene["safe_at"] is not None:
        return ()
    come = () if scene["arrivals"] else ("arrive",)
    return ("safe", *come, "next_report" if scene["reports"] else "first_report")


def note_on_scene(step: Step, **happened: Any) -> None:
    """Put down what has happened on the scene."""
    step.set("scene", {**scene_of(step.case), **happened})


def follow_scene(step: Step) -> None:
    """Let those clocks run that what has happened and the present urgency leave to run, each under its present limit."""
    wanted = runs_on_scene(step.case)
    for kind in ON_SITE:
        limit = step.rules.node_limit(step.case, kind) if kind in wanted else None
        running = clockwork.running(step.case["clocks"], kind)
        if running and (limit is None or running[0]["limit"] != str(limit)):
            step.stop_clocks(kind)
            running = []
        if limit is not None and not running:
            step.start_clock(kind)


def leave_scene(step: Step) -> None:
    """Nobody is waited for on the scene any more, as far as this unit goes."""
    step.stop_clocks(*ON_SITE)
