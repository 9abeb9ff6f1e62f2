"""Looking before changing rules: what a set of changes would have changed among past cases."""

from __future__ import annotations

from typing import Annotated

import msgspec

from orgs.edits import MOST_CHANGES, Change
from orgs.rehearsal import RehearsalView
from orgs.rule_editor import RuleSet
from web.base import ApiHandler, operation
from web.bodies import Body

__all__ = ["RuleCheck", "RuleCheckHandler"]

MOST_CASES = 5_000
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
