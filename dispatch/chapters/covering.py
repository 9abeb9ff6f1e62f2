"""A unit that inspected on site hands in for others too: nobody inspects twice what was seen once (domain.md §2.5).

The covered tasks are handed in with a reference to the result that covers them. Their units are told, and each may object until
the lead submits: then it has its task back. When the result itself is rejected, what it covered falls with it.
"""

from __future__ import annotations

from typing import Any

from dispatch.agreements import Check
from dispatch.conditions import Condition, Source
from dispatch.effects import Chooser, Effect
from dispatch.guards import Guard
from dispatch.recounting import LEAST_LEFT
from dispatch.situation import Case, Situation
from dispatch.step import Step
from dispatch.tasks import Task, follow_tasks, go_on_in_order, hand_in, task_now, unit_due
from storage.errors import FieldError

__all__ = ["CHECKS", "CHOOSERS", "CONDITIONS", "EFFECTS", "FORBIDDING", "GUARDS", "SOURCES", "covered_by"]

COVERABLE = ("assist", "joint", "sub")  # whoever was called on site comes there
_AT_WORK = ("pending", "signed")


def covered_by(case: Case, task_id: str) -> list[Task]:
    """Return the tasks whose last result refers to that of another task."""
    return [task for task in case["tasks"] if (task.get("result") or {}).get("covered_by") == task_id]


def _coverable(at: Situation) -> list[Task]:
    own = None if at.item is None else at.item["id"]
    return [
        task for task in at.case["tasks"] if task["kind"] in COVERABLE and task["state"] in _AT_WORK and task["id"] != own
    ]  # fmt: skip


def _others_at_work(at: Situation) -> bool:
    return at.item is not None and at.item["kind"] in COVERABLE and bool(_coverable(at))


def _coverable_units(at: Situation) -> dict[str, Any]:
    units = [task["unit"] for task in _coverable(at)]
    labels = {unit["code"]: unit["name"] for unit in units}
    return {"options": list(labels), "labels": labels, "closed": True}  # of these only, no other is searched for


def _covers_fit(at: Situation, values: dict[str, Any]) -> FieldError | None:
    wanted = {unit["code"] for unit in values.get("covers", ())}
    if wanted <= {task["unit"]["code"] for task in _coverable(at)}:
        return None
    return FieldError(field="covers", code="choice", message="other units that work on a part of this case now")


def _is_covered(at: Situation) -> bool:
    return at.item is not None and "covered_by" in (at.item.get("result") or {})


def _cover_others(step: Step) -> None:
    if wanted := step.fields.get("covers"):
        step.then("cover", {"covers": [unit["code"] for unit in wanted]})


def _cover(step: Step) -> None:
    """The others' tasks are handed in as of now, by their own due time in time or late."""
    covering, wanted = task_now(step), set(step.fields["covers"])
    covered = [task for task in _coverable(step.situation()) if task["unit"]["code"] in wanted]
    said = {"note": covering["result"]["note"], "photos": [], "at": step.now}
    for task in covered:
        hand_in(task, step.now, task.get("due_at"))
        task["result"] = {**said, "covered_by": covering["id"], "covered_unit": covering["unit"]["code"]}
    follow_tasks(step)
    go_on_in_order(step)
    step.data.update(
        task=covering["id"], unit=covering["unit"]["code"], tasks=[task["id"] for task in covered],
        units=[task["unit"]["code"] for task in covered],
    )  # fmt: skip


def _object_cover(step: Step) -> None:
    """The unit has its task back, with time to do it."""
    task = task_now(step)
    step.data.update(task=task["id"], unit=task["unit"]["code"], covered_by=task["result"]["covered_by"])
    _give_back(step, task)


def _uncover(step: Step) -> None:
    """What was rejected covers nothing."""
    assert step.item is not None  # noqa: S101  # rows of tasks always come with one
    fallen = [task for task in covered_by(step.case, step.item["id"]) if task["state"] == "submitted"]
    if not fallen:
        return
    wanted = {task["id"] for task in fallen}
    for task in step.edit("tasks"):
        if task["id"] in wanted:
            _give_back(step, task)
    step.data["uncovered"] = sorted(wanted)


def _give_back(step: Step, task: Task) -> None:
    task["state"], task["signed_at"] = "signed", task["signed_at"] or step.now
    task["back_at"], task["due_at"] = step.now, max(task["due_at"], unit_due(step, task["unit"]["code"], LEAST_LEFT))


GUARDS: dict[str, Guard] = {"is_covered": _is_covered}
FORBIDDING: frozenset[str] = frozenset()
CHECKS: dict[str, Check] = {"covers_fit": _covers_fit}
CONDITIONS: dict[str, Condition] = {"others_at_work": _others_at_work}
SOURCES: dict[str, Source] = {"coverable_units": _coverable_units}
CHOOSERS: dict[str, Chooser] = {}
EFFECTS: dict[str, Effect] = {
    "cover_others": _cover_others,
    "cover": _cover,
    "object_cover": _object_cover,
    "uncover": _uncover,
}
