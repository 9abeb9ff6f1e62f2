"""What others take over: handed to 110, 119, 120, 122, a works or another place, and their receipt (domain.md T07, T08)."""

from __future__ import annotations

from typing import Any

from dispatch.actors import agency_unit
from dispatch.agreements import Check
from dispatch.conditions import Condition, Source
from dispatch.effects import Chooser, Effect
from dispatch.fields import AGENCIES
from dispatch.guards import Guard
from dispatch.situation import Situation, in_area
from dispatch.step import Step
from storage.errors import FieldError

__all__ = [
    "CHECKS", "CHOOSERS", "CONDITIONS", "EFFECTS", "FORBIDDING", "GUARDS", "SOURCES", "back_to_the_desk",
]  # fmt: skip


def _agency(at: Situation) -> dict[str, Any]:
    """The agency that the catalogue names for the category is proposed."""
    category = at.rules.category_of(at.case)
    named = category.transfer_to if category is not None else ""
    return {"value": named} if named in AGENCIES else {}


def _receipt_unknown(at: Situation) -> bool:
    return not at.case["transfer"]["receipt"]


def _other_place_named(at: Situation, values: dict[str, Any]) -> FieldError | None:
    if values["agency"] != "other_place" or values.get("to"):
        return None
    return FieldError(field="to", code="required", message="which place, which office")


def _handed_over(step: Step) -> dict[str, Any]:
    fields = step.fields
    step.data.update(agency=fields["agency"], way=fields["way"])
    return {
        "agency": fields["agency"],
        "to": fields.get("to"),
        "way": fields["way"],
        "receipt": fields.get("receipt"),
        "at": step.now,
        "by": step.actor.id,
    }


def _transfer(step: Step) -> None:
    """The case has ended here; its receipt is waited for, and the clock of that starts anew now that all others have stopped."""
    step.set("transfer", _handed_over(step) | {"summary": step.fields["summary"], "feedback": None, "feedback_at": None})
    step.live["units"] = [*step.live["units"], _holder(step)]
    step.start_clock("receipt")


def _holder(step: Step) -> str:
    return agency_unit(step.case["transfer"]["agency"])


def _record_receipt(step: Step) -> None:
    transfer = step.edit("transfer")
    transfer["receipt"] = step.fields.get("receipt") or transfer["receipt"]
    transfer["feedback"], transfer["feedback_at"] = step.fields["feedback"], step.now
    step.stop_clocks("receipt")
    if step.actor.role == "partner":
        step.data["agency"] = transfer["agency"]


def _transfer_back(step: Step) -> None:
    """What was recorded of the transfer stays: who takes the case up again sees what the agency said."""
    step.edit("transfer")["back_at"] = step.now
    step.live["units"] = [code for code in step.live["units"] if code != _holder(step)]
    back_to_the_desk(step)


def back_to_the_desk(step: Step) -> None:
    """Open a case again that had ended, and put it before the operators."""
    step.set("closed_at", None)
    step.set("outcome", None)
    step.stop_clocks()
    step.live["open"] = True
    step.start_clock("intake")


def _hand_over(step: Step) -> None:
    step.set("hand_overs", [*(step.case.get("hand_overs") or ()), _handed_over(step)])


def _desk_or_agency(at: Situation) -> bool:
    """The desk puts down what it was told; an agency speaks for itself of what it has been given."""
    if at.actor.role == "partner":
        return not at.actor.units.isdisjoint(at.case["live"]["units"])
    return in_area(at.case, at.actor)


GUARDS: dict[str, Guard] = {"desk_or_agency": _desk_or_agency}
FORBIDDING: frozenset[str] = frozenset({"desk_or_agency"})
CHECKS: dict[str, Check] = {"other_place_named": _other_place_named}
CONDITIONS: dict[str, Condition] = {"receipt_unknown": _receipt_unknown}
SOURCES: dict[str, Source] = {"agency": _agency}
CHOOSERS: dict[str, Chooser] = {}
EFFECTS: dict[str, Effect] = {
    "transfer": _transfer,
    "record_receipt": _record_receipt,
    "transfer_back": _transfer_back,
    "hand_over": _hand_over,
}
