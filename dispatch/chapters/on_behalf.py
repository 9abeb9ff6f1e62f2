"""A grid worker stands for a resident who cannot report or rate themselves (代办), so far as the resident agrees.

The case is the resident's: they are contacted, visited, and get links and query code. The grid worker follows it and may answer
and rate for them, marked as said by proxy; nobody does who dispatched it, worked on it, or found it done (domain.md §2.2).
By a case that was joined to another they speak as its reporter would, if they did none of this to either.
"""

from __future__ import annotations

from typing import Any

from dispatch.agreements import Check
from dispatch.chapters.joined_voices import is_apart
from dispatch.chapters.spot_checks import GUARDS as OF_CHECKS
from dispatch.conditions import Condition, Source
from dispatch.effects import Chooser, Effect
from dispatch.guards import Guard
from dispatch.joined import of_main
from dispatch.situation import Situation
from dispatch.step import Step
from storage.errors import FieldError

__all__ = ["CHECKS", "CHOOSERS", "CONDITIONS", "EFFECTS", "FORBIDDING", "GUARDS", "SOURCES"]


def _is_proxy(at: Situation) -> bool:
    """It was they with whom the resident spoke."""
    behalf = at.case.get("on_behalf")
    return behalf is not None and bool(behalf["by"] == at.actor.id)


def _apart_from_main(at: Situation) -> bool:
    main = of_main(at)
    return is_apart(at) and (main is None or OF_CHECKS["did_not_pass"](main))


def _written_consent_shown(at: Situation, values: dict[str, Any]) -> FieldError | None:
    if values["consent"] != "written" or values.get("photos"):
        return None
    return FieldError(field="photos", code="required", message="a photo of what was signed")


def _mark_proxy(step: Step, record: str) -> None:
    """Whoever counts rates can tell what the resident said from what was said for them."""
    consent = step.fields["consent"]
    step.edit(record)["proxy"] = consent
    step.data["proxy"] = consent
    if photos := step.fields.get("photos"):
        step.data["photos"] = photos


def _answered_by_proxy(step: Step) -> None:
    _mark_proxy(step, "visit_answer")


def _rated_by_proxy(step: Step) -> None:
    _mark_proxy(step, "rating")


GUARDS: dict[str, Guard] = {"is_proxy": _is_proxy, "apart_from_main": _apart_from_main}
FORBIDDING: frozenset[str] = frozenset({"is_proxy", "apart_from_main"})
CHECKS: dict[str, Check] = {"written_consent_shown": _written_consent_shown}
CONDITIONS: dict[str, Condition] = {}
SOURCES: dict[str, Source] = {}
CHOOSERS: dict[str, Chooser] = {}
EFFECTS: dict[str, Effect] = {"answered_by_proxy": _answered_by_proxy, "rated_by_proxy": _rated_by_proxy}
