"""Who goes to look on the spot, before filing or before closure, and who goes instead when they cannot (domain.md T09, T35).

The nearest grid worker on duty is sent; for one who is away who stands in, where nobody is the lead of the grid. When the light
of the step changes and whoever was sent is not on duty any more, it is passed on, and they hear of it.
"""

from __future__ import annotations

from typing import Any

from dispatch.agreements import Check
from dispatch.conditions import Condition, Source
from dispatch.effects import Chooser, Effect
from dispatch.guards import Guard
from dispatch.situation import Case, Situation
from dispatch.step import Step
from storage.errors import FieldError

__all__ = ["CHECKS", "CHOOSERS", "CONDITIONS", "EFFECTS", "FORBIDDING", "GUARDS", "SOURCES"]

_SENT = {"verify": "verification", "check": "site_check"}  # by clock: where it stands who was sent


def _free(at: Situation) -> list[str]:
    """Nobody judges what they dispatched or worked on; before it is filed, nor what they reported."""
    facts = at.case["facts"]
    had_part = {*facts["dispatchers"], *facts["handlers"]}
    if at.case["live"]["state"] == "verifying":
        had_part.add(at.case["live"]["reporter"])
    return [person for person in at.rules.walkers(at.case, at.now) if person not in had_part]


def _checkers(at: Situation) -> dict[str, Any]:
    return {"options": _free(at)}


def _checker_on_duty(at: Situation, values: dict[str, Any]) -> FieldError | None:
    if values.get("checker") in (None, *_free(at)):
        return None
    return FieldError(field="checker", code="not_on_duty", message="a grid worker on duty for the place who had no part in it")


def _send_check(step: Step) -> None:
    worker = step.fields.get("checker") or next(iter(_free(step.situation())), None)
    step.set("site_check", {"sent_at": step.now, "sent_by": step.actor.id, "worker": worker})
    if worker:
        step.data["checker"] = worker


def _pass_on(step: Step) -> None:
    """Whoever was sent is off duty or away: the next one goes. Where nobody is there it stays with them."""
    record: Case | None = step.case.get(_SENT.get(step.data["clock"], ""))
    if record is None or not record["worker"] or record.get("verdict") is not None:
        return
    present = step.rules.walkers(step.case, step.now)
    following = next(iter(_free(step.situation())), None)
    if record["worker"] in present or following is None:
        return
    step.data.update(worker=following, instead_of=record["worker"])
    step.edit(_SENT[step.data["clock"]])["worker"] = following


GUARDS: dict[str, Guard] = {}
FORBIDDING: frozenset[str] = frozenset()
CHECKS: dict[str, Check] = {"checker_on_duty": _checker_on_duty}
CONDITIONS: dict[str, Condition] = {}
SOURCES: dict[str, Source] = {"checkers": _checkers}
CHOOSERS: dict[str, Chooser] = {}
EFFECTS: dict[str, Effect] = {"send_check": _send_check, "pass_on": _pass_on}
