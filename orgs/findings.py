"""What is wrong with a rulebook: rules that never decide, contradict each other, name what is gone, or are over. Pure.

Only rules of one place and one category are held against each other, as the precedence of domain.md §5.3 holds them: hours, then
priority, then the newer. Each stretch of days and each stretch of the day between two edges is looked at by itself, from now on;
a rule whose unit is not there decides nothing and stands in nobody's way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import inf
from typing import Literal

import msgspec

from dispatch.model import Category
from dispatch.succession import UNCHANGED, Succession
from orgs.hours import DAY, is_open, parse
from orgs.rule_terms import Terms, wrong_terms
from orgs.rules import Rule
from orgs.units import UnitTree, split_post

__all__ = ["KINDS", "Finding", "Key", "Surroundings", "findings", "key_of"]

Kind = Literal["contradictory", "dangling", "shadowed", "expired"]
KINDS: tuple[Kind, ...] = ("contradictory", "dangling", "shadowed", "expired")  # worst first
MOST_OTHERS = 5
SUCCEEDED = "succeeded_unit"  # the unit is gone and its successor answers: to be tidied up, not wrong

Key = tuple[str, str, str]  # zone, area, category
Cell = tuple[float, int]  # the first instant and the first minute of the day of a stretch


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong with a rule.

    `contradictory`: with `others` it is equally strong for another unit, so that nothing is dispatched. `shadowed`: `others`
    decide wherever and whenever it holds. `dangling`: `value` in `column` is not there (`reason`; of a `succeeded_unit` the
    successor answers, of a `void_area` the areas after it). `expired`: it is over.
    """

    kind: Kind
    rule: str
    others: tuple[str, ...] = ()
    column: str = ""
    value: str = ""
    reason: str = ""


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What rules live in: the terms that there are, categories, the units, the tree of areas (code → code above), what came after
    void areas. `whole` is the code of the whole city; management areas lie below none either, and have none below."""

    terms: Terms
    categories: Mapping[str, Category]
    units: UnitTree
    parents: Mapping[str, str]
    whole: str
    after: Succession = UNCHANGED

    def path(self, area: str) -> tuple[str, ...]:
        """Return the codes from the widest area down to this one."""
        found: list[str] = []
        while area and area not in found:
            found.append(area)
            area = self.parents.get(area, "")
        return tuple(reversed(found))


def findings(rules: Iterable[Rule], around: Surroundings, now: float) -> Iterator[Finding]:
    """Give what is wrong with the rules from `now` (seconds since 1970) on."""
    groups: dict[Key, list[Rule]] = {}
    for rule in rules:
        if rule.until <= now:
            yield Finding(kind="expired", rule=rule.id)
            continue
        wrong = list(_dangling(rule, around, now))
        yield from wrong
        if not any(one.column in ("lead", "hours") and one.reason != SUCCEEDED for one in wrong):
            groups.setdefault(key_of(rule, around), []).append(rule)
    for group in groups.values():
        if len(group) > 1:
            yield from _rivals(group, around, now)


def key_of(rule: Rule, around: Surroundings) -> Key:
    """Return where a rule is at home: rules of different keys never stand against each other. No area is the whole city, a rule
    for a special grid is one for its zone."""
    zones = around.terms.zones or ()
    if rule.zone:
        return rule.zone, "", rule.category
    if rule.area in zones:
        return rule.area, "", rule.category
    return "", "" if rule.area == around.whole else rule.area, rule.category


def _dangling(rule: Rule, around: Surroundings, now: float) -> Iterator[Finding]:
    for wrong in wrong_terms(rule, around.terms):
        reason = _gone(wrong.cell, around) if wrong.code == "unknown_unit" else wrong.code
        if wrong.column == "area_code" and wrong.cell in around.after:
            reason = "void_area"  # the rule holds for what came after it
        yield Finding(kind="dangling", rule=rule.id, column=wrong.column, value=wrong.cell, reason=reason)
    category = around.categories.get(rule.category)
    if category is not None and category.disabled_at is not None and category.disabled_at.timestamp() <= now:
        yield Finding(kind="dangling", rule=rule.id, column="category", value=rule.category, reason="category_disabled")


def _gone(unit: str, around: Surroundings) -> str:
    if around.units.standing(unit) is not None:
        return SUCCEEDED
    return "dissolved_unit" if unit in around.units.by_code else "unknown_unit"


def _rivals(group: Sequence[Rule], around: Surroundings, now: float) -> Iterator[Finding]:
    """Rules for a zone may be narrowed by an area: there they stand against those of the areas around, too."""
    for narrow in sorted({_narrowing(rule) for rule in group}):
        path = ("", *around.path(narrow))
        here = [rule for rule in group if _narrowing(rule) in path]
        if len(here) > 1:
            judged = [rule for rule in here if _narrowing(rule) == narrow]
            yield from _survey(judged, here, lambda rule: _leader(rule, around), now)


def _narrowing(rule: Rule) -> str:
    return rule.area if rule.zone else ""


def _survey(judged: Sequence[Rule], here: Sequence[Rule], leader: Callable[[Rule], str], now: float) -> Iterator[Finding]:
    """Look at every stretch in which one of the judged rules holds: who is strongest there, and is that one unit."""
    strongest = _strongest(here, now)
    for rule in judged:
        above: dict[str, None] = {}
        equal: dict[str, None] = {}
        has_won = False
        for cell, best in strongest.items():
            if not _holds(rule, cell, now):
                continue
            if rule not in best:
                above.update(dict.fromkeys(one.id for one in best))
                continue
            has_won = True
            equal.update(dict.fromkeys(one.id for one in best if leader(one) != leader(rule)))
        if not has_won and above:
            yield Finding(kind="shadowed", rule=rule.id, others=_named(above))
        if equal:
            yield Finding(kind="contradictory", rule=rule.id, others=_named(equal))


def _strongest(here: Sequence[Rule], now: float) -> dict[Cell, list[Rule]]:
    """Return the strongest rules of each stretch of days × stretch of the day."""
    ordered = sorted(here, key=lambda rule: rule.precedence, reverse=True)
    found: dict[Cell, list[Rule]] = {}
    for cell in _cells(here, now):
        holding = [rule for rule in ordered if _holds(rule, cell, now)]
        found[cell] = [rule for rule in holding if rule.precedence == holding[0].precedence]
    return found


def _cells(here: Sequence[Rule], now: float) -> Iterator[Cell]:
    days = sorted({max(moment, now) for rule in here for moment in (rule.since, rule.until)} | {now, inf})
    minutes = sorted({minute for rule in here for span in parse(rule.hours) for minute in span if minute < DAY} | {0})
    for day, _ in pairwise(days):
        for minute in minutes:
            yield day, minute


def _holds(rule: Rule, cell: Cell, now: float) -> bool:
    day, minute = cell
    return max(rule.since, now) <= day < rule.until and is_open(parse(rule.hours), minute)


def _leader(rule: Rule, around: Surroundings) -> str:
    """Return the unit that a rule means; `type@level` where the area of the rule does not say which."""
    post = split_post(rule.lead)
    found = around.units.at_post(*post, around.path(rule.area)) if post is not None else ()
    unit = found[0] if found else around.units.standing(rule.lead)
    return unit.code if unit else rule.lead


def _named(ids: Collection[str]) -> tuple[str, ...]:
    return tuple(sorted(ids)[:MOST_OTHERS])
