"""The whole rulebook as a table for a spreadsheet, and back: looked at first, then one version.

The columns are those of `rules.csv`; `valid_from` and `valid_to` may be moments, where a rule does not begin or end at midnight.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from hashlib import blake2b
from math import inf
from zoneinfo import ZoneInfo

import msgspec

from dispatch.actors import Actor
from dispatch.packs import PackReport, rows_of
from dispatch.spreadsheets import plain
from orgs import hours
from orgs.directory import DirectorySnapshot
from orgs.edits import EDITED, difference
from orgs.rule_editor import Snapshots, terms_of
from orgs.rule_terms import Terms, wrong_terms
from orgs.rule_times import ALLOWED, begins, ends, written_begin, written_end
from orgs.rulebook import RuleBook, StaleRulebook, Version, Why, request_key
from orgs.rules import Rule
from orgs.store import load_rules
from orgs.tables import Code
from storage.client import Database
from storage.errors import Invalid

__all__ = ["COLUMNS", "RuleTable", "TableRow", "Taken", "cells"]

TABLE = "rules.csv"
MOST_ROWS = 200_000


class TableRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table."""

    id: Code
    category: Code
    area_code: str = ""
    zone: str = ""
    hours: str = ""
    lead: Code
    assists: tuple[str, ...] = ()
    priority: int = 0
    basis: str = ""
    valid_from: str = ""
    valid_to: str = ""


COLUMNS = TableRow.__struct_fields__


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """How many rules a table adds, changes, ends, leaves as they are; `version` is the one that was made, None for a dry run."""

    added: int
    changed: int
    ended: int
    same: int
    version: Version | None


class RuleTable:
    """The rulebook as a table. Who may take one over is for the caller to say."""

    def __init__(self, database: Database, book: RuleBook, parties: Snapshots) -> None:
        self._database = database
        self._book = book
        self._parties = parties

    async def rows(self) -> list[tuple[object, ...]]:
        """Return all rules as rows, by id."""
        zone = self._parties.snapshot.zone
        _, rules = await load_rules(self._database)
        return await asyncio.to_thread(lambda: [cells(rule, zone) for rule in sorted(rules, key=lambda rule: rule.id)])

    async def take_over(
        self, actor: Actor, text: str, *, version: int, reason: str, whole: bool, dry_run: bool, zones: Collection[str],
        now: datetime, key: str | None,
    ) -> Taken:  # fmt: skip
        """Add and change the rules of a table; with `whole` it is the whole book, and what it does not have ends now.

        All rows or none: raises `PackInvalid` with every row that is wrong, `Invalid` when nothing would change, `StaleRulebook`
        when the rulebook is not the `version` that was looked at.
        """
        known = request_key(actor, key) if not dry_run else None
        digest = blake2b(f"{version}\0{whole}\0{reason}\0{text}".encode(), digest_size=16).hexdigest()
        if known is not None and (made := await self._book.applied(known, digest)) is not None:
            return _taken(made.counts, 0, made)
        present, rules = await load_rules(self._database)
        if present != version:
            raise StaleRulebook(version=present)
        book = {rule.id: rule for rule in rules}
        found = await asyncio.to_thread(_read, text, book, self._parties.snapshot, zones)
        edits = difference(book, _wanted(book, found, now.timestamp(), whole=whole))
        if not edits and not dry_run:
            raise Invalid(code="no_change")
        counts = {"added": sum(edit.before is None for edit in edits), "ended": sum(edit.id not in found for edit in edits)}
        counts["changed"] = len(edits) - sum(counts.values())
        if dry_run:
            return _taken(counts, len(book) - len(edits) + counts["added"], None)
        why = Why(source="table", reason=reason, key=known, digest=digest)
        made = await self._book.change(actor, edits, base=version, now=now, why=why)
        return _taken(counts, len(book) - len(edits) + counts["added"], made)


def cells(rule: Rule, zone: ZoneInfo) -> tuple[object, ...]:
    """Return a rule as a row of the table."""
    times = written_begin(rule.since, zone), written_end(rule.until, zone)
    return (
        rule.id, rule.category, rule.area, rule.zone, rule.hours, rule.lead, ";".join(rule.assists), rule.priority, rule.basis,
        *times,
    )  # fmt: skip


def _read(text: str, book: Mapping[str, Rule], snapshot: DirectorySnapshot, zones: Collection[str]) -> dict[str, Rule]:
    """A rule that is in the book as the row has it may name what is gone; it was right when it was made."""
    report, terms = PackReport(), terms_of(snapshot, zones)
    found: dict[str, Rule] = {}
    for number, row in rows_of(text, TABLE, TableRow, report, unique=("id",), most=MOST_ROWS):
        rule = _rule(number, row, book.get(row.id), snapshot, report)
        if rule is not None and rule != book.get(row.id):
            _report(number, rule, terms, report)
        if rule is not None:
            found[row.id] = rule
    report.raise_if_errors()
    return found


def _rule(number: int, row: TableRow, before: Rule | None, snapshot: DirectorySnapshot, report: PackReport) -> Rule | None:
    times: dict[str, float] = {"valid_from": -inf, "valid_to": inf}
    for column, read in (("valid_from", begins), ("valid_to", ends)):
        if cell := plain(getattr(row, column)):
            try:
                times[column] = read(cell, snapshot.zone)
            except ValueError:
                report.error(TABLE, number, column, f"is `{cell[:40]}`; allowed: {ALLOWED}", code="moment")
                return None
    return Rule(
        id=row.id, category=row.category, area=row.area_code, zone=row.zone,
        hours="" if hours.parse_or_none(row.hours) == hours.ALWAYS else row.hours, lead=row.lead, assists=row.assists,
        priority=row.priority, basis=plain(row.basis), since=times["valid_from"], until=times["valid_to"],
        origin=before.origin if before else EDITED,
    )  # fmt: skip


def _report(number: int, rule: Rule, terms: Terms, report: PackReport) -> None:
    for wrong in wrong_terms(rule, terms):
        report.wrong(TABLE, number, *wrong)
    if rule.until <= rule.since:
        report.error(TABLE, number, "valid_to", "ends before it begins; allowed: a day not before the first", code="days")


def _wanted(book: Mapping[str, Rule], found: Mapping[str, Rule], now: float, *, whole: bool) -> dict[str, Rule]:
    wanted = {**book, **found}
    if whole:
        wanted |= {rule.id: msgspec.structs.replace(rule, until=max(now, rule.since)) for rule in _left(book, found, now)}
    return wanted


def _left(book: Mapping[str, Rule], found: Mapping[str, Rule], now: float) -> Iterator[Rule]:
    rules: Iterable[Rule] = book.values()
    return (rule for rule in rules if rule.id not in found and rule.until > now)


def _taken(counts: Mapping[str, int], same: int, version: Version | None) -> Taken:
    return Taken(
        added=counts.get("added", 0), changed=counts.get("changed", 0), ended=counts.get("ended", 0), same=same, version=version
    )
