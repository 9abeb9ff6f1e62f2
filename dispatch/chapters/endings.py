"""Endings that the supervisors answer for, what may still happen to a closed case, and the archive (domain.md T41, T43, T46,
T47)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from dispatch.agreements import Check
from dispatch.clocks import Limit, LimitChoice
from dispatch.conditions import Condition, Source
from dispatch.effects import Chooser, Effect
from dispatch.fields import REOPEN_KINDS
from dispatch.guards import Guard
from dispatch.outcomes import archive_later
from dispatch.rules import REDO_LIMIT
from dispatch.situation import Situation, open_supervisions, spot_check_awaited
from dispatch.step import Step
from dispatch.tasks import end_tasks, follow_tasks, give_task, unit_due
from storage.errors import FieldError

__all__ = ["CHECKS", "CHOOSERS", "CONDITIONS", "EFFECTS", "FORBIDDING", "GUARDS", "SOURCES"]

APPEAL_WINDOW = timedelta(days=15)  # domain.md T46
_OF_THE_CLOSURE = (
    "closed_at", "outcome", "closure", "visit", "visit_answer", "rating", "rectification", "spot_check", "special_close",
)  # fmt: skip


# -- endings of their own kind


def _explain(step: Step) -> None:
    """The claim could not be met: closed as explained, to be looked at when rates are counted."""
    step.set("outcome", "explained")
    step.set("closure", _closure(step, "explained"))
    step.data["reason"] = step.fields["reason"]
    step.data["photos"] = step.fields["photos"]


def _closure(step: Step, kind: str) -> dict[str, Any]:
    return {"type": kind, "reason": step.fields.get("reason"), "by": step.actor.id, "at": step.now}


def _propose_special(step: Step) -> None:
    fields = step.fields
    proposal = {"by": step.actor.id, "at": step.now, "reason": fields["reason"], "photos": fields["photos"]}
    step.set("special_close", proposal)
    step.data["photos"] = fields["photos"]


def _decline_special(step: Step) -> None:
    step.set("special_close", None)


def _close_specially(step: Step) -> None:
    """Whatever is under way ends with the case; without a result it counts as not solved."""
    proposal = step.case["special_close"]
    step.set("closure", {**_closure(step, "special"), "reason": proposal["reason"], "proposed_by": proposal["by"]})
    step.set("special_close", None)
    end_tasks(step, done=False)
    if step.case["outcome"] is None:
        step.set("outcome", "cannot")
    step.data.update(closure="special", proposed_by=proposal["by"], photos=proposal["photos"])


# -- reopening


def _after_reopening(step: Step) -> str:
    """The unit that had it gets it back; what no unit had is dispatched first."""
    return "dispatched" if step.case["lead"] else "filed"


def _reopen(step: Step) -> None:
    """The case is open again; how it had been closed is kept, with what was said about it then."""
    step.set("closures", [*(step.case.get("closures") or ()), _earlier(step)])
    for name in _OF_THE_CLOSURE:
        if step.case.get(name) is not None:
            step.set(name, None)
    if step.case.get("scene") is not None:
        step.set("scene", None)
    step.facts["signed_off"], step.facts["visit_tries"] = None, []
    for name in ("draw", "sampled"):  # the next closing is drawn anew; this draw stays with the check among the closures
        step.facts.pop(name, None)
    step.stop_timers()
    step.live["open"] = True
    step.data["kind"] = step.fields["kind"]
    if step.case["lead"]:
        _back_to_lead(step)
    else:
        step.start_clock("dispatch")


def _earlier(step: Step) -> dict[str, Any]:
    case, kind = step.case, step.fields["kind"]
    closure = case.get("closure") or {}
    return {
        "closed_at": case["closed_at"],
        "type": closure.get("type", "normal"),
        "outcome": case["outcome"],
        "visit": case.get("visit"),
        "rating": case.get("rating"),
        "rectification": case.get("rectification"),
        "spot_check": case.get("spot_check"),
        "false": kind != "citizen_appeal",
        "reopened": kind,
        "reopened_by": step.actor.id,
        "reopened_at": step.now,
    }


def _back_to_lead(step: Step) -> None:
    """A task and a case clock of their own, as for a redo; the time in which it could be given back has passed once for all."""
    limit = min(_first_limit(step), REDO_LIMIT, key=lambda item: item.nominal_minutes)
    step.clocks.append(step.rules.case_clock(LimitChoice(limit, "reopen"), step.now))
    give_task(step, "lead", step.case["lead"], limit, unit_due(step, step.case["lead"]["code"], limit))
    follow_tasks(step)
    step.start_clock("sign_in")


def _first_limit(step: Step) -> Limit:
    first = next((clock for clock in step.case["clocks"] if clock["kind"] == "case"), None)
    return step.rules.case_limit(step.case) if first is None else Limit.parse(first["limit"])


def _kinds_now(at: Situation) -> list[str]:
    """The reasons for which the case could be reopened now, as they stand on the form."""
    earlier = at.case.get("closures") or ()
    appealed = any(item["reopened"] == "citizen_appeal" for item in earlier)
    may = {
        "citizen_appeal": not appealed and at.now <= at.case["closed_at"] + APPEAL_WINDOW,
        "spot_check": (at.case.get("spot_check") or {}).get("result") == "fail",
        "false_closure": True,
    }
    return [kind for kind in REOPEN_KINDS if may[kind]]


def _reopen_kinds(at: Situation) -> dict[str, Any]:
    return {"options": _kinds_now(at)}


def _kind_holds(at: Situation, values: dict[str, Any]) -> FieldError | None:
    if values["kind"] in _kinds_now(at):
        return None
    return FieldError(field="kind", code="choice", message=f"now only {', '.join(_kinds_now(at))}")


# -- archive


def _archive(step: Step) -> None:
    step.stop_timers()


def _archive_when_rested(step: Step) -> None:
    """What kept the case out of the archive is done: its time counts from its end."""
    archive_later(step, step.case["closed_at"])


def _nothing_open(at: Situation) -> bool:
    """No bad rating to be put right, no request to be decided, no supervision to be lifted, no check that was drawn, no receipt
    or feedback of others waited for (domain.md T47).

    Whoever ends one of these has the case archived later (`archive_later`).
    """
    if at.state == "transferred" and not (at.case["transfer"]["receipt"] and at.case["transfer"]["feedback"]):
        return False
    rectification = at.case.get("rectification")
    if rectification is not None and rectification["closed_at"] is None:
        return False
    if any(request["state"] == "pending" for request in at.case["requests"]) or spot_check_awaited(at.case):
        return False
    return at.state != "closed" or not open_supervisions(at.case)


# -- what must hold


def _special_proposed(at: Situation) -> bool:
    return at.case.get("special_close") is not None


def _no_special_proposed(at: Situation) -> bool:
    return at.case.get("special_close") is None


def _not_proposer(at: Situation) -> bool:
    """Two supervisors end a case so, never one (domain.md T43)."""
    proposal = at.case.get("special_close")
    return proposal is None or proposal["by"] != at.actor.id


GUARDS: dict[str, Guard] = {
    "nothing_open": _nothing_open,
    "special_proposed": _special_proposed,
    "no_special_proposed": _no_special_proposed,
    "not_proposer": _not_proposer,
}
FORBIDDING: frozenset[str] = frozenset({"not_proposer"})
CHECKS: dict[str, Check] = {"kind_holds": _kind_holds}
CONDITIONS: dict[str, Condition] = {}
SOURCES: dict[str, Source] = {"reopen_kinds": _reopen_kinds}
CHOOSERS: dict[str, Chooser] = {"after_reopening": _after_reopening}
EFFECTS: dict[str, Effect] = {
    "explain": _explain,
    "propose_special": _propose_special,
    "decline_special": _decline_special,
    "close_specially": _close_specially,
    "reopen": _reopen,
    "archive": _archive,
    "archive_when_rested": _archive_when_rested,
}
