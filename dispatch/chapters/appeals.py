"""Appeals of the reporter against how a case ended: until when they are taken, what comes of them (domain.md T06, T46)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dispatch.agreements import Check
from dispatch.asking import ask, await_decision
from dispatch.clocks import Limit, due_at
from dispatch.conditions import Condition, Source
from dispatch.effects import Chooser, Effect
from dispatch.guards import Guard
from dispatch.outcomes import archive_later
from dispatch.situation import Situation
from dispatch.step import Step

__all__ = [
    "APPEALS", "CHECKS", "CHOOSERS", "CONDITIONS", "EFFECTS", "FORBIDDING", "GUARDS", "SOURCES", "appeal_decided", "appeal_until",
]  # fmt: skip

# By state of the ended case: the limits that say how long an appeal may be made and until when it is decided (T06, T46).
APPEALS = {"refused": ("appeal_window", "decide_appeal"), "closed": ("reopen_window", "decide_reopen")}
USUAL_WINDOW = Limit(15, "d")  # where the table of limits has none


def _not_appealed(at: Situation) -> bool:
    """Once (domain.md T06, T46); who took it back has not been answered."""
    asked = (item for item in at.case["requests"] if item["kind"] == "appeal" and item["state"] != "withdrawn")
    return all(item["of"] != at.state for item in asked)


def appeal_until(at: Situation) -> datetime | None:
    """Return until when the reporter may appeal against how the case ended; None where they may not, or have done."""
    ended = at.case["closed_at"]
    if at.state not in APPEALS or ended is None or not _not_appealed(at):
        return None
    window = at.rules.node_limit(at.case, APPEALS[at.state][0]) or USUAL_WINDOW
    return due_at(ended, window, at.rules.calendar)


def _appeal_open(at: Situation) -> bool:
    until = appeal_until(at)
    return until is not None and at.now <= until


def _appeal(step: Step) -> None:
    state = step.case["live"]["state"]
    request = ask(step, "appeal", decider="supervisor", unit=None, of=state, reason=step.fields["reason"])
    await_decision(step, request, node=APPEALS[state][1])


def appeal_decided(step: Step, request: dict[str, Any], approved: bool) -> None:
    """The reporter hears the answer. What was refused is taken in again, what was closed is reopened."""
    step.public = True
    if not approved:
        archive_later(step)
    elif request["of"] == "refused":
        _take_in_again(step, request)
    else:
        step.then("reopen", {"kind": "citizen_appeal", "reason": step.fields["opinion"]})


def _take_in_again(step: Step, request: dict[str, Any]) -> None:
    """The refusal is kept with the request."""
    request["refusal"] = step.case.get("refusal")
    step.stop_timers()
    for name in ("refusal", "closed_at", "outcome"):
        step.set(name, None)
    step.live["open"] = True
    step.start_clock("intake")
    step.next_state = "reported"


GUARDS: dict[str, Guard] = {"not_appealed": _not_appealed, "appeal_open": _appeal_open}
FORBIDDING: frozenset[str] = frozenset()
CHECKS: dict[str, Check] = {}
CONDITIONS: dict[str, Condition] = {}
SOURCES: dict[str, Source] = {}
CHOOSERS: dict[str, Chooser] = {}
EFFECTS: dict[str, Effect] = {"appeal": _appeal}
