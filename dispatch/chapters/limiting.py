"""How long a case may take, where more is known than its category: special groups, and limits set by hand (domain.md §3.2)."""

from __future__ import annotations

from typing import Any

from dispatch.agreements import Check
from dispatch.clocks import Limit, LimitChoice, due_at, extended
from dispatch.conditions import Condition, Source
from dispatch.effects import STAND, Chooser, Effect, put_under
from dispatch.guards import Guard
from dispatch.shifting import case_clock, law_until
from dispatch.situation import Situation
from dispatch.step import Step
from storage.errors import FieldError

__all__ = ["CHECKS", "CHOOSERS", "CONDITIONS", "EFFECTS", "FORBIDDING", "GUARDS", "SOURCES"]


def _no_special_group(at: Situation) -> bool:
    return at.case.get("special_group") is None


def _special_group_marked(at: Situation) -> bool:
    return not _no_special_group(at)


def _marked_it_or_supervises(at: Situation) -> bool:
    marked = at.case.get("special_group")
    return at.actor.role == "supervisor" or (marked is not None and marked["by"] == at.actor.id)


def _limit_may_grow(at: Situation) -> bool:
    """After yellow only the supervisor gives a case more time (domain.md T50)."""
    return at.actor.role == "supervisor" or bool(at.case["live"]["light"] == "green")


def _ordinary_limit(at: Situation) -> dict[str, Any]:
    """What the case has where nobody sets another: the longest that the dispatcher may set."""
    return {"value": str(at.rules.case_limit(at.case))}


# -- what the law allows: nobody gives more, the supervisor neither (domain.md §3.2)


def _limit_within_law(at: Situation, values: dict[str, Any]) -> FieldError | None:
    """A limit that begins now ends within what the law leaves of the case; another one is the case's from its start."""
    limit, law = values.get("limit"), at.rules.law_limit(at.case)
    if limit is None or law is None:
        return None
    clock, calendar = case_clock(at.case["clocks"]), at.rules.calendar
    start = at.now if clock is None or at.state == "coordinating" else clock["started_at"]
    until = law_until(clock, law, at.rules) if clock is not None and start == at.now else due_at(start, law, calendar)
    return _beyond("limit", law) if due_at(start, limit, calendar) > until else None


def _extension_within_law(at: Situation, values: dict[str, Any]) -> FieldError | None:
    law = at.rules.law_limit(at.case)
    return _beyond("limit", law) if law is not None and _goes_beyond(at, values["limit"], law) else None


def _granted_within_law(at: Situation, values: dict[str, Any]) -> FieldError | None:
    """The case may have come into another category since it was asked."""
    law, item = at.rules.law_limit(at.case), at.item
    if law is None or item is None or item["kind"] != "extension" or not values["approve"]:
        return None
    return _beyond("approve", law) if _goes_beyond(at, Limit.parse(item["limit"]), law) else None


def _goes_beyond(at: Situation, extension: Limit, law: Limit) -> bool:
    clock = case_clock(at.case["clocks"])
    if clock is None:
        return False
    return extended(clock["due_at"], extension, at.rules.calendar, clock.get("hours")) > law_until(clock, law, at.rules)


def _beyond(field: str, law: Limit) -> FieldError:
    return FieldError(field=field, code="beyond_law", message=f"the law allows {law} at most")


# -- limits of one case


def _mark_special_group(step: Step) -> None:
    """Half the limit from the first start of the case, at least 4 wh; a limit that was set by hand stays."""
    group = step.fields["group"]
    step.set("special_group", {"group": group, "by": step.actor.id, "at": step.now})
    step.data["group"] = group
    clock = case_clock(step.case["clocks"])
    if clock is not None and clock["done_at"] is None and clock.get("source") not in STAND:
        put_under(step, step.rules.limit_choice(step.case))


def _unmark_special_group(step: Step) -> None:
    """It was a mistake: the limit that the case has without the mark, from its first start."""
    step.data["group"] = step.case["special_group"]["group"]
    step.set("special_group", None)
    clock = case_clock(step.case["clocks"])
    if clock is not None and clock["done_at"] is None and clock.get("source") == "special_group":
        put_under(step, step.rules.limit_choice(step.case))


def _set_limit(step: Step) -> None:
    limit = step.fields["limit"]
    put_under(step, LimitChoice(limit, "override"))
    clock = case_clock(step.case["clocks"])
    assert clock is not None  # noqa: S101  # it has just been put under the limit
    step.data.update(limit=str(limit), due_at=clock["due_at"])


GUARDS: dict[str, Guard] = {
    "no_special_group": _no_special_group,
    "special_group_marked": _special_group_marked,
    "marked_it_or_supervises": _marked_it_or_supervises,
    "limit_may_grow": _limit_may_grow,
}
FORBIDDING: frozenset[str] = frozenset({"marked_it_or_supervises"})
CHECKS: dict[str, Check] = {
    "limit_within_law": _limit_within_law,
    "extension_within_law": _extension_within_law,
    "granted_within_law": _granted_within_law,
}
CONDITIONS: dict[str, Condition] = {}
SOURCES: dict[str, Source] = {"ordinary_limit": _ordinary_limit}
CHOOSERS: dict[str, Chooser] = {}
EFFECTS: dict[str, Effect] = {
    "mark_special_group": _mark_special_group,
    "unmark_special_group": _unmark_special_group,
    "set_limit": _set_limit,
}
