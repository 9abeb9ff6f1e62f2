"""Effects of the transition table on the way to the unit: intake, filing, dispatch, signing, returns.

Each effect changes the working copy of a `Step`; `dispatch.outcomes` holds the effects from the result to closure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from dispatch.clocks import Limit, moved_by_return
from dispatch.outcomes import OUTCOMES
from dispatch.placing import category_document, line_of, place_document, rematch
from dispatch.rules import place_of
from dispatch.situation import is_citizen_case, lead_of, must_contact, open_tasks
from dispatch.step import Step

__all__ = ["CHOOSERS", "EFFECTS", "Chooser", "Effect"]

Effect = Callable[[Step], None]
Chooser = Callable[[Step], str]

_OUT = frozenset({"returned", "waived", "withdrawn"})  # states of a task whose unit takes no part any more
MOST_MOVED = Limit(2, "wd")  # domain.md §3.3 rule 6


def _open_intake(step: Step) -> None:
    step.start_clock("intake")


def _file(step: Step) -> None:
    live = step.live
    code = step.fields.get("category")
    if code and (step.case["category"] is None or step.case["category"]["code"] != code):
        set_category(step, code)
    if "urgency" in step.fields:
        live["urgency"] = step.fields["urgency"]
    if step.fields.get("title"):
        step.set("title", step.fields["title"])
    step.stop_clocks("intake")
    step.start_clock("dispatch")
    step.data["category"] = step.case["category"]["code"]


def set_category(step: Step, code: str) -> None:
    """Put the category anew and ask the directory again who is responsible."""
    category = step.rules.catalogue.get(code)
    assert category is not None  # noqa: S101  # the field reader has looked it up
    step.set("category", category_document(category))
    live = step.live
    live["category"] = category.code
    live["sensitive"] = live["sensitive"] or category.sensitive
    live["line"] = line_of(step.case)
    rematch(step)


def _dispatch_when_clear(step: Step) -> None:
    """The system dispatches at once when one clear winner stands, or to the best candidate when life is in danger (§2.8)."""
    match = step.case["match"]
    urgent = step.case["live"]["urgency"] == "emergency"
    if not match["candidates"] or (match["decided"] != "auto" and not urgent):
        return
    if any(task["state"] == "returned" for task in step.case["tasks"]):
        return
    step.then("auto_dispatch", {"unit": match["candidates"][0]["unit"], "assists": list(match["assists"])})


def _dispatch(step: Step) -> None:
    fields, live, facts = step.fields, step.live, step.facts
    unit = fields["unit"]
    step.set("lead", unit)
    tasks = step.edit("tasks")
    tasks.append(_task(step, "lead", unit, len(tasks)))
    for other in _assisting(step, unit["code"]):
        tasks.append(_task(step, "assist", other, len(tasks)))
    organizations = step.edit("organizations")
    _invite(organizations, fields.get("organizations", ()))
    live["units"] = _units_now(tasks)
    live["orgs"] = [item["code"] for item in organizations if item["task_state"] is not None]
    facts["dispatched_at"] = step.now
    if step.actor.role != "system":
        facts["dispatchers"].append(step.actor.id)
    step.stop_clocks("dispatch", "intake")
    step.start_clock("sign_in")
    _start_case_clock(step, fields.get("limit"))
    step.data.update(_basis(step, unit))
    if live["urgency"] == "emergency":
        _call_nearest(step)


def _assisting(step: Step, lead: str) -> list[dict[str, str]]:
    """Who assists: who is named, and in danger whoever has the territory (domain.md §2.8)."""
    named, is_urgent = step.fields.get("assists"), step.live["urgency"] == "emergency"
    if not named and not is_urgent:
        return []
    chosen = {other["code"]: other for other in named or () if other["code"] != lead}
    if is_urgent:
        here = step.rules.directory.territorial(place_of(step.case))
        if here is not None and here.code != lead:
            chosen.setdefault(here.code, {"code": here.code, "name": here.name})
    return list(chosen.values())


def _call_nearest(step: Step) -> None:
    """In danger the nearest grid worker on duty is called, unless the matter is not for their eyes."""
    if not step.live["sensitive"]:
        step.data["called"] = list(step.rules.on_duty("grid_worker", step.case, step.now)[:1])


def _invite(organizations: list[dict[str, Any]], chosen: Sequence[dict[str, Any]]) -> None:
    """Those that were proposed become invited; others are put down without a distance."""
    if not chosen:
        return
    known = {item["code"]: item for item in organizations}
    for item in chosen:
        if item["code"] in known:
            known[item["code"]]["task_state"] = "invited"
        else:
            organizations.append({**item, "distance_m": None, "score": None, "reason": "", "task_state": "invited"})


def _task(step: Step, kind: str, unit: dict[str, str], number: int) -> dict[str, Any]:
    return {
        "id": f"t{number + 1}",
        "kind": kind,
        "unit": unit,
        "state": "pending",
        "dispatched_at": step.now,
        "signed_at": None,
        "submitted_at": None,
    }


def _units_now(tasks: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys([task["unit"]["code"] for task in tasks if task["state"] not in _OUT]))


def _start_case_clock(step: Step, override: Limit | None) -> None:
    """The clock of the citizen starts once; after a return it is moved by the time lost, never begun anew (§3.3 rule 6)."""
    running = [clock for clock in step.clocks if clock["kind"] == "case"]
    if not running:
        limit = override or step.rules.case_limit(step.case)
        step.clocks.append(step.rules.clock("case", limit, step.now))
        return
    clock, facts, rules = running[-1], step.facts, step.rules
    first_due = facts.setdefault("first_due_at", clock["due_at"])
    limit = Limit.parse(clock["limit"])
    lost = timedelta(seconds=facts["lost_seconds"])
    due = moved_by_return(first_due, lost, limit, rules.calendar, most=MOST_MOVED)
    step.clocks[step.clocks.index(clock)] = rules.clock_until("case", limit, clock["started_at"], due)


def _basis(step: Step, unit: dict[str, str]) -> dict[str, Any]:
    code = unit["code"]
    for item in step.case["match"]["candidates"]:
        if item["unit"]["code"] == code:
            return {"unit": code, "rule": item["rule"], "basis": item["basis"]}
    return {"unit": code}


def _sign_in(step: Step) -> None:
    task = lead_task(step)
    task["state"], task["signed_at"] = "signed", step.now
    _handled_by(step)
    step.stop_clocks("sign_in")
    if must_contact(step.case):
        step.start_clock("contact")


def lead_task(step: Step) -> dict[str, Any]:
    """Return the present lead unit's task, to be changed."""
    tasks: list[dict[str, Any]] = step.edit("tasks")
    return next(task for task in reversed(tasks) if task["kind"] == "lead")


def _handled_by(step: Step) -> None:
    handlers = step.facts["handlers"]
    if step.actor.id not in handlers:
        handlers.append(step.actor.id)


def _request_return(step: Step) -> None:
    fields = step.fields
    limit = step.rules.node_limit(step.case, "decide_return")
    requests = step.edit("requests")
    request = {
        "id": f"q{len(requests) + 1}",
        "kind": "return",
        "state": "pending",
        "unit": lead_of(step.case),
        "by": step.actor.id,
        "at": step.now,
        "reason": fields["reason"],
        "basis": fields["basis"],
        "proposed_unit": fields.get("unit"),
        "photos": fields.get("photos", []),
        "decided_at": None,
        "opinion": None,
    }
    requests.append(request)
    if limit is not None:
        step.clocks.append(step.rules.clock("decide_return", limit, step.now))
    _handled_by(step)
    step.data.update(request=request["id"], reason=fields["reason"], unit=(fields.get("unit") or {}).get("code"))


def request_now(step: Step) -> dict[str, Any]:
    """Return the request that the step is about, to be changed."""
    assert step.item is not None  # noqa: S101  # rows of requests always come with one
    wanted = step.item["id"]
    return next(item for item in step.edit("requests") if item["id"] == wanted)


def _decide_return(step: Step) -> None:
    request, approved = request_now(step), step.fields["approve"]
    request["state"] = "approved" if approved else "rejected"
    request["decided_at"], request["opinion"], request["decided_by"] = step.now, step.fields["opinion"], step.actor.id
    step.stop_clocks("decide_return")
    step.data.update(request=request["id"], approved=approved, dispatch_wrong=step.fields.get("dispatch_wrong", approved))
    if approved:
        _take_back(step)


def _take_back(step: Step) -> None:
    """The case goes back to the dispatcher's queue; the units' tasks end, the citizen's clock runs on."""
    lead_task(step)["state"] = "returned"
    for task in open_tasks(step.case):
        task["state"] = "withdrawn"
    facts, live = step.facts, step.live
    lost = step.rules.counted_since(facts["dispatched_at"], step.now)
    facts["lost_seconds"] += int(lost.total_seconds())
    step.set("lead", None)
    live["units"] = _units_now(step.case["tasks"])
    step.stop_clocks("sign_in", "contact")
    step.start_clock("dispatch")
    step.next_state = "filed"


def _withdraw_request(step: Step) -> None:
    request = request_now(step)
    request["state"], request["decided_at"] = "withdrawn", step.now
    step.stop_clocks("decide_return")
    step.data["request"] = request["id"]


def _reclassify(step: Step) -> None:
    """The due time is counted anew from the original start (domain.md T50)."""
    code = step.fields["category"]
    set_category(step, code)
    if "urgency" in step.fields:
        step.live["urgency"] = step.fields["urgency"]
    for index, clock in enumerate(step.clocks):
        if clock["kind"] == "case" and clock["done_at"] is None:
            step.clocks[index] = step.rules.clock("case", step.rules.case_limit(step.case), clock["started_at"])
    step.data["category"] = code


def _correct_location(step: Step) -> None:
    """The place is looked up anew. A unit that already has the case keeps it: another one comes only through a return."""
    sent = step.fields["location"]
    found = step.rules.locator.locate(
        sent["lon"], sent["lat"], sent["crs"], accuracy_m=sent["accuracy_m"], source="manual",
        address=step.fields.get("address") or step.case["place"]["address"],
    )  # fmt: skip
    step.set("place", place_document(found))
    live = step.live
    live["areas"] = list(found.area_codes)
    live["lon"], live["lat"] = step.case["place"]["lon"], step.case["place"]["lat"]
    live["line"] = line_of(step.case)
    rematch(step)
    step.data["version"] = found.version


def after_check(step: Step) -> str:
    """A citizen is asked before closure; a grid or device case closes with the check."""
    return "visiting" if is_citizen_case(step.case) else "closed"


def after_decision(step: Step) -> str:
    """A request becomes what was decided."""
    return "approved" if step.fields["approve"] else "rejected"


CHOOSERS: dict[str, Chooser] = {"after_check": after_check, "decision": after_decision}

EFFECTS: dict[str, Effect] = {
    "open_intake": _open_intake,
    "file": _file,
    "dispatch_when_clear": _dispatch_when_clear,
    "dispatch": _dispatch,
    "sign_in": _sign_in,
    "request_return": _request_return,
    "decide_return": _decide_return,
    "withdraw_request": _withdraw_request,
    "reclassify": _reclassify,
    "correct_location": _correct_location,
    **OUTCOMES,
}
