"""Tasks of a case: what each unit and organization was given, until when, and what came of it (domain.md §2.4b, §2.5).

Every task has `id`, `kind`, `state` and `entry`, the number of the timeline entry that gave it. Those of units (`lead`,
`assist`, `joint`, `sub`, `whistle`) have `unit`, `limit` and `due_at`, and when handed in `result` and `late`; those of
organizations (`org`) have `organization`, `places` and `expires_at` instead, and `unit` is None.

Parts of a 一件事 have a `step`. One whose turn has not come is `waiting`: it is nobody's yet, so it has no `dispatched_at` and no
`due_at`, its unit is told nothing and does not see the case.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from dispatch.clocks import Limit
from dispatch.needs import close_needs, follow_needs
from dispatch.recounting import WITH_UNIT, task_due
from dispatch.shifting import case_clock
from dispatch.situation import GONE, NOT_THERE, UNDONE, Case
from dispatch.step import Step
from dispatch.wanted import TAKEN

__all__ = [
    "HELPING", "TAKEN", "Task", "add_claim", "ask_organization", "assist_limit", "awaited_by", "begin_part", "case_due",
    "end_tasks", "follow_case", "follow_tasks", "give_part", "give_task", "go_on_in_order", "hand_in", "hold_part", "is_open",
    "stop_invitation", "task_now", "unit_due",
]  # fmt: skip

Task = dict[str, Any]

ASSIST_PERCENT = 60  # of the lead's limit (domain.md §2.5)
_LEAST = {"wd": Limit(4, "wh"), "d": Limit(14, "h"), "wh": Limit(1, "wh"), "h": Limit(36, "m"), "m": Limit(1, "m")}
_OPEN = UNDONE | {"submitted", "invited", "claimed", "serving"}
HELPING = TAKEN | {"invited"}  # an organization may see the case


def is_open(task: Task) -> bool:
    """Tell whether something is still to be done about the task."""
    return task["state"] in _OPEN


def assist_limit(limit: Limit) -> Limit:
    """Return the limit of a part of a lead's task where none was named: at most 60 % of the lead's, in whole units.

    >>> [str(assist_limit(Limit.parse(cell))) for cell in ("10wd", "2wd", "1wd", "4wh", "24h", "2h", "1h")]
    ['6wd', '1wd', '4wh', '2wh', '14h', '1h', '36m']
    """
    whole = limit.amount * ASSIST_PERCENT // 100
    return Limit(whole, limit.unit) if whole else _LEAST[limit.unit]


def case_due(case: Case) -> datetime | None:
    """Return until when the lead must be done, None before the first dispatch."""
    clock = case_clock(case["clocks"])
    return None if clock is None else clock["due_at"]


def _part_due(step: Step, unit: str, limit: Limit) -> datetime:
    """When a unit must be done with a part: by its own working hours, never later than the case while that has time left."""
    due, last = unit_due(step, unit, limit), case_due(step.case)
    return due if last is None or last <= step.now else min(due, last)


def unit_due(step: Step, unit: str, limit: Limit) -> datetime:
    """Return when a limit that begins now is over by the unit's own working hours."""
    due: datetime = step.rules.clock("task", limit, step.now, hours=step.rules.unit_hours(unit))["due_at"]
    return due


def follow_case(step: Step) -> None:
    """The case has another limit from now on: the lead's task has it too, all others stay within what the case has."""
    clock = case_clock(step.case["clocks"])
    for task in step.edit("tasks"):
        if task["state"] in WITH_UNIT and task["unit"] and clock is not None:
            if task["kind"] == "lead":
                task["limit"] = clock["limit"]
            task["due_at"] = task_due(task, step.case["clocks"], step.rules)


def give_task(step: Step, kind: str, unit: dict[str, str], limit: Limit, due: datetime, /, **more: Any) -> Task:
    """Put down a task of a unit; `more` are parts that tasks of this kind have besides."""
    tasks = step.edit("tasks")
    task = {
        "id": f"t{len(tasks) + 1}", "kind": kind, "unit": unit, "state": "pending", "entry": _entry(step),
        "dispatched_at": step.now, "limit": str(limit), "due_at": due, "signed_at": None, "submitted_at": None, **more,
    }  # fmt: skip
    tasks.append(task)
    return task


def give_part(step: Step, kind: str, unit: dict[str, str], limit: Limit, /, **more: Any) -> Task:
    """Put down a task beside the lead's, due by its own limit within the case's."""
    return give_task(step, kind, unit, limit, _part_due(step, unit["code"], limit), **more)


def hold_part(step: Step, kind: str, unit: dict[str, str], limit: Limit, /, **more: Any) -> Task:
    """Put down a part whose turn comes when those that it waits for are done; its limit begins then."""
    tasks = step.edit("tasks")
    task = {
        "id": f"t{len(tasks) + 1}", "kind": kind, "unit": unit, "state": "waiting", "entry": _entry(step), "dispatched_at": None,
        "limit": str(limit), "due_at": None, "signed_at": None, "submitted_at": None, **more,
    }  # fmt: skip
    tasks.append(task)
    return task


def begin_part(step: Step, task: Task) -> None:
    """The turn of a waiting part has come: it is given as by the entry that is being made."""
    task["state"], task["entry"], task["dispatched_at"] = "pending", _entry(step), step.now
    task["due_at"] = _part_due(step, task["unit"]["code"], Limit.parse(task["limit"]))


def awaited_by(case: Case, task: Task) -> list[Task]:
    """Return what a waiting part waits for: the undone parts of lower steps. When there is nothing, its turn has come."""
    if task["state"] != "waiting":
        return []
    return [other for other in case["tasks"] if other.get("step", task["step"]) < task["step"] and other["state"] in UNDONE]


def go_on_in_order(step: Step) -> None:
    """A part is done or was lifted: whatever waited for it alone begins, in an entry of its own."""
    if any(task["state"] == "waiting" and not awaited_by(step.case, task) for task in step.case["tasks"]):
        step.then("begin_parts", {})


def ask_organization(
    step: Step, organization: dict[str, Any], places: int, note: str | None = None, need: str | None = None
) -> Task:
    """Invite an organization: one of so many places among all that are invited by the same entry, or for a need of those that it
    has. It runs out by a timer."""
    task = _add_help(step, organization, "invited", places, need)
    task["note"] = note
    limit = step.rules.node_limit(step.case, "invitation")
    if limit is not None:
        task["expires_at"] = step.rules.clock("invitation", limit, step.now)["due_at"]
        step.set_timer(_invitation(task), task["expires_at"], "task_expire", subject="task", item=task["id"])
    return task


def add_claim(step: Step, organization: dict[str, Any], need: dict[str, Any]) -> Task:
    """Give an organization that came by itself a place in a need."""
    return _add_help(step, organization, "claimed", need["places"], need["id"])


def _add_help(step: Step, organization: dict[str, Any], state: str, places: int, need: str | None) -> Task:
    tasks = step.edit("tasks")
    task: Task = {
        "id": f"t{len(tasks) + 1}", "kind": "org", "unit": None, "state": state, "entry": _entry(step),
        "organization": {"code": organization["code"], "name": organization["name"]},
        "dispatched_at": step.now, "places": places, "expires_at": None, "note": None,
    }  # fmt: skip
    if need is not None:
        task["need"] = need
    tasks.append(task)
    _mark(step, organization)
    return task


def _entry(step: Step) -> int:
    """The number of the timeline entry that is being made."""
    number: int = step.case["head"]["seq"] + 1
    return number


def _invitation(task: Task) -> str:
    return f"invitation:{task['id']}"


def _mark(step: Step, organization: dict[str, Any]) -> None:
    """Those that were not proposed are put down without a distance; `follow_tasks` writes the state."""
    organizations = step.edit("organizations")
    if all(item["code"] != organization["code"] for item in organizations):
        organizations.append({"distance_m": None, "score": None, "reason": "受邀请", **organization, "task_state": None})


def stop_invitation(step: Step, task: Task) -> None:
    """An answer has come: nothing runs out any more."""
    if task["kind"] == "org":
        step.stop_timer(_invitation(task))


def task_now(step: Step) -> Task:
    """Return the task that the step is about, to be changed."""
    assert step.item is not None  # noqa: S101  # rows of tasks always come with one
    wanted = step.item["id"]
    found: Task = next(item for item in step.edit("tasks") if item["id"] == wanted)
    return found


def hand_in(task: Task, now: datetime, due: datetime | None) -> None:
    """The unit has submitted: at the due instant itself it is late."""
    task["state"], task["submitted_at"] = "submitted", now
    if due is not None:
        task["late"] = now >= due


def end_tasks(step: Step, *, done: bool) -> None:
    """Leave no task open, nor any need: the case has come to its end or goes back. What was handed in counts when the case is
    `done`."""
    close_needs(step)
    if any(is_open(task) for task in step.case["tasks"]):
        _end_open(step, done=done)
        _follow_organizations(step)
    follow_needs(step)


def _end_open(step: Step, *, done: bool) -> None:
    for task in step.edit("tasks"):
        if is_open(task):
            counts = done and task["state"] == "submitted"
            task["state"] = ("confirmed" if task["kind"] == "org" else "accepted") if counts else "withdrawn"
            if task["state"] == "confirmed":
                task["confirmation"] = {"rating": None, "thanks": None, "role": step.actor.role, "at": step.now}
                task["opinions"] = {}
            stop_invitation(step, task)


def follow_tasks(step: Step) -> None:
    """Bring into line what is derived from the tasks: who sees the case, the mark of each organization, what is still needed."""
    step.live["units"] = _units_now(step.case["tasks"])
    _follow_organizations(step)
    follow_needs(step)


def _follow_organizations(step: Step) -> None:
    states = {task["organization"]["code"]: task["state"] for task in step.case["tasks"] if task["kind"] == "org"}
    if not states:
        return
    organizations = step.edit("organizations")
    for item in organizations:
        item["task_state"] = states.get(item["code"], item["task_state"])
    step.live["orgs"] = [item["code"] for item in organizations if item["task_state"] in HELPING]


def _units_now(tasks: Iterable[Task]) -> list[str]:
    """Units with a task, and those to whom they answer or will answer: who called for them, who coordinates."""
    present = [task for task in tasks if task["unit"] and task["state"] not in GONE]
    codes = [task["unit"]["code"] for task in present if task["state"] not in NOT_THERE]
    codes += [code for task in present for code in (task.get("caller"), task.get("coordinator")) if code]
    return list(dict.fromkeys(codes))
