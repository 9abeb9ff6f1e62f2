"""Looking at the whole rulebook: what is wrong with it, and where it says nothing, one thing, or several at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal, Protocol

import msgspec

from dispatch.model import AreaRef, Category, Place
from dispatch.past import count_cases
from orgs.directory import DirectorySnapshot
from orgs.edits import Edit
from orgs.findings import KINDS, Finding, Key, Surroundings, findings, key_of
from orgs.rule_editor import Snapshots, terms_of
from orgs.rules import Rule
from storage.client import Database
from storage.errors import FieldError, Invalid

__all__ = ["ANSWERS", "Cell", "Coverage", "FindingsPage", "RuleAudit", "around", "findings_of_set"]

SLICE = 20  # cells between two turns of the event loop
Answer = Literal["none", "any", "one", "many"]
ANSWERS: tuple[Answer, ...] = ("none", "many", "any", "one")  # worst first


class FindingsPage(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with the rulebook `version`: how much of each kind, and one page of it, worst first."""

    version: int
    counts: dict[str, int]
    items: list[Finding]
    next: str | None


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """A category in an area: `none` (only defaults), `any` (a rule for anything: a person decides), `one`, or `many` equal.

    Of a day it is the worst hour that counts. `unit` and `rule` are who comes first then; `finer`: rules for smaller areas inside
    may say more; `cases` are those of the last days.
    """

    area: str
    area_name: str
    category: str
    category_name: str
    answer: Answer
    unit: str
    unit_name: str
    rule: str
    finer: bool
    cases: int


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """How far the rules reach below `parent`: cells and their cases by answer, and the cells that were asked for."""

    parent: str
    version: int
    at: datetime
    days: int
    cells: dict[str, int]
    cases: dict[str, int]
    items: list[Cell]


class Areas(Protocol):
    """The tree of areas."""

    def path(self, code: str) -> tuple[AreaRef, ...]:
        """Return the areas from the city down to `code`; empty for an unknown code."""

    def children(self, code: str) -> tuple[AreaRef, ...]:
        """Return the areas directly below."""


class RuleAudit:
    """All questions about the rulebook as a whole. Who may ask is for the caller to say."""

    def __init__(
        self, database: Database, parties: Snapshots, areas: Areas, zones: Callable[[], Collection[str]],
        clock: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self._database = database
        self._parties = parties
        self._areas = areas
        self._zones = zones
        self._clock = clock
        self._known: tuple[DirectorySnapshot | None, datetime, list[Finding]] = (None, clock(), [])
        self._finding = asyncio.Lock()

    async def findings(self, *, kind: str | None, start: int, limit: int) -> FindingsPage:
        """Return what is wrong, of one kind or of all, from the `start`-th on."""
        snapshot = self._parties.snapshot
        known = await self._all(snapshot)
        of_kind = Counter(one.kind for one in known)
        wanted = [one for one in known if kind in (None, one.kind)]
        behind = start + limit
        return FindingsPage(
            version=snapshot.book, counts={str(name): of_kind[name] for name in KINDS},
            items=wanted[start:behind], next=str(behind) if behind < len(wanted) else None,
        )  # fmt: skip

    async def coverage(self, *, parent: str, days: int, major: str | None = None, answers: Collection[str] = ANSWERS) -> Coverage:
        """Return what the rules say for each category in use in each area directly below `parent`, weighted by the cases of the
        last `days`. Raises `Invalid` for an area that there is not or that has none below."""
        snapshot, now = self._parties.snapshot, self._clock()
        areas = self._areas.children(parent)
        if not areas:
            raise Invalid(errors=[FieldError("parent", "unknown_area", "an area with others below it")])
        weights = await count_cases(self._database, now - timedelta(days=days), [area.code for area in areas])
        items: list[Cell] = []
        categories = [one for one in snapshot.categories.values() if one.disabled_at is None and major in (None, one.code[:2])]
        for area in areas:
            place = Place(area_path=self._areas.path(area.code))
            for start in range(0, len(categories), SLICE):
                part = categories[start : start + SLICE]
                items += [_cell(snapshot, place, area, one, now, weights.get((one.code, area.code), 0)) for one in part]
                await asyncio.sleep(0)
        cells, cases = Counter(one.answer for one in items), Counter[str]()
        for one in items:
            cases[one.answer] += one.cases
        shown = [one for one in items if one.answer in answers]
        shown.sort(key=lambda one: (ANSWERS.index(one.answer), -one.cases, one.area, one.category))
        return Coverage(
            parent=parent, version=snapshot.book, at=now, days=days, cells=_whole(cells), cases=_whole(cases), items=shown
        )

    async def _all(self, snapshot: DirectorySnapshot) -> list[Finding]:
        """Looked for once for each snapshot and minute, off the loop."""
        async with self._finding:
            known, at, found = self._known
            now = self._clock()
            if known is not snapshot or now - at >= timedelta(minutes=1):
                found = await asyncio.to_thread(_worst_first, snapshot, self._zones(), now.timestamp())
                self._known = snapshot, now, found
            return found


def around(snapshot: DirectorySnapshot, zones: Collection[str]) -> Surroundings:
    """Return what the rules of a directory live in."""
    above = set(snapshot.parents.values())
    return Surroundings(
        terms=terms_of(snapshot, zones), categories=snapshot.categories, units=snapshot.units, parents=snapshot.parents,
        whole=next((code for code, parent in snapshot.parents.items() if not parent and code in above), ""),
        after=snapshot.after,
    )  # fmt: skip


def findings_of_set(
    snapshot: DirectorySnapshot, edits: Sequence[Edit], changed: Sequence[Rule], zones: Collection[str], now: float
) -> tuple[list[Finding], list[Finding]]:
    """Return what a set of changes makes wrong and what it puts right, among the rules that it touches and their rivals. That a
    rule is over is what the set is for."""
    surroundings = around(snapshot, zones)
    sides = (side for edit in edits for side in (edit.before, edit.after) if side is not None)
    keys = {key_of(rule, surroundings) for rule in sides}
    before, after = (
        {one for one in findings(_of(keys, rules, surroundings), surroundings, now) if one.kind != "expired"}
        for rules in (tuple(snapshot.rules), changed)
    )
    return _sorted(after - before), _sorted(before - after)


def _of(keys: Collection[Key], rules: Iterable[Rule], surroundings: Surroundings) -> Iterator[Rule]:
    return (rule for rule in rules if key_of(rule, surroundings) in keys)


def _worst_first(snapshot: DirectorySnapshot, zones: Collection[str], now: float) -> list[Finding]:
    return _sorted(findings(snapshot.rules, around(snapshot, zones), now))


def _sorted(found: Iterable[Finding]) -> list[Finding]:
    return sorted(found, key=lambda one: (KINDS.index(one.kind), one.rule, one.column, one.value))


def _whole(counts: Counter[Answer] | Counter[str]) -> dict[str, int]:
    return {name: counts[name] for name in ANSWERS}


def _cell(snapshot: DirectorySnapshot, place: Place, area: AreaRef, category: Category, now: datetime, cases: int) -> Cell:
    answer, unit, name, rule = min(
        (_answer(snapshot, place, category.code, now, minute) for minute in snapshot.minutes),
        key=lambda one: ANSWERS.index(one[0]),
    )
    return Cell(
        area=area.code, area_name=area.name, category=category.code, category_name=category.name, answer=answer, unit=unit,
        unit_name=name, rule=rule, finer=snapshot.rules.may_be_finer(area.code, category.code, category.major), cases=cases,
    )  # fmt: skip


def _answer(snapshot: DirectorySnapshot, place: Place, category: str, now: datetime, minute: int) -> tuple[Answer, str, str, str]:
    found = snapshot.judge(place, category, now, minute)
    if not found.candidates:
        return "none", "", "", ""
    best = found.candidates[0]
    who = best.unit.code, best.unit.name, best.rule
    if best.rule == "default" or best.rule.startswith("backstop:"):
        return "none", *who
    if "tie" in found.doubt:
        return "many", *who
    return ("any", *who) if "any_category" in found.doubt else ("one", *who)
