"""Looking before changing rules: what a set of changes would have changed, what is wrong with all rules, how far they reach."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from orgs.edits import MOST_CHANGES, Change
from orgs.rehearsal import RehearsalView
from orgs.rule_audit import ANSWERS, Cell, Coverage, FindingsPage
from orgs.rule_editor import RuleSet
from web.base import ApiHandler, operation
from web.bodies import Body

__all__ = ["RuleCheck", "RuleCheckHandler", "RuleCoverage", "RuleFindings"]

MOST_CASES = 5_000
COLUMNS = Cell.__struct_fields__
Rows = Annotated[int, msgspec.Meta(ge=1, le=200)]


class CheckBody(Body, frozen=True, kw_only=True):
    """A set of changes as `POST /rules:apply` takes it, and on how many of the newest cases it is tried out."""

    version: Annotated[int, msgspec.Meta(ge=0)]
    changes: Annotated[tuple[Change, ...], msgspec.Meta(min_length=1, max_length=MOST_CHANGES)]
    valid_from: Annotated[str, msgspec.Meta(max_length=40)] | None = None
    cases: Annotated[int, msgspec.Meta(ge=1, le=MOST_CASES)] = 500
    limit: Rows = 50


class CheckQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`cursor` is the `next` of the page before."""

    limit: Rows = 50
    cursor: Annotated[int, msgspec.Meta(ge=0, le=MOST_CASES)] = 0


class FindingsQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Findings of one kind, or of all; `cursor` is the `next` of the page before."""

    kind: Literal["contradictory", "dangling", "shadowed", "expired"] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 100
    cursor: Annotated[int, msgspec.Meta(ge=0, le=10_000_000)] = 0


class CoverageQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The areas directly below `parent` (the whole city where none is named), of one 大类 (`major`) or all, weighted by the cases
    of the last `days`; `answer` keeps one kind of cells; `format` csv is a table for a spreadsheet."""

    parent: Annotated[str, msgspec.Meta(max_length=40)] | None = None
    major: Annotated[str, msgspec.Meta(max_length=10)] | None = None
    answer: Literal["none", "any", "one", "many"] | None = None
    days: Annotated[int, msgspec.Meta(ge=1, le=366)] = 90
    format: Literal["json", "csv"] = "json"


class RuleCheck(ApiHandler):
    """POST /api/v1/rules:check."""

    @operation("Try a set of changes out on past cases", permission="rules.edit", body=CheckBody, result=RehearsalView)
    async def post(self, body: CheckBody) -> None:
        """Send what would have changed, with the first of the cases; the check is kept for a week."""
        asked = RuleSet(version=body.version, changes=body.changes, valid_from=body.valid_from)
        self.answer(
            await self.services.rehearsals.check(actor=self.actor, asked=asked, cases=body.cases, limit=body.limit)
        )  # fmt: skip


class RuleCheckHandler(ApiHandler):
    """GET /api/v1/rules/checks/{id}."""

    @operation("A check that was made", permission="rules.edit", query=CheckQuery, result=RehearsalView)
    async def get(self, query: CheckQuery, id: str) -> None:
        """Send the check with a page of its cases, those that the asker may see."""
        self.answer(
            await self.services.rehearsals.find(actor=self.actor, id=id, start=query.cursor, limit=query.limit)
        )  # fmt: skip


class RuleFindings(ApiHandler):
    """GET /api/v1/rules/findings."""

    @operation("What is wrong with the rules", permission="rules.edit", query=FindingsQuery, result=FindingsPage)
    async def get(self, query: FindingsQuery) -> None:
        """Send rules that contradict each other, name what is gone, never decide, are over; worst first."""
        audit = self.services.rule_audit
        self.answer(await audit.findings(kind=query.kind, start=query.cursor, limit=query.limit))


class RuleCoverage(ApiHandler):
    """GET /api/v1/rules/coverage."""

    @operation("How far the rules reach", permission="rules.edit", query=CoverageQuery, result=Coverage)
    async def get(self, query: CoverageQuery) -> None:
        """Send what the rules say for each category in each area, as JSON or as a table."""
        parent = query.parent or self.services.city.code
        answers = (query.answer,) if query.answer else ANSWERS
        found = await self.services.rule_audit.coverage(parent=parent, days=query.days, major=query.major, answers=answers)
        if query.format == "json":
            self.answer(found)
        else:
            self.answer_table(
                f"coverage-{parent}.csv", COLUMNS, ([getattr(one, name) for name in COLUMNS] for one in found.items)
            )
