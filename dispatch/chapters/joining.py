"""One matter that several people report: a case joined to its main one, taken out again, the attention of many (domain.md §2.7).

Two documents change in one transaction: `dispatch.merging` writes what these effects make of each.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from dispatch.agreements import Check, metres_between
from dispatch.chapters.elsewhere import back_to_the_desk
from dispatch.conditions import Condition, Source
from dispatch.effects import Chooser, Effect, put_under
from dispatch.guards import Guard
from dispatch.joined import UNKNOWN, Voice, of_main, own_voice, who_speaks
from dispatch.model import URGENCIES
from dispatch.shifting import case_clock
from dispatch.situation import Case, Situation
from dispatch.step import Step
from dispatch.tasks import follow_tasks
from dispatch.transition import FINAL

__all__ = [
    "AGAIN", "CHECKS", "CHOOSERS", "CONDITIONS", "EFFECTS", "FORBIDDING", "GUARDS", "SOURCES", "is_of_many",
    "same_matter",
]  # fmt: skip

MANY = 5  # reporters of one matter
SOME, SOON = 3, timedelta(hours=24)  # so many reporters within so long a time
AGAIN = "again"  # the timer of a report that may only repeat an earlier one
SAME_SPOT_M = 1.0  # one credential may stand for many devices: each stays where it is
HIGHEST_BY_COUNT = "urgent"  # that there is danger to life is said by a word or a person, never by a number


def is_of_many(voices: Iterable[Voice]) -> bool:
    """Tell whether the matter has the attention of many: five reporters, or three within a day (domain.md §2.7).

    Calls without a number are taken for one and the same.

    >>> from datetime import datetime
    >>> noon = datetime(2026, 11, 23, 12)
    >>> is_of_many([("a", noon), ("b", noon), ("a", noon)]), is_of_many([("a", noon), ("b", noon), ("c", noon + SOON)])
    (False, True)
    """
    ordered = sorted(voices, key=lambda voice: voice[1])
    if len({who for who, _ in ordered}) >= MANY:
        return True
    return any(len({who for who, at in ordered if first <= at <= first + SOON}) >= SOME for _, first in ordered)


def _absorb(step: Step) -> None:
    """The main case takes over the reporters, a higher urgency and the sensitivity of the other (design.md §6)."""
    live, fields = step.live, step.fields
    since = step.case["head"]["seq"] + 1  # the number of this entry: of what comes after it they are told
    step.set("followers", [*(step.case.get("followers") or ()), *({**one, "since": since} for one in fields["followers"])])
    live["sensitive"] = live["sensitive"] or fields["sensitive"]
    step.data["merged"] = fields["merged"]
    if not live["open"]:
        return
    urgency = max(live["urgency"], fields["urgency"], key=URGENCIES.index)
    if not step.facts.get("group_attention") and is_of_many(_voices(step.case)):
        step.facts["group_attention"] = step.data["group_attention"] = True
        urgency = _one_higher(urgency)
    if urgency != live["urgency"]:
        step.data["urgency"] = live["urgency"] = urgency
        _shorten(step)


def _voices(case: Case) -> list[Voice]:
    joined = case.get("followers") or ()
    reported_at = case["live"]["reported_at"]
    return [own_voice(case), *((who_speaks(one), one.get("at") or reported_at) for one in joined)]


def _one_higher(urgency: str) -> str:
    if urgency == "complex" or URGENCIES.index(urgency) >= URGENCIES.index(HIGHEST_BY_COUNT):
        return urgency  # `complex` is the supervisor's mark: no number takes it away
    return URGENCIES[URGENCIES.index(urgency) + 1]


def _shorten(step: Step) -> None:
    """A higher urgency counts from the case's first start (domain.md T50); a limit that was set shorter by hand stays."""
    clock, choice = case_clock(step.clocks), step.rules.limit_choice(step.case)
    if clock is None or clock["done_at"] is not None:
        return
    if step.rules.clock("case", choice.limit, clock["started_at"])["due_at"] < clock["due_at"]:
        put_under(step, choice)


def same_matter(case: Case, others: Iterable[Case]) -> dict[str, Any] | None:
    """Return which open case this one only repeats, the earliest, and by which rule: the same reporter sent the same picture, or
    the same device stands at the same spot (domain.md §2.7). Nothing else is ever joined without a person."""
    who, at = own_voice(case)
    found = [
        {"id": other["_id"], "rule": rule, "at": other["live"]["reported_at"]}
        for other in others
        if other["live"]["open"] and other["live"]["reported_at"] <= at and other["_id"] != case["_id"]
        and own_voice(other)[0] == who != UNKNOWN and (rule := _rule_of_same(case, other)) is not None
    ]  # fmt: skip
    return min(found, key=lambda one: one["at"], default=None)


def _rule_of_same(case: Case, other: Case) -> str | None:
    if case["reporter"]["role"] != other["reporter"]["role"]:
        return None
    if case["reporter"]["role"] == "device":
        one, two = case["live"], other["live"]
        return "same_device" if metres_between(one["lon"], one["lat"], two["lon"], two["lat"]) <= SAME_SPOT_M else None
    return None if set(case["photos"]).isdisjoint(other["photos"]) else "same_photo"


def _same_matter_found(at: Situation) -> bool:
    return at.case.get("same") is not None


def _name_same(step: Step) -> None:
    same = step.case["same"]
    step.fields = {**step.fields, "main": same["id"]}
    step.data["same"] = same["rule"]


def _mark_recurrence(step: Step) -> None:
    """The same trouble came back to the place: what was looked up for this step (`dispatch.lookback`) stays with the case."""
    found = step.case.get("looked_back")
    if found is None or found == step.case.get("recurrence"):
        return
    step.set("recurrence", found)
    step.facts["recurrence"] = True
    step.data["recurrence"] = found["case_no"]


def _main_at_rest(at: Situation) -> bool:
    """A joined case goes to the archive with its main one (domain.md T47)."""
    main = of_main(at)
    return main is None or main.state in FINAL


def _unmerge(step: Step) -> None:
    """The case stands before the operators again as a matter of its own, of which nothing was said yet; the main one is changed
    in the same transaction."""
    step.data["main"] = step.case["merged_into"]
    for name in ("visit_answer", "rating"):
        if step.case.get(name) is not None:
            step.set(name, None)
    step.set("merged_into", None)
    step.set("lead", None)
    follow_tasks(step)
    back_to_the_desk(step)


def _let_go(step: Step) -> None:
    """The main case loses the reporters of a case that is taken out; its urgency stays."""
    gone = set(step.fields["cases"])
    step.set("followers", [one for one in step.case["followers"] if one["case"] not in gone])
    step.data["released"] = step.fields["released"]


GUARDS: dict[str, Guard] = {"same_matter_found": _same_matter_found, "main_at_rest": _main_at_rest}
FORBIDDING: frozenset[str] = frozenset()
CHECKS: dict[str, Check] = {}
CONDITIONS: dict[str, Condition] = {}
SOURCES: dict[str, Source] = {}
CHOOSERS: dict[str, Chooser] = {}
EFFECTS: dict[str, Effect] = {
    "absorb": _absorb,
    "name_same": _name_same,
    "mark_recurrence": _mark_recurrence,
    "unmerge": _unmerge,
    "let_go": _let_go,
}
