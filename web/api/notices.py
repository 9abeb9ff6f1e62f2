"""What somebody was told: notices of the signed-in person, newest first."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from dispatch.relay import NoticeView
from web.base import ApiHandler, operation
from web.shapes import Items

__all__ = ["NoticeRead", "Notices"]


class NoticesQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`before` goes on behind the last notice of an earlier page (its `at`)."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    before: datetime | None = None


class Notices(ApiHandler):
    """GET /api/v1/notices."""

    @operation("What I was told, newest first", permission="self", query=NoticesQuery, result=Items[NoticeView])
    async def get(self, query: NoticesQuery) -> None:
        """Send one page; `next` is what to send as `before` for the following one."""
        found = await self.services.cases.relay.inbox(self.actor, limit=query.limit, before=query.before)
        self.answer(Items(found, found[-1].at if len(found) == query.limit else None))


class NoticeRead(ApiHandler):
    """POST /api/v1/notices/{id}/read."""

    @operation("I have read it", permission="self", status=204)
    async def post(self, notice_id: str) -> None:
        """Remember that this person has read the notice; doing it again changes nothing."""
        await self.services.cases.relay.mark_read(self.actor, notice_id)
        self.set_status(204)
        self.finish()
