"""The person on the line: what they told us before. The number comes in the body, so that no address and no log holds it."""

from __future__ import annotations

from typing import Annotated

import msgspec

from dispatch.views import CaseView
from hotline.callers import normal_phone
from web.base import ApiHandler, field_error, operation
from web.bodies import Body
from web.shapes import Items

__all__ = ["CallerCases"]


class CallerBody(Body, frozen=True, kw_only=True):
    """A phone number as it was heard, with separators and country code or without."""

    phone: Annotated[str, msgspec.Meta(max_length=40)]
    limit: Annotated[int, msgspec.Meta(ge=1, le=50)] = 10


class CallerCases(ApiHandler):
    """POST /api/v1/callers:cases."""

    @operation(
        "The newest cases of the caller with this number", permission="callers.read", body=CallerBody, result=Items[CaseView]
    )
    async def post(self, body: CallerBody) -> None:
        """Look for the number among the tickets that the operator may see; nothing is stored."""
        phone = normal_phone(body.phone)
        if phone is None:
            raise field_error("phone", "phone")
        self.answer(Items(await self.services.cases.of_caller(actor=self.actor, phone=phone, limit=body.limit)))
