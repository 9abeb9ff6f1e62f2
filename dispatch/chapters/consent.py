"""Whether organizations that help may call who reported: only as long as the reporter agrees (domain.md §4.2).

Consent is put down by whoever has it from the reporter: the desk, the grid worker who reported for them, or they themselves. It
can be taken back at any time. It opens nothing by itself: each look at name and number is asked for with a reason and logged.
"""

from __future__ import annotations

from dispatch.agreements import Check
from dispatch.conditions import Condition, Source
from dispatch.effects import Chooser, Effect
from dispatch.guards import Guard
from dispatch.situation import Situation
from dispatch.step import Step

__all__ = ["CHECKS", "CHOOSERS", "CONDITIONS", "EFFECTS", "FORBIDDING", "GUARDS", "SOURCES"]


def _contact_may_be_shared(at: Situation) -> bool:
    """Somebody left a number and asked neither for confidence nor reported others."""
    caller = at.case.get("caller")
    return bool(caller and caller["phone"]) and at.case["appeal_type"] != "report" and not at.case["caller"]["confidential"]


def _contact_shared(at: Situation) -> bool:
    return bool(at.case.get("contact_shared"))


def _contact_not_shared(at: Situation) -> bool:
    return not _contact_shared(at)


def _share_contact(step: Step) -> None:
    consent = step.fields["consent"]
    step.set("contact_shared", {"consent": consent, "by": step.actor.id, "role": step.actor.role, "at": step.now})
    step.data["consent"] = consent


def _unshare_contact(step: Step) -> None:
    step.set("contact_shared", None)


GUARDS: dict[str, Guard] = {
    "contact_may_be_shared": _contact_may_be_shared,
    "contact_shared": _contact_shared,
    "contact_not_shared": _contact_not_shared,
}
FORBIDDING: frozenset[str] = frozenset()
CHECKS: dict[str, Check] = {}
CONDITIONS: dict[str, Condition] = {}
SOURCES: dict[str, Source] = {}
CHOOSERS: dict[str, Chooser] = {}
EFFECTS: dict[str, Effect] = {"share_contact": _share_contact, "unshare_contact": _unshare_contact}
