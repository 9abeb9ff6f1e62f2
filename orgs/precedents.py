"""Who is responsible, remembered: places that no rule and no unit tells apart have one answer until a rule begins or ends.

A grid without rules and units of its own is answered like the rest of its township, so a few thousand answers serve a whole
city. What depends on the very place (owners of assets, special polygons) is never remembered. Answers are equal to those that
`orgs.matching` finds anew.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from math import isfinite

import msgspec

from dispatch.model import Candidate, UnitRef
from orgs.hours import DAY, parse
from orgs.matching import Context, assists_of, drafts, owners_near, rank, winner_doubt
from orgs.rules import Rule, RuleIndex, Steps
from orgs.units import UnitTree

__all__ = ["Precedent", "Precedents"]

MOST = 32_768  # answers of about 0.5 KB; then all are forgotten

_Key = tuple[object, ...]


class Precedent(msgspec.Struct, frozen=True):
    """The ranked candidates, who assists the first, and what is doubtful about the first."""

    candidates: tuple[Candidate, ...]
    assists: tuple[UnitRef, ...]
    doubt: tuple[str, ...]


class Precedents:
    """Finds the candidates for a context, from memory where they are known. `threshold` is the least score without doubt."""

    def __init__(self, rules: RuleIndex, units: UnitTree, threshold: float) -> None:
        self._rules = rules
        self._units = units
        self._threshold = threshold
        self._known: dict[_Key, Precedent] = {}
        self._candidates: dict[_Key, Candidate] = {}
        self._telling = _areas_that_tell(rules, units)
        self._told: dict[str, tuple[Steps, Steps]] = {}  # by the finest area, with the steps that they are of
        self._days, self._minutes = _edges(rules)

    @property
    def minutes(self) -> tuple[int, ...]:
        """The minutes of the day from which on some rule begins or ends to hold; midnight is always one."""
        return tuple(sorted({minute % DAY for minute in self._minutes} | {0}))

    def find(self, context: Context) -> Precedent:
        """Return what holds for the place, category and time."""
        key = self._key(context)
        if key is None:
            return self._anew(context)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= MOST:
                self._known.clear()
                self._candidates.clear()
            found = self._known[key] = self._shared(self._anew(context))
        return found

    def _key(self, context: Context) -> _Key | None:
        """What alone can make a difference; None where the very place does."""
        place, category = context.place, context.category
        if place.special is not None or (place.asset and place.asset_owner) or owners_near(place, category):
            return None
        steps = self._that_tell(context.steps)
        if context.steps and not steps:
            return None
        day = bisect_right(self._days, context.at.timestamp())
        minute = bisect_right(self._minutes, context.minute)
        return category.code if category else None, day, minute, steps

    def _that_tell(self, steps: Steps) -> Steps:
        """The steps that can make a difference, of which all places of a grid have the very same ones."""
        finest = steps[0][0] if steps else ""
        known = self._told.get(finest)
        if known is None or known[0] is not steps:
            telling = self._telling
            known = self._told[finest] = steps, tuple([step for step in steps if step[2] == 0 or step[0] in telling])
        return known[1]

    def _anew(self, context: Context) -> Precedent:
        found = drafts(context, self._rules, self._units)
        assists = assists_of(context, found[0] if found else None, self._units)
        return Precedent(rank(found), assists, tuple(winner_doubt(found, self._threshold)))

    def _shared(self, found: Precedent) -> Precedent:
        """Equal candidates of many answers are kept once."""
        known = self._candidates
        candidates = [known.setdefault((one.rule, one.unit, one.score, one.reason), one) for one in found.candidates]
        return Precedent(tuple(candidates), found.assists, found.doubt)


def _areas_that_tell(rules: RuleIndex, units: UnitTree) -> frozenset[str]:
    """Return the areas that have a rule or a unit."""
    areas = {rule.area for rule in rules.as_they_hold()}
    for unit in units.by_code.values():
        areas.update(unit.area_codes)
    return frozenset(areas)


def _edges(rules: Iterable[Rule]) -> tuple[list[float], list[int]]:
    """Return the moments (seconds since 1970) and the minutes of the day at which some rule begins or ends to hold."""
    days: set[float] = set()
    minutes: set[int] = set()
    for rule in rules:
        days.update(moment for moment in (rule.since, rule.until) if isfinite(moment))
        if rule.hours:
            minutes.update(minute for span in parse(rule.hours) for minute in span)
    return sorted(days), sorted(minutes)
