"""After a change of the calendar: the due times of a case counted anew, with all that hangs on them (domain.md §3.3 rule 9).

A clock that was moved keeps what its due time was before (`recomputed`), so that it can be explained.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dispatch.agreements import Check
from dispatch.conditions import Condition, Source
from dispatch.effects import Chooser, Effect
from dispatch.guards import Guard
from dispatch.recounting import MovedDue, counted_again, counting, moved_dues
from dispatch.shifting import move_to
from dispatch.situation import Situation
from dispatch.step import Step
from dispatch.timed import TimedDue, timed_dues

__all__ = ["CHECKS", "CHOOSERS", "CONDITIONS", "EFFECTS", "FORBIDDING", "GUARDS", "SOURCES"]

Instants = dict[datetime, datetime]


def _dues_differ(at: Situation) -> bool:
    return bool(moved_dues(at.case, at.rules))


def _recompute(step: Step) -> None:
    """Pauses, extensions and returns hold on. The entry says what the first of the due times was: the case's, where it moved."""
    moved = sorted(moved_dues(step.case, step.rules), key=lambda one: one.clock != "case")
    instants = _move_clocks(step)
    _move_tasks(step, moved)
    _follow(step, instants)
    _move_timed(step)
    step.data.update(clocks=[one.clock for one in moved], before=moved[0].before, due_at=moved[0].due_at, run=step.fields["run"])


def _move_clocks(step: Step) -> dict[str, Instants]:
    """Return by kind of clock what each due time that it ever had is now."""
    instants: dict[str, Instants] = {}
    step.edit("clocks")
    for clock in counting(step.case):
        fresh, known = counted_again(clock, step.rules)
        before, due = clock["due_at"], fresh["due_at"]
        if due != before:
            clock.update(fresh, due_at=before, recomputed={"at": step.now, "before": before})
            move_to(clock, due, step.now, step.rules)
            instants[clock["kind"]] = known
    return instants


def _move_tasks(step: Step, moved: list[MovedDue]) -> None:
    dues = {one.task: one.due_at for one in moved if one.task is not None}
    if dues:
        for task in step.edit("tasks"):
            if task["id"] in dues:
                task["due_at"] = dues[task["id"]]


def _follow(step: Step, instants: dict[str, Instants]) -> None:
    """What is to happen at a due time, or was put down with it, goes with it."""
    case_dues, facts = instants.get("case", {}), step.case["facts"]
    if facts.get("first_due_at") in case_dues:
        step.facts["first_due_at"] = case_dues[facts["first_due_at"]]
    for request in step.case["requests"]:
        if request["state"] == "pending":
            _follow_timer(step, f"escalate:{request['id']}", instants.get(f"decide_{request['kind']}", {}))
            _follow_record(step, "requests", request, instants.get(f"decide_{request['kind']}", {}))
    for demand in step.case.get("supervisions") or ():
        if demand["answered_at"] is None:
            _follow_record(step, "supervisions", demand, instants.get("supervise", {}))


def _move_timed(step: Step) -> None:
    """A timer that has run out too early is set again; what it brought about stands."""
    for due in timed_dues(step.case, step.rules.calendar):
        if due.due_at == due.given:
            continue
        if due.field:
            _put_down(step, due)
        if _timer(step, due.timer) is not None or (due.again and due.due_at > step.now):
            subject = "case" if due.item is None else "request"
            step.set_timer(due.timer, due.due_at, due.action, subject=subject, item=due.item)


def _put_down(step: Step, due: TimedDue) -> None:
    part = step.edit(due.part)
    record = part if due.item is None else next(one for one in part if one["id"] == due.item)
    record[due.field] = due.due_at
    if record.get("late"):
        record["late"] = due.due_at <= step.now


def _timer(step: Step, name: str) -> dict[str, Any] | None:
    return next((one for one in step.case.get("timers") or () if one["name"] == name), None)


def _follow_timer(step: Step, name: str, dues: Instants) -> None:
    timer = _timer(step, name)
    if timer is not None and timer["at"] in dues:
        step.set_timer(name, dues[timer["at"]], timer["action"], subject=timer["subject"], item=timer["item"])


def _follow_record(step: Step, part: str, record: dict[str, Any], dues: Instants) -> None:
    if record.get("due_at") in dues:
        changed = next(one for one in step.edit(part) if one["id"] == record["id"])
        changed["due_at"] = dues[record["due_at"]]


GUARDS: dict[str, Guard] = {"dues_differ": _dues_differ}
FORBIDDING: frozenset[str] = frozenset()
CHECKS: dict[str, Check] = {}
CONDITIONS: dict[str, Condition] = {}
SOURCES: dict[str, Source] = {}
CHOOSERS: dict[str, Chooser] = {}
EFFECTS: dict[str, Effect] = {"recompute": _recompute}
