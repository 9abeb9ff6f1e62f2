"""How somebody wants to be reached outside: by which channel, where, of what; and showing that an address is one's own."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from dispatch.outside.choices import Choice, Way
from dispatch.outside.settings import Language
from dispatch.outside.templates import Rendered
from web.base import ApiHandler, operation
from web.bodies import Body

__all__ = ["ChannelCode", "ChannelConfirm", "ChannelPreview", "MyChannels"]

Kinds = Annotated[tuple[Annotated[str, msgspec.Meta(max_length=60)], ...], msgspec.Meta(min_length=1, max_length=200)]


class WayBody(Body, frozen=True, kw_only=True):
    """One channel: where, and for which kinds of notices (`*`: all)."""

    address: Annotated[str, msgspec.Meta(max_length=200)]
    kinds: Kinds = ("*",)


class ChoiceBody(Body, frozen=True, kw_only=True):
    """The whole choice; a channel that is left out is not used and its address forgotten. `quiet_hours`: what is not urgent
    waits for working hours."""

    language: Language = "zh-CN"
    quiet_hours: bool = True
    email: WayBody | None = None
    sms: WayBody | None = None
    wecom: WayBody | None = None


class ChoiceView(msgspec.Struct, kw_only=True):
    """What I have chosen. `available` are the channels that lead outside here, `all_kinds` the kinds that can be chosen."""

    language: str
    quiet_hours: bool
    email: Way | None
    sms: Way | None
    wecom: Way | None
    available: tuple[str, ...]
    all_kinds: tuple[str, ...]


class _Mine(ApiHandler):
    """What all doors to the own choice have in common."""

    def answer_choice(self, choice: Choice) -> None:
        """Send the choice as it is now."""
        outside = self.services.outside
        shown = ChoiceView(
            language=choice.language, quiet_hours=choice.quiet_hours, email=choice.email, sms=choice.sms, wecom=choice.wecom,
            available=outside.available, all_kinds=tuple(sorted(outside.templates.kinds)),
        )  # fmt: skip
        self.answer(shown)


class MyChannels(_Mine):
    """GET, PUT /api/v1/me/channels."""

    @operation("How I am reached outside", permission="self", result=ChoiceView)
    async def get(self) -> None:
        """Send the own choice with its addresses; nobody else's can be asked for."""
        self.answer_choice(await self.services.outside.choices.of(self.actor.id))

    @operation("Choose how I am reached outside", permission="self", body=ChoiceBody, result=ChoiceView)
    async def put(self, body: ChoiceBody) -> None:
        """Put the own choice in place of the one before."""
        outside = self.services.outside
        choice = msgspec.convert(body, Choice, from_attributes=True)
        self.answer_choice(await outside.choices.put(self.actor.id, choice, kinds=outside.templates.kinds))


class CodeAnswer(msgspec.Struct):
    """Until when the code can be typed."""

    expires_at: datetime


class ChannelCode(ApiHandler):
    """POST /api/v1/me/channels/{channel}:code."""

    @operation("Send a code to the address that I have chosen", permission="self", result=CodeAnswer)
    async def post(self, channel: str) -> None:
        """Send it; an earlier one is void from then on."""
        self.answer(CodeAnswer(await self.services.outside.send_code(self.actor.id, channel)))


class ConfirmBody(Body, frozen=True, kw_only=True):
    """The code as it came."""

    code: Annotated[str, msgspec.Meta(pattern="^[0-9]{6}$")]


class ChannelConfirm(_Mine):
    """POST /api/v1/me/channels/{channel}:confirm."""

    @operation("Type the code that came: the address is mine", permission="self", body=ConfirmBody, result=ChoiceView)
    async def post(self, body: ConfirmBody, channel: str) -> None:
        """Take the code and send the own choice as it is now."""
        outside = self.services.outside
        await outside.confirm(self.actor.id, channel, body.code)
        self.answer_choice(await outside.choices.of(self.actor.id))


class SampleQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Of which kind of notice."""

    kind: Annotated[str, msgspec.Meta(max_length=60)]
    language: Language = "zh-CN"


class ChannelPreview(ApiHandler):
    """GET /api/v1/me/channels/sample."""

    @operation("What a notice of a kind would say outside", permission="self", query=SampleQuery, result=Rendered)
    async def get(self, query: SampleQuery) -> None:
        """Send title and text about an invented case; nothing is sent."""
        self.answer(self.services.outside.templates.preview(query.kind, query.language, {}))
