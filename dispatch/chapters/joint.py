"""一件事: one intake, tasks to several units in parallel or in order by a template, one closure (domain.md §1, §2.5)."""

from __future__ import annotations

from typing import Any

from dispatch.agreements import Check
from dispatch.clocks import Limit
from dispatch.conditions import Condition, Source
from dispatch.effects import Chooser, Effect, assisting, call_nearest, put_in_charge, territory_of
from dispatch.guards import Guard
from dispatch.joint import JointStep, JointTemplate
from dispatch.model import UnitRef
from dispatch.rules import Rules, place_of
from dispatch.situation import Case, Situation
from dispatch.step import Step
from dispatch.tasks import Task, assist_limit, awaited_by, begin_part, follow_tasks, give_part, give_task, hold_part, unit_due
from storage.errors import FieldError

__all__ = ["CHECKS", "CHOOSERS", "CONDITIONS", "EFFECTS", "FORBIDDING", "GUARDS", "SOURCES"]

Values = dict[str, Any]
Found = FieldError | None
Placed = list[tuple[JointStep, UnitRef | None]]


def _fitting(at: Situation) -> tuple[JointTemplate, ...]:
    return at.rules.joint_templates.fitting(at.case["live"]["category"])


def _placed(template: JointTemplate, case: Case, rules: Rules) -> Placed:
    """The steps, each with the unit that it means where the case lies."""
    place = place_of(case)
    return [(step, rules.directory.unit_named(step.unit, place)) for step in template.steps]


def _template(rules: Rules, code: str) -> JointTemplate:
    found = rules.joint_templates.get(code)
    assert found is not None  # noqa: S101  # the field reader takes only what fits the case
    return found


def _has_template(at: Situation) -> bool:
    return bool(_fitting(at))


GUARDS: dict[str, Guard] = {"has_template": _has_template}
FORBIDDING: frozenset[str] = frozenset()


# -- what the fields must agree on


def _steps_have_units(at: Situation, values: Values) -> Found:
    """Nothing is written before every step has a unit, and no unit two of them."""
    taken: set[str] = set()
    for step, unit in _placed(_template(at.rules, values["template"]), at.case, at.rules):
        if unit is None:
            message = f"step {step.number} ({step.task}): no {step.unit} works where the case lies"
            return FieldError(field="template", code="no_unit", message=message)
        if unit.code in taken:
            message = f"step {step.number} ({step.task}): {unit.name} has another step already"
            return FieldError(field="template", code="unit_twice", message=message)
        taken.add(unit.code)
    return None


def _coordinator_is_no_part(at: Situation, values: Values) -> Found:
    coordinator = values.get("coordinator")
    if coordinator is None:
        return None
    placed = _placed(_template(at.rules, values["template"]), at.case, at.rules)
    parts = {unit.code for step, unit in placed if unit is not None and step.kind != "lead"}
    if coordinator["code"] not in parts:
        return None
    return FieldError(field="coordinator", code="has_part", message="a unit without a part of its own in the template")


CHECKS: dict[str, Check] = {"steps_have_units": _steps_have_units, "coordinator_is_no_part": _coordinator_is_no_part}
CONDITIONS: dict[str, Condition] = {}


# -- what is offered


def _joint_templates(at: Situation) -> dict[str, Any]:
    """The templates by code and name; `templates` says what each would come to here, a step without a unit included."""
    found = _fitting(at)
    codes = [template.code for template in found]
    return {
        "options": codes,
        "labels": {template.code: template.name for template in found},
        "value": codes[0],
        "templates": {template.code: _shown(template, at) for template in found},
    }


def _shown(template: JointTemplate, at: Situation) -> dict[str, Any]:
    steps = [
        {
            "step": step.number, "kind": step.kind, "unit": None if unit is None else {"code": unit.code, "name": unit.name},
            "named": step.unit, "limit": step.limit or None, "task": step.task,
        }
        for step, unit in _placed(template, at.case, at.rules)
    ]  # fmt: skip
    return {"name": template.name, "name_en": template.name_en, "steps": steps}


SOURCES: dict[str, Source] = {"joint_templates": _joint_templates}


# -- effects


def _dispatch_joint(step: Step) -> None:
    """Everything in one write: the lead's task, the parts that begin now, and those that wait for them."""
    template = _template(step.rules, step.fields["template"])
    placed = [(part, {"code": unit.code, "name": unit.name}) for part, unit in _placed(template, step.case, step.rules) if unit]
    (first, lead), parts = placed[0], placed[1:]
    limit = _shorter(put_in_charge(step, lead), first)
    named = {"code": template.code, "name": template.name, "name_en": template.name_en}
    give_task(step, "lead", lead, limit, unit_due(step, lead["code"], limit), note=first.task, template=named)
    given = [_give(step, part, unit, lead["code"], limit) for part, unit in parts]
    _bring_in_danger(step, lead["code"], limit, given)
    follow_tasks(step)
    step.data |= {"template": template.code, "unit": lead["code"], "units": [task["unit"]["code"] for task in given]}


def _shorter(limit: Limit, part: JointStep) -> Limit:
    """The lead has as long as the case has, or the template's own limit where that is shorter."""
    own = Limit.parse(part.limit) if part.limit else limit
    return min(limit, own, key=lambda one: one.nominal_minutes)


def _give(step: Step, part: JointStep, unit: dict[str, str], lead: str, limit: Limit) -> Task:
    more: dict[str, Any] = {"note": part.task, "by": step.actor.id, "step": part.number}
    if part.kind == "joint":
        more["coordinator"] = _coordinator(step, unit["code"], lead)
    own = Limit.parse(part.limit) if part.limit else assist_limit(limit)
    return (give_part if part.number == 1 else hold_part)(step, part.kind, unit, own, **more)


def _coordinator(step: Step, unit: str, lead: str) -> str | None:
    """Who was named, else the township of the place, unless it has the part itself or leads already."""
    named = step.fields.get("coordinator") or territory_of(step)
    return None if named is None or named["code"] in (unit, lead) else str(named["code"])


def _bring_in_danger(step: Step, lead: str, limit: Limit, given: list[Task]) -> None:
    """Danger does not wait for anybody's turn (domain.md §2.8)."""
    if step.live["urgency"] != "emergency":
        return
    there = {task["unit"]["code"] for task in given if task["state"] != "waiting"}
    for other in assisting(step, lead):
        if other["code"] not in there:
            give_part(step, "assist", other, assist_limit(limit))
    call_nearest(step)


def _begin_parts(step: Step) -> None:
    """Those whose turn has come are given now, under limits that begin now."""
    begun = [task for task in step.edit("tasks") if task["state"] == "waiting" and not awaited_by(step.case, task)]
    for task in begun:
        begin_part(step, task)
    follow_tasks(step)
    step.data |= {"step": begun[0]["step"], "tasks": [task["id"] for task in begun]}
    step.data["units"] = [task["unit"]["code"] for task in begun]


CHOOSERS: dict[str, Chooser] = {}
EFFECTS: dict[str, Effect] = {"dispatch_joint": _dispatch_joint, "begin_parts": _begin_parts}
