"""Urging and supervising by rule and by hand (domain.md T48, T49, §3.4)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dispatch import clockwork
from dispatch.agreements import Check
from dispatch.clocks import Limit, due_at
from dispatch.conditions import Condition, Source
from dispatch.effects import Chooser, Effect
from dispatch.fields import SUPERVISE_LEVELS
from dispatch.guards import Guard
from dispatch.outcomes import archive_later
from dispatch.situation import Situation, lead_of, open_supervisions
from dispatch.step import Step
from storage.errors import FieldError

__all__ = ["CHECKS", "CHOOSERS", "CONDITIONS", "EFFECTS", "FORBIDDING", "GUARDS", "SOURCES"]

ANSWER_WITHIN = Limit(1, "wd")  # domain.md T49
LETTER = 2  # from this level on a supervision is answered in writing
LEAST_LETTER = 20  # characters
NOT_FILED = ("reported", "verifying")

# domain.md §3.4: what each light of the case clock brings, besides being told. Sign-in and contact only tell.
LADDER: dict[str, tuple[str, dict[str, Any]]] = {
    "yellow": ("urge", {"rule": "yellow"}),
    "red": ("supervise", {"rule": "red", "level": "notice"}),
    "deep_red": ("supervise", {"rule": "deep_red", "level": "letter"}),
}


# -- by rule


def _ladder(step: Step) -> None:
    """Take the step of the ladder that belongs to a light of the case clock, once for each clock and light.

    A clock whose due time was moved shows its lights again; what had been done for it is not done twice. While no unit holds
    the case (returned, to be dispatched again) there is nobody to urge, but it is supervised.
    """
    clock, light = step.case["clocks"][step.fields["clock"]], step.fields["light"]
    action, fields = LADDER[light]
    if clock["kind"] != "case" or (action == "urge" and lead_of(step.case) is None):
        return
    done: list[dict[str, Any]] = step.facts.setdefault("ladder", [])
    rung = {"since": clock["started_at"], "light": light} | ({"repair": True} if clock.get("source") == "repair" else {})
    if rung in done:
        return
    done.append(rung)
    step.data["step"] = action
    step.then(action, fields)


def _reply_expected(step: Step) -> None:
    """Until when an urged unit is expected to reply (domain.md T48)."""
    limit = step.rules.node_limit(step.case, "urge_reply")
    if limit is not None:
        step.data["reply_by"] = due_at(step.now, limit, step.rules.calendar)
    if "rule" in step.fields:
        step.data["rule"] = step.fields["rule"]


# -- by hand


def _supervise(step: Step) -> None:
    fields = step.fields
    level = SUPERVISE_LEVELS.index(fields["level"]) + 1
    _supervised(step, level, fields.get("reason"), limit=fields.get("limit"), rule=fields.get("rule"))


def _comment(step: Step) -> None:
    """What a leader asks is supervised from then on; what they merely say is put down."""
    if step.fields.get("asks"):
        _supervised(step, 1, step.fields["text"])


def _supervised(step: Step, level: int, reason: str | None, *, limit: Limit | None = None, rule: str | None = None) -> None:
    within = limit or step.rules.node_limit(step.case, "answer_supervise") or ANSWER_WITHIN
    clock = step.rules.clock("supervise", within, step.now)
    earlier = step.case.get("supervisions") or ()
    made = {
        "id": f"s{len(earlier) + 1}",
        "level": level,
        "by": step.actor.id,
        "role": step.actor.role,
        "rule": rule,
        "reason": reason,
        "at": step.now,
        "due_at": clock["due_at"],
        "answered_at": None,
        "lifted_at": None,
    }
    step.set("supervisions", [*earlier, made])
    _await_answer(step, clock)
    step.data.update(supervision=made["id"], level=level, due_at=clock["due_at"])
    if rule is not None:
        step.data["rule"] = rule


def _await_answer(step: Step, clock: dict[str, Any]) -> None:
    """One clock runs for the answer: the earliest, as one answer is for all. A demand that was let pass gives way to the next."""
    running = clockwork.running(step.case["clocks"], "supervise")
    if running and step.now < running[0]["due_at"] <= clock["due_at"]:
        return
    step.stop_clocks("supervise")
    step.clocks.append(clock)


def _answer_supervise(step: Step) -> None:
    """One answer is for everything that was asked until then."""
    answered = _mark(step, "answered_at", step.now)
    step.stop_clocks("supervise")
    step.data["supervisions"] = answered
    if photos := step.fields.get("photos"):
        step.data["photos"] = photos


def _lift_supervise(step: Step) -> None:
    step.data["supervisions"] = _mark(step, "lifted_at", step.now)
    step.stop_clocks("supervise")
    if (closed := step.case["closed_at"]) is not None:
        archive_later(step, closed)


def _mark(step: Step, name: str, at: datetime) -> list[str]:
    """Put down an instant in every open supervision that lacks it; return their ids."""
    marked = [item for item in step.edit("supervisions") if item["lifted_at"] is None and item[name] is None]
    for item in marked:
        item[name] = at
    return [item["id"] for item in marked]


# -- what must hold


def _is_supervised(at: Situation) -> bool:
    return bool(open_supervisions(at.case))


def _unanswered(at: Situation) -> list[dict[str, Any]]:
    return [item for item in open_supervisions(at.case) if item["answered_at"] is None]


def _answer_awaited(at: Situation) -> bool:
    return bool(_unanswered(at))


def _needs_no_call(at: Situation) -> bool:
    """Who complained, was in danger or saw the case supervised is called; a message does not do (domain.md §2.10)."""
    called = at.case["appeal_type"] == "complaint" or at.case["live"]["urgency"] == "emergency"
    return at.actor.role not in ("citizen", "link") or not (called or at.case.get("supervisions"))


def _asks_when_filed(at: Situation, values: dict[str, Any]) -> FieldError | None:
    if not values.get("asks") or at.state not in NOT_FILED:
        return None
    return FieldError(field="asks", code="not_filed", message="nobody could answer yet: the case is not filed")


def _answer_in_time(at: Situation, values: dict[str, Any]) -> FieldError | None:
    limit = values.get("limit")
    most = at.rules.node_limit(at.case, "answer_supervise") or ANSWER_WITHIN
    if limit is None or due_at(at.now, limit, at.rules.calendar) <= due_at(at.now, most, at.rules.calendar):
        return None
    return FieldError(field="limit", code="too_long", message=f"at most {most}")


def _letter_answered_in_writing(at: Situation, values: dict[str, Any]) -> FieldError | None:
    if len(values["text"]) >= LEAST_LETTER or all(item["level"] < LETTER for item in _unanswered(at)):
        return None
    return FieldError(field="text", code="length", message=f"a letter is answered in writing: at least {LEAST_LETTER} characters")


GUARDS: dict[str, Guard] = {
    "supervised": _is_supervised,
    "answer_awaited": _answer_awaited,
    "needs_no_call": _needs_no_call,
}
FORBIDDING: frozenset[str] = frozenset()
CHECKS: dict[str, Check] = {
    "asks_when_filed": _asks_when_filed,
    "answer_in_time": _answer_in_time,
    "letter_answered_in_writing": _letter_answered_in_writing,
}
CONDITIONS: dict[str, Condition] = {}
SOURCES: dict[str, Source] = {}
CHOOSERS: dict[str, Chooser] = {}
EFFECTS: dict[str, Effect] = {
    "ladder": _ladder,
    "reply_expected": _reply_expected,
    "comment": _comment,
    "supervise": _supervise,
    "answer_supervise": _answer_supervise,
    "lift_supervise": _lift_supervise,
}
