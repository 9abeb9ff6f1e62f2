"""Several units on one case: parts given by the dispatcher or within the lead's own tree, joint ones, calls on site (吹哨)."""

from __future__ import annotations

from typing import Any

from dispatch.agreements import Check
from dispatch.clocks import Limit
from dispatch.conditions import Condition, Source
from dispatch.effects import Chooser, Effect
from dispatch.guards import Guard
from dispatch.rules import place_of
from dispatch.situation import PARTS, Situation, in_area, lead_of
from dispatch.step import Step
from dispatch.tasks import (
    assist_limit,
    case_due,
    follow_tasks,
    give_part,
    give_task,
    go_on_in_order,
    hand_in,
    is_open,
    stop_invitation,
    task_now,
    unit_due,
)
from storage.errors import FieldError

__all__ = ["CHECKS", "CHOOSERS", "CONDITIONS", "EFFECTS", "FORBIDDING", "GUARDS", "SOURCES"]

Values = dict[str, Any]
Found = FieldError | None

WHISTLE_LIMIT = Limit(1, "wd")  # domain.md T32, where the city's table has no limit


# -- guards


def _own_part(at: Situation) -> bool:
    return _part_task(at) and at.item is not None and at.item["unit"]["code"] in at.actor.units


def _part_task(at: Situation) -> bool:
    return at.item is not None and at.item["kind"] in PARTS


def _answers_for_part(at: Situation) -> bool:
    """A part is handed in to the lead, to whoever coordinates it, or to whoever blew the whistle, never to the unit that has it
    itself; the dispatcher may lift it."""
    item, actor = at.item, at.actor
    if item is None or item["unit"] is None:
        return False
    if actor.role == "dispatcher":
        return in_area(at.case, actor)
    if actor.role == "supervisor":
        return item["kind"] == "joint" and in_area(at.case, actor)
    if actor.role == "grid_lead":
        return bool(item["kind"] == "whistle" and item["by"] == actor.id)
    answering = {lead_of(at.case), item.get("caller"), item.get("coordinator")} - {item["unit"]["code"]}
    return not answering.isdisjoint(actor.units)


def _parts_may_move(at: Situation) -> bool:
    """Parts are worked on until the lead submits; before the dispatch there may be calls on site already."""
    return at.state in ("filed", "dispatched", "handling")


def _is_whistle(at: Situation) -> bool:
    return at.item is not None and at.item["kind"] == "whistle"


def _not_arrived(at: Situation) -> bool:
    return at.item is not None and at.item.get("arrived_at") is None


def _on_site(at: Situation) -> bool:
    """Who was called on site comes before anything is handed in."""
    return not _is_whistle(at) or not _not_arrived(at)


def _may_whistle(at: Situation) -> bool:
    """The township whose territory it is, by its clerk when it takes part, or by the grid lead of the place."""
    township = at.rules.directory.territorial(place_of(at.case))
    if township is None:
        return False
    if at.actor.role == "grid_lead":
        return in_area(at.case, at.actor)
    return township.code in at.actor.units and township.code in at.case["live"]["units"]


def _has_lower_units(at: Situation) -> bool:
    return bool(_lower_units(at))


GUARDS: dict[str, Guard] = {
    "own_part": _own_part,
    "part_task": _part_task,
    "answers_for_part": _answers_for_part,
    "parts_may_move": _parts_may_move,
    "is_whistle": _is_whistle,
    "not_arrived": _not_arrived,
    "on_site": _on_site,
    "may_whistle": _may_whistle,
    "has_lower_units": _has_lower_units,
}
FORBIDDING: frozenset[str] = frozenset({"own_part", "answers_for_part", "may_whistle"})


# -- what the fields must agree on


def _busy(at: Situation) -> set[str]:
    """Units that have the case already."""
    return {task["unit"]["code"] for task in at.case["tasks"] if task["unit"] and is_open(task)}


def _unit_free(at: Situation, values: Values) -> Found:
    if values["unit"]["code"] not in _busy(at):
        return None
    return FieldError(field="unit", code="takes_part", message="the unit has a task on this case already")


def _units_free(at: Situation, values: Values) -> Found:
    chosen = {unit["code"] for unit in values["units"]}
    if chosen & _busy(at):
        return FieldError(field="units", code="takes_part", message="one of the units has a task on this case already")
    if _township(at) in chosen:
        return FieldError(field="units", code="own_unit", message="the township calls others, not itself")
    return None


def _coordinator_is_another(at: Situation, values: Values) -> Found:
    coordinator = values.get("coordinator")
    if coordinator is None or (values["kind"] == "joint" and coordinator["code"] != values["unit"]["code"]):
        return None
    return FieldError(field="coordinator", code="not_joint", message="another unit, and only for a joint part")


def _part_in_time(at: Situation, values: Values) -> Found:
    """A part is never due after the case, as long as the case has time left."""
    limit, last = values.get("limit"), case_due(at.case)
    if limit is None or last is None or last <= at.now:
        return None
    hours = at.rules.unit_hours(values["unit"]["code"])
    if at.rules.clock("task", limit, at.now, hours=hours)["due_at"] <= last:
        return None
    return FieldError(field="limit", code="too_long", message="not later than the case itself is due")


def _in_own_tree(at: Situation, values: Values) -> Found:
    unit, lead = values["unit"]["code"], lead_of(at.case)
    if lead is not None and unit != lead and at.rules.directory.is_in_tree(unit, lead):
        return None
    return FieldError(field="unit", code="not_below", message="a unit below the lead unit")


def _after_the_call(at: Situation, values: Values) -> Found:
    assert at.item is not None  # noqa: S101  # rows of tasks always come with one
    if values["at"] >= at.item["called_at"]:
        return None
    return FieldError(field="at", code="before_call", message="not before the whistle")


CHECKS: dict[str, Check] = {
    "unit_free": _unit_free,
    "units_free": _units_free,
    "coordinator_is_another": _coordinator_is_another,
    "part_in_time": _part_in_time,
    "in_own_tree": _in_own_tree,
    "after_the_call": _after_the_call,
}
CONDITIONS: dict[str, Condition] = {}


# -- what the fields are offered


def _proposed(at: Situation) -> dict[str, str]:
    """Units that fit and are not on the case, by code: those matched, then the township of the place."""
    match, township = at.case["match"], at.rules.directory.territorial(place_of(at.case))
    found = {item["unit"]["code"]: item["unit"]["name"] for item in match["candidates"]}
    found |= {unit["code"]: unit["name"] for unit in match["assists"]}
    if township is not None:
        found.setdefault(township.code, township.name)
    busy = _busy(at)
    return {code: name for code, name in found.items() if code not in busy}


def _offered(units: dict[str, str], *, several: bool = False) -> dict[str, Any]:
    codes = list(units)
    found: dict[str, Any] = {"options": codes, "labels": units}
    if codes:
        found["value"] = codes[:1] if several else codes[0]
    return found


def _free_units(at: Situation) -> dict[str, Any]:
    return _offered(_proposed(at))


def _callable_units(at: Situation) -> dict[str, Any]:
    own = _township(at)
    return _offered({code: name for code, name in _proposed(at).items() if code != own}, several=True)


def _lower_units(at: Situation) -> dict[str, str]:
    lead, busy = lead_of(at.case), _busy(at)
    if lead is None:
        return {}
    return {unit.code: unit.name for unit in at.rules.directory.units_below(lead) if unit.code not in busy}


def _own_lower_units(at: Situation) -> dict[str, Any]:
    return _offered(_lower_units(at))


SOURCES: dict[str, Source] = {
    "free_units": _free_units,
    "callable_units": _callable_units,
    "lower_units": _own_lower_units,
}


def _township(at: Situation) -> str | None:
    found = at.rules.directory.territorial(place_of(at.case))
    return None if found is None else found.code


# -- effects


def _given(step: Step, *tasks: dict[str, Any]) -> None:
    follow_tasks(step)
    step.data.update(tasks=[task["id"] for task in tasks], units=[task["unit"]["code"] for task in tasks])


def _add_unit(step: Step) -> None:
    fields = step.fields
    kind, more = fields["kind"], {"note": fields.get("note"), "by": step.actor.id}
    if kind == "joint":
        more["coordinator"] = _coordinator(step)
    task = give_part(step, kind, fields["unit"], fields.get("limit") or assist_limit(_lead_limit(step)), **more)
    _given(step, task)
    step.data["kind"] = kind


def _coordinator(step: Step) -> str | None:
    """Who was named, else the township of the place, unless it has the part itself or leads already."""
    fields, township = step.fields, _township(step.situation())
    if named := fields.get("coordinator"):
        return str(named["code"])
    return township if township not in (fields["unit"]["code"], lead_of(step.case)) else None


def _lead_limit(step: Step) -> Limit:
    lead = next((task for task in reversed(step.case["tasks"]) if task["kind"] == "lead"), None)
    return Limit.parse(lead["limit"]) if lead and lead.get("limit") else step.rules.case_limit(step.case)


def _subdispatch(step: Step) -> None:
    """Inside the lead's tree: due with the case where no shorter limit is set. The lead goes on answering for the case."""
    fields, last = step.fields, case_due(step.case)
    more = {"note": fields.get("note"), "by": step.actor.id}
    limit = fields.get("limit") or _lead_limit(step)
    if "limit" in fields or last is None:
        _given(step, give_part(step, "sub", fields["unit"], limit, **more))
    else:
        _given(step, give_task(step, "sub", fields["unit"], limit, last, **more, with_case=True))


def _ask_unit(step: Step) -> None:
    if unit := step.fields.get("unit"):
        step.data["unit"] = unit["code"]


def _blow_whistle(step: Step) -> None:
    """Both sides are on record: who called and when, who came and when."""
    fields, caller = step.fields, _township(step.situation())
    limit = step.rules.node_limit(step.case, "whistle_arrive") or WHISTLE_LIMIT
    more = {"note": fields["reason"], "place": fields["place"], "by": step.actor.id, "caller": caller, "called_at": step.now}
    dues = [(unit, unit_due(step, unit["code"], limit)) for unit in fields["units"]]
    _given(step, *[give_task(step, "whistle", unit, limit, due, **more, arrived_at=None) for unit, due in dues])


def _arrive(step: Step) -> None:
    task, position = task_now(step), step.fields.get("position")
    task["arrived_at"], task["late"] = step.fields["at"], step.fields["at"] >= task["due_at"]
    _signed(step, task)
    step.data.update(arrived_at=task["arrived_at"], late=task["late"])
    if position is not None:
        step.data["position"] = [position["lon"], position["lat"], position["crs"]]


def _signed(step: Step, task: dict[str, Any]) -> None:
    task["state"], task["signed_at"] = "signed", task["signed_at"] or step.now
    step.data.update(task=task["id"], unit=task["unit"]["code"])


def _move_part(step: Step) -> None:
    """The task goes to the row's next state; what was handed in stays on it."""
    task, fields = task_now(step), step.fields
    if step.next_state == "signed":
        _signed(step, task)
        return
    if step.next_state == "submitted":
        hand_in(task, step.now, None if task["kind"] == "whistle" else task.get("due_at"))
        task["result"] = {"note": fields["note"], "photos": fields.get("photos", []), "at": step.now}
        step.data["late"] = task.get("late", False)
        if fields.get("photos"):
            step.data["photos"] = fields["photos"]
    else:
        task["state"] = step.next_state
        if step.next_state == "waived":
            task["waived_because"] = fields["reason"]
    _left(step, task)


def _left(step: Step, task: dict[str, Any]) -> None:
    party = "organization" if task["unit"] is None else "unit"
    step.data |= {"task": task["id"], party: task[party]["code"]}
    follow_tasks(step)
    go_on_in_order(step)


def _withdraw_task(step: Step) -> None:
    task = task_now(step)
    task["state"] = "withdrawn"
    stop_invitation(step, task)
    _left(step, task)


CHOOSERS: dict[str, Chooser] = {}
EFFECTS: dict[str, Effect] = {
    "add_unit": _add_unit,
    "subdispatch": _subdispatch,
    "ask_unit": _ask_unit,
    "blow_whistle": _blow_whistle,
    "arrive": _arrive,
    "move_part": _move_part,
    "withdraw_task": _withdraw_task,
}
