"""The rulebook: all rules of responsibility, changed in numbered versions, each by somebody and for a reason.

A version is made in one transaction: the number moves on, each rule's change is written down (`rule_changes`: who, when, what it
was before), the rules are changed, and all processes are told. Whoever reads sees all of a version or nothing of it. Whoever
changes says which version they have looked at; when another has come meanwhile nothing is done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b
from typing import Any

import msgspec

from dispatch.actors import SYSTEM, Actor
from dispatch.errors import IdempotencyMismatch
from dispatch.pack_taking import Plan, Taking
from dispatch.proposals import NewRule
from orgs.edits import Edit
from orgs.pack_tables import rules_table
from orgs.rules import Rule
from orgs.store import (
    RULE_CHANGES,
    RULE_VERSIONS,
    RULES,
    VERSIONS,
    document_of,
    load_book_version,
    load_rules,
    mark_changed,
    value_of,
)
from storage.client import Database
from storage.errors import Conflict, HeyunError, NotFound

__all__ = ["LEARNED", "NotUndone", "RuleBook", "RuleChange", "StaleRulebook", "Version", "Why", "request_key"]

LEARNED = "L-"  # how the ids of learned rules begin
MOST_SHOWN = 20  # rules named in a refusal
CHUNK = 1_000  # ids of one question


class StaleRulebook(HeyunError):
    """The rulebook has changed since the asker looked at it; `data["version"]` is the present one. Raised by `RuleBook`."""

    status = 412
    code = "stale_rulebook"


class NotUndone(Conflict):
    """The version cannot be taken back as it is: later versions have changed the same rules (`data["rules"]`, with the versions
    in `data["versions"]`), or all is as before already. Raised by `RuleBook.undo`."""

    code = "not_undone"


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """Why a version is made: `source` is `editor`, `proposal`, `table`, `import` or `undo`; `key` and `digest` tell the same
    request sent again from another one."""

    source: str
    reason: str = ""
    undoes: int | None = None
    key: str | None = None
    digest: str = ""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One version of the rulebook: who made it, when, why, and how many rules it added, changed, ended, took out."""

    version: int
    at: datetime
    by: str
    role: str
    source: str
    reason: str
    undoes: int | None
    counts: dict[str, int]


class RuleChange(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one rule: before and after (None: not in the book). Changes from before versions were counted have 0."""

    rule: str
    version: int
    at: datetime
    by: str
    role: str
    before: Rule | None
    after: Rule | None


Edits = Callable[[Mapping[str, Rule]], Sequence[Edit]]


class RuleBook:
    """The rules in the database. Who may change them is for the caller to say."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def version(self) -> int:
        """Return the number of the newest version."""
        return await load_book_version(self._database)

    async def has(self, id: str) -> bool:
        """Tell whether there is a rule with this id."""
        return await self._database.find_one(RULES, {"_id": id}, projection={"_id": 1}) is not None

    async def rules(self, ids: Collection[str]) -> dict[str, Rule]:
        """Return those of these rules that there are, by id."""
        found: dict[str, Rule] = {}
        for part in _chunks(sorted(ids)):
            documents = await self._database.find(RULES, {"_id": {"$in": part}})
            found.update((document["_id"], value_of(document, Rule)) for document in documents)
        return found

    async def applied(self, key: str, digest: str) -> Version | None:
        """Return the version that was made under this key, None when there is none. Raises `IdempotencyMismatch` when it was
        made of something else."""
        found = await self._database.find_one(RULE_VERSIONS, {"key": key})
        if found is not None and found["digest"] != digest:
            raise IdempotencyMismatch
        return None if found is None else _version(found)

    async def change(
        self, actor: Actor, edits: Sequence[Edit], *, base: int, now: datetime, why: Why, announced: bool = True
    ) -> Version:
        """Make the version behind `base`; all processes are told unless it is not `announced`. Sent again under its key it is the
        version that was made. Raises `StaleRulebook`, `IdempotencyMismatch`."""
        if why.key is not None and (made := await self.applied(why.key, why.digest)) is not None:
            return made
        document = _document(actor, edits, base + 1, now, why)

        async def write(session: Any) -> None:
            await self._advance(base, now, session)
            await self._database.insert_one(RULE_VERSIONS, dict(document), session=session)
            await self._database.insert_many(RULE_CHANGES, _changes(document, edits), session=session)
            for part in _chunks([edit.id for edit in edits if edit.before is not None]):
                await self._database.delete_many(RULES, {"_id": {"$in": part}}, session=session)
            after = [document_of(edit.id, edit.after) for edit in edits if edit.after is not None]
            await self._database.insert_many(RULES, after, session=session)
            if announced:
                await mark_changed(self._database, now, session)

        try:
            await self._database.run_transaction(write)
        except StaleRulebook:
            if why.key is not None and (made := await self.applied(why.key, why.digest)) is not None:
                return made  # the same request, twice at once
            raise
        return _version(document)

    async def learn(self, actor: Actor, rule: NewRule, now: datetime) -> None:
        """Put the rule in place; among rules of its category and area it is the newest of the highest priority."""
        while True:
            base = await self.version()
            if await self.has(rule.id):
                await mark_changed(self._database, now)
                return
            beside = await self._database.find(RULES, {"category": rule.category, "area": rule.area})
            made = Rule(
                id=rule.id, category=rule.category, area=rule.area, lead=rule.lead, basis=rule.basis,
                priority=max((value_of(found, Rule).priority for found in beside), default=0), since=now.timestamp(),
            )  # fmt: skip
            why = Why(source="proposal", reason=rule.basis)
            try:
                await self.change(actor, [Edit(rule.id, None, made)], base=base, now=now, why=why)
            except StaleRulebook:
                continue
            return

    async def take_over(self, rules: Iterable[Rule], taking: Taking) -> Version | None:
        """Take the city's own table over as one version (ADR 21); None when nothing changes. The other processes are for the
        importer to tell, when all is there."""
        table, new = rules_table(taking.at), {rule.id: document_of(rule.id, rule) for rule in rules}
        last = await taking.last(table.name)
        if last is None:
            touched = await self._touched()
            table = replace(table, is_touched=lambda document: document["_id"] in touched)
        while True:
            base, present = await load_rules(self._database)
            plan = taking.plan(table, last, new)
            for rule in present:
                plan.see(rule.id, document_of(rule.id, rule))
            plan.end()
            try:
                made = await self._make(plan, base, taking)
            except StaleRulebook:
                continue
            await taking.put_down(table.name, plan.outcome, plan.word)
            return made

    async def _make(self, plan: Plan, base: int, taking: Taking) -> Version | None:
        edits = [Edit(one.key, _rule(one.before), _rule(one.after)) for one in sorted(plan.edits, key=lambda one: one.key)]
        if not edits or taking.dry_run:
            return None
        return await self.change(SYSTEM, edits, base=base, now=taking.at, why=Why(source="import"), announced=False)

    async def _touched(self) -> set[str]:
        """The rules that were last changed by people."""
        found = await self._database.find(RULE_CHANGES, {}, projection={"rule": 1, "by": 1}, sort=[("rule", 1), ("at", 1)])
        last = {one["rule"]: one["by"] for one in found}
        return {rule for rule, by in last.items() if by != SYSTEM.id}

    async def undo(self, actor: Actor, number: int, *, base: int, force: bool, now: datetime, why: Why) -> Version:
        """Make a version that takes another back. Raises `NotFound`, `NotUndone` when later versions have changed the same
        rules (not with `force`) or nothing is left of it, and as `change` does."""
        if why.key is not None and (made := await self.applied(why.key, why.digest)) is not None:
            return made
        taken = [change async for change in self._all_changes(number)]
        if not taken:
            raise NotFound
        present = await self.rules([change.rule for change in taken])
        if not force:
            await self._refuse_overtaken(number, taken)
        wanted = {change.rule: change.before for change in taken}
        edits = [Edit(id, present.get(id), before) for id, before in wanted.items() if present.get(id) != before]
        if not edits:
            raise NotUndone(rules=[], versions=[], reason="nothing_left")
        return await self.change(actor, edits, base=base, now=now, why=msgspec.structs.replace(why, undoes=number))

    async def versions(self, *, limit: int, before: int | None = None) -> tuple[list[Version], int | None]:
        """Return versions, newest first, those before `before`, and what leads on behind them."""
        filter = {} if before is None else {"_id": {"$lt": before}}
        found = await self._database.find(RULE_VERSIONS, filter, sort=[("_id", -1)], limit=limit)
        return [_version(one) for one in found], found[-1]["_id"] if len(found) == limit and found[-1]["_id"] > 1 else None

    async def find_version(self, number: int) -> Version:
        """Return one version. Raises `NotFound`."""
        found = await self._database.find_one(RULE_VERSIONS, {"_id": number})
        if found is None:
            raise NotFound
        return _version(found)

    async def changes(self, number: int, *, limit: int, after: str = "") -> tuple[list[RuleChange], str | None]:
        """Return what a version has changed, by rule, and what leads on behind it."""
        filter = {"version": number, "rule": {"$gt": after}}
        found = await self._database.find(RULE_CHANGES, filter, sort=[("version", 1), ("rule", 1)], limit=limit)
        return [_change(one) for one in found], found[-1]["rule"] if len(found) == limit else None

    async def history(self, id: str) -> list[RuleChange]:
        """Return what became of a rule, oldest first."""
        return [_change(one) for one in await self._database.find(RULE_CHANGES, {"rule": id}, sort=[("rule", 1), ("at", 1)])]

    async def _advance(self, base: int, now: datetime, session: Any) -> None:
        """Count the version on, for whoever has looked at the present one; all who change rules meet here."""
        following = {"version": base + 1, "changed_at": now}
        moved = await self._database.update_one(VERSIONS, {"_id": "rules", "version": base}, {"$set": following}, session=session)
        if moved:
            return
        present = await load_book_version(self._database, session)
        if present or base:
            raise StaleRulebook(version=present)
        await self._database.insert_one(VERSIONS, {"_id": "rules", **following}, session=session)

    async def _all_changes(self, number: int) -> Any:
        after: str | None = ""
        while after is not None:
            found, after = await self.changes(number, limit=CHUNK, after=after)
            for change in found:
                yield change

    async def _refuse_overtaken(self, number: int, taken: Sequence[RuleChange]) -> None:
        later: dict[str, int] = {}
        for part in _chunks([change.rule for change in taken]):
            filter = {"rule": {"$in": part}, "version": {"$gt": number}}
            found = await self._database.find(RULE_CHANGES, filter, projection={"rule": 1, "version": 1}, limit=CHUNK)
            later.update((one["rule"], one["version"]) for one in found)
        if later:
            rules = sorted(later)[:MOST_SHOWN]
            raise NotUndone(rules=rules, versions=sorted({later[rule] for rule in rules}), reason="changed_later")


def request_key(actor: Actor, key: str | None) -> str | None:
    """Return the name under which a request of this person is known, None where it came without a key."""
    return None if key is None else blake2b(f"{actor.source}\0{actor.id}\0{key}".encode(), digest_size=16).hexdigest()


def _chunks(ids: Sequence[str]) -> list[list[str]]:
    return [list(ids[start : start + CHUNK]) for start in range(0, len(ids), CHUNK)]


def _document(actor: Actor, edits: Sequence[Edit], number: int, now: datetime, why: Why) -> dict[str, Any]:
    document = {
        "_id": number, "at": now, "by": actor.id, "role": actor.role, "source": why.source, "reason": why.reason,
        "undoes": why.undoes, "digest": why.digest, "counts": dict(Counter(map(_kind, edits))),
    }  # fmt: skip
    return document if why.key is None else document | {"key": why.key}


def _kind(edit: Edit) -> str:
    if edit.before is None:
        return "added"
    if edit.after is None:
        return "removed"
    is_end = edit.after.until < edit.before.until
    return "ended" if is_end and edit.after == msgspec.structs.replace(edit.before, until=edit.after.until) else "changed"


def _changes(version: Mapping[str, Any], edits: Sequence[Edit]) -> list[dict[str, Any]]:
    """What is written down of each rule; derived ids, so that a transaction that is run again writes the same."""
    return [
        {
            "_id": f"{version['_id']}:{edit.id}", "version": version["_id"], "at": version["at"], "by": version["by"],
            "role": version["role"], "rule": edit.id, "before": edit.before and document_of(edit.id, edit.before),
            "after": edit.after and document_of(edit.id, edit.after),
        }
        for edit in edits
    ]  # fmt: skip


def _version(found: Mapping[str, Any]) -> Version:
    return Version(
        version=found["_id"], at=found["at"], by=found["by"], role=found["role"], source=found["source"], reason=found["reason"],
        undoes=found["undoes"], counts=found["counts"],
    )  # fmt: skip


def _rule(document: Mapping[str, Any] | None) -> Rule | None:
    return None if document is None else value_of(document, Rule)


def _change(found: Mapping[str, Any]) -> RuleChange:
    before, after = found["before"], found["after"]
    return RuleChange(
        rule=found["rule"], version=found.get("version", 0), at=found["at"], by=found["by"], role=found["role"],
        before=before and value_of(before, Rule), after=after and value_of(after, Rule),
    )  # fmt: skip
