"""The whole rulebook as a table for a spreadsheet, and back."""

from __future__ import annotations

from typing import Annotated

import msgspec

from dispatch.errors import IdempotencyKeyRequired
from dispatch.service import utc_now
from orgs.rule_table import COLUMNS, Taken
from web.base import ApiHandler, operation
from web.tables import TableBody

__all__ = ["RuleExport", "RuleImport"]

MOST_BYTES = 32 * 1024 * 1024


class RulesBody(TableBody, frozen=True, kw_only=True):
    """A table with the columns of `rules.csv`, the rulebook that was looked at, and why; by default only looked at.

    Rules of the table are added or changed; with `whole` it is the whole book, and what it does not have ends now.
    """

    csv: Annotated[str, msgspec.Meta(max_length=MOST_BYTES)]
    version: Annotated[int, msgspec.Meta(ge=0)]
    reason: Annotated[str, msgspec.Meta(min_length=2, max_length=2000)]
    whole: bool = False


class RuleExport(ApiHandler):
    """GET /api/v1/rules:export."""

    @operation("The rulebook as a table", permission="rules.edit", media="text/csv")
    async def get(self) -> None:
        """Send all rules, by id, those that are over too."""
        self.answer_table("rules.csv", COLUMNS, await self.services.rule_table.rows())


class RuleImport(ApiHandler):
    """POST /api/v1/rules:import."""

    body_limit = MOST_BYTES

    @operation("Change rules by a table", permission="rules.edit", body=RulesBody, result=Taken, idempotent=True)
    async def post(self, body: RulesBody) -> None:
        """Make one version of all rows, or none; a dry run only counts and needs no key."""
        if (key := self.idempotency_key) is None and not body.dry_run:
            raise IdempotencyKeyRequired
        zones = self.services.territory.snapshot.special_codes
        taken = await self.services.rule_table.take_over(
            self.actor, body.csv, version=body.version, reason=body.reason, whole=body.whole, dry_run=body.dry_run,
            zones=zones, now=utc_now(), key=key,
        )  # fmt: skip
        self.answer(taken)
