"""What follows a bad rating (domain.md T44, T45): the unit speaks with whoever gave it, puts the matter right or explains, a
supervisor closes, and the reporter is asked once more.

The record lies beside the case, which stays closed: `open`, `contacted`, `submitted`, `closed`. Its due times are timers, not
clocks: a closed case shows no light.
"""

from __future__ import annotations

from typing import Any

from dispatch.agreements import Check
from dispatch.clocks import Limit, due_at
from dispatch.conditions import Condition, Source
from dispatch.effects import Chooser, Effect
from dispatch.guards import Guard
from dispatch.outcomes import archive_later
from dispatch.situation import Situation, holds_lead, in_area, lead_of
from dispatch.step import Step
from dispatch.timed import rectification_dues

__all__ = ["CHECKS", "CHOOSERS", "CONDITIONS", "EFFECTS", "FORBIDDING", "GUARDS", "SOURCES"]

BAD = 2  # of 5: 不满意 and worse
TRIES = 3  # so many calls in vain count as contacted
UNSETTLED = ("open", "contacted")
NODES = {"rectify_contact": Limit(1, "wd"), "rectify": Limit(5, "wd")}  # domain.md T45, where the city sets nothing else


def _rectify_when_bad(step: Step) -> None:
    grades = {name: step.fields[name] for name in ("efficiency", "quality", "attitude")}
    if min(grades.values()) > BAD:
        return
    step.data["bad"] = True
    if step.case.get("rectification") is None:
        step.set("rectification", _opened(step, grades))


def _opened(step: Step, grades: dict[str, Any]) -> dict[str, Any]:
    begun = {
        "at": step.now,
        "contact_limit": str(_limit(step, "rectify_contact")),
        "limit": str(_limit(step, "rectify")),
    }
    dues = rectification_dues(begun, step.rules.calendar)
    step.set_timer("rectify_contact", dues["contact_due_at"], "rectify_late")
    step.set_timer("rectify", dues["due_at"], "rectify_late")
    return {
        "state": "open",
        "unit": lead_of(step.case),
        "grades": grades,
        **begun,
        **dues,
        "tries": 0,
        "contacted_at": None,
        "submitted_at": None,
        "result": None,
        "closed_at": None,
    }


def _limit(step: Step, node: str) -> Limit:
    return step.rules.node_limit(step.case, node) or NODES[node]


def _contact(step: Step) -> None:
    fields, record = step.fields, step.edit("rectification")
    record["tries"] += 1
    if fields["result"] == "reached" or record["tries"] >= TRIES:
        record["state"], record["contacted_at"] = "contacted", step.now
        step.stop_timer("rectify_contact")
    step.data.update(way=fields["way"], result=fields["result"])


def _submit(step: Step) -> None:
    fields, record = step.fields, step.edit("rectification")
    record["state"], record["submitted_at"], record["result"] = "submitted", step.now, fields["result"]
    step.stop_timer("rectify")
    step.data["result"] = fields["result"]
    if photos := fields.get("photos"):
        step.data["photos"] = photos


def _close(step: Step) -> None:
    """What does not convince goes back to the unit, with the time for speaking at least; else the reporter may rate again."""
    record = step.edit("rectification")
    step.data["approved"] = step.fields["approve"]
    if step.fields["approve"]:
        record["state"], record["closed_at"] = "closed", step.now
        archive_later(step)
        return
    record["state"], record["submitted_at"], record["result"] = "contacted", None, None
    least = Limit.parse(record["contact_limit"]) if "contact_limit" in record else _limit(step, "rectify_contact")
    record["back_at"], record["due_at"] = step.now, max(record["due_at"], due_at(step.now, least, step.rules.calendar))
    step.set_timer("rectify", record["due_at"], "rectify_late")


def _late(step: Step) -> None:
    step.data["missing"] = "contact" if step.case["rectification"]["state"] == "open" else "result"


# -- what must hold


def _state(at: Situation) -> str | None:
    record = at.case.get("rectification")
    return None if record is None else str(record["state"])


def _to_be_contacted(at: Situation) -> bool:
    return _state(at) == "open"


def _to_be_rectified(at: Situation) -> bool:
    return _state(at) == "contacted"


def _to_be_settled(at: Situation) -> bool:
    return _state(at) == "submitted"


def _unsettled(at: Situation) -> bool:
    return _state(at) in UNSETTLED


def _answers_for_case(at: Situation) -> bool:
    """The unit that had the case; where none had it, the desk that answered."""
    if lead_of(at.case) is None:
        return at.actor.role == "operator" and in_area(at.case, at.actor)
    return holds_lead(at.case, at.actor)


GUARDS: dict[str, Guard] = {
    "to_be_contacted": _to_be_contacted,
    "to_be_rectified": _to_be_rectified,
    "to_be_settled": _to_be_settled,
    "unsettled": _unsettled,
    "answers_for_case": _answers_for_case,
}
FORBIDDING: frozenset[str] = frozenset({"answers_for_case"})
CHECKS: dict[str, Check] = {}
CONDITIONS: dict[str, Condition] = {}
SOURCES: dict[str, Source] = {}
CHOOSERS: dict[str, Chooser] = {}
EFFECTS: dict[str, Effect] = {
    "rectify_when_bad": _rectify_when_bad,
    "rectify_contact": _contact,
    "rectify_submit": _submit,
    "rectify_close": _close,
    "rectify_late": _late,
}
