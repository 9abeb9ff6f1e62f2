"""What a reporter sees and says without an account, by a link or by number and code, and where the desk reads these out.

Nothing here tells an unknown link from one that has run out, or a number that does not exist from a wrong code; whoever tries
many is made to wait. Tokens stand in no log.
"""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal

import msgspec

from dispatch.errors import LinkUnknown, QueryUnknown
from dispatch.links import PAGE
from dispatch.plain import PublicCase
from dispatch.queries import QueriedCase, QueryCode, normal_number
from dispatch.views import moment
from web.base import ApiHandler, operation
from web.bodies import Body

__all__ = [
    "CaseCode", "CaseLink", "PublicAppeal", "PublicCaseHandler", "PublicQuery", "PublicRating", "PublicThanks",
    "PublicVisit",
]  # fmt: skip

BODY_LIMIT = 16 * 1024
Words = Annotated[str, msgspec.Meta(max_length=2000)]
Grade = Annotated[int, msgspec.Meta(ge=1, le=5)]


class LinkBody(Body, frozen=True, kw_only=True):
    """What the reporter shall be asked by the link."""

    purpose: Literal["visit", "rate", "appeal"]


class LinkAnswer(msgspec.Struct):
    """The address to hand on; it is shown this once."""

    url: str
    expires_at: str


class VisitBody(Body, frozen=True, kw_only=True):
    """Whether the unit was in touch, whether the matter is solved, and how content the reporter is."""

    contacted: bool
    solved: bool
    satisfaction: Literal["very_satisfied", "satisfied", "basically_satisfied", "dissatisfied", "very_dissatisfied"]
    note: Words | None = None


class RateBody(Body, frozen=True, kw_only=True):
    """Grades from 1 to 5, and words."""

    efficiency: Grade
    quality: Grade
    attitude: Grade
    text: Words | None = None


class AppealBody(Body, frozen=True, kw_only=True):
    """Why the case should be taken up again."""

    reason: Words


class ThanksBody(Body, frozen=True, kw_only=True):
    """Which help (`task` of `helpers`), a grade from 1 to 5, and words."""

    task: Annotated[str, msgspec.Meta(max_length=20)]
    rating: Grade
    text: Annotated[str, msgspec.Meta(max_length=200)] | None = None


class QueryBody(Body, frozen=True, kw_only=True):
    """What was told at intake; case, spaces and dashes do not matter."""

    case_no: Annotated[str, msgspec.Meta(max_length=40)]
    code: Annotated[str, msgspec.Meta(max_length=40)]


class CaseLink(ApiHandler):
    """POST /api/v1/cases/{id}/link."""

    @operation("The reporter's link, to be handed on by the desk; once in a round of the case", permission="callers.read",
               body=LinkBody, result=LinkAnswer, idempotent=True)  # fmt: skip
    async def post(self, body: LinkBody, case_id: str) -> None:
        """Send it; that it was read out is logged."""
        given = await self.services.links.read_out(
            actor=self.actor, case_id=case_id, purpose=body.purpose, key=self.idempotency_key
        )
        base = self.services.outside.base_url or f"{self.request.protocol}://{self.request.host}"
        self.answer(LinkAnswer(base + given.path, moment(given.expires_at)))


class CaseCode(ApiHandler):
    """POST /api/v1/cases/{id}/code."""

    @operation("Number and query code, to be told to who reported", permission="callers.read", result=QueryCode, idempotent=True)
    async def post(self, case_id: str) -> None:
        """Send them; that they were read out is logged."""
        self.answer(await self.services.queries.read_out(actor=self.actor, case_id=case_id, key=self.idempotency_key))


class _Public(ApiHandler):
    """What all addresses have in common that ask for no sign-in: whoever guesses too often waits."""

    body_limit = BODY_LIMIT

    @property
    def logged_path(self) -> str:
        """The address without its token."""
        return "/api/v1" + PAGE + "…"

    def prepare(self) -> None:
        """Besides what is refused everywhere, refuse whoever has tried too much."""
        super().prepare()
        self.services.guesses.check(self.request.remote_ip or "", time.monotonic())

    def problem(self, error: Any) -> None:
        """Send an error; count one that may be a guess."""
        if isinstance(error, (LinkUnknown, QueryUnknown)):
            self.services.guesses.add(self.request.remote_ip or "", time.monotonic())
        super().problem(error)


class PublicCaseHandler(_Public):
    """GET /api/v1/public/cases/{token}."""

    @operation("What a link shows of its case, and what may be said by it now", permission=None, result=PublicCase)
    async def get(self, token: str) -> None:
        """Send it."""
        self.answer(await self.services.links.show(token))


class PublicVisit(_Public):
    """POST /api/v1/public/cases/{token}/visit."""

    @operation("How the matter was dealt with, in the reporter's own word", permission=None, body=VisitBody, result=PublicCase)
    async def post(self, body: VisitBody, token: str) -> None:
        """Take the answer; the same once more changes nothing."""
        self.answer(await self.services.links.visit(token, _given(body)))


class PublicRating(_Public):
    """POST /api/v1/public/cases/{token}/rate."""

    @operation("Rate how the matter was dealt with", permission=None, body=RateBody, result=PublicCase)
    async def post(self, body: RateBody, token: str) -> None:
        """Take the rating; the same once more changes nothing."""
        self.answer(await self.services.links.rate(token, _given(body)))


class PublicAppeal(_Public):
    """POST /api/v1/public/cases/{token}/appeal."""

    @operation("Appeal against how the case ended", permission=None, body=AppealBody, result=PublicCase)
    async def post(self, body: AppealBody, token: str) -> None:
        """Take the appeal; the same once more changes nothing."""
        self.answer(await self.services.links.appeal(token, _given(body)))


class PublicThanks(_Public):
    """POST /api/v1/public/cases/{token}/thanks."""

    @operation("Thank an organization that helped", permission=None, body=ThanksBody, result=PublicCase)
    async def post(self, body: ThanksBody, token: str) -> None:
        """Take what the reporter thinks of it; the same once more changes nothing."""
        said = _given(body)
        self.answer(await self.services.links.thank(token, said.pop("task"), said))


class PublicQuery(_Public):
    """POST /api/v1/public/query: the number in the body, so that no address and no log holds it."""

    @operation("What became of a matter, by ticket number and query code", permission=None, body=QueryBody, result=QueriedCase)
    async def post(self, body: QueryBody) -> None:
        """Send it. Wrong codes are counted by number too, whether there is such a case or not."""
        tried, number = self.services.number_guesses, normal_number(body.case_no)
        tried.check(number, time.monotonic())
        try:
            self.answer(await self.services.queries.find(number, body.code))
        except QueryUnknown:
            tried.add(number, time.monotonic())
            raise


def _given(body: msgspec.Struct) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(body).items() if value is not None}
