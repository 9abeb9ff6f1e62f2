"""The rulebook: rules of responsibility, read by all, changed in versions by those who keep them."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

import msgspec

from dispatch.errors import IdempotencyKeyRequired
from dispatch.service import utc_now
from orgs.edits import MOST_CHANGES, Change
from orgs.rule_editor import RuleEditor, RuleSet
from orgs.rule_times import moment_at
from orgs.rulebook import RuleChange, Version
from orgs.rules import Rule
from storage.errors import NotFound
from web.base import ApiHandler, operation
from web.bodies import Body
from web.shapes import Items

__all__ = [
    "RuleApply",
    "RuleHandler",
    "RuleItem",
    "RuleVersionHandler",
    "RuleVersionList",
    "RuleVersionUndo",
    "Rules",
    "rule_item",
]

Word = Annotated[str, msgspec.Meta(max_length=100)]
Reason = Annotated[str, msgspec.Meta(min_length=2, max_length=2000)]
Number = Annotated[int, msgspec.Meta(ge=0)]
SHOWN = 200  # changes of a version that are sent with it


class RulesQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Responsibility rules of a category, an area, a unit; `cursor` is the `next` of the page before."""

    category: Word | None = None
    area: Word | None = None
    unit: Word | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 100
    cursor: Word | None = None


class VersionsQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`cursor` is the `next` of the page before."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    cursor: Number | None = None


class ChangesQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`cursor` is the `next` of the page before."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = SHOWN
    cursor: Word = ""


class ApplyBody(Body, frozen=True, kw_only=True):
    """A set of changes to the rulebook as it was looked at (`version`), why, and when all of it takes effect: at once, or from
    `valid_from` on (a day of the city or a moment)."""

    version: Number
    reason: Reason
    changes: Annotated[tuple[Change, ...], msgspec.Meta(min_length=1, max_length=MOST_CHANGES)]
    valid_from: Annotated[str, msgspec.Meta(max_length=40)] | None = None


class UndoBody(Body, frozen=True, kw_only=True):
    """Why, and the rulebook that was looked at; `force` also where later versions have changed the same rules."""

    version: Number
    reason: Reason
    force: bool = False


class RuleItem(msgspec.Struct, kw_only=True):
    """A responsibility rule; it holds from `valid_from` until just before `valid_to` (null: no bound). `origin` is `editor` for
    one that was made here."""

    id: str
    category: str
    area_code: str
    zone: str
    hours: str
    lead: str
    assists: tuple[str, ...]
    priority: int
    basis: str
    valid_from: datetime | None
    valid_to: datetime | None
    origin: str


class RuleChangeItem(msgspec.Struct, kw_only=True):
    """What became of a rule in a version of the rulebook: before and after (null: not in the book)."""

    rule: str
    version: int
    at: datetime
    by: str
    role: str
    before: RuleItem | None
    after: RuleItem | None


class RuleAnswer(msgspec.Struct, kw_only=True):
    """A rule as it is in this version of the rulebook (null: taken out), and all that became of it, oldest first."""

    rule: RuleItem | None
    version: int
    history: list[RuleChangeItem]


class VersionAnswer(msgspec.Struct, kw_only=True):
    """A version and what it changed, by rule; `next` is the cursor of what follows."""

    version: Version
    changes: list[RuleChangeItem]
    next: str | None


class RulesHandler(ApiHandler):
    """What all doors to the rulebook have in common."""

    @property
    def editor(self) -> RuleEditor:
        """The use cases of changing rules."""
        return self.services.rules

    @property
    def required_key(self) -> str:
        """The Idempotency-Key. Raises `IdempotencyKeyRequired`."""
        if (key := self.idempotency_key) is None:
            raise IdempotencyKeyRequired
        return key

    async def answer_version(self, version: Version, limit: int = SHOWN, after: str = "") -> None:
        """Send a version with its changes."""
        changes, following = await self.editor.book.changes(version.version, limit=limit, after=after)
        self.answer(VersionAnswer(version=version, changes=[_change_item(one) for one in changes], next=following))


class Rules(ApiHandler):
    """GET /api/v1/rules."""

    @operation("Responsibility rules", permission="directory.read", query=RulesQuery, result=Items[RuleItem])
    async def get(self, query: RulesQuery) -> None:
        """Send the rules that fit all that was asked, in the order of their ids."""
        found = await asyncio.to_thread(_first, self.services.parties.snapshot.rules, query)
        page = found[: query.limit]
        following = page[-1].id if len(found) > query.limit else None
        self.answer(Items([rule_item(rule) for rule in page], following))


class RuleHandler(RulesHandler):
    """GET /api/v1/rules/{id}."""

    @operation("A rule with its history", permission="rules.edit", result=RuleAnswer)
    async def get(self, id: str) -> None:
        """Send the rule as it is in the book, and what became of it."""
        book = self.editor.book
        version, rules, history = await book.version(), await book.rules([id]), await book.history(id)
        if not rules and not history:
            raise NotFound
        rule = rules.get(id)
        shown = [_change_item(one) for one in history]
        self.answer(RuleAnswer(rule=_item(rule), version=version, history=shown))


class RuleApply(RulesHandler):
    """POST /api/v1/rules:apply."""

    @operation("Change rules", permission="rules.edit", body=ApplyBody, result=VersionAnswer, idempotent=True)
    async def post(self, body: ApplyBody) -> None:
        """Make one version of the whole set; all processes match by it from now on."""
        asked = RuleSet(version=body.version, changes=body.changes, valid_from=body.valid_from)
        made = await self.editor.apply(
            actor=self.actor, asked=asked, reason=body.reason, now=utc_now(), key=self.required_key
        )  # fmt: skip
        await self.answer_version(made)


class RuleVersionList(RulesHandler):
    """GET /api/v1/rules/versions."""

    @operation("Versions of the rulebook", permission="rules.edit", query=VersionsQuery, result=Items[Version])
    async def get(self, query: VersionsQuery) -> None:
        """Send the versions, newest first."""
        found, following = await self.editor.book.versions(limit=query.limit, before=query.cursor)
        self.answer(Items(found, None if following is None else str(following)))


class RuleVersionHandler(RulesHandler):
    """GET /api/v1/rules/versions/{version}."""

    @operation("What a version has changed", permission="rules.edit", query=ChangesQuery, result=VersionAnswer)
    async def get(self, query: ChangesQuery, version: str) -> None:
        """Send the version with its changes, by rule."""
        found = await self.editor.book.find_version(_number(version))
        await self.answer_version(found, query.limit, query.cursor)


class RuleVersionUndo(RulesHandler):
    """POST /api/v1/rules/versions/{version}:undo."""

    @operation("Take a version back", permission="rules.edit", body=UndoBody, result=VersionAnswer, idempotent=True)
    async def post(self, body: UndoBody, version: str) -> None:
        """Make a new version in which the rules are as they were before that one."""
        made = await self.editor.undo(
            actor=self.actor, number=_number(version), version=body.version, force=body.force, reason=body.reason,
            now=utc_now(), key=self.required_key,
        )  # fmt: skip
        await self.answer_version(made)


def rule_item(rule: Rule) -> RuleItem:
    """Return the API's shape of a rule."""
    return RuleItem(
        id=rule.id, category=rule.category, area_code=rule.area, zone=rule.zone, hours=rule.hours, lead=rule.lead,
        assists=rule.assists, priority=rule.priority, basis=rule.basis, valid_from=moment_at(rule.since),
        valid_to=moment_at(rule.until), origin=rule.origin,
    )  # fmt: skip


def _item(rule: Rule | None) -> RuleItem | None:
    return None if rule is None else rule_item(rule)


def _change_item(change: RuleChange) -> RuleChangeItem:
    return RuleChangeItem(
        rule=change.rule, version=change.version, at=change.at, by=change.by, role=change.role,
        before=_item(change.before), after=_item(change.after),
    )  # fmt: skip


def _number(text: str) -> int:
    """The number of a version in an address; what is none is not there."""
    if not text.isdecimal() or len(text) > 15:
        raise NotFound
    return int(text)


def _first(rules: Iterable[Rule], query: RulesQuery) -> list[Rule]:
    """The rules of a page and one more, where there is one; apart from the loop, as there may be very many to look at."""
    return heapq.nsmallest(query.limit + 1, (rule for rule in rules if _fits(rule, query)), key=lambda rule: rule.id)


def _fits(rule: Rule, query: RulesQuery) -> bool:
    return (
        query.category in (None, rule.category)
        and query.area in (None, rule.area)
        and (query.unit is None or query.unit == rule.lead or query.unit in rule.assists)
        and (query.cursor is None or rule.id > query.cursor)
    )
