"""How long a case may take, where more is known than its category: special groups, and limits set by hand (domain.md §3.2)."""

from __future__ import annotations

from typing import Any

from dispatch.agreements import Check
from dispatch.clocks import LimitChoice
from dispatch.conditions import Condition, Source
from dispatch.effects import Chooser, Effect, put_under
from dispatch.guards import Guard
from dispatch.shifting import case_clock
from dispatch.situation import Situation
from dispatch.step import Step

__all__ = ["CHECKS", "CHOOSERS", "CONDITIONS", "EFFECTS", "FORBIDDING", "GUARDS", "SOURCES"]

_STAND = frozenset({"override", "rework", "redo", "reopen"})  # limits that come before the special group's, or are short already


def _no_special_group(at: Situation) -> bool:
    return "special_group" not in at.case


def _ordinary_limit(at: Situation) -> dict[str, Any]:
    """What the case has where nobody sets another: the longest that the dispatcher may set."""
    return {"value": str(at.rules.case_limit(at.case))}


def _mark_special_group(step: Step) -> None:
    """Half the limit from the first start of the case, at least 4 wh; a limit that was set by hand stays."""
    group = step.fields["group"]
    step.set("special_group", {"group": group, "by": step.actor.id, "at": step.now})
    step.data["group"] = group
    clock = case_clock(step.case["clocks"])
    if clock is not None and clock["done_at"] is None and clock.get("source") not in _STAND:
        put_under(step, step.rules.limit_choice(step.case))


def _set_limit(step: Step) -> None:
    limit = step.fields["limit"]
    put_under(step, LimitChoice(limit, "override"))
    clock = case_clock(step.case["clocks"])
    assert clock is not None  # noqa: S101  # it has just been put under the limit
    step.data.update(limit=str(limit), due_at=clock["due_at"])


GUARDS: dict[str, Guard] = {"no_special_group": _no_special_group}
FORBIDDING: frozenset[str] = frozenset()
CHECKS: dict[str, Check] = {}
CONDITIONS: dict[str, Condition] = {}
SOURCES: dict[str, Source] = {"ordinary_limit": _ordinary_limit}
CHOOSERS: dict[str, Chooser] = {}
EFFECTS: dict[str, Effect] = {"mark_special_group": _mark_special_group, "set_limit": _set_limit}
