"""Giving a case back, and what happens when no unit keeps it: coordination."""

from __future__ import annotations

from typing import Any

from dispatch.agreements import Check
from dispatch.asking import ask, await_decision, drop_requests
from dispatch.clocks import LimitChoice
from dispatch.clockwork import running
from dispatch.conditions import Condition, Source
from dispatch.effects import Chooser, Effect, lead_task, move_by_returns
from dispatch.guards import Guard
from dispatch.scene import ON_SITE
from dispatch.shifting import case_clock, go_on, is_paused, pause
from dispatch.situation import Case, Situation, lead_of
from dispatch.step import Step
from dispatch.tasks import end_tasks, follow_tasks

__all__ = ["CHECKS", "CHOOSERS", "CONDITIONS", "EFFECTS", "FORBIDDING", "GUARDS", "SOURCES", "return_decided"]

UNITS_WITHOUT_LEAD = 3  # domain.md T30
_TEACHES_NOTHING = frozenset({"duplicate", "info_missing"})  # reasons that say nothing about who is responsible


def _may_still_return(at: Situation) -> bool:
    """After a coordination nothing is given back (domain.md §2.6 rule 3)."""
    return not at.facts.get("no_return", False)


def _return_asked(at: Situation) -> bool:
    return at.item is not None and at.item["kind"] == "return"


def _request_return(step: Step) -> None:
    fields = step.fields
    request = ask(
        step, "return", decider="dispatcher", unit=lead_of(step.case), reason=fields["reason"], basis=fields["basis"],
        proposed_unit=fields.get("unit"), photos=fields.get("photos", []),
    )  # fmt: skip
    await_decision(step, request)
    step.data.update(reason=fields["reason"], unit=(fields.get("unit") or {}).get("code"))


def return_decided(step: Step, request: dict[str, Any], approved: bool) -> None:
    """A refused return counts against the unit, an approved one against the dispatch where that was wrong (§2.6 rule 5)."""
    wrong = step.fields.get("dispatch_wrong", approved)
    request["counts_as"] = "misdispatched" if approved and wrong else None if approved else "shirked"
    step.data["dispatch_wrong"] = wrong
    if approved:
        request["rule_proposal"] = _rule_proposal(step.case, request)
        if request["rule_proposal"] is not None:
            step.set("rule_proposed_at", step.now)
        _take_back(step)
        if _nobody_keeps_it(step):
            step.then("coordinate", {"trigger": "returns"})


def _rule_proposal(case: Case, request: dict[str, Any]) -> dict[str, Any] | None:
    """What the rules of responsibility may learn from the return, for a person to accept (§2.6 rule 6)."""
    proposed = request["proposed_unit"]
    if proposed is None or request["reason"] in _TEACHES_NOTHING or proposed["code"] == request["unit"]:
        return None
    path = case["place"]["path"]
    return {
        "category": case["live"]["category"],
        "area": path[-1]["code"] if path else None,
        "from_unit": request["unit"],
        "to_unit": proposed["code"],
        "basis": request["basis"],
        "accepted_by": None,
    }


def _take_back(step: Step) -> None:
    """The case goes back to the dispatcher's queue; the units' tasks end, the citizen's clock runs on."""
    lead_task(step)["state"] = "returned"
    end_tasks(step, done=False)
    follow_tasks(step)
    facts = step.facts
    lost = step.rules.counted_since(facts["dispatched_at"], step.now)
    facts["lost_seconds"] += int(lost.total_seconds())
    step.set("lead", None)
    drop_requests(step)
    step.stop_clocks("sign_in", "contact", *ON_SITE)
    step.start_clock("dispatch")
    step.next_state = "filed"


def _nobody_keeps_it(step: Step) -> bool:
    returned = sum(item["kind"] == "return" and item["state"] == "approved" for item in step.case["requests"])
    units = {task["unit"]["code"] for task in step.case["tasks"] if task["kind"] == "lead" and task["state"] == "returned"}
    return returned >= step.rules.bounds.returns_to_coordination or len(units) >= UNITS_WITHOUT_LEAD


def _coordinate_when_stuck(step: Step) -> None:
    """So many redos (since the last coordination) are no longer the unit's own matter (domain.md T30)."""
    facts = step.facts
    if facts["redo"] - facts.get("redo_settled", 0) >= step.rules.bounds.redos_to_coordination:
        step.then("coordinate", {"trigger": "redo"})


def _coordinate(step: Step) -> None:
    """Nobody's time runs but the supervisor's; units that have the case keep seeing it until it is decided."""
    drop_requests(step)
    step.stop_clocks("dispatch", "sign_in", "contact", *ON_SITE)
    for clock in running(step.clocks, "case"):
        move_by_returns(step)
        pause(clock, step.now, step.rules)
    step.start_clock("decide_coordination")
    step.data["trigger"] = step.fields["trigger"]


def _decide_coordination(step: Step) -> None:
    """Who had the case is released; the dispatch that follows in the same action names who has it for good."""
    end_tasks(step, done=False)
    step.stop_clocks("decide_coordination")
    _go_on_as_decided(step)
    facts = step.facts
    facts["no_return"], facts["redo_settled"], facts["signed_off"] = True, facts["redo"], None


def _go_on_as_decided(step: Step) -> None:
    """Either the remaining time is given back, or a limit that the supervisor sets counts from now: returns move it no more."""
    clock, limit = case_clock(step.clocks), step.fields.get("limit")
    if clock is None:
        return
    if limit is None and is_paused(clock):
        go_on(clock, step.now, step.rules)
    elif limit is not None:
        clock["paused_at"] = None
        clock = step.rules.case_clock(LimitChoice(limit, "override"), step.now)
        step.clocks.append(clock)
    step.facts["first_due_at"], step.facts["lost_seconds"] = clock["due_at"], 0


GUARDS: dict[str, Guard] = {"may_still_return": _may_still_return}
FORBIDDING: frozenset[str] = frozenset()
CHECKS: dict[str, Check] = {}
CONDITIONS: dict[str, Condition] = {"return_asked": _return_asked}
SOURCES: dict[str, Source] = {}
CHOOSERS: dict[str, Chooser] = {}
EFFECTS: dict[str, Effect] = {
    "request_return": _request_return,
    "coordinate_when_stuck": _coordinate_when_stuck,
    "coordinate": _coordinate,
    "decide_coordination": _decide_coordination,
}
