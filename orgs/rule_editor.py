"""Changing the rules of responsibility by hand: sets of changes, checked against what there is, applied as one version."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Protocol

import msgspec

from dispatch.actors import Actor
from orgs.directory import DirectorySnapshot
from orgs.edits import Change, Edit, Timing, named, plan
from orgs.rule_terms import Terms
from orgs.rule_times import ALLOWED, begins
from orgs.rulebook import RuleBook, StaleRulebook, Version, Why, request_key
from storage.errors import FieldError, Invalid

__all__ = ["RuleEditor", "RuleSet", "terms_of"]


class RuleSet(msgspec.Struct, frozen=True, kw_only=True):
    """A set of changes and what it was made from: `version` is the rulebook that was looked at, `valid_from` (a day of the city
    or a moment) when all of it takes effect, None at once."""

    version: int
    changes: Sequence[Change]
    valid_from: str | None = None


class Snapshots(Protocol):
    """Has the directory as it is now."""

    @property
    def snapshot(self) -> DirectorySnapshot:
        """The present directory."""


class RuleEditor:
    """All use cases of changing rules. Who may come here at all is for the caller to say."""

    def __init__(self, book: RuleBook, parties: Snapshots, zones: Callable[[], Collection[str]]) -> None:
        self.book = book
        self._parties = parties
        self.zones = zones

    async def apply(self, *, actor: Actor, asked: RuleSet, reason: str, now: datetime, key: str) -> Version:
        """Make one new version of a set of changes; sent again under its key it is the version that was made.

        Raises `StaleRulebook` when the rulebook has changed since it was looked at, `Invalid` with every change that cannot be
        made, `IdempotencyMismatch`.
        """
        known, digest = request_key(actor, key), _digest(asked, reason)
        if known is not None and (made := await self.book.applied(known, digest)) is not None:
            return made
        edits = await self.planned(asked, now)
        why = Why(source="editor", reason=reason, key=known, digest=digest)
        return await self.book.change(actor, edits, base=asked.version, now=now, why=why)

    async def undo(
        self, *, actor: Actor, number: int, version: int, force: bool, reason: str, now: datetime, key: str
    ) -> Version:
        """Make a version that takes the version `number` back, as `RuleBook.undo` does."""
        digest = blake2b(f"{number}\0{version}\0{force}\0{reason}".encode(), digest_size=16).hexdigest()
        why = Why(source="undo", reason=reason, key=request_key(actor, key), digest=digest)
        return await self.book.undo(actor, number, base=version, force=force, now=now, why=why)

    async def planned(self, asked: RuleSet, now: datetime) -> list[Edit]:
        """Return what a set would do to the rules as they are. Raises `StaleRulebook`, `Invalid`."""
        present = await self.book.version()
        if present != asked.version:
            raise StaleRulebook(version=present)
        snapshot = self._parties.snapshot
        timing = Timing(self._effect(asked, now), now.timestamp(), snapshot.zone, asked.version + 1)
        book = await self.book.rules(named(asked.changes, timing.version))
        return plan(asked.changes, book, terms_of(snapshot, self.zones()), timing)

    def _effect(self, asked: RuleSet, now: datetime) -> float:
        """When the set takes effect: a day that is today, or a moment that has just passed, is now."""
        if asked.valid_from is None:
            return now.timestamp()
        zone = self._parties.snapshot.zone
        try:
            at = begins(asked.valid_from, zone)
        except ValueError:
            raise Invalid(errors=[FieldError("valid_from", "moment", ALLOWED)]) from None
        local = now.astimezone(zone)
        if at < local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp():
            raise Invalid(errors=[FieldError("valid_from", "past", "today or later: what was matched before stays as it was")])
        return max(at, now.timestamp())


def terms_of(snapshot: DirectorySnapshot, zones: Collection[str]) -> Terms:
    """Return what rules may refer to now."""
    return Terms(
        areas=snapshot.parents,
        categories=snapshot.categories,
        majors=frozenset(code[:2] for code in snapshot.categories),
        units=snapshot.units.nameable,
        posts=snapshot.units.posts,
        zones=zones,
    )


def _digest(asked: RuleSet, reason: str) -> str:
    return blake2b(msgspec.json.encode((asked, reason)), digest_size=16).hexdigest()
