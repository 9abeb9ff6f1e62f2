"""挂账: a case that cannot be solved in time for reasons outside the unit stands still, with a plan, proof and progress."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from dispatch.agreements import Check
from dispatch.asking import ask, await_decision, drop_requests, pending, remember_handler, request_now
from dispatch.clocks import Limit, counted
from dispatch.clockwork import running
from dispatch.conditions import Condition, Source
from dispatch.effects import Chooser, Effect
from dispatch.guards import Guard
from dispatch.shifting import go_on, is_paused, later, pause
from dispatch.situation import Situation, holds_lead, in_area, lead_of
from dispatch.step import Step
from dispatch.tasks import case_due, is_open
from storage.errors import FieldError

__all__ = ["CHECKS", "CHOOSERS", "CONDITIONS", "EFFECTS", "FORBIDDING", "GUARDS", "SOURCES", "suspension_decided"]

USUAL_DAYS = 30  # proposed to who fills the form
_STANDS_STILL = frozenset({"case", "contact"})


def _no_pending_suspension(at: Situation) -> bool:
    return pending(at.case, "suspension") is None


def _awaits_signature(at: Situation) -> bool:
    return at.item is not None and at.item["kind"] == "suspension" and at.item["signed_by"] is None


def _lead_or_supervisor(at: Situation) -> bool:
    if at.actor.role == "supervisor":
        return in_area(at.case, at.actor)
    return at.actor.role == "system" or holds_lead(at.case, at.actor)


def _planned_in_bounds(at: Situation, values: dict[str, Any]) -> FieldError | None:
    days = at.rules.bounds.suspension_days
    if at.now < values["planned_at"] <= at.now + timedelta(days=days):
        return None
    return FieldError(field="planned_at", code="range", message=f"after now, within {days} days")


def _planned_date(at: Situation) -> dict[str, Any]:
    planned = at.now + timedelta(days=min(USUAL_DAYS, at.rules.bounds.suspension_days))
    return {"value": planned.isoformat(timespec="milliseconds").replace("+00:00", "Z")}


def _request_suspension(step: Step) -> None:
    """The clerk's request waits for the signature of the unit's leader; asked by the leader it is signed."""
    fields = step.fields
    request = ask(
        step, "suspension", decider="supervisor", unit=lead_of(step.case), reason=fields["reason"], plan=fields["plan"],
        planned_at=fields["planned_at"], photos=fields["photos"], told=fields.get("told"), signed_by=None,
    )  # fmt: skip
    step.data.update(reason=fields["reason"], planned_at=fields["planned_at"], photos=fields["photos"])
    if step.actor.role == "unit_leader":
        _sign(step, request)


def _sign_request(step: Step) -> None:
    request = request_now(step)
    _sign(step, request)
    remember_handler(step)
    step.data.update(request=request["id"], kind=request["kind"])


def _sign(step: Step, request: dict[str, Any]) -> None:
    request["signed_by"] = step.actor.id
    await_decision(step, request)


def suspension_decided(step: Step, request: dict[str, Any], approved: bool) -> None:
    """The clock stands still until the case goes on; the unit reports its progress, the planned date ends it by itself."""
    if not approved:
        return
    drop_requests(step)
    for clock in running(step.clocks):
        if clock["kind"] in _STANDS_STILL:
            pause(clock, step.now, step.rules)
    step.start_clock("suspended_progress")
    step.set_timer("resume", request["planned_at"], "resume")
    step.data["planned_at"] = request["planned_at"]
    step.next_state = "suspended"


def _progress_of_suspended(step: Step) -> None:
    """Each progress is good for a month (domain.md T28)."""
    if step.case["live"]["state"] == "suspended":
        step.stop_clocks("suspended_progress")
        step.start_clock("suspended_progress")


def _resume(step: Step) -> None:
    """All that stood still has the time again that it had left; what other units were given is put off as long as the case."""
    step.stop_clocks("suspended_progress")
    step.stop_timer("resume")
    for clock in step.clocks:
        if is_paused(clock):
            since = clock["paused_at"]
            go_on(clock, step.now, step.rules)
            if clock["kind"] == "case":
                _put_off_tasks(step, since)


def _put_off_tasks(step: Step, since: datetime) -> None:
    """By the time that each would have had meanwhile, as its own limit and its unit's hours count; never past the case."""
    last = case_due(step.case)
    for task in step.edit("tasks"):
        if is_open(task) and task.get("due_at") is not None:
            limit, hours = Limit.parse(task["limit"]), step.rules.unit_hours(task["unit"]["code"])
            stood = counted(since, step.now, limit, step.rules.calendar, hours)
            due = later(task["due_at"], stood, limit, step.rules, hours)
            task["due_at"] = due if last is None else min(due, max(last, task["due_at"]))


GUARDS: dict[str, Guard] = {
    "no_pending_suspension": _no_pending_suspension,
    "awaits_signature": _awaits_signature,
    "lead_or_supervisor": _lead_or_supervisor,
}
FORBIDDING: frozenset[str] = frozenset({"lead_or_supervisor"})
CHECKS: dict[str, Check] = {"planned_in_bounds": _planned_in_bounds}
CONDITIONS: dict[str, Condition] = {}
SOURCES: dict[str, Source] = {"planned_date": _planned_date}
CHOOSERS: dict[str, Chooser] = {}
EFFECTS: dict[str, Effect] = {
    "request_suspension": _request_suspension,
    "sign_request": _sign_request,
    "progress_of_suspended": _progress_of_suspended,
    "resume": _resume,
}
