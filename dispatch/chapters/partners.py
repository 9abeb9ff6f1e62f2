"""Social organizations on a case: invited, they claim a place, come, and hand in what they did. They never hold a case up."""

from __future__ import annotations

from typing import Any

from dispatch.agreements import Check, whole
from dispatch.chapters.needs import invite_to_need, no_capacity
from dispatch.conditions import Condition, Source
from dispatch.effects import Chooser, Effect
from dispatch.guards import Guard, rating_until, speaks_for_reporter
from dispatch.needs import find_need
from dispatch.situation import Situation, holds_lead
from dispatch.step import Step
from dispatch.tasks import HELPING, TAKEN, Task, ask_organization, follow_tasks, stop_invitation, task_now
from dispatch.wanted import places_left
from storage.errors import FieldError

__all__ = ["CHECKS", "CHOOSERS", "CONDITIONS", "EFFECTS", "FORBIDDING", "GUARDS", "SOURCES"]

Values = dict[str, Any]
Found = FieldError | None
RESIDENT = frozenset({"citizen", "link", "operator"})  # roles that speak as, or for, whoever reported


# -- guards


def _own_help(at: Situation) -> bool:
    return _help_task(at) and at.item is not None and at.actor.serves(at.item["organization"]["code"])


def _help_task(at: Situation) -> bool:
    return at.item is not None and at.item["kind"] == "org"


def _own_help_or_dispatcher(at: Situation) -> bool:
    return at.actor.role == "dispatcher" or _own_help(at)


def _place_left(at: Situation) -> bool:
    """Places are shared by all who were invited with the same entry, or by all who come for the same need; one that was given
    up is free again."""
    item = at.item
    if item is None:
        return False
    need = find_need(at.case, item.get("need"))
    if need is not None:
        return need["state"] == "open" and places_left(at.case, need) > 0
    taken = sum(task["state"] in TAKEN for task in _of_the_call(at, item))
    return bool(taken < item["places"])


def _of_the_call(at: Situation, item: Task) -> list[Task]:
    return [task for task in at.case["tasks"] if task["kind"] == "org" and task["entry"] == item["entry"]]


def _thanks_for_help(at: Situation) -> bool:
    """The lead, or who asked for help, says what it was worth; the desk puts down what the resident says."""
    return speaks_for_reporter(at) if _side(at) == "resident" else holds_lead(at.case, at.actor)


def _side(at: Situation) -> str:
    return "resident" if at.actor.role in RESIDENT else "unit"


def _opinion_wanted(at: Situation) -> bool:
    """Each side says once what it thinks, for as long as the case itself is rated (domain.md T44)."""
    until = rating_until(at)
    is_said = at.item is not None and _side(at) in (at.item.get("opinions") or {})
    return not is_said and (until is None or at.now <= until)


GUARDS: dict[str, Guard] = {
    "help_task": _help_task,
    "own_help": _own_help,
    "own_help_or_dispatcher": _own_help_or_dispatcher,
    "place_left": _place_left,
    "thanks_for_help": _thanks_for_help,
    "opinion_wanted": _opinion_wanted,
}
FORBIDDING: frozenset[str] = frozenset({"own_help", "own_help_or_dispatcher", "thanks_for_help"})


# -- what the fields must agree on


def _organizations_free(at: Situation, values: Values) -> Found:
    chosen = {item["code"] for item in values.get("organizations", ())}
    if any(item["code"] in chosen and item["task_state"] in HELPING for item in at.case["organizations"]):
        return FieldError(field="organizations", code="asked_already", message="one of them has been asked or helps already")
    return None


def _places_fit(at: Situation, values: Values) -> Found:
    if values.get("places", 1) <= len(values["organizations"]):
        return None
    return FieldError(field="places", code="range", message="not more places than organizations")


def _helper_has_time(at: Situation, values: Values) -> Found:
    """Who accepts an invitation takes no more than anybody who claims (domain.md §2.4b); the service has counted (`load`)."""
    assert at.item is not None  # noqa: S101  # rows of tasks always come with one
    reach, load = at.rules.directory.reach(at.item["organization"]["code"], at.now), at.case.get("load", 0)
    return None if reach is None or load < reach.capacity else no_capacity(reach.capacity, load)


def _volunteers_agree(at: Situation, values: Values) -> Found:
    """The hours of single volunteers are part of those of all together; who came without a number is in these alone."""
    rows = values.get("volunteers", [])
    hours = round(sum(row["hours"] for row in rows), 2)
    if hours > values["hours"]:
        return FieldError(field="volunteers", code="over_hours", message=f"{hours:g} hours, more than those of all together")
    if len(rows) > values.get("count", len(rows)):
        return FieldError(field="volunteers", code="over_count", message=f"{len(rows)} rows, more than came")
    return None


CHECKS: dict[str, Check] = {
    "helper_has_time": _helper_has_time,
    "organizations_free": _organizations_free,
    "places_fit": _places_fit,
    "rating_is_whole": whole("rating"),
    "count_is_whole": whole("count"),
    "volunteers_agree": _volunteers_agree,
}
CONDITIONS: dict[str, Condition] = {}


def _near_organizations(at: Situation) -> dict[str, Any]:
    free = [item for item in at.case["organizations"] if item["task_state"] not in HELPING]
    codes = [item["code"] for item in free]
    found: dict[str, Any] = {"options": codes, "labels": {item["code"]: item["name"] for item in free}}
    if codes:
        found["value"] = codes[:1]
    return found


SOURCES: dict[str, Source] = {"near_organizations": _near_organizations}


# -- effects


def _invite(step: Step) -> None:
    if "need" in step.fields:
        invite_to_need(step)
        return
    chosen = step.fields["organizations"]
    places = int(step.fields.get("places") or len(chosen))
    tasks = [ask_organization(step, item, places, step.fields.get("note")) for item in chosen]
    follow_tasks(step)
    step.data.update(tasks=[task["id"] for task in tasks], organizations=[item["code"] for item in chosen], places=places)


def _move_help(step: Step) -> None:
    """The organization answers or is answered: the task goes to the row's next state."""
    task = task_now(step)
    if task["state"] == "invited":
        stop_invitation(step, task)
    task["state"] = step.next_state
    follow_tasks(step)
    step.data.update(task=task["id"], organization=task["organization"]["code"])


def _serve(step: Step) -> None:
    _move_help(step)
    task_now(step)["service"] = {"people": step.fields["people"], "at": step.fields["at"]}
    step.data["when"] = step.fields["at"]


def _report_help(step: Step) -> None:
    _move_help(step)
    fields, photos = step.fields, step.fields.get("photos", [])
    result = {"note": fields["note"], "hours": fields["hours"], "photos": photos, "at": step.now}
    if rows := fields.get("volunteers"):
        result |= {"volunteers": rows, "count": len(rows)}
        step.data["volunteers"] = len(rows)
    if "count" in fields:
        result["count"] = int(fields["count"])
    task_now(step)["result"] = result
    step.data["hours"] = fields["hours"]
    if photos:
        step.data["photos"] = photos


def _confirm_help(step: Step) -> None:
    _move_help(step)
    rating, thanks = _said(step)
    task_now(step)["confirmation"] = {"rating": rating, "thanks": thanks, "role": step.actor.role, "at": step.now}
    _keep_opinion(step)


def _said(step: Step) -> tuple[int | None, str | None]:
    rating = step.fields.get("rating")
    return None if rating is None else int(rating), step.fields.get("text")


def _keep_opinion(step: Step) -> None:
    """What the unit and what the resident think are kept apart, whichever of them confirmed."""
    task, (rating, thanks) = task_now(step), _said(step)
    side = _side(step.situation())
    task.setdefault("opinions", {})[side] = {"rating": rating, "thanks": thanks, "at": step.now}
    step.data |= {"task": task["id"], "organization": task["organization"]["code"], "side": side}
    if rating is not None:
        step.data["rating"] = rating


CHOOSERS: dict[str, Chooser] = {}
EFFECTS: dict[str, Effect] = {
    "invite": _invite,
    "move_help": _move_help,
    "serve": _serve,
    "report_help": _report_help,
    "confirm_help": _confirm_help,
    "keep_opinion": _keep_opinion,
}
