"""Cases that are looked at once more after closing (domain.md T03, §2.4b): drawn by the system at random or by a supervisor.

What a grid worker settled is drawn as it closes; of all others the system draws when a working day has passed, so that it sees
what has lasted. Who goes follows from the draw as well, among those on duty at the place who had nothing to do with the case.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dispatch.agreements import Check
from dispatch.clocks import Limit, due_at
from dispatch.conditions import Condition, Source
from dispatch.draws import LOOKED_AT, draw_of, is_drawn
from dispatch.effects import Chooser, Effect
from dispatch.guards import Guard
from dispatch.outcomes import archive_later
from dispatch.situation import Case, Situation, spot_check_awaited
from dispatch.step import Step
from dispatch.timed import spot_check_due
from storage.errors import FieldError

__all__ = ["CHECKS", "CHOOSERS", "CONDITIONS", "EFFECTS", "FORBIDDING", "GUARDS", "SOURCES"]

NODES = {"draw": Limit(1, "wd"), "spot_check": Limit(2, "wd")}  # where the city sets nothing else
_LATE = "spot_check_late"


# -- drawing


def _draw_when_closed(step: Step) -> None:
    """Draw the closure that is being written; only what is drawn is remembered, with the rate that held."""
    case, is_self_handled = step.case, bool(step.case["facts"].get("self_handled"))
    if step.next_state != "closed" or case["outcome"] not in LOOKED_AT or not _has_place(case):
        return
    rate = step.rules.sampling.rate(case["live"]["category"], is_self_handled=is_self_handled)
    draw = draw_of(step.rules.draw_secret, case)
    if not is_drawn(draw, rate):
        return
    step.facts["draw"] = {"draw": draw, "rate": rate}
    if is_self_handled:
        step.then("draw_spot_check", {})
    else:
        step.set_timer("draw_spot_check", due_at(step.now, _limit(step, "draw"), step.rules.calendar), "draw_spot_check")


def _draw_spot_check(step: Step) -> None:
    """Put down who is to look at it and until when; of what the system drew also how it was drawn."""
    drawn: dict[str, Any] = {"drawn_by": step.actor.id, "drawn_at": step.now}
    if step.actor.role == "system":
        drawn |= step.facts["draw"]
        step.facts["sampled"] = True
        checker = _drawn_checker(step.situation(), drawn["draw"])
    else:
        checker = step.fields.get("checker")
    step.set("spot_check", drawn | {"checker": checker, "result": None, "at": None})
    due = _give(step)
    archive_later(step)
    step.data.update({name: drawn[name] for name in ("draw", "rate") if name in drawn}, due_at=due)
    if checker:
        step.data["checker"] = checker


def _drawn_checker(at: Situation, draw: str) -> str | None:
    """One of those on duty there, never the reporter; where nobody is left, whoever of the place goes."""
    free = [person for person in _free_checkers(at) if person != at.case["live"]["reporter"]]
    return free[int(draw, 16) % len(free)] if free else None


def _give(step: Step) -> datetime:
    """Let the time for the check begin; return until when it is."""
    check = step.edit("spot_check")
    check |= {"since": step.now, "limit": str(_limit(step, "spot_check")), "late": False}
    check["due_at"] = due = spot_check_due(check, step.rules.calendar)
    step.set_timer(_LATE, due, _LATE)
    return due


def _limit(step: Step, node: str) -> Limit:
    return step.rules.node_limit(step.case, node) or NODES[node]


# -- checking


def _assign_spot_check(step: Step) -> None:
    step.edit("spot_check")["checker"] = step.fields["checker"]
    step.data.update(checker=step.fields["checker"], due_at=_give(step))


def _spot_check_late(step: Step) -> None:
    """Whoever was drawn has not gone: now everybody of the place may go, and the supervisors know."""
    check = step.edit("spot_check")
    if check["checker"]:
        step.data["checker"] = check["checker"]
    check["checker"], check["late"] = None, True


def _spot_check(step: Step) -> None:
    fields, check = step.fields, step.edit("spot_check")
    check["result"], check["at"], check["by"] = fields["result"], step.now, step.actor.id
    step.stop_timer(_LATE)
    archive_later(step)
    step.data.update(result=fields["result"], photos=fields["photos"])
    if position := fields.get("position"):
        step.data["position"] = [position["lon"], position["lat"], position["crs"]]


# -- what must hold


def _has_place(case: Case) -> bool:
    return bool(case["live"]["areas"]) and not case["live"]["sensitive"]


def _can_be_spot_checked(at: Situation) -> bool:
    """Grid workers find it in their list: it has a place and is not kept from them."""
    return _has_place(at.case)


def _spot_check_awaited(at: Situation) -> bool:
    return spot_check_awaited(at.case)


def _no_spot_check_awaited(at: Situation) -> bool:
    return not spot_check_awaited(at.case)


def _is_drawn_checker(at: Situation) -> bool:
    checker = (at.case.get("spot_check") or {}).get("checker")
    return checker in (None, at.actor.id)


def _did_not_pass(at: Situation) -> bool:
    return bool(at.facts.get("passed_by") != at.actor.id)


def _checks_no_own_verdict(at: Situation) -> bool:
    """Whoever found it done before is not drawn to look whether it was; a supervisor answers for whom they send."""
    return _did_not_pass(at) or (at.case.get("spot_check") or {}).get("drawn_by") != "system"


def _had_part(case: Case) -> set[str | None]:
    """Everybody who dispatched it, worked on it or passed it."""
    facts = case["facts"]
    return {*facts["dispatchers"], *facts["handlers"], facts.get("passed_by")}


def _free_checkers(at: Situation) -> list[str]:
    had_part = _had_part(at.case)
    return [person for person in at.rules.walkers(at.case, at.now) if person not in had_part]


def _offered_checkers(at: Situation) -> dict[str, Any]:
    return {"options": _free_checkers(at)}


def _checker_is_another(at: Situation, values: dict[str, Any]) -> FieldError | None:
    if values.get("checker") not in _had_part(at.case) - {None}:
        return None
    return FieldError(field="checker", code="had_part", message="somebody who had no part in the case")


GUARDS: dict[str, Guard] = {
    "can_be_spot_checked": _can_be_spot_checked,
    "spot_check_awaited": _spot_check_awaited,
    "no_spot_check_awaited": _no_spot_check_awaited,
    "is_drawn_checker": _is_drawn_checker,
    "did_not_pass": _did_not_pass,
    "checks_no_own_verdict": _checks_no_own_verdict,
}
FORBIDDING: frozenset[str] = frozenset({"is_drawn_checker", "did_not_pass", "checks_no_own_verdict"})
CHECKS: dict[str, Check] = {"checker_is_another": _checker_is_another}
CONDITIONS: dict[str, Condition] = {}
SOURCES: dict[str, Source] = {"free_checkers": _offered_checkers}
CHOOSERS: dict[str, Chooser] = {}
EFFECTS: dict[str, Effect] = {
    "draw_when_closed": _draw_when_closed,
    "draw_spot_check": _draw_spot_check,
    "assign_spot_check": _assign_spot_check,
    "spot_check_late": _spot_check_late,
    "spot_check": _spot_check,
}
