"""Effects of the transition table on the way to the unit: intake, filing, dispatch, signing.

Each effect changes the working copy of a `Step`; `dispatch.outcomes` holds the effects from the result to closure.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from dispatch.clocks import Limit, LimitChoice, moved_by_return
from dispatch.outcomes import OUTCOMES
from dispatch.placing import category_document, line_of, place_document, rematch
from dispatch.rules import place_of
from dispatch.shifting import cap, case_clock, move_to, note_move, recount
from dispatch.situation import is_citizen_case, must_contact
from dispatch.step import Step
from dispatch.tasks import ask_organization, assist_limit, follow_case, follow_tasks, give_part, give_task, unit_due

__all__ = [
    "CHOOSERS", "EFFECTS", "STAND", "Chooser", "Effect", "assisting", "call_nearest", "lead_task", "move_by_returns",
    "put_in_charge", "put_under", "set_category", "territory_of",
]  # fmt: skip

STAND = frozenset({"override", "rework", "redo", "reopen"})  # limits that come before the special group's, or are short already

Effect = Callable[[Step], None]
Chooser = Callable[[Step], str]


def _open_intake(step: Step) -> None:
    step.start_clock("intake")
    if "on_behalf" in step.case:
        step.data["on_behalf"] = step.case["on_behalf"]["consent"]


def _file(step: Step) -> None:
    live = step.live
    code = step.fields.get("category")
    if code and (step.case["category"] is None or step.case["category"]["code"] != code):
        set_category(step, code)
    if "urgency" in step.fields:
        live["urgency"] = step.fields["urgency"]
    if step.fields.get("title"):
        step.set("title", step.fields["title"])
    step.stop_clocks("intake", "verify")
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
    if not urgent and step.rules.joint_templates.fitting(step.case["live"]["category"]):
        _leave_to_person(step)
        return
    step.then("auto_dispatch", {"unit": match["candidates"][0]["unit"], "assists": list(match["assists"])})


def _leave_to_person(step: Step) -> None:
    """Several units may have to do with it: a dispatcher decides whether it becomes a 一件事."""
    match = step.edit("match")
    match["decided"], match["doubt"] = "manual", [*match["doubt"], "joint_template"]


def _dispatch(step: Step) -> None:
    unit = step.fields["unit"]
    limit = put_in_charge(step, unit)
    _give_tasks(step, unit, limit)
    step.data.update(_basis(step, unit))
    if step.live["urgency"] == "emergency":
        call_nearest(step)


def put_in_charge(step: Step, unit: dict[str, str]) -> Limit:
    """Make a unit answer for the case from now on; returns the limit that the case has. Who gets which task is put down after."""
    facts, asked = step.facts, step.fields.get("limit")
    step.set("lead", unit)
    choice = LimitChoice(asked, "override") if asked else step.rules.limit_choice(step.case)
    _start_case_clock(step, choice)
    facts["dispatched_at"] = step.now
    if step.actor.role != "system":
        facts["dispatchers"].append(step.actor.id)
    step.stop_clocks("dispatch", "intake")
    step.start_clock("sign_in")
    return choice.limit


def _give_tasks(step: Step, unit: dict[str, str], limit: Limit) -> None:
    """The lead has the whole limit from its own dispatch (domain.md §2.6 rule 7), who assists a share of it."""
    give_task(step, "lead", unit, limit, unit_due(step, unit["code"], limit))
    for other in assisting(step, unit["code"]):
        give_part(step, "assist", other, assist_limit(limit))
    chosen = step.fields.get("organizations", ())
    for organization in chosen:
        ask_organization(step, organization, len(chosen))
    follow_tasks(step)


def assisting(step: Step, lead: str) -> list[dict[str, str]]:
    """Who assists: who is named, and in danger whoever has the territory (domain.md §2.8)."""
    named, is_urgent = step.fields.get("assists"), step.live["urgency"] == "emergency"
    if not named and not is_urgent:
        return []
    chosen = {other["code"]: other for other in named or () if other["code"] != lead}
    here = territory_of(step) if is_urgent else None
    if here is not None and here["code"] != lead:
        chosen.setdefault(here["code"], here)
    return list(chosen.values())


def territory_of(step: Step) -> dict[str, str] | None:
    """Return the unit that has the territory of the case, or None."""
    here = step.rules.directory.territorial(place_of(step.case))
    return None if here is None else {"code": here.code, "name": here.name}


def call_nearest(step: Step) -> None:
    """In danger the nearest grid worker on duty is called, unless the matter is not for their eyes."""
    if not step.live["sensitive"]:
        step.data["called"] = list(step.rules.on_duty("grid_worker", step.case, step.now)[:1])


def _start_case_clock(step: Step, choice: LimitChoice) -> None:
    """The clock of the citizen starts once; after a return it is moved by the time lost, never begun anew (§3.3 rule 6)."""
    if case_clock(step.clocks) is None:
        clock = step.rules.case_clock(choice, step.now)
        cap(clock, step.rules.law_limit(step.case), step.now, step.rules)
        step.clocks.append(clock)
    else:
        move_by_returns(step)


def move_by_returns(step: Step) -> None:
    """Put the due time of the case later by the time that approved returns have cost, in all at most the bound of the city."""
    clock, facts, rules = case_clock(step.clocks), step.facts, step.rules
    assert clock is not None  # noqa: S101  # what was dispatched once has one
    facts.setdefault("first_due_at", clock["due_at"])
    lost, most = timedelta(seconds=facts["lost_seconds"]), Limit.parse(rules.bounds.return_shift)
    due = moved_by_return(facts["first_due_at"], lost, Limit.parse(clock["limit"]), rules.calendar, most=most)
    clock["done_at"] = None
    if due > clock["due_at"]:
        note_move(clock, "return", step.now, due, lost_seconds=facts["lost_seconds"], first=facts["first_due_at"])
    move_to(clock, max(due, clock["due_at"]), step.now, rules)
    cap(clock, rules.law_limit(step.case), step.now, rules)


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


def _reclassify(step: Step) -> None:
    """The due time is counted anew from the original start (domain.md T50)."""
    code = step.fields["category"]
    set_category(step, code)
    if "urgency" in step.fields:
        step.live["urgency"] = step.fields["urgency"]
    clock = case_clock(step.clocks)
    if clock is not None and clock["done_at"] is None:
        put_under(step, _still_shorter(clock, step.rules.limit_choice(step.case)))
    step.data["category"] = code


def _still_shorter(clock: dict[str, Any], choice: LimitChoice) -> LimitChoice:
    """A limit that does not come from the category (set by hand, for work that is done again) holds on where it is shorter than
    what the case would have now."""
    present, source = Limit.parse(clock["limit"]), clock.get("source", "")
    holds = source in STAND and present.nominal_minutes < choice.limit.nominal_minutes
    return LimitChoice(present, source) if holds else choice


def put_under(step: Step, choice: LimitChoice) -> None:
    """Count the citizen's clock anew from its start under another limit; what returns have cost is added again, and the units'
    tasks follow."""
    clock = case_clock(step.clocks)
    assert clock is not None  # noqa: S101  # callers have looked
    recount(clock, choice, step.now, step.rules)
    step.facts.pop("first_due_at", None)
    if step.facts["lost_seconds"]:
        move_by_returns(step)
    cap(clock, step.rules.law_limit(step.case), step.now, step.rules)
    follow_case(step)


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
    _follow_place(step)
    step.data["version"] = found.version


def _follow_place(step: Step) -> None:
    """Into a campaign zone or out of it the limit changes, counted from the first start; after yellow only the supervisor gives
    more time (domain.md T50)."""
    clock, choice = case_clock(step.case["clocks"]), step.rules.limit_choice(step.case)
    if clock is None or clock["done_at"] is not None or "campaign" not in (clock.get("source"), choice.source):
        return
    present = Limit.parse(clock["limit"])
    is_late = clock["light"] != "green" and step.actor.role != "supervisor"
    if clock.get("source") not in STAND and not (is_late and choice.limit.nominal_minutes > present.nominal_minutes):
        put_under(step, choice)


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
    "reclassify": _reclassify,
    "correct_location": _correct_location,
    **OUTCOMES,
}
