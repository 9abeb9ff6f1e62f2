"""Effects of the transition table from the work on a case to its end: contact, result, check, visit, closure, rating."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from dispatch.asking import drop_requests
from dispatch.clocks import Limit, LimitChoice, due_at
from dispatch.rules import REDO_LIMIT
from dispatch.shifting import stay_stopped
from dispatch.situation import PARTS, holds_lead, lead_of, undone_parts
from dispatch.step import Step
from dispatch.tasks import case_due, end_tasks, follow_tasks, hand_in, unit_due

__all__ = ["OUTCOMES", "archive_later"]

ARCHIVE_AFTER = Limit(15, "d")  # domain.md T47
REWORK_SHARE = 0.5  # domain.md T38: half the original limit, at least 4 wh


def _contact(step: Step) -> None:
    fields, facts = step.fields, step.facts
    facts["tries"] += 1
    if fields["result"] == "reached" and not facts["reached"]:
        facts["reached"] = step.data["first"] = True
    if facts["reached"] or facts["tries"] >= 3:
        step.stop_clocks("contact")
    step.data.update(way=fields["way"], result=fields["result"], when=fields["at"])
    _remember_lead(step)


def _progress(step: Step) -> None:
    step.public = bool(step.fields.get("public"))
    _photos(step)
    _remember_lead(step)


def _remember_lead(step: Step) -> None:
    """Whoever works on the case for the lead unit may not judge it later, whatever other post they hold (domain.md §2.2)."""
    if holds_lead(step.case, step.actor):
        _remember_handler(step)


def _photos(step: Step) -> None:
    if photos := step.fields.get("photos"):
        step.data["photos"] = photos


def _sign_off(step: Step) -> None:
    step.facts["signed_off"] = step.actor.id
    _remember_handler(step)


def _remember_handler(step: Step) -> None:
    handlers = step.facts["handlers"]
    if step.actor.id not in handlers:
        handlers.append(step.actor.id)


def _lead_task(step: Step) -> dict[str, Any]:
    return next(task for task in reversed(step.edit("tasks")) if task["kind"] == "lead")


def _submit_result(step: Step) -> None:
    fields = step.fields
    step.set(
        "result",
        {
            "kind": fields["result"],
            "handling": fields["handling"],
            "public_reply": fields["public_reply"],
            "unsolved_reason": fields.get("unsolved_reason"),
            "photos": fields.get("photos", []),
            "unit": lead_of(step.case),
            "at": step.now,
        },
    )
    step.set("outcome", fields["result"])
    task = _lead_task(step)
    hand_in(task, step.now, _lead_due(step, task))
    for other in undone_parts(step.case):
        other["state"], other["waived_because"] = "waived", fields["waive_reason"]
    _accept_parts(step)
    _remember_handler(step)
    if step.actor.role == "unit_leader":
        step.facts["signed_off"] = step.actor.id
    step.stop_clocks("case", "contact", "sign_in")
    step.start_clock("review")
    step.data["result"] = fields["result"]
    _photos(step)


def _lead_due(step: Step, task: dict[str, Any]) -> datetime | None:
    """A lead is late when its own time and the case's are over: returns leave it the one, extensions move the other."""
    return max((due for due in (task.get("due_at"), case_due(step.case)) if due is not None), default=None)


def _accept_parts(step: Step) -> None:
    """The result stands on what the other units have handed in."""
    for task in step.edit("tasks"):
        if task["kind"] in PARTS and task["state"] == "submitted":
            task["state"] = "accepted"
    follow_tasks(step)


def _reviewed(step: Step) -> None:
    step.stop_clocks("review")
    _accept_lead(step)
    following = {"checking": "check", "visiting": "visit"}.get(step.next_state or "")
    if following:
        step.start_clock(following)


def _accept_lead(step: Step) -> None:
    _lead_task(step)["state"] = "accepted"


def _back_to_work(step: Step) -> None:
    """The unit goes on under the old due time: the clock had only been stopped by the submission."""
    _resume(step)
    step.stop_clocks("review")
    step.data["defect"] = step.fields["defect"]


def _resume(step: Step) -> None:
    task = _lead_task(step)
    task["state"], task["submitted_at"] = "signed", None
    step.facts["signed_off"] = None
    clock = next(clock for clock in reversed(step.clocks) if clock["kind"] == "case")
    clock["done_at"] = None


def _rework(step: Step) -> None:
    step.facts["rework"] += 1
    step.stop_clocks("check")
    _fresh_case_clock(step, LimitChoice(_case_limit(step).scaled(REWORK_SHARE), "rework"))
    step.data["defect"] = step.fields["defect"]
    _evidence(step)


def _case_limit(step: Step) -> Limit:
    first = next(clock for clock in step.case["clocks"] if clock["kind"] == "case")
    return Limit.parse(first["limit"])


def _fresh_case_clock(step: Step, choice: LimitChoice) -> None:
    """Work begins again under a limit of its own, the unit's too; the first clock keeps its record."""
    task = _lead_task(step)
    task["state"], task["submitted_at"] = "signed", None
    step.facts["signed_off"] = None
    clock = step.rules.case_clock(choice, step.now)
    step.clocks.append(clock)
    task["limit"], task["due_at"] = clock["limit"], unit_due(step, task["unit"]["code"], choice.limit)


def _evidence(step: Step) -> None:
    _photos(step)
    position = step.fields.get("position")
    if position is not None:
        step.data["position"] = [position["lon"], position["lat"], position["crs"]]


def _checked(step: Step) -> None:
    step.stop_clocks("check")
    step.facts["passed_by"] = step.actor.id
    if step.next_state == "visiting":
        step.start_clock("visit")
    _evidence(step)


def _close_when_closed(step: Step) -> None:
    if step.next_state == "closed":
        _close(step)


def _visited(step: Step) -> None:
    fields = step.fields
    visit = {"contacted": fields["contacted"], "solved": fields["solved"], "satisfaction": fields["satisfaction"]}
    step.set("visit", {**visit, "at": step.now})
    step.stop_clocks("visit")
    step.data.update(visit)


def _visit_try(step: Step) -> None:
    tries = step.facts.setdefault("visit_tries", [])
    tries.append(step.now)
    step.data.update(way=step.fields["way"], count=len(tries))


def _redo(step: Step) -> None:
    step.facts["redo"] += 1
    step.facts["visit_tries"] = []
    if step.case.get("visit_answer") is not None:
        step.set("visit_answer", None)
    step.stop_clocks("visit")
    limit = min(_case_limit(step), REDO_LIMIT, key=lambda item: item.nominal_minutes)
    _fresh_case_clock(step, LimitChoice(limit, "redo"))
    step.data["reason"] = step.fields["reason"]


def _end(step: Step, outcome: str | None, *, done: bool = False) -> None:
    """Nothing runs and nothing is asked of anybody any more; when `done`, what units and organizations handed in counts."""
    step.set("closed_at", step.now)
    step.set("outcome", outcome)
    drop_requests(step)
    for clock in step.clocks:
        stay_stopped(clock)
    step.stop_clocks()
    end_tasks(step, done=done)
    step.stop_timers()
    step.live["open"] = False
    archive_later(step)


def _end_elsewhere(step: Step) -> None:
    """Others have the matter now."""
    _end(step, "transferred")


def _close(step: Step) -> None:
    _end(step, step.case["outcome"] or "resolved", done=True)


def archive_later(step: Step, since: datetime | None = None) -> None:
    """Have the system archive the case when it has rested long enough since an instant (None: now; domain.md T47), never
    earlier than was set before."""
    limit = step.rules.node_limit(step.case, "archive") or ARCHIVE_AFTER
    at = [due_at(since or step.now, limit, step.rules.calendar)]
    at += [timer["at"] for timer in step.case.get("timers") or () if timer["name"] == "archive"]
    step.set_timer("archive", max(at), "archive")


def _stop(step: Step) -> None:
    _end(step, "not_found" if step.fields["reason"] == "untrue" else None)
    step.stop_timers()  # not even archived: `cancelled` is the last there is
    step.data["reason"] = step.fields["reason"]


def _answer(step: Step) -> None:
    step.set("result", {"kind": "explained", "public_reply": step.fields["answer"], "at": step.now, "unit": None, "photos": []})
    _end(step, "explained")


def _refuse(step: Step) -> None:
    fields = step.fields
    step.set("refusal", {"reason": fields["reason"], "next_door": fields["next_door"], "reply": fields["reply"]})
    _end(step, "refused")
    step.data["reason"] = fields["reason"]


def _merge(step: Step) -> None:
    """The service changes the main case in the same transaction."""
    step.set("merged_into", step.fields["main"])
    _end(step, "duplicate")
    step.data["main"] = step.fields["main"]
    if step.fields.get("confirm"):
        step.data["confirmed"] = True


def _light(step: Step) -> None:
    clock = step.clocks[step.fields["clock"]]
    clock["light"] = step.fields["light"]
    step.data.update(clock=clock["kind"], light=clock["light"], since=step.fields["since"])


def _rate(step: Step) -> None:
    grades = {name: step.fields[name] for name in ("efficiency", "quality", "attitude")}
    again = {"again": True} if step.case.get("rating") is not None else {}
    step.set("rating", {**grades, "at": step.now, **again})
    step.data.update(grades)


def _urge(step: Step) -> None:
    facts = step.facts
    facts["urges"] += 1
    if step.actor.role == "citizen":
        facts["citizen_urged_at"] = step.now
    step.data["count"] = facts["urges"]


def _supplement(step: Step) -> None:
    if photos := step.fields.get("photos"):
        step.set("photos", list(dict.fromkeys([*step.case["photos"], *photos])))
        step.data["photos"] = photos


OUTCOMES: dict[str, Callable[[Step], None]] = {
    "contact": _contact,
    "progress": _progress,
    "sign_off": _sign_off,
    "submit_result": _submit_result,
    "reviewed": _reviewed,
    "back_to_work": _back_to_work,
    "rework": _rework,
    "checked": _checked,
    "close_when_closed": _close_when_closed,
    "visited": _visited,
    "visit_try": _visit_try,
    "redo": _redo,
    "close": _close,
    "end_elsewhere": _end_elsewhere,
    "stop": _stop,
    "answer": _answer,
    "refuse": _refuse,
    "merge": _merge,
    "light": _light,
    "rate": _rate,
    "urge": _urge,
    "supplement": _supplement,
}
