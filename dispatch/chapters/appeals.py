"""Appeals against how a case ended: until when they are taken, what comes of them (domain.md T06, T46).

The reporter may appeal, and each citizen whose case was joined, by their own case: the main one hears it in the same transaction
(`dispatch.merging`) and there it is decided.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dispatch.agreements import Check
from dispatch.appeals import has_appealed, voice_of, voices_of
from dispatch.asking import ask, await_decision, pending, settle
from dispatch.clocks import Limit, due_at
from dispatch.conditions import Condition, Source
from dispatch.effects import Chooser, Effect
from dispatch.guards import Guard
from dispatch.joined import of_main
from dispatch.outcomes import archive_later
from dispatch.situation import Situation
from dispatch.step import Step

__all__ = [
    "APPEALS", "CHECKS", "CHOOSERS", "CONDITIONS", "EFFECTS", "FORBIDDING", "GUARDS", "SOURCES", "appeal_decided", "appeal_until",
]  # fmt: skip

# By state of the ended case: the limits that say how long an appeal may be made and until when it is decided (T06, T46).
APPEALS = {"refused": ("appeal_window", "decide_appeal"), "closed": ("reopen_window", "decide_reopen")}
USUAL_WINDOW = Limit(15, "d")  # where the table of limits has none


def _ended(at: Situation) -> Situation:
    """The question about the case that has ended: this one, or the main one of a case that was joined."""
    return of_main(at) or at


def _not_appealed(at: Situation) -> bool:
    return not has_appealed(_ended(at).case, at.case["_id"])


def appeal_until(at: Situation) -> datetime | None:
    """Return until when whoever reported the case may appeal against how it ended, or the one that it was joined to; None where
    they may not, or have done."""
    ended = _ended(at)
    since = ended.case["closed_at"]
    if ended.state not in APPEALS or since is None or not _not_appealed(at):
        return None
    window = at.rules.node_limit(ended.case, APPEALS[ended.state][0]) or USUAL_WINDOW
    return due_at(since, window, at.rules.calendar)


def _appeal_open(at: Situation) -> bool:
    until = appeal_until(at)
    return until is not None and at.now <= until


def _main_is(state: str) -> Guard:
    def holds(at: Situation) -> bool:
        main = of_main(at)
        return main is not None and main.state == state

    return holds


def _asked_alone(at: Situation) -> bool:
    """What several have asked none of them takes back, nor the reporter what only others have; for one of those the desk may."""
    if at.item is None or at.item["kind"] != "appeal":
        return True
    is_own = at.actor.role == "operator" or voice_of(at.case, at.item, at.case["_id"]) is not None
    return is_own and len(voices_of(at.case, at.item)) == 1


def _appeal(step: Step) -> None:
    """While one waits for its decision, whoever appeals besides is heard with it."""
    voice = {"case": step.fields.get("case", step.case["_id"]), "at": step.now, "reason": step.fields["reason"]}
    request = _waiting(step)
    if request is None:
        state = step.case["live"]["state"]
        request = ask(step, "appeal", decider="supervisor", unit=None, of=state, voices=[voice])
        await_decision(step, request, node=APPEALS[state][1])
    else:
        request["voices"] = [*voices_of(step.case, request), voice]
        step.data.update(request=request["id"], kind="appeal")
    if voice["case"] != step.case["_id"]:
        step.data["case"] = voice["case"]


def _waiting(step: Step) -> dict[str, Any] | None:
    """Return the appeal that waits for its decision, to be changed."""
    if pending(step.case, "appeal") is not None:
        step.edit("requests")
    return pending(step.case, "appeal")


def _leave_appeal(step: Step) -> None:
    """Whoever is taken out of the matter asks nothing of it any more."""
    request = _waiting(step)
    if request is None:
        return
    left = [voice for voice in voices_of(step.case, request) if voice["case"] not in step.fields["cases"]]
    if left:
        request["voices"] = left
    else:
        settle(step, request, "withdrawn")
        archive_later(step)


def appeal_decided(step: Step, request: dict[str, Any], approved: bool) -> None:
    """All who appealed hear the answer. What was refused is taken in again, what was closed is reopened."""
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


GUARDS: dict[str, Guard] = {
    "not_appealed": _not_appealed,
    "appeal_open": _appeal_open,
    "main_refused": _main_is("refused"),
    "main_closed": _main_is("closed"),
    "asked_alone": _asked_alone,
}
FORBIDDING: frozenset[str] = frozenset()
CHECKS: dict[str, Check] = {}
CONDITIONS: dict[str, Condition] = {}
SOURCES: dict[str, Source] = {}
CHOOSERS: dict[str, Chooser] = {}
EFFECTS: dict[str, Effect] = {"appeal": _appeal, "leave_appeal": _leave_appeal}
