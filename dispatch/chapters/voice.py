"""The reporter's own word by a signed link: when it is asked for, until when it may be spoken, what it does (domain.md §2.10,
T06, T39, T44, T46).

A link is for one purpose in one round of a case: a visit ends with the redo, a rating with the reopening or when a bad rating
was settled, an appeal when the case is taken up again. What belongs to an earlier round says nothing any more.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dispatch.agreements import Check
from dispatch.chapters.appeals import appeal_until
from dispatch.chapters.joined_voices import has_rated
from dispatch.conditions import Condition, Source
from dispatch.effects import Chooser, Effect
from dispatch.guards import RATED_IN, Guard, is_rated, put_right_at, rating_until
from dispatch.joined import asked, of_main, own_part
from dispatch.situation import Situation, may_be_texted
from dispatch.step import Step
from storage.errors import FieldError

__all__ = ["CHECKS", "CHOOSERS", "CONDITIONS", "EFFECTS", "FORBIDDING", "GUARDS", "SOURCES", "round_of", "speaks_until"]


def round_of(at: Situation, purpose: str) -> str:
    """Return which time it is that the reporter is asked this about the case: another one after each redo, reopening or settled
    bad rating, or when it has ended otherwise. What is asked together with the case that it was joined to has rounds of its own,
    by that case and the entry since which it is joined."""
    if (main := of_main(at)) is not None:
        return f"{round_of(main, purpose)}@{main.case['_id']}.{(own_part(at) or {}).get('since', 0)}"
    closures = len(at.case.get("closures") or ())
    if purpose == "visit":
        return f"{closures}.{at.facts['redo']}"
    if purpose == "appeal":
        return f"{closures}.{at.state}"
    return f"{closures}.{0 if put_right_at(at) is None else 1}"


def speaks_until(at: Situation, purpose: str) -> datetime | None:
    """Return until when a link for this purpose lets the reporter speak, or None when they are not asked now."""
    if not _reporter_is_citizen(at):
        return None
    until = _UNTIL[purpose](at)
    return until if until is not None and at.now < until else None


def _visit_until(at: Situation) -> datetime | None:
    case = at.case.get("main") or at.case
    if case["live"]["state"] != "visiting" or not _not_answered(at):
        return None
    running = (clock["due_at"] for clock in case["clocks"] if clock["kind"] == "visit" and clock["done_at"] is None)
    return next(running, None)


def _rate_until(at: Situation) -> datetime | None:
    if (main := of_main(at)) is not None:
        return rating_until(main) if main.state in RATED_IN and not has_rated(at) else None
    return None if at.state not in RATED_IN or is_rated(at) else rating_until(at)


_UNTIL = {"visit": _visit_until, "rate": _rate_until, "appeal": appeal_until}


def _reporter_is_citizen(at: Situation) -> bool:
    return bool(at.case["reporter"]["kind"] == "citizen")


def _not_answered(at: Situation) -> bool:
    part = own_part(at)  # where the case was joined to another, what that one heard in this round
    return (at.case.get("visit_answer") if part is None else part.get("answer")) is None


def _visit_answer(step: Step) -> None:
    """Put down what the reporter said. Whether the case is closed or done again is for the operators to decide."""
    answer = {name: step.fields[name] for name in ("contacted", "solved", "satisfaction")}
    step.set("visit_answer", {**answer, "at": step.now})
    step.data.update(answer)


def _ask_account(step: Step) -> None:
    """A reporter with an account or a telephone is told that their answer is waited for, and so are all who joined; others are
    reached by the desk."""
    case = step.case
    is_asked = case["reporter"]["role"] == "citizen" or "on_behalf" in case or bool(asked(case)) or may_be_texted(case)
    if step.next_state == "visiting" and is_asked:
        step.then("ask_reporter", {})


def _ask_rating(step: Step) -> None:
    """Whoever called is asked to rate when the case has ended; by whose link it was closed is asked on the page."""
    if may_be_texted(step.case) and step.actor.role != "link":
        step.then("ask_rating", {})


def _text_caller(step: Step) -> None:
    """What the number was opened for is put down, never the number."""
    step.data["kind"] = step.fields["kind"]


def _texts_wanted(at: Situation) -> bool:
    return may_be_texted(at.case)


def _issue_link(step: Step) -> None:
    """That it was read out is put down, never the link itself."""
    purpose = step.fields["purpose"]
    step.facts.setdefault("links", []).append(_mark(step.situation(), purpose))
    step.data["purpose"] = purpose


def _mark(at: Situation, purpose: str) -> str:
    return f"{purpose}:{round_of(at, purpose)}"


def _link_due(at: Situation, values: dict[str, Any]) -> FieldError | None:
    purpose = values["purpose"]
    if speaks_until(at, purpose) is None:
        return FieldError(field="purpose", code="not_now", message="the reporter is not asked this now")
    if _mark(at, purpose) in at.facts.get("links", ()):
        return FieldError(field="purpose", code="read_before", message="this link was read before")
    return None


GUARDS: dict[str, Guard] = {
    "reporter_is_citizen": _reporter_is_citizen,
    "not_answered": _not_answered,
    "texts_wanted": _texts_wanted,
}
FORBIDDING: frozenset[str] = frozenset()
CHECKS: dict[str, Check] = {"link_due": _link_due}
CONDITIONS: dict[str, Condition] = {}
SOURCES: dict[str, Source] = {}
CHOOSERS: dict[str, Chooser] = {}
EFFECTS: dict[str, Effect] = {
    "visit_answer": _visit_answer,
    "ask_account": _ask_account,
    "ask_rating": _ask_rating,
    "text_caller": _text_caller,
    "issue_link": _issue_link,
}
