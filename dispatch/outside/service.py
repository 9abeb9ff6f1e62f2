"""What leads outside, as the rest of the process uses it: made once from the settings, two jobs, and what the API asks.

outside = Outside(load(path), database, cipher, recipients, calendar=…, city=…)
await outside.spread(); await outside.sweep()
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from dispatch.calendar import WorkCalendar
from dispatch.outside import choices, confirming, spreading, store, templates
from dispatch.outside.choices import ANY_KIND, PERSONAL, Choice, Choices
from dispatch.outside.confirming import CodeGone, Confirmations
from dispatch.outside.deliveries import Deliveries
from dispatch.outside.messages import Channel, Message, SendFailed, SendRefused
from dispatch.outside.planning import Plan
from dispatch.outside.recipients import CALLER, Callers, Recipients
from dispatch.outside.settings import Language, OutsideSettings, Target
from dispatch.outside.spreading import Spreading
from dispatch.outside.store import Delivery, DeliveryStore
from dispatch.outside.templates import Templates
from storage.client import Database
from storage.errors import Conflict, FieldError, Invalid, NotFound
from storage.fields import FieldCipher
from storage.indexes import Index

__all__ = ["INDEXES", "CodeNotSent", "DeliveryView", "Outside", "load_templates", "view"]

INDEXES: dict[str, list[Index]] = {**store.INDEXES, **choices.INDEXES, **confirming.INDEXES, spreading.MARKS: []}
CODE_SECONDS = 15.0  # a person waits for it


log = logging.getLogger(__name__)
OwnPath = Callable[[str, str], Awaitable[str | None]]  # of a case, for a person


class CodeNotSent(Conflict):
    """The code could not be sent now; it may work later. Raised by `Outside.send_code`."""

    code = "code_not_sent"


class DeliveryView(msgspec.Struct, kw_only=True):
    """A delivery as an administrator sees it; never where it goes. `error` is a code like `smtp_550` or `timeout`."""

    id: str
    notice: str
    kind: str
    case: str
    case_no: str
    urgency: str
    recipient: str
    channel: str
    state: store.State
    attempts: int
    created_at: datetime
    next_at: datetime | None
    sent_at: datetime | None
    error: str
    provider_id: str


class Outside:
    """Everything about the outside in one process. While no channel is configured it does nothing but keep choices."""

    def __init__(
        self,
        settings: OutsideSettings,
        database: Database,
        cipher: FieldCipher,
        recipients: Recipients,
        *,
        calendar: Callable[[], WorkCalendar],
        city: Callable[[], str],
        folder: Path = Path(),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        own_path: OwnPath | None = None,
        callers: Callers | None = None,
    ) -> None:
        """`folder` is where relative paths of the settings begin; `own_path` the path to which a message about a case leads this
        very person, where there is one (`dispatch.links`); `callers` how those without an account are written to. Raises
        `Invalid` for templates that are wrong."""
        self.templates = load_templates(settings, folder)
        self.choices = Choices(database, cipher, clock)
        self.store = DeliveryStore(database)
        self._codes = Confirmations(database, cipher, clock)
        self._clock = clock
        self._settings = settings
        self._recipients = recipients
        self._calendar = calendar
        self._city = city
        self._own_path = own_path
        self._callers = callers
        self._targets: Mapping[str, Target] = {
            **{f"robot:{robot.name}": robot for robot in settings.robots},
            **{f"webhook:{hook.name}": hook for hook in settings.webhooks},
        }
        self._poster, self._channels = _opened(settings)
        self._spreading = Spreading(database, self.store, recipients, self._plan, clock)
        self._deliveries = Deliveries(self.store, self._channels, self._compose, calendar)

    @property
    def settings(self) -> OutsideSettings:
        """What leads outside, as configured."""
        return self._settings

    @property
    def is_on(self) -> bool:
        """Tell whether any channel is configured."""
        return bool(self._channels)

    @property
    def available(self) -> tuple[str, ...]:
        """The channels by which people can be reached here."""
        return tuple(name for name in PERSONAL if name in self._channels)

    @property
    def base_url(self) -> str:
        """Where people reach this installation from outside; empty where it is not configured."""
        return self._settings.base_url.rstrip("/")

    @property
    def webhooks(self) -> Collection[str]:
        """The names of the configured webhooks."""
        return [hook.name for hook in self._settings.webhooks]

    async def spread(self) -> int:
        """Make deliveries for what has been told; returns how many. Without channels the database is asked nothing."""
        return await self._spreading.spread() if self.is_on else 0

    async def sweep(self) -> int:
        """Send what is due; returns how many were sent."""
        return await self._deliveries.sweep()

    async def send_code(self, username: str, channel: str) -> datetime:
        """Send the code by which somebody confirms the address that they have chosen; returns until when it can be typed.

        Raises `NotFound` for a channel that is not configured or not chosen, `TooMany`, `Invalid` for an address to which nothing
        can be sent, `CodeNotSent`.
        """
        choice, address = await self._chosen(username, channel)
        await self.choices.write_down(username, "code_sent", channel)
        issued = await self._codes.issue(username, channel, address)
        shown = self.templates.code(choice.language, city=self._city(), code=issued.code)
        id = "k" + secrets.token_hex(16)
        message = Message(
            id=id, event=id, kind="code", at=self._clock(), case="", case_no="", urgency="normal", title=shown.title,
            text=shown.text, language=choice.language, address=address,
        )  # fmt: skip
        try:
            async with asyncio.timeout(CODE_SECONDS):
                await self._channels[channel].send(message)
        except SendRefused as error:
            raise Invalid(errors=[FieldError(f"{channel}.address", "refused", error.detail)]) from None
        except (SendFailed, TimeoutError) as error:
            log.info("a code by %s could not be sent: %s", channel, error)
            raise CodeNotSent from None
        return issued.expires_at

    async def confirm(self, username: str, channel: str, code: str) -> None:
        """Take the code that came: from now on notices go to the address. Raises `NotFound`, `CodeGone`, `Invalid` for a wrong
        code."""
        _, address = await self._chosen(username, channel)
        try:
            await self._codes.redeem(username, channel, address, code)
        except Invalid:
            await self.choices.write_down(username, "wrong_code", channel)
            raise
        if not await self.choices.confirm(username, channel, address):
            raise CodeGone

    async def _chosen(self, username: str, channel: str) -> tuple[Choice, str]:
        """Return the choice of somebody and the address in this channel."""
        choice = await self.choices.of(username)
        way = choice.ways.get(channel)
        if way is None or channel not in self.available:
            raise NotFound("channel")
        return choice, way.address

    def stop(self) -> None:
        """Send nothing new."""
        self._deliveries.close()

    async def close(self) -> None:
        """End all connections."""
        self.stop()
        if self._poster is not None:
            await self._poster.close()

    async def _plan(self, now: datetime) -> Plan:
        wishes = await self.choices.wishes() if self.available else {}
        return Plan(
            wishes=wishes, targets=self._targets, channels=self.available, calendar=self._calendar(), now=now,
            callers=self._callers is not None and "sms" in self.available and bool(self.base_url),
        )  # fmt: skip

    async def _compose(self, delivery: Delivery) -> Message:
        """Return the message of a delivery, made for whoever gets it as things are now."""
        language, address, link = await self._bound_for(delivery)
        values = {
            "case_no": delivery.case_no, "urgency": delivery.urgency, "city": self._city(), "link": link,
            "time": f"{delivery.at.astimezone(self._calendar().zone):%m-%d %H:%M}",
        }  # fmt: skip
        shown = self.templates.render(delivery.kind, language, values)
        return Message(
            id=delivery.id, event=delivery.notice, kind=delivery.kind, at=delivery.at, case=delivery.case,
            case_no=delivery.case_no, urgency=delivery.urgency, title=shown.title, text=shown.text, link=link,
            language=language, address=address,
        )  # fmt: skip

    async def _bound_for(self, delivery: Delivery) -> tuple[Language, str, str]:
        """Return the language, the address and where the message leads."""
        target = self._targets.get(delivery.channel)
        if target is not None:
            return target.language, "", self._settings.base_url
        if delivery.recipient.startswith(CALLER):
            return await self._caller(delivery)
        return *await self._person(delivery), await self._link(delivery)

    async def _caller(self, delivery: Delivery) -> tuple[Language, str, str]:
        reached = None if self._callers is None else await self._callers.reach(delivery.case, delivery.kind, delivery.id)
        if reached is None:
            raise SendRefused("caller_not_reached")
        return "zh-CN", reached.phone, self.base_url + reached.path

    async def _link(self, delivery: Delivery) -> str:
        path = await self._own_path(delivery.case, delivery.recipient) if self._own_path is not None and self.base_url else None
        return self._settings.base_url if path is None else self.base_url + path

    async def _person(self, delivery: Delivery) -> tuple[Language, str]:
        """Return language and address. Whoever has lost the post or the account since is told nothing any more."""
        if delivery.recipient not in await self._recipients.behind(delivery.keys):
            raise SendRefused("recipient_gone")
        choice = await self.choices.of(delivery.recipient)
        way = choice.ways.get(delivery.channel)
        if way is None:
            raise SendRefused("no_address")
        if not way.confirmed:
            raise SendRefused("not_confirmed")
        return choice.language, way.address


def load_templates(settings: OutsideSettings, folder: Path) -> Templates:
    """Read the texts that the settings name, and check the kinds that they name against them. Raises `Invalid`."""
    loaded = templates.load(folder / settings.templates if settings.templates else None)
    errors = [
        FieldError(f"{target.name}.kinds", "choice", f"`{kind}`; one of {', '.join((ANY_KIND, *sorted(loaded.kinds)))}")
        for target in (*settings.robots, *settings.webhooks)
        for kind in target.kinds
        if kind != ANY_KIND and kind not in loaded.kinds
    ]
    if errors:
        raise Invalid(f"channels: {errors[0].field}: {errors[0].message}", code="channels", errors=errors)
    return loaded


def _opened(settings: OutsideSettings) -> tuple[Any, Mapping[str, Channel]]:
    """The clients are imported only where something leads outside: that takes a third of a second."""
    if not settings.is_on:
        return None, {}
    from dispatch.outside.channels import open_channels

    return open_channels(settings)


def view(delivery: Delivery) -> DeliveryView:
    """Return what an administrator sees of a delivery."""
    return msgspec.convert(delivery, DeliveryView, from_attributes=True)
