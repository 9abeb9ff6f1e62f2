"""Trying a set of changes out on past cases before it is applied: who would have been responsible, and would it have been right.

Each of the last cases is asked twice, by the rulebook as it is and as it would be, at the moment from which the whole set holds
and at the time of day of its report. What is compared are the answers of the rules, not what was stored when the case came in:
many things may have been decided by people since.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol

import msgspec

from dispatch.actors import Actor
from dispatch.model import UnitRef
from dispatch.past import PastCase, PastLine, recent, visible_lines
from dispatch.ports import Locator
from orgs.directory import DirectorySnapshot
from orgs.edits import Edit
from orgs.findings import Finding
from orgs.rule_audit import findings_of_set
from orgs.rule_editor import RuleEditor, RuleSet
from orgs.rulebook import StaleRulebook
from orgs.rules import Rule, RuleIndex
from storage.client import Database
from storage.errors import NotFound
from storage.indexes import Index

__all__ = [
    "CHECKS", "INDEXES", "Counts", "Move", "Outcome", "RehearsalView", "Rehearsals", "Tally", "Tried", "Winner", "changed_rules",
    "effect_of",
]  # fmt: skip

CHECKS = "rule_checks"
INDEXES = {CHECKS: (Index((("expires_at", 1),), expire_after_seconds=0, serves="removal of old checks"),)}
KEPT = timedelta(days=7)
SLICE = 25  # cases between two turns of the event loop


class Winner(msgspec.Struct, frozen=True):
    """Who answers for a case: the unit (None: nobody), by which rule, and whether it stands clear (else a person chooses)."""

    unit: UnitRef | None
    rule: str
    clear: bool


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """One case that would be answered otherwise. `verdict`: `better` when only the change agrees with who handled it in the end,
    `worse` when only the present rules do, else `same`; `open` while nobody's handling was accepted."""

    id: str
    before: Winner
    after: Winner
    handled_by: str | None
    verdict: Literal["better", "worse", "same", "open"]


class Move(msgspec.Struct, frozen=True):
    """So many cases would go from one unit to another (None: nobody)."""

    before: UnitRef | None
    after: UnitRef | None
    cases: int


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What became of `looked_at` cases: `changed` are answered otherwise, `gained` and `lost` a clear winner; of those whose
    handling was accepted (`handled`), as many answers agree with who did it before and after."""

    looked_at: int
    changed: int
    gained: int
    lost: int
    handled: int
    agree_before: int
    agree_after: int
    better: int
    worse: int


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a set of changes would have changed; `wrong` and `mended` are what it makes wrong with the rules and puts right."""

    counts: Counts
    moves: list[Move]
    tried: list[Tried]
    wrong: list[Finding] = []
    mended: list[Finding] = []


class TriedCase(msgspec.Struct, frozen=True, kw_only=True):
    """A case that would be answered otherwise, as it is listed."""

    case: PastLine
    before: Winner
    after: Winner
    handled_by: str | None
    verdict: str


class RehearsalView(msgspec.Struct, frozen=True, kw_only=True):
    """A check: of which rulebook (`version`), as of when, what it counted, what the set makes wrong with the rules (`wrong`) and
    puts right (`mended`), and one page of the cases that the asker may see."""

    id: str
    version: int
    at: datetime
    effective_at: datetime
    counts: Counts
    moves: list[Move]
    wrong: list[Finding]
    mended: list[Finding]
    items: list[TriedCase]
    next: str | None


class Directories(Protocol):
    """Has the directory as it is now, and renews it."""

    @property
    def snapshot(self) -> DirectorySnapshot:
        """The present directory."""

    async def reload(self) -> None:
        """Build it anew of the data as they are now."""


class Rehearsals:
    """Checks of sets of changes, one after the other in this process. Who may ask is for the caller to say."""

    def __init__(
        self, database: Database, parties: Directories, locator: Locator, editor: RuleEditor, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._parties = parties
        self._locator = locator
        self._editor = editor
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()

    async def check(self, *, actor: Actor, asked: RuleSet, cases: int, limit: int) -> RehearsalView:
        """Try a set out on the last cases and keep what came of it for a week; nothing else is written.

        Raises as `RuleEditor.planned` does.
        """
        now = self._clock()
        async with self._one_at_a_time:
            edits = await self._editor.planned(asked, now)
            present = await self._present(asked.version)
            at = effect_of(edits, now)
            both = await asyncio.to_thread(_apart, present, edits)
            outcome = await self._try(*both, at, cases)
            wrong, mended = await asyncio.to_thread(
                findings_of_set, present, edits, tuple(both[1].rules), self._editor.zones(), now.timestamp()
            )
        outcome = msgspec.structs.replace(outcome, wrong=wrong, mended=mended)
        document = {
            "_id": secrets.token_hex(12), "by": actor.id, "at": now, "version": asked.version, "effective_at": at,
            "expires_at": now + KEPT, "outcome": msgspec.json.encode(outcome),
        }  # fmt: skip
        await self._database.insert_one(CHECKS, document)
        return await self._view(document, actor, 0, limit)

    async def find(self, *, actor: Actor, id: str, start: int, limit: int) -> RehearsalView:
        """Return a check with the cases from the `start`-th on. Raises `NotFound`."""
        found = await self._database.find_one(CHECKS, {"_id": id})
        if found is None:
            raise NotFound
        return await self._view(found, actor, start, limit)

    async def _present(self, version: int) -> DirectorySnapshot:
        """The directory by this version of the rulebook; this process may not have heard of it yet."""
        if self._parties.snapshot.book != version:
            await self._parties.reload()
        snapshot = self._parties.snapshot
        if snapshot.book != version:
            raise StaleRulebook(version=snapshot.book)
        return snapshot

    async def _try(self, present: DirectorySnapshot, changed: DirectorySnapshot, at: datetime, cases: int) -> Outcome:
        tally = Tally(present, changed, at)
        async for page in recent(self._database, self._locator, cases):
            for start in range(0, len(page), SLICE):
                for case in page[start : start + SLICE]:
                    tally.take(case)
                await asyncio.sleep(0)
        return tally.outcome()

    async def _view(self, found: dict[str, Any], actor: Actor, start: int, limit: int) -> RehearsalView:
        outcome = msgspec.json.decode(found["outcome"], type=Outcome)
        page = outcome.tried[start : start + limit]
        lines = await visible_lines(self._database, actor.scope, [one.id for one in page])
        items = [
            TriedCase(case=lines[one.id], before=one.before, after=one.after, handled_by=one.handled_by, verdict=one.verdict)
            for one in page
            if one.id in lines
        ]
        behind = start + len(page)
        return RehearsalView(
            id=found["_id"], version=found["version"], at=found["at"], effective_at=found["effective_at"],
            counts=outcome.counts, moves=outcome.moves, wrong=outcome.wrong, mended=outcome.mended, items=items,
            next=str(behind) if behind < len(outcome.tried) else None,
        )  # fmt: skip


class Tally:
    """Counts what two directories say about case after case."""

    def __init__(self, present: DirectorySnapshot, changed: DirectorySnapshot, at: datetime) -> None:
        self._present = present
        self._changed = changed
        self._at = at
        self._counts: Counter[str] = Counter()
        self._moves: Counter[tuple[UnitRef | None, UnitRef | None]] = Counter()
        self._tried: list[Tried] = []

    def take(self, case: PastCase) -> None:
        """Ask both about a case."""
        local = case.reported_at.astimezone(self._present.zone)
        minute = local.hour * 60 + local.minute
        before, after = (_winner(one, case, self._at, minute) for one in (self._present, self._changed))
        verdict = _verdict(before, after, case.handled_by)
        counts = self._counts
        counts["looked_at"] += 1
        counts["handled"] += case.handled_by is not None
        counts["agree_before"] += _agrees(before, case.handled_by)
        counts["agree_after"] += _agrees(after, case.handled_by)
        counts[verdict] += 1
        counts["gained"] += after.clear and not before.clear
        counts["lost"] += before.clear and not after.clear
        if before.unit != after.unit or before.clear != after.clear:
            counts["changed"] += 1
            self._moves[before.unit, after.unit] += before.unit != after.unit
            self._tried.append(Tried(id=case.id, before=before, after=after, handled_by=case.handled_by, verdict=verdict))

    def outcome(self) -> Outcome:
        """Return what came of all; the widest moves come first."""
        moves = [Move(before, after, cases) for (before, after), cases in self._moves.most_common() if cases]
        counts = Counts(**{name: self._counts[name] for name in Counts.__struct_fields__})
        return Outcome(counts=counts, moves=moves, tried=self._tried)


def effect_of(edits: Sequence[Edit], now: datetime) -> datetime:
    """Return the first moment at which all of a set holds: now, or when the last of its rules begins or ends."""
    moments = [now.timestamp()]
    for edit in edits:
        after = edit.after
        if after is not None and (edit.before is None or edit.before.since != after.since):
            moments.append(after.since)
        elif after is not None and edit.before is not None and after.until < edit.before.until:
            moments.append(after.until)
    return datetime.fromtimestamp(max(moments), UTC)


def changed_rules(rules: Sequence[Rule], edits: Sequence[Edit]) -> list[Rule]:
    """Return the rules after the edits."""
    touched = {edit.id for edit in edits}
    return [rule for rule in rules if rule.id not in touched] + [edit.after for edit in edits if edit.after is not None]


def _apart(present: DirectorySnapshot, edits: Sequence[Edit]) -> tuple[DirectorySnapshot, DirectorySnapshot]:
    """The directory as it is and as it would be, neither of them the one that answers meanwhile (what it remembers stays)."""
    rules = changed_rules(tuple(present.rules), edits)
    return present.with_rules(present.rules), present.with_rules(RuleIndex(rules, present.parents, present.after))


def _winner(directory: DirectorySnapshot, case: PastCase, at: datetime, minute: int) -> Winner:
    found = directory.judge(case.place, case.category, at, minute)
    if not found.candidates:
        return Winner(None, "", False)
    best = found.candidates[0]
    return Winner(best.unit, best.rule, not found.doubt)


def _agrees(winner: Winner, handled_by: str | None) -> bool:
    return handled_by is not None and winner.unit is not None and winner.unit.code == handled_by


def _verdict(before: Winner, after: Winner, handled_by: str | None) -> Literal["better", "worse", "same", "open"]:
    if handled_by is None:
        return "open"
    was, will = _agrees(before, handled_by), _agrees(after, handled_by)
    return "same" if was == will else "better" if will else "worse"
