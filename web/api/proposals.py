"""Rules of responsibility that returned cases propose: the queue, and a person's decision."""

from __future__ import annotations

from typing import Annotated

import msgspec

from dispatch.proposals import Decided, Proposals, ProposalView
from dispatch.service import utc_now
from orgs.rulebook import RuleBook
from web.base import ApiHandler, operation
from web.bodies import Body
from web.shapes import Items

__all__ = ["ProposalAccept", "ProposalDismiss", "ProposalList"]

Opinion = Annotated[str, msgspec.Meta(min_length=2, max_length=2000)]


class ProposalsQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`cursor` is the `next` of the page before."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 30
    cursor: Annotated[str, msgspec.Meta(max_length=200)] | None = None


class AcceptBody(Body, frozen=True, kw_only=True):
    """Why, and for which area of the case (left out: the one that is proposed)."""

    opinion: Opinion
    area: Annotated[str, msgspec.Meta(max_length=40)] | None = None


class DismissBody(Body, frozen=True, kw_only=True):
    """Why the rules stay as they are."""

    opinion: Opinion


class _Handler(ApiHandler):
    """What all doors to proposals have in common."""

    @property
    def proposals(self) -> Proposals:
        """The use cases, over the present snapshots."""
        services = self.services
        return Proposals(services.database, services.cases, services.parties, RuleBook(services.database))


class ProposalList(_Handler):
    """GET /api/v1/rule-proposals."""

    @operation("What returns propose to the rules", permission="rules.decide", query=ProposalsQuery, result=Items[ProposalView])
    async def get(self, query: ProposalsQuery) -> None:
        """Send what is open, newest first; `next` is what to send as `cursor` for the following page."""
        found, following = await self.proposals.open(self.actor, utc_now(), limit=query.limit, cursor=query.cursor)
        self.answer(Items(found, following))


class ProposalAccept(_Handler):
    """POST /api/v1/rule-proposals/{id}/accept."""

    @operation("Make it a rule", permission="rules.decide", body=AcceptBody, result=Decided, idempotent=True)
    async def post(self, body: AcceptBody, proposal: str) -> None:
        """Write decision and rule; all processes match by it from now on."""
        done = await self.proposals.accept(
            self.actor, proposal, opinion=body.opinion, area=body.area, now=utc_now(), key=self.idempotency_key
        )
        self.answer(done)


class ProposalDismiss(_Handler):
    """POST /api/v1/rule-proposals/{id}/dismiss."""

    @operation("Leave the rules as they are", permission="rules.decide", body=DismissBody, result=Decided, idempotent=True)
    async def post(self, body: DismissBody, proposal: str) -> None:
        """Write the decision down."""
        self.answer(await self.proposals.dismiss(self.actor, proposal, opinion=body.opinion, key=self.idempotency_key))
