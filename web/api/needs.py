"""Needs: what organizations could help with, their claims, and what is done to a need of a case."""

from __future__ import annotations

from typing import Annotated

import msgspec

from dispatch.claims import NeedPage
from dispatch.views import CaseView
from web.api.cases import ActionHandler, Fields
from web.base import operation

__all__ = ["NeedAction", "NeedClaim", "NeedList"]

Word = Annotated[str, msgspec.Meta(max_length=100)]


class NeedsQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """For which organization; who stands for one alone need not say."""

    organization: Word | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 50
    cursor: Annotated[str, msgspec.Meta(max_length=400)] | None = None


class NeedList(ActionHandler):
    """GET /api/v1/needs."""

    @operation("Open needs that an organization could claim, best first", permission="needs.read", query=NeedsQuery,
               result=NeedPage)  # fmt: skip
    async def get(self, query: NeedsQuery) -> None:
        """Send one page; nothing in it tells who reported what."""
        page = await self.services.claims.list(
            actor=self.actor, organization=query.organization, limit=query.limit, cursor=query.cursor
        )
        self.answer(page)


class NeedClaim(ActionHandler):
    """POST /api/v1/needs/{id}/claim."""

    @operation(
        "Claim a place for an organization: first come, up to the places of the need", permission="needs.claim", body=Fields,
        result=CaseView, idempotent=True,
    )  # fmt: skip
    async def post(self, sent: Fields, need_id: str) -> None:
        """Take the claim and send the case, which is seen from now on."""
        _, fields = self.split(sent)
        case = await self.services.claims.claim(actor=self.actor, need=need_id, fields=fields, key=self.idempotency_key)
        self.answer_case(case)


class NeedAction(ActionHandler):
    """POST /api/v1/cases/{id}/needs/{need}/actions/{action}."""

    @operation("Change, close or claim a need of a case that is seen", permission="case.act", body=Fields, result=CaseView,
               idempotent=True)  # fmt: skip
    async def post(self, sent: Fields, case_id: str, need_id: str, action: str) -> None:
        """Take the action and send the case as it is then."""
        rev, fields = self.split(sent)
        case = await self.services.cases.act_on_need(
            actor=self.actor, case_id=case_id, need_id=need_id, action=action, rev=rev, fields=fields, key=self.idempotency_key
        )
        self.answer_case(case)
