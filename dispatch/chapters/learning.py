"""Proposals of rules that decided returns have made: open until a person has taken or left them."""

from __future__ import annotations

from typing import Any

from dispatch.agreements import Check
from dispatch.asking import request_now
from dispatch.effects import Effect
from dispatch.guards import Guard
from dispatch.situation import Situation
from dispatch.step import Step
from storage.errors import FieldError

__all__ = ["CHECKS", "EFFECTS", "GUARDS", "is_open"]

Proposal = dict[str, Any]


def is_open(proposal: Proposal | None) -> bool:
    """Tell whether nobody has decided on the proposal of a request yet (None: it made none)."""
    return proposal is not None and proposal["accepted_by"] is None and proposal.get("dismissed_by") is None


def _rule_open(at: Situation) -> bool:
    return at.item is not None and is_open(at.item.get("rule_proposal")) and at.state != "archived"


def _area_of_case(at: Situation, values: dict[str, Any]) -> FieldError | None:
    """The rule may hold for the grid of the case or for an area around it."""
    codes = [area["code"] for area in at.case["place"]["path"]]
    if values.get("area") in (None, *codes):
        return None
    return FieldError(field="area", code="choice", message=f"one of {', '.join(codes)}")


def _accept_rule(step: Step) -> None:
    """The case keeps its mark until the rule is written, so that it stands in the list as long."""
    proposal: Proposal = request_now(step)["rule_proposal"]
    proposal.update(accepted_by=step.actor.id, decided_at=step.now, area=step.fields.get("area") or proposal["area"])
    step.data.update(category=proposal["category"], area=proposal["area"], unit=proposal["to_unit"])


def _dismiss_rule(step: Step) -> None:
    proposal: Proposal = request_now(step)["rule_proposal"]
    proposal.update(dismissed_by=step.actor.id, decided_at=step.now)
    step.data.update(category=proposal["category"], unit=proposal["to_unit"])
    if not any(is_open(request.get("rule_proposal")) for request in step.case["requests"]):
        step.set("rule_proposed_at", None)


GUARDS: dict[str, Guard] = {"rule_open": _rule_open}
CHECKS: dict[str, Check] = {"area_of_case": _area_of_case}
EFFECTS: dict[str, Effect] = {"accept_rule": _accept_rule, "dismiss_rule": _dismiss_rule}
