"""Work on the scene of what is urgent or dangerous: who came, what they found, when the danger was removed (domain.md §2.8)."""

from __future__ import annotations

from typing import Any

from dispatch.agreements import CLOCK_SKEW, Check
from dispatch.conditions import Condition, Source
from dispatch.effects import STAND, Chooser, Effect, put_under
from dispatch.guards import Guard
from dispatch.scene import HURRIED, follow_scene, is_safe, leave_scene, note_on_scene, scene_of
from dispatch.shifting import case_clock
from dispatch.situation import Case, Situation, holds_lead, in_area, lead_of, task_units
from dispatch.step import Step
from storage.errors import FieldError

__all__ = ["CHECKS", "CHOOSERS", "CONDITIONS", "EFFECTS", "FORBIDDING", "GUARDS", "SOURCES"]


# -- what must hold


def _hurried(at: Situation) -> bool:
    """Somebody is to come at once, and it is not over."""
    return at.case["live"]["urgency"] in HURRIED and not is_safe(at.case)


def _called_there(at: Situation) -> bool:
    """Whoever has a part in it, and the grid workers of the place: who is there first acts first."""
    if at.actor.role == "unit_clerk":
        return not at.actor.units.isdisjoint(task_units(at.case))
    return in_area(at.case, at.actor)


def _not_there_yet(at: Situation) -> bool:
    """Each unit arrives once, and each grid worker."""
    unit = _unit_of(at.case, at.actor)
    arrived = scene_of(at.case)["arrivals"]
    return all(one["by"] != at.actor.id and (unit is None or one["unit"] != unit) for one in arrived)


def _unit_of(case: Case, actor: Any) -> str | None:
    """The unit for which somebody comes: the lead where they may act for it, else one that takes part."""
    if actor.role != "unit_clerk":
        return None
    return lead_of(case) if holds_lead(case, actor) else min(actor.units & task_units(case), default=None)


def _danger_lasts(at: Situation) -> bool:
    return at.case["live"]["urgency"] == "emergency" and not is_safe(at.case)


def _somebody_there(at: Situation) -> bool:
    return bool(scene_of(at.case)["arrivals"])


GUARDS: dict[str, Guard] = {
    "hurried": _hurried,
    "called_there": _called_there,
    "not_there_yet": _not_there_yet,
    "danger_lasts": _danger_lasts,
    "somebody_there": _somebody_there,
}
FORBIDDING: frozenset[str] = frozenset({"called_there"})


# -- what the fields depend on and must agree on


def _safe_unsaid(at: Situation) -> bool:
    """The category tells making safe from repairing, and nobody has said yet that it is safe."""
    category = at.rules.category_of(at.case)
    return category is not None and bool(category.safe_limit) and _danger_lasts(at)


def _safe_in_the_past(at: Situation, values: dict[str, Any]) -> FieldError | None:
    if "safe_at" not in values or values["safe_at"] <= at.now + CLOCK_SKEW:
        return None
    return FieldError(field="safe_at", code="in_future", message="when the danger was removed")


CHECKS: dict[str, Check] = {"safe_in_the_past": _safe_in_the_past}
CONDITIONS: dict[str, Condition] = {"safe_unsaid": _safe_unsaid}
SOURCES: dict[str, Source] = {}


# -- effects


def _come(step: Step) -> None:
    """The clock stops with the first who comes; what they say of the time is put down beside it."""
    fields, actor = step.fields, step.actor
    arrival = {"by": actor.id, "role": actor.role, "unit": _unit_of(step.case, actor), "at": fields["at"]}
    note_on_scene(step, arrivals=[*scene_of(step.case)["arrivals"], arrival])
    step.data["arrived_at"] = fields["at"]
    if arrival["unit"]:
        step.data["unit"] = arrival["unit"]
    if position := fields.get("position"):
        step.data["position"] = [position["lon"], position["lat"], position["crs"]]
    follow_scene(step)


def _report_situation(step: Step) -> None:
    """Each report is followed by the next until the danger is removed."""
    reports = scene_of(step.case)["reports"] + 1
    note_on_scene(step, reports=reports, reported_at=step.now)
    step.stop_clocks("first_report", "next_report")
    follow_scene(step)
    step.data["count"] = reports
    for name in ("injured", "photos"):
        if step.fields.get(name):
            step.data[name] = step.fields[name]


def _made_safe(step: Step) -> None:
    """What is left is the repair, where the category has a time of its own for it."""
    note_on_scene(step, safe_at=step.now)
    follow_scene(step)
    if photos := step.fields.get("photos"):
        step.data["photos"] = photos
    clock, choice = case_clock(step.clocks), step.rules.limit_choice(step.case)
    if clock is None or clock["done_at"] is not None or clock.get("source") in STAND or clock["limit"] == str(choice.limit):
        return
    put_under(step, choice)
    step.data.update(repair_limit=clock["limit"], repair_due_at=clock["due_at"])


def _leave_scene(step: Step) -> None:
    """The result says that it is over: nothing on the scene is waited for any more."""
    if step.case["live"]["urgency"] not in HURRIED:
        return
    if not is_safe(step.case):
        safe_at = step.fields.get("safe_at", step.now)
        note_on_scene(step, safe_at=safe_at)
        step.data["safe_at"] = safe_at
    leave_scene(step)


CHOOSERS: dict[str, Chooser] = {}
EFFECTS: dict[str, Effect] = {
    "come": _come,
    "report_situation": _report_situation,
    "made_safe": _made_safe,
    "leave_scene": _leave_scene,
}
