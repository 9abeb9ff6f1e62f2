"""What joined reporters say when the matter is done, and what the main case makes of it (domain.md §2.7, §2.10, T39, T44).

A joined citizen is asked by their own case while the main one is to be visited, and rates by it once that has ended. The answer
stands on the case that was joined; the main one is told of it in the same transaction (`dispatch.merging`), so that whoever
closes it has heard everybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dispatch.agreements import Check
from dispatch.conditions import Condition, Source
from dispatch.effects import Chooser, Effect
from dispatch.guards import GUARDS as COMMON
from dispatch.guards import RATED_IN, Guard, put_right_at, rating_until
from dispatch.joined import CONTENT, asked, of_main, own_part, tally
from dispatch.situation import Situation
from dispatch.step import Step

__all__ = ["CHECKS", "CHOOSERS", "CONDITIONS", "EFFECTS", "FORBIDDING", "GUARDS", "SOURCES", "has_rated", "is_apart"]

_ANSWER = ("contacted", "solved", "satisfaction")
_GRADES = ("efficiency", "quality", "attitude")
_PROXY = "proxy"  # the consent under which somebody speaks for them
_APART = ("did_not_dispatch", "not_of_lead")  # who dispatched or handled the matter puts down no answers about it (§2.2)


def has_rated(at: Situation) -> bool:
    """Tell whether the joined reporter has said all that is asked: once, and once more after a bad rating was settled."""
    main, part = of_main(at), own_part(at)
    rating = part.get("rating") if part else None
    if main is None or rating is None:
        return False
    since = put_right_at(main)
    return since is None or bool(rating["at"] > since)


def is_apart(at: Situation) -> bool:
    """Tell whether the actor neither dispatched the main case nor works for its lead."""
    main = of_main(at)
    return main is None or all(COMMON[name](main) for name in _APART)


def _speaks_for_joined(at: Situation) -> bool:
    """The reporter; the desk for who is called, where it is apart from the main case."""
    return COMMON["speaks_for_reporter"](at) and COMMON["in_area"](at) and is_apart(at)


def _asked_with_main(at: Situation) -> bool:
    main, part = of_main(at), own_part(at)
    return main is not None and main.state == "visiting" and _is_citizen(part) and not (part or {}).get("answer")


def _is_citizen(part: dict[str, Any] | None) -> bool:
    return part is not None and part["kind"] == "citizen"


def _rates_with_main(at: Situation) -> bool:
    main = of_main(at)
    if main is None or main.state not in RATED_IN or not _is_citizen(own_part(at)) or has_rated(at):
        return False
    until = rating_until(main)
    return until is not None and at.now <= until


def _nobody_joined(at: Situation) -> bool:
    """Where others are asked besides, one answer closes nothing: the desk closes when it has heard them all."""
    return at.actor.role == "operator" or not asked(at.case)


def _hear_answer(step: Step) -> None:
    answer = _said(step, _ANSWER)
    _put(step, "answer", {**answer, "at": step.now})
    is_settled = answer["contacted"] and answer["solved"] and answer["satisfaction"] in CONTENT
    step.data.update(answer, case=step.fields["case"], unsettled=not is_settled)


def _hear_rating(step: Step) -> None:
    """A bad one is put right like the main reporter's own; the record says by whose case it was given."""
    grades = _said(step, _GRADES)
    _put(step, "rating", {**grades, "at": step.now})
    step.data.update(grades, case=step.fields["case"])
    record = step.case.get("rectification")
    if step.data.get("bad") and record is not None and record["at"] == step.now:
        step.edit("rectification")["case"] = step.fields["case"]


def _said(step: Step, names: Sequence[str]) -> dict[str, Any]:
    return {name: step.fields[name] for name in (*names, _PROXY) if name in step.fields}


def _put(step: Step, name: str, value: dict[str, Any]) -> None:
    part = next(one for one in step.edit("followers") if one["case"] == step.fields["case"])
    part[name] = value


def _ask_anew(step: Step) -> None:
    """The matter is taken up again: what was said of the last time is past (their own cases and the timeline keep it)."""
    for part in step.edit("followers") if step.case.get("followers") else ():
        part.pop("answer", None)
        part.pop("rating", None)


def _count_voices(step: Step) -> None:
    """The visit says what all who joined have answered."""
    counts = tally(step.case)
    if counts is not None:
        step.edit("visit")["joined"] = counts
        step.data["joined"] = counts


GUARDS: dict[str, Guard] = {
    "speaks_for_joined": _speaks_for_joined,
    "asked_with_main": _asked_with_main,
    "rates_with_main": _rates_with_main,
    "nobody_joined": _nobody_joined,
}
FORBIDDING: frozenset[str] = frozenset({"speaks_for_joined"})
CHECKS: dict[str, Check] = {}
CONDITIONS: dict[str, Condition] = {}
SOURCES: dict[str, Source] = {}
CHOOSERS: dict[str, Chooser] = {}
EFFECTS: dict[str, Effect] = {
    "hear_answer": _hear_answer,
    "hear_rating": _hear_rating,
    "ask_anew": _ask_anew,
    "count_voices": _count_voices,
}
