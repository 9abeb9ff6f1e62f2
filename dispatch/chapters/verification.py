"""What is looked at on site before it is filed (domain.md T09, T10, flag V), and what a grid worker does at once (T03)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dispatch.agreements import Check
from dispatch.conditions import Condition, Source
from dispatch.effects import Chooser, Effect
from dispatch.guards import Guard
from dispatch.model import Category
from dispatch.rules import Rules
from dispatch.situation import Case, Situation
from dispatch.step import Step
from dispatch.tasks import end_tasks
from storage.errors import FieldError

__all__ = [
    "CHECKS", "CHOOSERS", "CONDITIONS", "EFFECTS", "FORBIDDING", "GUARDS", "SOURCES", "can_be_visited", "must_be_verified",
]  # fmt: skip

OVER = ("returned", "waived", "withdrawn", "declined", "expired", "released")  # tasks that nobody has any more
_NEAR_ENOUGH = frozenset({"community", "grid"})  # levels of areas in which somebody knows where to go


def must_be_verified(case: Case, category: Category | None) -> bool:
    """Tell whether somebody must have seen it before it is filed under this category.

    What citizens and media say of a category with the flag V; not danger, which is never verified first (domain.md §2.8), nor
    what a grid worker, a device or another authority has seen for itself.
    """
    if category is None or "V" not in category.flags or case["live"]["urgency"] == "emergency":
        return False
    heard = case["reporter"]["kind"] == "citizen" or case["channel"] == "media"
    seen = "on_behalf" in case and bool(case["photos"])  # the grid worker who reports for a resident stood there
    return heard and not seen and not _is_confirmed(case)


def can_be_visited(case: Case, rules: Rules, now: datetime) -> bool:
    """Tell whether somebody can be sent there: the place is known to a community or grid, or somebody has duty for it."""
    levels = {area["level"] for area in case["place"]["path"]}
    return not levels.isdisjoint(_NEAR_ENOUGH) or bool(rules.walkers(case, now))


def _is_confirmed(case: Case) -> bool:
    return (case.get("verification") or {}).get("verdict") == "confirmed"


def _verified(at: Situation) -> bool:
    return not must_be_verified(at.case, at.rules.category_of(at.case))


def _not_confirmed(at: Situation) -> bool:
    return not _is_confirmed(at.case)


def _can_be_visited(at: Situation) -> bool:
    return can_be_visited(at.case, at.rules, at.now)


def _not_reporter(at: Situation) -> bool:
    return bool(at.actor.id != at.case["live"]["reporter"])


def _in_danger(at: Situation) -> bool:
    return bool(at.case["live"]["urgency"] == "emergency")


def _own_report(at: Situation) -> bool:
    return bool(at.actor.id == at.case["live"]["reporter"])


def _may_self_handle(at: Situation) -> bool:
    category = at.rules.category_of(at.case)
    return category is not None and category.self_handle


def _same_day(at: Situation) -> bool:
    local_date = at.rules.calendar.local_date
    return local_date(at.now) == local_date(at.case["live"]["reported_at"])


def _nobody_signed(at: Situation) -> bool:
    return all(task["state"] in ("waiting", "pending", *OVER) for task in at.case["tasks"])


def _photographed(at: Situation) -> bool:
    """The picture of before came with the report; what is handed in now is the picture of after."""
    return bool(at.case["photos"])


def _category_verified(at: Situation, values: dict[str, Any]) -> FieldError | None:
    """The category may only be given with the filing: then it decides whether the place must have been seen."""
    category = at.rules.catalogue.get(values["category"]) if "category" in values else None
    urgent = values.get("urgency") == "emergency"
    if urgent or not must_be_verified(at.case, category):
        return None
    return FieldError(field="category", code="verify_first", message="a category that is verified on site before filing")


def _worker_on_duty(at: Situation, values: dict[str, Any]) -> FieldError | None:
    if values.get("worker") in (None, *_walkers(at)):
        return None
    return FieldError(field="worker", code="not_on_duty", message="a grid worker on duty for the place, not the reporter")


def _walkers(at: Situation) -> list[str]:
    return [person for person in at.rules.walkers(at.case, at.now) if person != at.case["live"]["reporter"]]


def _workers(at: Situation) -> dict[str, Any]:
    return {"options": _walkers(at)}


def _send_verify(step: Step) -> None:
    """Whoever is nearest on duty goes, unless somebody is named; where nobody is, all grid workers of the place are told."""
    worker = step.fields.get("worker") or next(iter(_walkers(step.situation())), None)
    sent = {"sent_at": step.now, "sent_by": step.actor.id, "worker": worker}
    step.set("verification", sent | {"verdict": None, "at": None, "by": None, "photos": []})
    step.stop_clocks("intake")
    limit = step.rules.node_limit(step.case, "verify")
    if limit is not None:
        step.clocks.append(step.rules.duty_clock("verify", limit, step.now))
    step.data["worker"] = worker


def _verify(step: Step) -> None:
    """The verdict lies with the case; the operator goes on from it."""
    fields, position = step.fields, step.fields.get("position")
    told = {"verdict": fields["verdict"], "at": step.now, "by": step.actor.id, "photos": fields["photos"]}
    step.edit("verification").update(told)
    step.stop_clocks("verify")
    step.start_clock("intake")
    step.data.update(verdict=fields["verdict"], photos=fields["photos"])
    if position is not None:
        step.data["position"] = [position["lon"], position["lat"], position["crs"]]


def _self_handle(step: Step) -> None:
    """No unit has done anything: what was asked of units is taken back, and none is counted with the case."""
    end_tasks(step, done=False)
    step.set("lead", None)
    fields, facts = step.fields, step.facts
    result = {"kind": "resolved", "handling": fields["note"], "photos": fields["photos"], "unit": None, "at": step.now}
    step.set("result", result)
    step.set("outcome", "resolved")
    facts["self_handled"] = True
    facts["handlers"].append(step.actor.id)  # who did it is not among those who judge it
    step.data.update(self_handled=True, photos=fields["photos"])


GUARDS: dict[str, Guard] = {
    "own_report": _own_report,
    "may_self_handle": _may_self_handle,
    "same_day": _same_day,
    "nobody_signed": _nobody_signed,
    "photographed": _photographed,
    "verified": _verified,
    "not_confirmed": _not_confirmed,
    "can_be_visited": _can_be_visited,
    "not_reporter": _not_reporter,
    "in_danger": _in_danger,
}
FORBIDDING: frozenset[str] = frozenset({"not_reporter", "own_report"})
CHECKS: dict[str, Check] = {"category_verified": _category_verified, "worker_on_duty": _worker_on_duty}
CONDITIONS: dict[str, Condition] = {}
SOURCES: dict[str, Source] = {"workers": _workers}
CHOOSERS: dict[str, Chooser] = {}
EFFECTS: dict[str, Effect] = {"send_verify": _send_verify, "verify": _verify, "self_handle": _self_handle}
