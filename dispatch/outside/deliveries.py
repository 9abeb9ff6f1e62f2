"""Sending what is due: any number of processes may sweep at once, each delivery is sent by the one that claimed it.

A process that dies after sending and before it could write so leaves the claim behind; when that has run out, the delivery is
sent again under the same id. Channels do not wait for each other, and one in which nothing gets through rests until the next
sweep: what is due there keeps its attempts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

from dispatch.calendar import WorkCalendar
from dispatch.outside.messages import Channel, Message, SendFailed, SendRefused
from dispatch.outside.schedule import MOST_ATTEMPTS, next_pause
from dispatch.outside.store import Delivery, DeliveryStore
from storage.errors import HeyunError, StorageUnavailable

__all__ = ["AT_ONCE", "BATCH", "SEND_SECONDS", "Compose", "Deliveries"]

SEND_SECONDS = 10.0  # the longest that one attempt lasts; a claim holds longer
BATCH = 200  # deliveries of one channel in one sweep
AT_ONCE = 4  # messages under way in one channel

log = logging.getLogger(__name__)
Compose = Callable[[Delivery], Awaitable[Message]]


class Deliveries:
    """Sends through the configured channels. `compose` makes the message of a delivery; it raises `SendRefused` when there is
    nobody to send it to any more."""

    def __init__(
        self,
        store: DeliveryStore,
        channels: Mapping[str, Channel],
        compose: Compose,
        calendar: Callable[[], WorkCalendar],
        *,
        send_seconds: float = SEND_SECONDS,
    ) -> None:
        self._store = store
        self._channels = channels
        self._compose = compose
        self._calendar = calendar
        self._send_seconds = send_seconds
        self._closing = False

    async def sweep(self) -> int:
        """Send what is due in all channels; returns how many were sent. Without channels the database is asked nothing."""
        if self._closing or not self._channels:
            return 0
        now = await self._store.now()
        return sum(await asyncio.gather(*(self._sweep_channel(name, now) for name in self._channels)))

    def close(self) -> None:
        """Begin nothing new; what is under way ends within `SEND_SECONDS`."""
        self._closing = True

    async def _sweep_channel(self, name: str, now: datetime) -> int:
        sent = 0
        try:
            due = await self._store.due(name, now, BATCH)
            for start in range(0, len(due), AT_ONCE):
                if self._closing:
                    break
                results = await self._carry_together(due[start : start + AT_ONCE], now)
                sent += results.count(True)
                if False in results and True not in results:
                    break
        except HeyunError as error:
            log.warning("channel %s rests until the next sweep: %s", name, error.code)
        return sent

    async def _carry_together(self, ids: Sequence[str], now: datetime) -> list[bool | None]:
        """All end before what one of them raised is raised."""
        results = await asyncio.gather(*(self._carry(id, now) for id in ids), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result for result in results if not isinstance(result, BaseException)]

    async def _carry(self, id: str, now: datetime) -> bool | None:
        """Send one delivery: True when it is sent, False when it failed for now, None when there was nothing to send."""
        delivery = await self._store.claim(id)
        if delivery is None:
            return None
        try:
            provider_id = await self._attempt(delivery)
        except SendRefused as error:
            log.warning("delivery %s by %s is refused: %s", delivery.id, delivery.channel, error.detail)
            await self._store.buried(delivery, error.detail)
            return None
        except SendFailed as error:
            await self._try_later(delivery, error, now)
            return False
        await self._store.sent(delivery, provider_id)
        return True

    async def _attempt(self, delivery: Delivery) -> str:
        if delivery.attempts > MOST_ATTEMPTS:  # each of them ended with its process: this one would not end better
            raise SendRefused("never_ended")
        try:
            async with asyncio.timeout(self._send_seconds):
                message = await self._compose(delivery)
                return await self._channels[delivery.channel].send(message)
        except TimeoutError:
            raise SendFailed("timeout") from None
        except (SendFailed, SendRefused, StorageUnavailable):
            raise
        except Exception:  # the outermost loop of a job: one delivery never stops the rest
            log.exception("delivery %s by %s could not be sent", delivery.id, delivery.channel)
            raise SendFailed("internal") from None

    async def _try_later(self, delivery: Delivery, error: SendFailed, now: datetime) -> None:
        pause = next_pause(delivery.attempts, error.retry_after)
        if pause is None:
            log.warning("delivery %s by %s is given up: %s", delivery.id, delivery.channel, error.detail)
            await self._store.buried(delivery, error.detail)
            return
        log.info("delivery %s by %s failed: %s", delivery.id, delivery.channel, error.detail)
        await self._store.failed(delivery, error.detail, self._next_try(delivery, now + pause))

    def _next_try(self, delivery: Delivery, at: datetime) -> datetime:
        """What can wait for working hours waits for them at every attempt."""
        return self._calendar().next_working(at) if delivery.quiet else at
