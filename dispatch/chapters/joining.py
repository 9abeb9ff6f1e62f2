"""One matter that several people report: a case joined to its main one, taken out again, the attention of many (domain.md §2.7).

Two documents change in one transaction: `dispatch.merging` writes what these effects make of each.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from dispatch.agreements import Check
from dispatch.chapters.elsewhere import back_to_the_desk
from dispatch.conditions import Condition, Source
from dispatch.effects import Chooser, Effect, put_under
from dispatch.guards import Guard
from dispatch.joined import Voice, own_voice, who_speaks
from dispatch.model import URGENCIES
from dispatch.shifting import case_clock
from dispatch.situation import Case
from dispatch.step import Step
from dispatch.tasks import follow_tasks

__all__ = ["CHECKS", "CHOOSERS", "CONDITIONS", "EFFECTS", "FORBIDDING", "GUARDS", "SOURCES", "is_of_many"]

MANY = 5  # reporters of one matter
SOME, SOON = 3, timedelta(hours=24)  # so many reporters within so long a time
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


def _unmerge(step: Step) -> None:
    """The case stands before the operators again as a matter of its own; the main one is changed in the same transaction."""
    step.data["main"] = step.case["merged_into"]
    step.set("merged_into", None)
    step.set("lead", None)
    follow_tasks(step)
    back_to_the_desk(step)


def _let_go(step: Step) -> None:
    """The main case loses the reporters of a case that is taken out; its urgency stays."""
    gone = set(step.fields["cases"])
    step.set("followers", [one for one in step.case["followers"] if one["case"] not in gone])
    step.data["released"] = step.fields["released"]


GUARDS: dict[str, Guard] = {}
FORBIDDING: frozenset[str] = frozenset()
CHECKS: dict[str, Check] = {}
CONDITIONS: dict[str, Condition] = {}
SOURCES: dict[str, Source] = {}
CHOOSERS: dict[str, Chooser] = {}
EFFECTS: dict[str, Effect] = {"absorb": _absorb, "unmerge": _unmerge, "let_go": _let_go}
